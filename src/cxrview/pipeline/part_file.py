"""Rows of a part <-> one file: JSON lines, the first of which says who made how many."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrview.aside import aside, telling
from cxrview.pipeline.parts import Stamp
from cxrview.pipeline.spelling import row_of_values, spelt_values
from cxrview.rows import Row


@dataclass(frozen=True, slots=True)
class Made:
    """A row, and the state that its file was in before it was read."""

    row: Row
    stamp: Stamp


def write_made(path: Path, maker: str, made: Iterable[Made]) -> None:
    """Onto the disk, whole or not at all; raises UnusableOutput."""
    lines = [json.dumps([*one.stamp, spelt_values(one.row)], ensure_ascii=False) for one in made]
    head = json.dumps({"maker": maker, "rows": len(lines)})
    with aside(path) as file, telling(path):
        file.write("".join(f"{line}\n" for line in (head, *lines)).encode())


def read_made(path: Path, maker: str) -> Iterator[Made]:
    """Its rows; none where another model or version made them, or the file is not whole."""
    for size, time, values in _read_lines(path, maker):
        yield Made(row_of_values(values), (size, time))


def _read_lines(path: Path, maker: str) -> list[Any]:
    try:
        head, *lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        is_whole = head == {"maker": maker, "rows": len(lines)}
    except (OSError, ValueError):  # a disk that lost what it had confirmed
        return []
    return lines if is_whole else []
