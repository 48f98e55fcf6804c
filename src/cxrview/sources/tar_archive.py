"""An untrusted tar archive, compressed or not -> its members and their contents.

tarfile believes what headers state about themselves: how long they are, and where the next one
starts. TarHeaderReader bounds both. A compressed tar has no directory and cannot be entered in the
middle: members are asked for in order, so each process keeps one reader and continues from there.
"""

import bz2
import gzip
import lzma
import os
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO

from cxrview.errors import DamagedImage, TooLarge, UnreadableImage, UnsupportedImage
from cxrview.limits import Limits, check_bytes, left_in
from cxrview.sources.files import (
    FREE_UNPACK_BYTES,
    MAX_MEMBERS,
    MAX_UNPACK_RATIO,
    TOO_MANY_MEMBERS,
    BoundedReader,
    FileSource,
    RefusedSource,
    Source,
    slice_of,
)

MAX_HEADER_BYTES = 1 << 16  # bytes of one member's headers: long names, attributes
DAMAGE_REASON = "the archive breaks off or is damaged here"

_DECOMPRESSORS: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
COMPRESSED_SIGNATURES = tuple(magic for magic, _ in _DECOMPRESSORS)


@dataclass(frozen=True, slots=True)
class TarMember:
    """A member of an uncompressed tar: a slice of the file."""

    path: str
    offset: int
    length: int

    def open(self) -> BinaryIO:
        """Return the slice."""
        file = FileSource(self.path).open()
        try:
            return slice_of(file, self.offset, self.length)
        except DamagedImage:
            file.close()
            raise


@dataclass(frozen=True, slots=True)
class CompressedTarMember:
    """Member `index`, counted from 0, of a compressed tar."""

    path: str
    index: int

    def open(self) -> BinaryIO:
        """Return its bytes, unpacked."""
        return BytesIO(_reader_of(self.path, os.getpid()).member(self.index))


def contains_tar(path: str) -> bool:
    """Whether a compressed file contains a tar archive."""
    try:
        with closing(TarHeaderReader(path)) as headers:
            return headers.next() is not None
    except (DamagedImage, TooLarge, OSError):
        return False


def tar_members(path: str, *, is_compressed: bool) -> Iterator[tuple[str, Source]]:
    """Yield name and source of each member; reads headers, and so all of a compressed tar."""
    try:
        with closing(TarHeaderReader(path)) as headers:
            for index, info in enumerate(iter(headers.next, None)):
                if index == MAX_MEMBERS:
                    raise TooLarge(TOO_MANY_MEMBERS)
                if not info.isdir():
                    yield info.name, _member_source(path, info, index, is_compressed=is_compressed)
    except (DamagedImage, TooLarge) as refusal:
        yield "", RefusedSource(type(refusal), str(refusal))
    except OSError:
        yield "", RefusedSource(DamagedImage, DAMAGE_REASON)


def _member_source(path: str, info: tarfile.TarInfo, index: int, *, is_compressed: bool) -> Source:
    if not info.isfile() or info.issparse():
        return RefusedSource(UnsupportedImage, "a link, device or sparse file in an archive")
    if info.size > Limits().bytes:
        return RefusedSource(TooLarge, f"a member of {info.size} bytes")
    if is_compressed:
        return CompressedTarMember(path, index)
    return TarMember(path, info.offset_data, info.size)


class StrictTarInfo(tarfile.TarInfo):
    """Raises ReadError for a broken or missing header, which tarfile takes for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "StrictTarInfo":
        """Return the next header; raises ReadError unless there is one, or the end marker."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # two blocks of zeros
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError("no header where one is required") from error


class TarHeaderReader:
    """The headers of a tar file, one by one. Raises DamagedImage, TooLarge and OSError."""

    def __init__(self, path: str) -> None:
        self._file = FileSource(path).open()
        self._limit = float("inf")
        self._end = -1  # of the member before
        try:
            with translate_tar_errors():
                self._stream = _open_unpacked(self._file)
                if self._stream is not self._file:
                    self._limit = FREE_UNPACK_BYTES + MAX_UNPACK_RATIO * left_in(self._file)
                self._bounded_stream = BoundedReader(self._stream, MAX_HEADER_BYTES)
                self._tar = tarfile.TarFile(
                    fileobj=self._bounded_stream,  # type: ignore[arg-type]
                    tarinfo=StrictTarInfo,
                )
        except BaseException:
            self.close()
            raise

    def next(self) -> tarfile.TarInfo | None:
        """Return the header of the next member, None at the end."""
        self._bounded_stream.bytes_left = MAX_HEADER_BYTES
        with translate_tar_errors():
            info = self._tar.next()
        self._tar.members.clear()  # type: ignore[attr-defined] # it stores every header
        self._tar.pax_headers = {}
        if info is not None and (info.size < 0 or self._tar.offset <= self._end):
            raise DamagedImage("the headers of the archive form a loop")
        if self._tar.offset > self._limit:
            raise TooLarge(f"the archive unpacks to more than {MAX_UNPACK_RATIO} times its size")
        self._end = self._tar.offset
        return info

    def read_member(self, info: tarfile.TarInfo) -> bytes:
        """Return the contents of the member that `next` has returned last."""
        if not info.isfile() or info.issparse():
            raise DamagedImage("this member of the archive is not a file")
        check_bytes(info.size, Limits())
        with translate_tar_errors():
            self._stream.seek(info.offset_data)
            data: bytes = self._stream.read(info.size)
        if len(data) != info.size:
            raise DamagedImage("the archive breaks off in this member")
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _open_unpacked(file: BinaryIO) -> Any:
    """Return a stream of the unpacked contents; the file itself if it is not compressed."""
    magic = file.read(8)
    file.seek(0)
    for start, unpack in _DECOMPRESSORS:
        if magic.startswith(start):
            return unpack(file)
    return file


@contextmanager
def translate_tar_errors() -> Iterator[None]:
    """Translate what tarfile and the decompressors raise for damaged bytes into DamagedImage."""
    try:
        yield
    except (tarfile.TarError, ArithmeticError, AttributeError, EOFError, LookupError, TypeError,
            RecursionError, ValueError, lzma.LZMAError, zlib.error) as error:  # fmt: skip
        raise DamagedImage(DAMAGE_REASON) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedImage(DAMAGE_REASON) from error


class SequentialTarReader:
    """Reads the members of one archive by number; continues where it is, or starts again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._headers: TarHeaderReader | None = None
        self._next = 0

    def member(self, index: int) -> bytes:
        """Return the contents of member `index`, counted from 0."""
        with self._lock:
            try:
                if self._headers is None or index < self._next:
                    self._headers = self._reopen()
                return self._skip_to(self._headers, index)
            except (OSError, UnreadableImage):
                self._close_headers()
                raise

    def _reopen(self) -> TarHeaderReader:
        self._close_headers()
        self._next = 0
        return TarHeaderReader(self._path)

    def _close_headers(self) -> None:
        if self._headers is not None:
            self._headers.close()
        self._headers = None

    def __del__(self) -> None:
        """Close the file when the cache below drops the reader."""
        self._close_headers()

    def _skip_to(self, headers: TarHeaderReader, index: int) -> bytes:
        while (info := headers.next()) is not None:
            self._next += 1
            if self._next > index:
                return headers.read_member(info)
        raise DamagedImage("the archive ends before this member")


@lru_cache(maxsize=1)
def _reader_of(path: str, process_id: int) -> SequentialTarReader:  # noqa: ARG001 - see below
    """Return the reader of this process: a fork shares the file position with its parent."""
    return SequentialTarReader(path)
