"""Rows of a part <-> one file: JSON lines, the first of which says who made how many."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.filenames import row_of_values, spelt_values
from cxrview.rows import Row, row_from_dict
from cxrview.sources.files import FileVersion


@dataclass(frozen=True, slots=True)
class Made:
    """A row, and the state that its file was in before it was read."""

    row: Row
    stamp: FileVersion


def write_made(path: Path, maker: str, made: Iterable[Made]) -> None:
    """Onto the disk, whole or not at all; raises UnusableOutput."""
    lines = [json.dumps([*one.stamp, spelt_values(one.row)], ensure_ascii=False) for one in made]
    head = json.dumps({"maker": maker, "rows": len(lines)})
    with atomic_write(path) as file, translate_os_errors(path):
        file.write("".join(f"{line}\n" for line in (head, *lines)).encode())


def read_made(path: Path, maker: str) -> Iterator[Made]:
    """Its rows; none where another model or version made them, or the file is not whole."""
    for line, (size, time, values) in _read_lines(path, maker):
        # Without a backslash nothing is spelt otherwise than it is, and it is read faster.
        row = row_of_values(values) if b"\\" in line else row_from_dict(values)
        yield Made(row, (size, time))


def _read_lines(path: Path, maker: str) -> list[tuple[bytes, Any]]:
    try:
        head, *lines = path.read_bytes().splitlines()
        values = json.loads(b"[" + b",".join(lines) + b"]")  # faster than line by line
        due = json.loads(head)
    except (OSError, ValueError):  # a disk that lost what it had confirmed
        return []
    is_whole = len(lines) == len(values) and due == {"maker": maker, "rows": len(values)}
    return list(zip(lines, values, strict=True)) if is_whole else []
