"""A table that this package wrote -> its rows, in batches by column or one by one, checked."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cxrview.csv_text import cell_text, number, open_table
from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import row_from_escaped
from cxrview.images import Numbers
from cxrview.inference.review import ReviewReason, reason_of
from cxrview.inference.table_writers import (
    PARQUET_SUFFIX,
    import_parquet_table,
    table_suffix,
)
from cxrview.rows import COLUMNS, LATER_COLUMNS, Row
from cxrview.sources.files import MEMBER_SEPARATOR, is_remote

BATCH_ROWS = 16_384
FILES_TRIED = 50  # to learn which folder the names in a table are relative to
NUMBERS = ("frame", "p_lateral", "p_chest", "rotation", "width", "height")

Columns = dict[str, Sequence[Any]]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class TableBatch:
    """Rows by column, all of the same length: texts as in CSV, "" and NaN for no value."""

    file: Sequence[str]
    frame: Numbers
    view: Sequence[str]
    p_lateral: Numbers
    p_chest: Numbers
    rotation: Numbers
    inverted: Sequence[str]  # true or false
    header_view: Sequence[str]
    header_source: Sequence[str]
    agreement: Sequence[str]
    error: Sequence[str]
    warning: Sequence[str]
    reason: Sequence[str]
    width: Numbers
    height: Numbers
    model: Sequence[str]

    def __len__(self) -> int:
        return len(self.file)


def review_reasons(batch: TableBatch) -> Iterator[ReviewReason | None]:
    """For each row, the most urgent reason to review its image, None if there is none."""
    return map(
        reason_of, batch.view, batch.agreement, batch.p_lateral.tolist(), batch.p_chest.tolist(),
        batch.warning, batch.reason,
    )  # fmt: skip


def read_batches(path: Path) -> Iterator[TableBatch]:
    """The rows of a table in order, some thousand at a time, in bounded memory.

    Raises UnusableOutput for an unknown ending, MissingInput if the file cannot be opened,
    MissingExtra for Parquet without pyarrow, and WrongUse for a file that is damaged or lacks
    columns.
    """
    ending = table_suffix(path)
    read: Callable[[Path], Iterator[Columns]] = (
        import_parquet_table().read_columns if ending == PARQUET_SUFFIX else _READERS[ending]
    )
    try:
        yield from map(_batch, read(path))
    except OSError as error:
        if error.errno is not None:
            raise MissingInput(f"{path}: {error.strerror}") from error
        raise not_a_table(path, error) from error
    except (ValueError, KeyError, TypeError, NotImplementedError, RecursionError) as error:
        raise not_a_table(path, error) from error


def read_rows(path: Path) -> Iterator[Row]:
    """The same as rows; also raises WrongUse for a row that contradicts itself."""
    for batch in read_batches(path):
        for values in zip(*(getattr(batch, name) for name in COLUMNS), strict=True):
            row = {
                name: None if isinstance(value, float) and isnan(value) else value
                for name, value in zip(COLUMNS, values, strict=True)
            }
            try:
                yield row_from_escaped(row)
            except ValueError as error:
                raise not_a_table(path, error) from error


def check_unique(path: Path, files: Sequence[str]) -> None:
    """Raise WrongUse for a table that has several rows of one image, as joined tables may."""
    if len(set(files)) < len(files):
        ((file, count),) = Counter(files).most_common(1)
        raise WrongUse(f"{path} has {count} rows of {file!r}: leave one row of each image")


def folder_of_names(path: Path, files: Sequence[str]) -> Path:
    """Return the folder that the names in a table are relative to: the current one, or its own.

    path: of the table. files: the names of its images that could be read, unescaped. Raises
    MissingInput if of many of them none is in either folder.
    """
    tried = files[:: len(files) // FILES_TRIED + 1]
    for folder in (Path.cwd(), path.absolute().parent):
        if not tried or any(_is_there(folder, name) for name in tried):
            return folder
    raise MissingInput(
        f"{path}: none of {len(tried)} images is there, of which the first is {tried[0]!r}: "
        "start the command in the folder where you ran classify"
    )


def _is_there(folder: Path, name: str) -> bool:
    return is_remote(name) or os.path.lexists(folder / name.partition(MEMBER_SEPARATOR)[0])


def writer_version(path: Path) -> str:
    """The version of cxrview that wrote a Parquet table; "" where the format does not store it.

    To be called after the rows were read: then the file is known to be sound.
    """
    if path.suffix.lower() != PARQUET_SUFFIX:
        return ""
    version: str = import_parquet_table().writer_version(path)
    return version


def not_a_table(path: Path, error: Exception) -> WrongUse:
    """The error for a file that is not a table of this package, with the reason."""
    reason = " ".join(str(error.args[0] if error.args else error).split())
    return WrongUse(f"{path} is not a table that cxrview wrote: {reason or type(error).__name__}")


def _read_csv(path: Path) -> Iterator[Columns]:
    with open_table(path, COLUMNS) as (names, lines):
        _check(names)
        for piece in _pieces(values for _, values in lines):
            yield dict(zip(names, zip(*piece, strict=True), strict=True))


def _read_jsonl(path: Path) -> Iterator[Columns]:
    with path.open("rb") as file:
        for piece in _pieces(file):
            objects = [json.loads(line) for line in piece]
            if not isinstance(objects[0], dict):
                raise TypeError("its first line is no JSON object")
            _check(objects[0])
            names = [name for name in COLUMNS if name in objects[0] or name not in LATER_COLUMNS]
            yield {name: [one[name] for one in objects] for name in names}


_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl}


def _pieces(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Lists of BATCH_ROWS values, the last one shorter."""
    source = iter(values)
    while piece := list(islice(source, BATCH_ROWS)):
        yield piece


def _check(names: Iterable[str]) -> None:
    present = set(names)
    if missing := [name for name in COLUMNS if name not in present and name not in LATER_COLUMNS]:
        raise KeyError(f"it lacks the column {', '.join(missing)}")


def _batch(columns: Columns) -> TableBatch:
    for name in LATER_COLUMNS:
        columns.setdefault(name, [""] * len(columns["file"]))
    typed: dict[str, Any] = {
        name: _numbers(columns[name]) if name in NUMBERS else _texts(name, columns[name])
        for name in COLUMNS
    }
    return TableBatch(**typed)


def _parsed(values: Sequence[Any], parse: Callable[[Any], float]) -> Numbers:
    parsed = (np.nan if value in ("", None) else parse(value) for value in values)
    return np.fromiter(parsed, np.float64, len(values))


def _texts(name: str, values: Sequence[Any]) -> Sequence[str]:
    if name == "inverted":
        values = [cell_text(value).lower() for value in values]
    kinds = set(map(type, values))
    if not kinds <= {str, type(None)}:
        raise TypeError(f"a value of {name} is not a text")
    return values if kinds == {str} else [value or "" for value in values]


def _numbers(values: Sequence[Any]) -> Numbers:
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64)
    else:
        try:
            numbers = _parsed(values, float)
        except ValueError:  # a spreadsheet may have written decimal commas
            numbers = _parsed(values, lambda value: number(str(value)))
    if np.isinf(numbers).any():
        raise ValueError("an infinite number")
    return numbers
