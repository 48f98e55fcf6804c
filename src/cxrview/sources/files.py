"""Where the bytes of an item are and how to open them; slices of archives, gzip files.

Every source can be pickled.
"""

import gzip
import os
import re
import stat
import tarfile
import zlib
from dataclasses import dataclass
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, BinaryIO, Protocol

from cxrview.errors import DamagedImage, TooLarge, Unreachable, UnreadableImage
from cxrview.limits import Limits, left_in

# Size in bytes and time of the last change in nanoseconds, or a hash that stands for it.
FileVersion = tuple[int, int]
UNKNOWN_STATE = -1  # in place of the time or hash: whether the contents change is not known

GZIP_SIGNATURE = b"\x1f\x8b\x08"  # first bytes of a gzip file
# times its own size that a packed file may have; of radiographs it is 2 to 5
MAX_UNPACK_RATIO = 100
FREE_UNPACK_BYTES = 256 << 20  # bytes that any packed file may unpack to
MAX_MEMBERS = 1_000_000  # of one archive, each of which takes the main process 600 bytes and more
TOO_MANY_MEMBERS = f"an archive with more than {MAX_MEMBERS:,} members"
_CHUNK_BYTES = 1 << 20  # bytes unpacked at a time
# tarfile before Python 3.11.10 needs quadratic time for a long row of digits.
_MANY_DIGITS = re.compile(rb"[0-9]{200}")
MEMBER_SEPARATOR = "::"  # between the name of an archive and that of its member
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_remote(name: str) -> bool:
    """Whether a name is a URL (s3://bucket/image.dcm) and not an existing file of that name."""
    return "://" in name and bool(_SCHEME.match(name)) and not os.path.lexists(name)


class Source(Protocol):
    """The bytes of an item, wherever they are."""

    def open(self) -> BinaryIO:
        """Return a seekable binary stream at its start. Raises OSError or UnreadableImage."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A regular file. Pipes and devices are not opened: that could block or have effects."""

    path: str

    def open(self) -> BinaryIO:
        """Return the open file; its type is checked before and after, since it may be replaced."""
        check_is_file(os.stat(self.path).st_mode)  # noqa: PTH116 - odd bytes, and speed
        descriptor = open_descriptor(self.path)
        try:
            check_is_file(os.fstat(descriptor).st_mode)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise


def check_is_file(mode: int) -> None:
    """Raise Unreachable for what is not a regular file."""
    if not stat.S_ISREG(mode):
        raise Unreachable("a folder, pipe, socket or device, not a file")


def open_descriptor(path: str) -> int:
    """Return a descriptor to read from; does not wait at a pipe, nor take over a terminal."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_NONBLOCK)
    except BlockingIOError:  # leased to another program, as Samba does: it gives way
        return os.open(path, flags)


@dataclass(frozen=True, slots=True)
class BytesSource:
    """Bytes in memory."""

    data: bytes

    def open(self) -> BinaryIO:
        """Return a stream of them."""
        return BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class RefusedSource:
    """What cannot be opened, and the reason, which becomes the error of its row."""

    error: type[UnreadableImage]
    reason: str

    def open(self) -> BinaryIO:
        """Raise the error."""
        raise self.error(self.reason)


def unpack_gzip(stream: BinaryIO) -> BinaryIO:
    """Return the contents of a gzip file in memory (`image.dcm.gz`), any other stream as it is.

    Closes a stream that it replaces. Raises TooLarge for more bytes than Limits or the size of the
    packed file permit, DamagedImage for a file that breaks off.
    """
    is_gzip = stream.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
    stream.seek(0)
    if not is_gzip:
        return stream
    limit = min(Limits().bytes, FREE_UNPACK_BYTES + MAX_UNPACK_RATIO * left_in(stream))
    contents = BytesIO()
    try:
        with stream, gzip.GzipFile(fileobj=stream) as file:
            while data := file.read(_CHUNK_BYTES):
                if contents.tell() + len(data) > limit:
                    raise TooLarge(f"a gzip file that unpacks to more than {limit} bytes")
                contents.write(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedImage("the gzip file breaks off or is damaged") from error
    contents.seek(0)
    return contents


def slice_of(file: BinaryIO, start: int, length: int) -> BinaryIO:
    """Return `length` bytes of an archive; raises DamagedImage where it ends before they do."""
    if file.seek(0, os.SEEK_END) < start + length:
        raise DamagedImage("the archive breaks off in this member")
    return BufferedReader(FileSlice(file, start, length))


class FileSlice(RawIOBase):
    """`length` bytes of an open file, from `start`, as a file of its own; owns that file."""

    name = ""  # pydicom reads it of every BufferedReader

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file, self._start, self._length, self._position = file, start, length, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position relative to the start of the slice, which may be past its end."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if origin + offset < 0:
            raise ValueError("a position before the start")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer up to the end of the slice."""
        left = max(0, self._length - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(min(len(buffer), left))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the whole file as well."""
        self._file.close()
        super().close()


class BoundedReader:
    """An open file of which at most `bytes_left` bytes are read, until that is set again."""

    def __init__(self, file: BinaryIO, bytes_left: int) -> None:
        self._file = file
        self.bytes_left = bytes_left
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int | None = None) -> bytes:
        """Return the next `size` bytes, or all; raises TooLarge for more than are left to read."""
        if size is None:
            return self._file.read()
        if not 0 <= size <= self.bytes_left:
            raise TooLarge("a directory or header of an archive that is too long")
        self.bytes_left -= size
        data = self._file.read(size)
        if size > tarfile.BLOCKSIZE and _MANY_DIGITS.search(data):
            raise tarfile.ReadError("a header with an invalid number")
        return data
