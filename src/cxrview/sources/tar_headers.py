"""An untrusted tar, packed or not -> its headers one by one, and the contents behind them.

tarfile believes what headers say of themselves: how long they are, and where the next one stands.
"""

import bz2
import gzip
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from cxrview.errors import DamagedImage, TooLarge
from cxrview.limits import Limits, check_bytes, left_in
from cxrview.sources.files import FileSource

LONGEST_HEADER = 1 << 16  # bytes of one member's headers: long names, attributes
RATIO = 100  # how many times its own size a packed tar may have; that of radiographs is 2 to 5
FREE = 256 << 20  # bytes that any packed tar may unpack to

_UNPACKERS: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
COMPRESSED = tuple(magic for magic, _ in _UNPACKERS)

# tarfile before Python 3.11.10 takes time that grows with the square of a row of digits.
_MANY_DIGITS = re.compile(rb"[0-9]{200}")


class Measured:
    """An open file of which at most `left` bytes are read, until `left` is set anew."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file = file
        self.left = left
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int | None = None) -> bytes:
        """As of any file; TooLarge for more than there is leave to read. None: up to the end."""
        if size is None:
            return self._file.read()
        if not 0 <= size <= self.left:
            raise TooLarge("a directory or header of an archive that is too long")
        self.left -= size
        data = self._file.read(size)
        if size > tarfile.BLOCKSIZE and _MANY_DIGITS.search(data):
            raise tarfile.ReadError("a header with a number that is none")
        return data


class Strict(tarfile.TarInfo):
    """tarfile takes a broken or missing header for the end of the archive; we want to know."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "Strict":
        """The next header; ReadError unless there is one, or the mark of the end."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # two blocks of zeros
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError("no header where one must stand") from error


class Headers:
    """A tar at `path`. Raises DamagedImage, TooLarge, and OSError where the disc fails."""

    def __init__(self, path: str) -> None:
        self._file = FileSource(path).open()
        self._most = float("inf")
        self._end = -1  # of the member before
        try:
            with own_errors():
                self._unpacked = _unpacked(self._file)
                if self._unpacked is not self._file:
                    self._most = FREE + RATIO * left_in(self._file)
                self._measured = Measured(self._unpacked, LONGEST_HEADER)
                self._tar = tarfile.TarFile(fileobj=self._measured, tarinfo=Strict)  # type: ignore[arg-type]
        except BaseException:
            self.close()
            raise

    def next(self) -> tarfile.TarInfo | None:
        """The next member's header; None at the end."""
        self._measured.left = LONGEST_HEADER
        with own_errors():
            info = self._tar.next()
        self._tar.members.clear()  # type: ignore[attr-defined] # it keeps every header
        self._tar.pax_headers = {}
        if info is not None and (info.size < 0 or self._tar.offset <= self._end):
            raise DamagedImage("the archive runs in a circle")
        if self._tar.offset > self._most:
            raise TooLarge(f"the archive unpacks to more than {RATIO} times its size")
        self._end = self._tar.offset
        return info

    def contents(self, info: tarfile.TarInfo) -> bytes:
        """Of the member that `next` gave last."""
        if not info.isfile() or info.issparse():
            raise DamagedImage("this member of the archive is no file")
        check_bytes(info.size, Limits())
        with own_errors():
            self._unpacked.seek(info.offset_data)
            data: bytes = self._unpacked.read(info.size)
        if len(data) != info.size:
            raise DamagedImage("the archive breaks off in this member")
        return data

    def close(self) -> None:
        """The file as well."""
        self._file.close()


def _unpacked(file: BinaryIO) -> Any:
    """What is in a file that is packed; the file itself if it is not."""
    magic = file.read(8)
    file.seek(0)
    for start, unpack in _UNPACKERS:
        if magic.startswith(start):
            return unpack(file)
    return file


@contextmanager
def own_errors() -> Iterator[None]:
    """Whatever tarfile and the unpackers raise over bytes that they do not understand."""
    try:
        yield
    except (tarfile.TarError, ArithmeticError, AttributeError, EOFError, LookupError, TypeError,
            RecursionError, ValueError, lzma.LZMAError, zlib.error) as error:  # fmt: skip
        raise DamagedImage("the archive breaks off or is broken here") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedImage("the archive breaks off or is broken here") from error
