"""Rows -> a table file in the format that its ending names: CSV, JSON lines or Parquet."""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Protocol

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import cell_text, csv_field
from cxrview.errors import UnusableOutput
from cxrview.extras import missing_extra
from cxrview.filenames import escaped_values
from cxrview.rows import COLUMNS, Row

PARQUET_SUFFIX = ".parquet"
TABLE_SUFFIXES = (".csv", ".jsonl", PARQUET_SUFFIX)

_LINE_NEEDS_QUOTES = re.compile(r'["\r\n]')  # a line that has this, or more commas than it needs


class RowWriter(Protocol):
    """Writes one format into a binary file."""

    def write(self, row: Row) -> None:
        """Append one row."""

    def close(self) -> None:
        """Write what must come last. Leaves the file open."""


class CsvWriter:
    """RFC 4180, UTF-8, one header line, lines end in a line feed, an empty field for None."""

    def __init__(self, file: BinaryIO, model: str) -> None:  # noqa: ARG002 - CSV has no place for it
        self._file = file
        self._has_header = False

    def write(self, row: Row) -> None:
        """Append one row."""
        values = escaped_values(row)
        self._write_header(values)
        self._write_line(values.values())

    def close(self) -> None:
        """Write the header of a table without rows."""
        self._write_header(COLUMNS)

    def _write_header(self, columns: Iterable[str]) -> None:
        if not self._has_header:
            self._has_header = True
            self._write_line(columns)

    def _write_line(self, values: Iterable[Any]) -> None:
        texts = list(map(cell_text, values))
        line = ",".join(texts)
        if _LINE_NEEDS_QUOTES.search(line) or line.count(",") >= len(texts):
            line = ",".join(map(csv_field, texts))
        self._file.write((line + "\n").encode())


class JsonLinesWriter:
    """One object a line, UTF-8, null for None."""

    def __init__(self, file: BinaryIO, model: str) -> None:  # noqa: ARG002 - JSON has no place for it
        self._file = file

    def write(self, row: Row) -> None:
        """Append one row."""
        self._file.write(json.dumps(escaped_values(row), ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Nothing comes last."""


class JsonWriter:
    """One JSON document, UTF-8, null for None: a list of objects, or a single one."""

    def __init__(self, file: BinaryIO, is_list: bool) -> None:
        self._file = file
        self._separator, self._end = (b"[\n", b"\n]\n") if is_list else (b"", b"\n")

    def write(self, row: Row) -> None:
        """Append one row, the only one where there is no list."""
        line = json.dumps(escaped_values(row), ensure_ascii=False).encode()
        self._file.write(self._separator + line)
        self._separator = b",\n"

    def close(self) -> None:
        """End the list."""
        self._file.write(self._end)


def import_parquet_table() -> ModuleType:
    """The module `parquet_table`, loaded on demand: pyarrow is large. Raises MissingExtra."""
    try:
        import cxrview.inference.parquet_table as parquet_table
    except ModuleNotFoundError as error:
        raise missing_extra(error, "parquet") from error
    return parquet_table


def table_suffix(path: Path) -> str:
    """The ending of a table, in lower case; raises UnusableOutput for one that names no format."""
    ending = path.suffix.lower()
    if ending not in TABLE_SUFFIXES:
        raise UnusableOutput(f"{path} does not end in one of {', '.join(TABLE_SUFFIXES)}")
    return ending


def writer_for(path: Path) -> Callable[[BinaryIO, str], RowWriter]:
    """The writer for a table; takes an open file and the model's label.

    Raises UnusableOutput for an unknown ending, MissingExtra if Parquet cannot be written.
    """
    ending = table_suffix(path)
    if ending == PARQUET_SUFFIX:
        writer: Callable[[BinaryIO, str], RowWriter] = import_parquet_table().ParquetWriter
        return writer
    return CsvWriter if ending == ".csv" else JsonLinesWriter


@contextlib.contextmanager
def open_table_writer(
    path: Path, model: str, guard: OutputGuard | None = None
) -> Iterator[Callable[[Row], None]]:
    """A function that appends a row to the table at `path`, which appears when all are written.

    If the work is interrupted, the rows so far stay in `path` + ".partial", readable, and the
    earlier file at `path` stays as it was. guard: whether that file may be replaced. Raises
    UnusableOutput or MissingExtra before anything is written, UnusableOutput when the disk is full.
    """
    make_writer = writer_for(path)
    with atomic_write(path, guard) as file:
        writer = make_writer(file, model)
        is_intact = False  # there are rows, and the last one was written as a whole

        def append(row: Row) -> None:
            nonlocal is_intact
            is_intact = False
            with translate_os_errors(path):
                writer.write(row)
            is_intact = True

        try:
            yield append
        except BaseException:
            if is_intact:
                with contextlib.suppress(OSError):
                    writer.close()
            raise
        with translate_os_errors(path):
            writer.close()
