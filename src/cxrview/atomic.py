"""A file that appears whole or not at all: written beside its place, flushed, then renamed."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cxrview.errors import UnusableOutput

PARTIAL = ".partial"


def partial_path(path: Path) -> Path:
    """Where a file lies while it is written, and stays if the work is broken off."""
    return path.with_name(path.name + PARTIAL)


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Translate what the operating system says about a place to write to."""
    try:
        yield
    except OSError as error:
        raise UnusableOutput(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write to; on success it takes the place of `path`, otherwise it stays aside.

    Raises UnusableOutput at once if the place cannot be written or another run writes it. What
    stood at `path` is untouched until everything is on the disk.
    """
    place = path.resolve()  # a link stays a link: what it points at is replaced
    beside = partial_path(place)
    with translate_os_errors(path):
        if place.is_dir():
            raise UnusableOutput(f"{path} is a folder")
        file = _opened(beside)
    try:
        yield file
        with translate_os_errors(path):
            _settle(file, beside, place)
    finally:
        with contextlib.suppress(OSError):  # a full disk has been told by now
            file.close()
        if beside.exists() and not beside.stat().st_size:
            beside.unlink()


def _opened(beside: Path) -> BinaryIO:
    """Open and lock; the lock ends with the process, however that ends."""
    file = os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UnusableOutput(f"{beside} is being written by another run") from None
    except OSError:
        pass  # some network file systems know no locks
    file.truncate()
    return file


def _settle(file: BinaryIO, beside: Path, place: Path) -> None:
    """Onto the disk, into its place, and the folder onto the disk as well."""
    file.flush()
    os.fsync(file.fileno())
    beside.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # not every file system flushes folders
        os.fsync(folder)
    os.close(folder)
