"""Item -> a link to it or a copy of it at one path of a sorted folder.

Functions that put something return False where another file is in its place. `is_outdated` tells
them whether that file is our own, made by an earlier run: then it is replaced, in one step.
"""

import contextlib
import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cxrview.atomic import PARTIAL_SUFFIX, lock_file, translate_os_errors
from cxrview.inference.chunks import path_version, version_text
from cxrview.inference.sorted_names import absolute, path_hash
from cxrview.sources.find import Item

LOCK_FILE = ".lock"
# A turned copy before it has its place, see `path_hash`
TURNED_FILE = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(PARTIAL_SUFFIX)}")
COMPARED_BYTES = 1 << 20  # bytes compared at a time
Put = Callable[[Item, Path, Callable[[], bool]], bool]


def link(item: Item, path: Path, is_outdated: Callable[[], bool]) -> bool:
    """Make a symbolic link."""
    target = absolute(item.name)
    with contextlib.suppress(FileExistsError):
        path.symlink_to(target)
    if not is_link_to(path, target) and is_outdated():
        partial = partial_copy(item, path)
        partial.unlink(missing_ok=True)
        partial.symlink_to(target)
        partial.replace(path)
    return is_link_to(path, target)


def copy(item: Item, path: Path, is_outdated: Callable[[], bool]) -> bool:
    """Copy the bytes as they are stored. Raises UnreadableImage."""
    partial = partial_copy(item, path)
    try:
        with item.open_stored() as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file)
        return settle(partial, item, path, is_outdated)
    finally:
        partial.unlink(missing_ok=True)


def settle(partial: Path, _item: Item, path: Path, is_outdated: Callable[[], bool]) -> bool:
    """Rename a partial file to `path`; a file with the same content is left there."""
    if os.path.lexists(path):
        if has_bytes_of(path, partial):
            return True
        if not is_outdated():
            return False
    partial.replace(path)
    return True


def partial_copy(item: Item, path: Path) -> Path:
    """Where the copy of an item is until it is complete."""
    return path.with_name(f".{path_hash(item.name)}{PARTIAL_SUFFIX}")


def is_link_to(path: Path, target: str) -> bool:
    """Whether there is a link to this very path."""
    return path.is_symlink() and str(path.readlink()) == target


def is_original(path: Path, file: str) -> bool:
    """Whether a path in the sorted folder, not a link, is itself the file, as links lead there."""
    try:
        return not path.is_symlink() and os.path.samefile(path, file)  # noqa: PTH121 - odd bytes
    except (OSError, ValueError):
        return False


def is_plain_file(path: Path) -> bool:
    """Whether there is a file and not a link to one."""
    return path.is_file() and not path.is_symlink()


def has_bytes_of(path: Path, other: Path) -> bool:
    """Whether a file, not a link to one, has the bytes of another."""
    return is_plain_file(path) and filecmp.cmp(other, path, shallow=False)


def is_copy_of(path: Path, item: Item) -> bool:
    """Whether a file has the bytes of an item. Raises UnreadableImage."""
    if not is_plain_file(path):
        return False
    with item.open_stored() as source, path.open("rb") as file:
        while piece := source.read(COMPARED_BYTES):
            if file.read(len(piece)) != piece:
                return False
        return not file.read(1)


def has_digest(path: Path, sha256: str) -> bool:
    """Whether a file has this SHA-256; False for an empty one."""
    return bool(sha256) and is_plain_file(path) and digest_of(path) == sha256


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with translate_os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_of(path: Path) -> str:
    """The version of a file in the sorted folder."""
    return version_text(path_version(os.fspath(path)))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a sorted folder and lock it; turned copies that a killed run has left are removed.

    Raises UnusableOutput if another run has locked it.
    """
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with lock_file(folder / LOCK_FILE):
        for path in folder.glob(f".*{PARTIAL_SUFFIX}"):
            if TURNED_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)
        yield
