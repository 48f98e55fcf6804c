"""Where the bytes of an item are, and how to open them there. All of it can be pickled."""

import os
import re
import stat
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Protocol

from cxrview.errors import Unreachable, UnreadableImage

# Size in bytes and time of the last change in nanoseconds, or a hash that stands for it.
FileVersion = tuple[int, int]
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_remote(name: str) -> bool:
    """Whether it is a URL (s3://bucket/film.dcm) and no file that happens to be called so."""
    return "://" in name and bool(_SCHEME.match(name)) and not os.path.lexists(name)


class Place(Protocol):
    """Opens to a seekable binary stream; may raise OSError or UnreadableImage."""

    def open(self) -> BinaryIO:
        """The bytes, from their start."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of its own. Pipes and devices are not opened: that could block, or do something."""

    path: str

    def open(self) -> BinaryIO:
        """The file, if it is one. Looked at twice: what the name means may change in between."""
        check_is_file(os.stat(self.path).st_mode)  # noqa: PTH116 - odd bytes, and speed
        descriptor = opened(self.path)
        try:
            check_is_file(os.fstat(descriptor).st_mode)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise


def check_is_file(mode: int) -> None:
    """Raise Unreachable for whatever is none."""
    if not stat.S_ISREG(mode):
        raise Unreachable("a folder, pipe, socket or device, not a file")


def opened(path: str) -> int:
    """Path -> descriptor, to read from; does not wait at a pipe, nor take over a terminal."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_NONBLOCK)
    except BlockingIOError:  # leased to another program, as Samba does: it gives way
        return os.open(path, flags)


@dataclass(frozen=True, slots=True)
class InMemory:
    """Bytes that are here already."""

    data: bytes

    def open(self) -> BinaryIO:
        """A stream of them."""
        return BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class Refused:
    """A place that cannot be opened, and the reason why: it becomes a row that says so."""

    error: type[UnreadableImage]
    reason: str

    def open(self) -> BinaryIO:
        """Always raises."""
        raise self.error(self.reason)
