"""A file that appears whole or not at all: written beside its place, flushed, then renamed.

A file that a person may have made or changed is not replaced: see `OutputGuard`.
"""

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cxrview.errors import UnusableOutput

PARTIAL_SUFFIX = ".partial"
# of flock on a file system that has no locks, as some network file systems
NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP))


def partial_path(path: Path) -> Path:
    """Where a file is while it is written, and where it stays if the work is interrupted."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError about a file to be written into UnusableOutput."""
    try:
        yield
    except OSError as error:
        raise UnusableOutput(f"{path} cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class OutputGuard:
    """Refuses to replace a file that was not written under this guard, or has changed since.

    record: JSON file with the versions of the files written under it, so that a later run may
    replace them; without one, no existing file is replaced. may_overwrite: every file may be.
    """

    may_overwrite: bool = False
    record: Path | None = None

    def check(self, path: Path) -> None:
        """Raise UnusableOutput if a file at `path` would be lost. An empty one is no loss.

        Pipes, sockets and devices are never replaced.
        """
        check_is_no_device(path)
        try:
            status = path.stat()
        except OSError:
            return
        known = self._versions().get(self._key(path), [])
        is_own = [status.st_size, status.st_mtime_ns] in known
        if status.st_size and path.is_file() and not (self.may_overwrite or is_own):
            why = "has changed since it was written" if known else "exists already"
            if self.record and not self.record.exists():
                record = os.path.relpath(os.path.realpath(self.record), path.resolve().parent)
                why += f", and there is no record ({record}) that cxrview wrote it"
            raise UnusableOutput(f"{path} {why}: name another file, or replace it with --overwrite")

    def note(self, path: Path, complete: Path) -> None:
        """Record that `complete` is about to become `path`; its earlier version stays known."""
        if self.record:
            versions, key = self._versions(), self._key(path)
            status = complete.stat()
            versions[key] = [[status.st_size, status.st_mtime_ns], *versions.get(key, [])[:1]]
            with atomic_write(self.record) as file, translate_os_errors(self.record):
                file.write(json.dumps(versions).encode())

    def _versions(self) -> dict[str, list[list[int]]]:
        """The last two versions by file: size in bytes, time of the last change in nanoseconds.

        Empty where the record is absent or damaged: then nothing that exists is replaced.
        """
        try:
            known = json.loads(self.record.read_bytes()) if self.record else {}
            return {file: [[size, at] for size, at in some] for file, some in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _key(self, path: Path) -> str:
        """The path from the folder of the record, so that both can be moved together."""
        real = os.path.realpath(path)
        return os.path.relpath(real, os.path.realpath(self.record.parent)) if self.record else real


def check_is_no_device(path: Path) -> None:
    """Raise UnusableOutput where a pipe, socket or device would be replaced by a file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnusableOutput(
            f"{path} is a pipe, socket or device: name a file (classify -o - writes to stdout)"
        )


@contextlib.contextmanager
def atomic_write(path: Path, guard: OutputGuard | None = None) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` on success; after a failure it stays as `.partial`.

    Raises UnusableOutput at once if the file cannot be written or another run is writing it. An
    existing `path` is unchanged until everything is on the disk. guard: decides, at the beginning
    and at the end, whether an existing file may be replaced.
    """
    if guard:
        guard.check(path)
    target = Path(os.path.realpath(path))  # a link stays a link: its target is replaced
    temporary = partial_path(target)
    with translate_os_errors(path):
        check_is_no_device(path)
        if target.is_dir():
            raise UnusableOutput(f"{path} is a folder")
        file = _open_temporary(temporary, path)
    try:
        yield file
        with translate_os_errors(path):
            _flush(file)
            if guard:
                guard.check(path)
                guard.note(path, temporary)
            _rename(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk has been reported by now
            file.flush()
        with contextlib.suppress(OSError):  # while it is locked: nobody else is writing it
            if not os.fstat(file.fileno()).st_size:
                temporary.unlink()
        raise
    finally:
        with contextlib.suppress(OSError):
            file.close()


def _open_temporary(temporary: Path, path: Path) -> BinaryIO:
    """Open and lock `temporary`; the lock ends with the process. path: as the user named it."""
    file = os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    try:
        is_free = _lock(file, path, fcntl.LOCK_EX)
    except BaseException:
        file.close()
        raise
    if not is_free:
        file.close()
        raise UnusableOutput(f"{path} is being written by another run")
    try:
        is_there = os.path.samestat(os.fstat(file.fileno()), temporary.stat())
    except FileNotFoundError:
        is_there = False
    if not is_there:  # another run has finished meanwhile: this file is its result now
        file.close()
        return _open_temporary(temporary, path)
    file.truncate()
    return file


@contextlib.contextmanager
def lock_file(path: Path, *, is_shared: bool = False) -> Iterator[None]:
    """Make a file if needed and lock it; its folder belongs to this run.

    Raises UnusableOutput if another run has locked it, or it cannot be locked. On file systems
    without locks nothing is locked.
    """
    with translate_os_errors(path):
        file = path.open("a+b")  # NFS: a shared lock needs reading, an exclusive one writing
    with file:
        if not _lock(file, path, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX):
            raise UnusableOutput(f"{path.parent} is in use by another run")
        yield


def _lock(file: BinaryIO, path: Path, kind: int) -> bool:
    """Lock a file until it is closed; False if another process has locked it.

    On file systems without locks nothing is locked. Raises UnusableOutput for any other error.
    path: for the message.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise UnusableOutput(f"{path} cannot be locked: {error.strerror}") from error
    return True


def _flush(file: BinaryIO) -> None:
    """Write the file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def _rename(temporary: Path, target: Path) -> None:
    """Rename the file, and flush the folder."""
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # not every file system can flush folders
        os.fsync(folder)
    os.close(folder)
