"""A member of a compressed tar, by its number: one pass forward through the archive, kept open.

A compressed tar has no directory and cannot be entered in its middle. Members are asked for in
order, so each process that asks keeps its pass and moves on from where it is.
"""

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from cxrview.errors import DamagedImage, UnreadableImage
from cxrview.sources.tar_headers import Headers


class Pass:
    """One pass through one archive."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._headers: Headers | None = None
        self._next = 0

    def member(self, number: int) -> bytes:
        """The contents of member `number`, counted from 0; begins anew if that lies behind."""
        with self._lock:
            try:
                if self._headers is None or number < self._next:
                    self._headers = self._begin()
                return self._forward(self._headers, number)
            except (OSError, UnreadableImage):
                self._end()
                raise

    def _begin(self) -> Headers:
        self._end()
        self._next = 0
        return Headers(self._path)

    def _end(self) -> None:
        if self._headers is not None:
            self._headers.close()
        self._headers = None

    def __del__(self) -> None:
        """The cache below drops it without a word."""
        self._end()

    def _forward(self, headers: Headers, number: int) -> bytes:
        while (info := headers.next()) is not None:
            self._next += 1
            if self._next > number:
                return headers.contents(info)
        raise DamagedImage("the archive ends before this member")


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
