"""Where the bytes of an item are, and how to open them there. All of it can be pickled."""

import lzma
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, BinaryIO, Protocol

from cxrview.errors import DamagedImage, Unreachable, UnreadableImage
from cxrview.readers.limits import Limits, check_bytes

_LOCAL_HEADER = 30  # bytes of a zip member's own header, before its name and extra field


class Place(Protocol):
    """Opens to a seekable binary stream; may raise OSError or UnreadableImage."""

    def open(self) -> BinaryIO:
        """The bytes, from their start."""


@dataclass(frozen=True, slots=True)
class OnDisc:
    """A file of its own. Pipes and devices are not opened: that could block, or do something."""

    path: str

    def open(self) -> BinaryIO:
        """The file, if it is one."""
        if not stat.S_ISREG(os.stat(self.path).st_mode):  # noqa: PTH116 - odd bytes, and speed
            raise Unreachable("a folder, pipe, socket or device, not a file")
        return open(self.path, "rb")  # noqa: PTH123 - the same


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


@dataclass(frozen=True, slots=True)
class InTar:
    """A member of an uncompressed tar: a stretch of the file, read without unpacking."""

    path: str
    offset: int
    length: int

    def open(self) -> BinaryIO:
        """The stretch."""
        return BufferedReader(Stretch(OnDisc(self.path).open(), self.offset, self.length))


@dataclass(frozen=True, slots=True)
class InZip:
    """A member of a zip; found by its offset, so the directory of the zip is read once only."""

    path: str
    offset: int  # of the member's own header
    method: int
    packed: int  # bytes in the archive
    length: int  # bytes when unpacked
    crc: int

    def open(self) -> BinaryIO:
        """The stretch where the member is stored, its unpacked bytes where it is compressed."""
        file = OnDisc(self.path).open()
        try:
            file.seek(self.offset)
            start = self.offset + _header_length(file.read(_LOCAL_HEADER))
            if self.method == zipfile.ZIP_STORED:
                return BufferedReader(Stretch(file, start, self.length))
            file.seek(start)
            data = _unpacked(file, self)
        except UnreadableImage:
            file.close()
            raise
        file.close()
        return BytesIO(data)


def _header_length(header: bytes) -> int:
    """Bytes of a zip member's own header, with the name and the extra field behind it."""
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\3\4":
        raise DamagedImage("no member where the zip says that one begins")
    name, extra = struct.unpack_from("<HH", header, 26)
    return _LOCAL_HEADER + int(name) + int(extra)


def _unpacked(file: BinaryIO, place: InZip) -> bytes:
    """A compressed member, never more of it than the zip announces, nor than the limit."""
    check_bytes(place.length, Limits())
    info = zipfile.ZipInfo("member")
    info.compress_type, info.CRC = place.method, place.crc
    info.compress_size, info.file_size = place.packed, place.length
    try:
        with zipfile.ZipExtFile(file, "r", info) as member:
            data = member.read()
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DamagedImage("the zip member cannot be unpacked") from error
    if len(data) != place.length:
        raise DamagedImage("the zip member breaks off")
    return data


class Stretch(RawIOBase):
    """`length` bytes of an open file from `start` on, as a file of its own; owns that file."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file, self._start, self._length, self._position = file, start, length, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To a position counted from the start of the stretch; past its end is nothing to read."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if origin + offset < 0:
            raise ValueError("a position before the start")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the stretch reaches."""
        left = max(0, self._length - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(min(len(buffer), left))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """The file that it is a part of as well."""
        self._file.close()
        super().close()
