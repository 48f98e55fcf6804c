"""A table that classify wrote -> its columns, some thousand rows at a time, checked."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cxrview.errors import MissingInput, WrongUse
from cxrview.inference.table_writers import FORMATS, format_of, part_of
from cxrview.rows import COLUMNS

ROWS = 16_384  # of a chunk
NUMBERS = ("p_lateral", "p_chest", "width", "height")
TEXTS = ("file", "view", "header_view", "header_source", "agreement", "error", "model")
PARQUET = ".parquet"

Floats = npt.NDArray[np.float64]
Columns = dict[str, Sequence[Any]]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows by column, all equally long: texts as the table spells them, "" and NaN for none."""

    file: Sequence[str]
    view: Sequence[str]
    header_view: Sequence[str]
    header_source: Sequence[str]
    agreement: Sequence[str]
    error: Sequence[str]
    model: Sequence[str]
    p_lateral: Floats
    p_chest: Floats
    width: Floats
    height: Floats

    def __len__(self) -> int:
        return len(self.file)


def chunks_of(path: Path) -> Iterator[Chunk]:
    """The rows of a table in order. Memory does not grow with their number.

    Raises MissingInput if it cannot be opened, MissingExtra for Parquet without pyarrow, and
    WrongUse where it is no table of ours: another ending, damaged, columns missing.
    """
    ending = path.suffix.lower()
    form = format_of(path)
    read: Callable[[Path], Iterator[Columns]] = (
        part_of(form, "read_columns") if ending == PARQUET else _READERS[ending]
    )
    try:
        yield from map(_chunk, read(path))
    except OSError as error:
        if error.errno is not None:
            raise MissingInput(f"{path}: {error.strerror}") from error
        raise _no_table(path, error) from error
    except (ValueError, KeyError, TypeError, NotImplementedError, csv.Error) as error:
        raise _no_table(path, error) from error


def makers_of(path: Path) -> str:
    """The version of cxrview that wrote a Parquet table; "" where the format has no place for it.

    To be asked once the rows were read: then the file is known to be sound.
    """
    if path.suffix.lower() != PARQUET:
        return ""
    version: str = part_of(FORMATS[PARQUET], "version_of")(path)
    return version


def _no_table(path: Path, error: Exception) -> WrongUse:
    words = " ".join(str(error.args[0] if error.args else error).split())
    return WrongUse(f"{path} is no table that cxrview wrote: {words or type(error).__name__}")


def in_pieces(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Lists of ROWS values, the last one shorter."""
    source = iter(values)
    while piece := list(islice(source, ROWS)):
        yield piece


def _read_csv(path: Path) -> Iterator[Columns]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        _check(names)
        for piece in in_pieces(lines):
            yield dict(zip(names, zip(*piece, strict=True), strict=True))


def _read_jsonl(path: Path) -> Iterator[Columns]:
    with path.open("rb") as file:
        for piece in in_pieces(file):
            objects = [json.loads(line) for line in piece]
            if not isinstance(objects[0], dict):
                raise TypeError("its first line is no object")
            _check(objects[0])
            yield {name: [one[name] for one in objects] for name in COLUMNS}


_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl}


def _check(names: Iterable[str]) -> None:
    present = set(names)
    if missing := [name for name in COLUMNS if name not in present]:
        raise KeyError(f"it lacks {', '.join(missing)}")


def _chunk(columns: Columns) -> Chunk:
    found: dict[str, Any] = {name: _texts(name, columns[name]) for name in TEXTS}
    found |= {name: _numbers(columns[name]) for name in NUMBERS}
    return Chunk(**found)


def _texts(name: str, values: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, values))
    if not kinds <= {str, type(None)}:
        raise TypeError(f"a {name} that is no text")
    return values if kinds == {str} else [value or "" for value in values]


def _numbers(values: Sequence[Any]) -> Floats:
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    plain = (np.nan if value in ("", None) else float(value) for value in values)
    return np.fromiter(plain, np.float64, len(values))
