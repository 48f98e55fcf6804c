"""Rows -> JSON lines: one object a line, UTF-8, null for None."""

import json
from typing import BinaryIO

from cxrview.filenames import spelt_values
from cxrview.rows import Row


class JsonLinesWriter:
    """Row by row into a binary file."""

    def __init__(self, file: BinaryIO, model: str) -> None:  # noqa: ARG002 - no place for it
        self._file = file

    def write(self, row: Row) -> None:
        """Append one row."""
        self._file.write(json.dumps(spelt_values(row), ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to be said."""
