"""Items -> parts: a few hundred neighbours each, with names that say what is in them.

Where a part ends is decided by the items' own names, not by counting: a file that is added or
removed changes the part that it is in, and no other.
"""

import hashlib
import heapq
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cxrview.sources.files import FileVersion
from cxrview.sources.find import Item
from cxrview.sources.naming import MEMBER

EXPECTED = 512  # items in a part, on average: few enough to be done soon, enough to be few files
LARGEST = 2048

GONE: FileVersion = (-1, -1)


@dataclass(frozen=True, slots=True)
class Part:
    """Items start .. stop - 1 of a run. name: of these files in this state, and the model."""

    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def stamp_of(item: Item) -> FileVersion:
    """The state of its file, of the archive for its members; GONE where there is none."""
    return stamp_of_file(item.name) if item.stamp is None else item.stamp


def stamp_of_file(name: str) -> FileVersion:
    """The state of a file on the disk; GONE where there is none."""
    path = name
    if MEMBER in name and not os.path.lexists(name):
        path = name.partition(MEMBER)[0]
    try:
        status = os.stat(path)  # noqa: PTH116 - odd bytes, and speed
    except (OSError, ValueError):
        return GONE
    return status.st_size, status.st_mtime_ns


def _ends(name: bytes) -> bool:
    return zlib.crc32(name) % EXPECTED == 0


def parts_of(items: Sequence[Item], maker: str) -> Iterator[Part]:
    """Look at every file's state, open none. maker: model and version, which name the parts too."""
    start, digest = 0, hashlib.sha256(maker.encode())
    for index, item in enumerate(items):
        name = item.name.encode("utf-8", "surrogatepass")
        digest.update(b"%d %s %d %d " % (len(name), name, *stamp_of(item)))
        if _ends(name) or index - start + 1 == LARGEST or index == len(items) - 1:
            yield Part(digest.hexdigest()[:32], start, index + 1)
            start, digest = index + 1, hashlib.sha256(maker.encode())


def share_of(parts: Sequence[Part], number: int, of: int) -> list[Part]:
    """The parts of process `number`, 1 .. of: each goes to whoever has the fewest files so far."""
    loads = [(0, process) for process in range(1, of + 1)]
    mine = []
    for part in parts:
        load, process = loads[0]
        heapq.heapreplace(loads, (load + len(part), process))
        if process == number:
            mine.append(part)
    return mine
