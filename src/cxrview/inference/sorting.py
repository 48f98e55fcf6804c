"""Rows -> folders frontal, lateral, uncertain and not_chest with links to the images, or copies.

The originals are not changed and nothing is overwritten. Members of archives are always copied,
because a link cannot point at them. Unreadable items are not placed.
"""

import contextlib
import filecmp
import hashlib
import os
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path, PurePath

from cxrview.atomic import PARTIAL, translate_os_errors
from cxrview.errors import UnreadableImage, UnusableOutput
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Verdict

LONGEST_STEM = 200  # bytes; file systems allow names of 255


class PlacementMode(StrEnum):
    """How an image is put into its folder."""

    LINK = "link"
    COPY = "copy"


class FolderSorter:
    """Puts images into the folders of their verdicts."""

    def __init__(self, folder: Path, mode: PlacementMode) -> None:
        """Make the folders; raises UnusableOutput if that fails."""
        self._folder = folder
        self._mode = mode
        self._taken: dict[Path, str] = {}  # path -> name of the item that is there
        self.doubled = 0  # links that an earlier run left under another verdict
        with translate_os_errors(folder):
            for verdict in Verdict:
                (folder / verdict).mkdir(parents=True, exist_ok=True)

    def place(self, item: Item, row: Row) -> Path | None:
        """Put one image into the folder of its verdict; its new path, None if it is not placed.

        An image that an earlier run has placed there is left as it is. Raises UnusableOutput.
        """
        if row.view is None:
            return None
        can_link = self._mode is PlacementMode.LINK and isinstance(item.source, FileSource)
        with contextlib.suppress(UnreadableImage):  # it has vanished since it was classified
            for name in names_for(item.name):
                path = self._folder / row.view / name
                is_free = self._taken.get(path, item.name) == item.name
                if is_free and self._put(link if can_link else copy, item, path):
                    return path
            raise UnusableOutput(f"no free name for {item.name} in {self._folder / row.view}")
        return None

    def _put(self, put: Callable[[Item, Path], bool], item: Item, path: Path) -> bool:
        with translate_os_errors(path):
            if not put(item, path):
                return False
        self._taken[path] = item.name
        others = (self._folder / verdict / path.name for verdict in Verdict)
        self.doubled += any(other != path and is_link_to(other, item) for other in others)
        return True


def names_for(name: str) -> tuple[str, str]:
    """An item's own file name, and one with a hash of its whole path for when that is taken."""
    path = PurePath(name.rpartition("::")[2].replace("\0", "_"))
    short = os.fsdecode(os.fsencode(path.stem)[:LONGEST_STEM])
    return path.name, f"{short}-{path_hash(name)}{path.suffix}"


def path_hash(name: str) -> str:
    """Eight hexadecimal digits from the absolute path."""
    return hashlib.sha256(os.fsencode(absolute(name))).hexdigest()[:8]


def absolute(name: str) -> str:
    """The absolute path: a link must not depend on the folder that it is in."""
    return os.path.abspath(name)  # noqa: PTH100 - resolve() would follow the user's own links


def is_link_to(path: Path, item: Item) -> bool:
    """Whether there is a link to this very item."""
    return path.is_symlink() and str(path.readlink()) == absolute(item.name)


def link(item: Item, path: Path) -> bool:
    """Make a symbolic link; False if another file is in its place."""
    with contextlib.suppress(FileExistsError):
        path.symlink_to(absolute(item.name))
    return is_link_to(path, item)


def copy(item: Item, path: Path) -> bool:
    """Copy the bytes; False if a file with other content is in its place."""
    partial = path.with_name(f".{path_hash(item.name)}{PARTIAL}")
    try:
        with item.open_stored() as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file)
        if os.path.lexists(path):
            return path.is_file() and filecmp.cmp(partial, path, shallow=False)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return True
