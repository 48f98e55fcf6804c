"""An untrusted zip archive -> its members and their contents; no member is unpacked in advance."""

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from cxrview.errors import DamagedImage, TooLarge, UnreadableImage, UnsupportedImage
from cxrview.limits import Limits, check_bytes, read_up_to
from cxrview.sources.files import (
    MAX_MEMBERS,
    TOO_MANY_MEMBERS,
    BoundedReader,
    FileSource,
    RefusedSource,
    Source,
    slice_of,
)

ZIP_SIGNATURES = (b"PK\3\4", b"PK\5\6")  # first bytes; the second: an empty archive
MAX_DIRECTORY_BYTES = 1 << 29  # bytes of the directory of a zip: some millions of members
LOCAL_HEADER_BYTES = 30  # bytes of a member's own header, before its name and extra field
_ENTRY_SIGNATURE = b"PK\1\2"  # before each member in the directory
_ENCRYPTED_FLAG = 1  # flag bit of a member


def _decompress_lzma(packed: bytes, max_bytes: int) -> bytes:
    """Unpack the LZMA of a zip: version, length of the properties, properties, data.

    The older `.lzma` file has the same properties and then a length; all ones: unknown.
    """
    version_and_length, properties, data = packed[:4], packed[4:9], packed[9:]
    if version_and_length[2:] != b"\5\0":
        raise DamagedImage("a zip member with invalid LZMA properties")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return decompressor.decompress(properties + b"\xff" * 8 + data, max_bytes)


# Compression of a zip member -> (packed bytes, how many bytes at most) -> bytes. zipfile would
# unpack everything, and compare it with the announced length only afterwards.
DECOMPRESSORS: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_DEFLATED: lambda packed, most: zlib.decompressobj(-15).decompress(packed, most),
    zipfile.ZIP_BZIP2: lambda packed, most: bz2.BZ2Decompressor().decompress(packed, most),
    zipfile.ZIP_LZMA: _decompress_lzma,
}


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member of a zip; found by its offset, so that the directory is read only once."""

    path: str
    offset: int  # of the member's own header
    method: int
    packed: int  # bytes in the archive
    length: int  # bytes when unpacked
    crc: int

    def open(self) -> BinaryIO:
        """Return a slice of the archive, or the unpacked bytes of a compressed member."""
        file = FileSource(self.path).open()
        try:
            if self.offset < 0:
                raise DamagedImage("a member that starts before the zip does")
            file.seek(self.offset)
            start = self.offset + _header_length(file.read(LOCAL_HEADER_BYTES))
            if self.method == zipfile.ZIP_STORED:
                return slice_of(file, start, self.length)
            file.seek(start)
            data = _unpack(file, self)
        except (OSError, UnreadableImage):
            file.close()
            raise
        file.close()
        return BytesIO(data)


class DirectoryReader(BoundedReader):
    """Raises TooLarge before zipfile builds more members than allowed; it reads them at once."""

    def read(self, size: int | None = None) -> bytes:
        """Return the next `size` bytes, or all."""
        data = super().read(size)
        if data.count(_ENTRY_SIGNATURE) > MAX_MEMBERS:
            raise TooLarge(TOO_MANY_MEMBERS)
        return data


def zip_members(path: str) -> Iterator[tuple[str, Source]]:
    """Yield name and source of each member; a zip without a directory is one RefusedSource."""
    try:
        with FileSource(path).open() as file:
            directory = DirectoryReader(file, MAX_DIRECTORY_BYTES)
            members = zipfile.ZipFile(directory).infolist()
    except TooLarge as refusal:
        yield "", RefusedSource(TooLarge, str(refusal))
        return
    except (zipfile.BadZipFile, NotImplementedError, ArithmeticError, ValueError, struct.error):
        yield "", RefusedSource(DamagedImage, "a zip archive without a readable directory")
        return
    overlapping = _overlapping_offsets(members)
    for info in members:
        if info.filename.endswith("/"):  # is_dir() fails where there is no name
            continue
        if info.header_offset in overlapping:
            reason = "a zip member that overlaps with another one"
            yield info.filename, RefusedSource(DamagedImage, reason)
        else:
            yield info.filename, _member_source(path, info)


def _member_source(path: str, info: zipfile.ZipInfo) -> Source:
    if info.flag_bits & _ENCRYPTED_FLAG:
        return RefusedSource(UnsupportedImage, "an encrypted member of a zip archive")
    if info.compress_type != zipfile.ZIP_STORED and info.compress_type not in DECOMPRESSORS:
        return RefusedSource(UnsupportedImage, "a zip member of an unknown compression")
    if info.file_size > Limits().bytes:
        return RefusedSource(TooLarge, f"a member of {info.file_size} bytes")
    return ZipMember(
        path, info.header_offset, info.compress_type, info.compress_size, info.file_size, info.CRC
    )


def _overlapping_offsets(members: list[zipfile.ZipInfo]) -> set[int]:
    """Return the offsets of members that overlap with the one before: a way to build zip bombs."""
    found, end = set(), 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            found.add(info.header_offset)
        end = max(end, info.header_offset + LOCAL_HEADER_BYTES + info.compress_size)
    return found


def _header_length(header: bytes) -> int:
    """Return the bytes of a member's own header, including the name and the extra field."""
    if len(header) < LOCAL_HEADER_BYTES or header[:4] != b"PK\3\4":
        raise DamagedImage("no member where the directory of the zip announces one")
    name, extra = struct.unpack_from("<HH", header, 26)
    return LOCAL_HEADER_BYTES + int(name) + int(extra)


def _unpack(file: BinaryIO, member: ZipMember) -> bytes:
    """Return a compressed member, never more than the zip announces nor than the limit."""
    check_bytes(max(member.length, member.packed), Limits())
    try:
        packed = read_up_to(file, member.packed)
        data = DECOMPRESSORS[member.method](packed, member.length + 1)
    except (EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DamagedImage("the zip member cannot be unpacked") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedImage("the zip member cannot be unpacked") from error  # raised by bz2
    if len(data) != member.length:
        raise DamagedImage("the zip member does not unpack to the announced length")
    if zlib.crc32(data) != member.crc:
        raise DamagedImage("the zip member does not have the announced checksum")
    return data
