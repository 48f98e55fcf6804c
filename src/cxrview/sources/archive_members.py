"""Where the bytes of a member of an archive are, and how to open them. All of it can be pickled."""

import bz2
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, BinaryIO

from cxrview.errors import DamagedImage, UnreadableImage
from cxrview.limits import Limits, check_bytes, read_up_to
from cxrview.sources.files import FileSource

LOCAL_HEADER = 30  # bytes of a zip member's own header, before its name and extra field


@dataclass(frozen=True, slots=True)
class InTar:
    """A member of an uncompressed tar: a stretch of the file, read without unpacking."""

    path: str
    offset: int
    length: int

    def open(self) -> BinaryIO:
        """The stretch."""
        file = FileSource(self.path).open()
        try:
            return stretch_of(file, self.offset, self.length)
        except DamagedImage:
            file.close()
            raise


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
        file = FileSource(self.path).open()
        try:
            if self.offset < 0:
                raise DamagedImage("a member that begins before the zip does")
            file.seek(self.offset)
            start = self.offset + _header_length(file.read(LOCAL_HEADER))
            if self.method == zipfile.ZIP_STORED:
                return stretch_of(file, start, self.length)
            file.seek(start)
            data = _unpacked(file, self)
        except (OSError, UnreadableImage):
            file.close()
            raise
        file.close()
        return BytesIO(data)


def _header_length(header: bytes) -> int:
    """Bytes of a zip member's own header, with the name and the extra field behind it."""
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\3\4":
        raise DamagedImage("no member where the zip says that one begins")
    name, extra = struct.unpack_from("<HH", header, 26)
    return LOCAL_HEADER + int(name) + int(extra)


def _lzma(packed: bytes, most: int) -> bytes:
    """As zip has it: a version, the length of the properties, and these before the data.

    The older `.lzma` file has the same properties and then a length; all ones: not known.
    """
    version_and_length, properties, data = packed[:4], packed[4:9], packed[9:]
    if version_and_length[2:] != b"\5\0":
        raise DamagedImage("a zip member with properties of no LZMA")
    inflater = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return inflater.decompress(properties + b"\xff" * 8 + data, most)


# Compression of a zip member -> (packed bytes, how many bytes at most) -> bytes. zipfile would
# unpack whatever is there, and only then look at how much was announced.
UNPACKERS: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_DEFLATED: lambda packed, most: zlib.decompressobj(-15).decompress(packed, most),
    zipfile.ZIP_BZIP2: lambda packed, most: bz2.BZ2Decompressor().decompress(packed, most),
    zipfile.ZIP_LZMA: _lzma,
}


def _unpacked(file: BinaryIO, place: InZip) -> bytes:
    """A compressed member, never more of it than the zip announces, nor than the limit."""
    check_bytes(max(place.length, place.packed), Limits())
    try:
        packed = read_up_to(file, place.packed)
        data = UNPACKERS[place.method](packed, place.length + 1)
    except (EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DamagedImage("the zip member cannot be unpacked") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedImage("the zip member cannot be unpacked") from error  # so says bz2
    if len(data) != place.length:
        raise DamagedImage("the zip member does not unpack to the length that was announced")
    if zlib.crc32(data) != place.crc:
        raise DamagedImage("the zip member has another checksum than was announced")
    return data


def stretch_of(file: BinaryIO, start: int, length: int) -> BinaryIO:
    """`length` bytes of an archive; DamagedImage where it ends before they do."""
    if file.seek(0, os.SEEK_END) < start + length:
        raise DamagedImage("the archive breaks off in this member")
    return BufferedReader(Stretch(file, start, length))


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
