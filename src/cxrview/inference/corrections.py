"""The views that people have put in the place of a model's, in the copy of a table by `review`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import csv_line, open_table, read_table
from cxrview.errors import MissingInput
from cxrview.filenames import unescape_name
from cxrview.inference.table_reader import not_a_table
from cxrview.inference.table_writers import (
    PARQUET_SUFFIX,
    import_parquet_table,
    table_suffix,
)
from cxrview.rows import COLUMNS

CORRECTED_COLUMN, PERSON_COLUMN = "view_corrected", "corrected_by"
_ADDED = (CORRECTED_COLUMN, PERSON_COLUMN)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person has stated for one image; it may confirm the verdict."""

    view: str  # a verdict, or another word for an image that is neither frontal nor lateral
    by: str  # name of the person, "" if unknown


def read_corrections(table: Path) -> dict[str, Correction]:
    """A table of verdicts -> the corrections by file; none if it lacks the column.

    Raises MissingInput or WrongUse where the file is no table.
    """
    views, people = (read_column(table, name) for name in _ADDED)
    return {file: Correction(view, people.get(file, "")) for file, view in views.items()}


def read_column(table: Path, name: str) -> dict[str, str]:
    """A column of texts by file, without those that are empty; none if the table lacks it.

    Raises MissingInput or WrongUse where the file is no table.
    """
    return {file: text for file, text in column_texts(table, name) or () if text}


def column_texts(table: Path, name: str) -> Iterator[tuple[str, str]] | None:
    """The file of each row, and its text in a column; None if the table lacks the column.

    Raises MissingInput or WrongUse where the file is no table.
    """
    if name not in column_names(table):
        return None
    return (
        (unescape_name(values["file"]), (values.get(name) or "").strip())
        for values in _READERS[table_suffix(table)](table, ("file", name))
    )


def column_names(table: Path) -> list[str]:
    """Names of all columns of a table. Raises MissingInput or WrongUse."""
    try:
        return _COLUMN_NAMES[table_suffix(table)](table)
    except OSError as error:
        if error.errno is None:  # of pyarrow
            raise not_a_table(table, error) from error
        raise MissingInput(f"{table}: {error.strerror}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise not_a_table(table, error) from error


def write_corrected_table(
    table: Path, target: Path, guard: OutputGuard, corrections: Mapping[str, Correction]
) -> None:
    """Write a copy of a table, in its format, with the columns view_corrected and corrected_by.

    Both are empty where there is no correction. corrections: by file. Raises UnusableOutput.
    """

    def cells(file: str) -> tuple[str, str]:
        one = corrections.get(unescape_name(file))
        return (one.view, one.by) if one else ("", "")

    with atomic_write(target, guard) as file, translate_os_errors(target):
        _COPIES[table_suffix(table)](table, file, cells)


_Cells = Callable[[str], tuple[str, str]]


def _csv_columns(table: Path) -> list[str]:
    with open_table(table, COLUMNS) as (names, _):
        return names


def _read_csv(table: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for _, values in read_table(table, names):
        yield values


def _copy_csv(table: Path, file: BinaryIO, cells: _Cells) -> None:
    with open_table(table, COLUMNS) as (names, lines):
        at_file = names.index("file")
        file.write(csv_line([*names, *_ADDED]).encode())
        file.writelines(
            csv_line([*values, *cells(values[at_file])]).encode() for _, values in lines
        )


def _read_jsonl(table: Path, names: Sequence[str] = ()) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - reads all
    with table.open("rb") as lines:
        yield from map(json.loads, lines)


def _jsonl_columns(table: Path) -> list[str]:
    return list(next(_read_jsonl(table), {}))


def _copy_jsonl(table: Path, file: BinaryIO, cells: _Cells) -> None:
    for row in _read_jsonl(table):
        row |= zip(_ADDED, cells(row["file"]), strict=True)
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _parquet_columns(table: Path) -> list[str]:
    names: list[str] = import_parquet_table().column_names(table)
    return names


def _read_parquet(table: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield from import_parquet_table().read_texts(table, names)


def _copy_parquet(table: Path, file: BinaryIO, cells: _Cells) -> None:
    import_parquet_table().copy_with_columns(table, file, _ADDED, cells)


_COLUMN_NAMES = {".csv": _csv_columns, ".jsonl": _jsonl_columns, PARQUET_SUFFIX: _parquet_columns}
_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl, PARQUET_SUFFIX: _read_parquet}
_COPIES = {".csv": _copy_csv, ".jsonl": _copy_jsonl, PARQUET_SUFFIX: _copy_parquet}
