"""Rows -> CSV: RFC 4180, UTF-8, one header line, lines end in a line feed, nothing for None."""

import re
from typing import Any, BinaryIO

from cxrview.filenames import spelt_values
from cxrview.rows import COLUMNS, Row

# Not left to the csv module: with lines that end in a line feed, that of Python 3.11 writes a lone
# carriage return without quotes, and every reader takes it for the end of the line.
_NEEDS_QUOTES = re.compile(r'[",\r\n]')
_HAS_QUOTED = re.compile(r'["\r\n]')  # a line that has this, or more commas than it needs


class CsvWriter:
    """Row by row into a binary file."""

    def __init__(self, file: BinaryIO, model: str) -> None:  # noqa: ARG002 - no place for it
        self._file = file
        self._has_header = False

    def write(self, row: Row) -> None:
        """Append one row."""
        self._write_header()
        self._write_line(spelt_values(row).values())

    def close(self) -> None:
        """Nothing is left to be said, but a table without rows has its header as well."""
        self._write_header()

    def _write_header(self) -> None:
        if not self._has_header:
            self._has_header = True
            self._write_line(COLUMNS)

    def _write_line(self, values: Any) -> None:
        texts = ["" if value is None else str(value) for value in values]
        line = ",".join(texts)
        if _HAS_QUOTED.search(line) or line.count(",") >= len(texts):
            line = ",".join(map(field, texts))
        self._file.write((line + "\n").encode())


def field(value: str | float | None) -> str:
    """One value as CSV."""
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
