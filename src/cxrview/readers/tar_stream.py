"""A member of a compressed tar, by its number: one pass forward through the archive, kept open.

A compressed tar has no directory and cannot be entered in its middle. Members are asked for in
order, so each process that asks keeps its pass and moves on from where it is.
"""

import lzma
import os
import tarfile
import threading
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from cxrview.errors import DamagedImage
from cxrview.readers.limits import Limits, check_bytes

BROKEN = (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError)


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


class Pass:
    """One pass through one archive."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tar: tarfile.TarFile | None = None
        self._next = 0

    def member(self, number: int) -> bytes:
        """The contents of member `number`, counted from 0; begins anew if that lies behind."""
        with self._lock:
            try:
                if self._tar is None or number < self._next:
                    self._begin()
                return self._forward(number)
            except BROKEN as error:
                self._end()
                raise DamagedImage("the archive breaks off or is broken") from error

    def _begin(self) -> None:
        self._end()
        self._tar, self._next = tarfile.open(self._path, "r|*", tarinfo=Strict), 0  # noqa: SIM115

    def _end(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._tar = None

    def _forward(self, number: int) -> bytes:
        assert self._tar is not None  # noqa: S101 - for the type checker
        member = None
        while self._next <= number:
            member = self._tar.next()
            self._tar.members.clear()  # type: ignore[attr-defined] # it keeps every header
            self._next += 1
            if member is None:
                raise DamagedImage("the archive ends before this member")
        file = self._tar.extractfile(member) if member else None
        if file is None or member is None:
            raise DamagedImage("this member of the archive is no file")
        check_bytes(member.size, Limits())
        data = file.read()
        if len(data) != member.size:
            raise DamagedImage("the archive breaks off in this member")
        return data


@lru_cache(maxsize=1)
def _pass_of(path: str, process: int) -> Pass:  # noqa: ARG001 - see below
    """One pass for each process: a fork shares the position in an open file with its parent."""
    return Pass(path)


@dataclass(frozen=True, slots=True)
class InCompressedTar:
    """Member `number`, counted from 0, of a compressed tar."""

    path: str
    number: int

    def open(self) -> BinaryIO:
        """Its bytes, unpacked."""
        return BytesIO(_pass_of(self.path, os.getpid()).member(self.number))
