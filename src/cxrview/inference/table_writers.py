"""Rows -> a table file, in the format that its ending names."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.errors import MissingExtra, UnusableOutput
from cxrview.rows import Row


@dataclass(frozen=True, slots=True)
class Format:
    """A format lives in a file of its own, loaded when a table asks for it: pyarrow is large."""

    module: str
    writer: str
    extra: str = ""  # that installs what the module imports


FORMATS: dict[str, Format] = {
    ".csv": Format("cxrview.inference.csv_table", "CsvWriter"),
    ".jsonl": Format("cxrview.inference.jsonl_table", "JsonLinesWriter"),
    ".parquet": Format("cxrview.inference.parquet_table", "ParquetWriter", extra="parquet"),
}


class RowWriter(Protocol):
    """What writes one format into a binary file."""

    def write(self, row: Row) -> None:
        """Append one row."""

    def close(self) -> None:
        """Write what must come last. Leaves the file open."""


def format_of(path: Path) -> Format:
    """By the ending; raises UnusableOutput for one that names no format."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise UnusableOutput(f"{path} does not end in one of {known}") from None


def part_of(form: Format, name: str) -> Any:
    """A writer or reader from the format's module; raises MissingExtra with the way out."""
    try:
        return getattr(importlib.import_module(form.module), name)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'cxrview[{form.extra}]'"
        ) from error


def writer_for(path: Path) -> Callable[[BinaryIO, str], RowWriter]:
    """The writer for a path, taking an open file and the model's label."""
    form = format_of(path)
    writer: Callable[[BinaryIO, str], RowWriter] = part_of(form, form.writer)
    return writer


@contextlib.contextmanager
def rows_into(path: Path, model: str) -> Iterator[Callable[[Row], None]]:
    """A function that appends a row to the table at `path`, which appears when all are written.

    If the work is broken off, the rows so far stay in `path` + ".partial", readable, and what stood
    at `path` stays as it was. Raises UnusableOutput or MissingExtra before anything is begun, and
    UnusableOutput when the disk is full.
    """
    make_writer = writer_for(path)
    with atomic_write(path) as file:
        table = _Table(path, make_writer(file, model))
        try:
            yield table.append
        except BaseException:
            table.rescue()
            raise
        table.finish()


class _Table:
    """A writer, and whether anything is in it that is worth finishing."""

    def __init__(self, path: Path, writer: RowWriter) -> None:
        self._path = path
        self._writer = writer
        self._is_worth_it = False

    def append(self, row: Row) -> None:
        """Write one row; after a failure the writer is not to be touched again."""
        self._is_worth_it = False
        with translate_os_errors(self._path):
            self._writer.write(row)
        self._is_worth_it = True

    def finish(self) -> None:
        """Write what must come last."""
        with translate_os_errors(self._path):
            self._writer.close()

    def rescue(self) -> None:
        """Make the rows so far readable, as far as that goes."""
        if self._is_worth_it:
            with contextlib.suppress(UnusableOutput):
                self.finish()
