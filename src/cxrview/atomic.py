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
    """Where a file is while it is written, and where it stays if the work is interrupted."""
    return path.with_name(path.name + PARTIAL)


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError about a file to be written into UnusableOutput."""
    try:
        yield
    except OSError as error:
        raise UnusableOutput(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` on success; after a failure it stays as `.partial`.

    Raises UnusableOutput at once if the file cannot be written or another run is writing it. An
    existing `path` is unchanged until everything is on the disk.
    """
    place = Path(os.path.realpath(path))  # a link stays a link: its target is replaced
    beside = partial_path(place)
    with translate_os_errors(path):
        if place.is_dir():
            raise UnusableOutput(f"{path} is a folder")
        file = _opened(beside)
    try:
        yield file
        with translate_os_errors(path):
            _commit(file, beside, place)
    finally:
        with contextlib.suppress(OSError):  # a full disk has been reported by now
            file.close()
        if beside.exists() and not beside.stat().st_size:
            beside.unlink()


def _opened(beside: Path) -> BinaryIO:
    """Open and lock; the lock ends with the process in any case."""
    file = os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UnusableOutput(f"{beside} is being written by another run") from None
    except OSError:
        pass  # some network file systems have no locks
    file.truncate()
    return file


def _commit(file: BinaryIO, beside: Path, place: Path) -> None:
    """Flush the file to the disk, rename it, and flush the folder."""
    file.flush()
    os.fsync(file.fileno())
    beside.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # not every file system can flush folders
        os.fsync(folder)
    os.close(folder)
