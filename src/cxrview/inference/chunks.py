"""Items -> chunks of a few hundred neighbours, and one file of finished rows for each chunk.

The names of the items decide where a chunk ends, not their number: a file that is added or removed
changes the chunk that it is in, and no other.
"""

import hashlib
import heapq
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.errors import WrongUse
from cxrview.filenames import escaped_values, row_from_escaped
from cxrview.rows import Row, row_from_dict
from cxrview.sources.files import MEMBER_SEPARATOR, UNKNOWN_STATE, FileVersion
from cxrview.sources.find import Item, split_name

TARGET_CHUNK_SIZE = 512  # items in a chunk, on average: soon complete, and not too many files
MAX_CHUNK_SIZE = 2048
MISSING_VERSION: FileVersion = (-1, UNKNOWN_STATE)  # version of a file that is not there
_ENDS = re.compile(f"/|{MEMBER_SEPARATOR}")  # after the name of a folder or an archive


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items start .. stop - 1 of a run. `name`: a hash of names, versions and model."""

    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of process `number`, 1 .. `count`, in a run by several processes."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise WrongUse(f"no shard {self.number} of {self.count}")

    @property
    def name(self) -> str:
        """For names of files: "3-of-20"."""
        return f"{self.number}-of-{self.count}"

    def own_chunks(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks of this shard: each chunk goes to the shard with the fewest files so far."""
        loads = [(0, number) for number in range(1, self.count + 1)]
        own = []
        for chunk in chunks:
            load, number = loads[0]
            heapq.heapreplace(loads, (load + len(chunk), number))
            if number == self.number:
                own.append(chunk)
        return own


def chunks_of(items: Sequence[Item], producer: str) -> Iterator[Chunk]:
    """Look up the version of every file, open none. producer: model and version of cxrview."""
    start, digest = 0, hashlib.sha256(producer.encode())
    for index, item in enumerate(items):
        name = item.name.encode("utf-8", "surrogatepass")
        digest.update(b"%d %s %d %d " % (len(name), name, *file_version(item)))
        is_end = zlib.crc32(name) % TARGET_CHUNK_SIZE == 0
        if is_end or index - start + 1 == MAX_CHUNK_SIZE or index == len(items) - 1:
            yield Chunk(digest.hexdigest()[:32], start, index + 1)
            start, digest = index + 1, hashlib.sha256(producer.encode())


def file_version(item: Item) -> FileVersion:
    """Version of the item's file or archive; MISSING where there is none."""
    return path_version(item.name) if item.version is None else item.version


def item_version(item: Item) -> str:
    """The version of an item as text, see `version_text`."""
    return version_text(file_version(item))


def version_text(version: FileVersion) -> str:
    """The two numbers of a version, for tables; "" for a file that is missing or may change."""
    return "" if version[1] == UNKNOWN_STATE else "{}-{}".format(*version)


def path_version(name: str) -> FileVersion:
    """(size in bytes, time of the last change in nanoseconds); MISSING where there is no file."""
    try:
        status = os.stat(split_name(name)[0])  # noqa: PTH116 - any bytes, and speed
    except (OSError, ValueError):
        return MISSING_VERSION
    return status.st_size, status.st_mtime_ns


def is_below(name: str, places: AbstractSet[str]) -> bool:
    """Whether an item is in one of these folders, without `/` at their ends, or archives."""
    return any(name[: end.start()] in places for end in _ENDS.finditer(name))


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row, and the version that its file had before it was read."""

    row: Row
    version: FileVersion


def write_stored_rows(path: Path, producer: str, rows: Iterable[StoredRow]) -> None:
    """Write JSON lines: first producer and number of rows, then the rows. Raises UnusableOutput."""
    lines = [
        json.dumps([*one.version, escaped_values(one.row)], ensure_ascii=False) for one in rows
    ]
    head = json.dumps({"maker": producer, "rows": len(lines)})
    with atomic_write(path) as file, translate_os_errors(path):
        file.write("".join(f"{line}\n" for line in (head, *lines)).encode())


def read_stored_rows(path: Path, producer: str) -> Iterator[StoredRow]:
    """The rows of a file; none if another model or version wrote it, or if it is incomplete."""
    for line, (size, time, values) in _read_lines(path, producer):
        # A line without a backslash has nothing to unescape, and is read faster.
        row = row_from_escaped(values) if b"\\" in line else row_from_dict(values)
        yield StoredRow(row, (size, time))


def _read_lines(path: Path, producer: str) -> list[tuple[bytes, Any]]:
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            if not isinstance(head, dict) or head.get("maker") != producer:
                return []  # without parsing the rows, of which there may be millions
            lines = file.read().splitlines()
        values = json.loads(b"[" + b",".join(lines) + b"]")  # faster than line by line
    except (OSError, ValueError):  # a disk has lost what it had confirmed
        return []
    is_whole = len(lines) == len(values) and head == {"maker": producer, "rows": len(values)}
    return list(zip(lines, values, strict=True)) if is_whole else []
