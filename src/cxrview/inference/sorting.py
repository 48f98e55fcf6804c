"""Rows -> folders frontal, lateral, uncertain, not_chest with links to the images, or copies.

Originals are not touched and nothing is overwritten. Members of archives are copied: a link cannot
point at them. Unreadable items are not placed.
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

LONGEST_STEM = 200  # bytes; file systems take names of 255


class How(StrEnum):
    """How an image comes into its folder."""

    LINK = "link"
    COPY = "copy"


class FolderSorter:
    """The four folders, and what this run has put into them."""

    def __init__(self, folder: Path, how: How) -> None:
        """Make the folders; raises UnusableOutput where that cannot be."""
        self._folder = folder
        self._how = how
        self._taken: dict[Path, str] = {}  # place -> name of the item that has it
        self.doubled = 0  # links that an earlier run left under another verdict
        with translate_os_errors(folder):
            for verdict in Verdict:
                (folder / verdict).mkdir(parents=True, exist_ok=True)

    def place(self, item: Item, row: Row) -> Path | None:
        """Put one image into its verdict's folder -> where it is now; None if it is not placed.

        An image that an earlier run has put there is left as it is. Raises UnusableOutput.
        """
        if row.view is None:
            return None
        put = link if self._how is How.LINK and isinstance(item.place, FileSource) else copy
        with contextlib.suppress(UnreadableImage):  # it has vanished since it was judged
            for name in names_for(item.name):
                place = self._folder / row.view / name
                if self._taken.get(place, item.name) == item.name and self._put(put, item, place):
                    return place
            raise UnusableOutput(f"no free name for {item.name} in {self._folder / row.view}")
        return None

    def _put(self, put: Callable[[Item, Path], bool], item: Item, place: Path) -> bool:
        with translate_os_errors(place):
            if not put(item, place):
                return False
        self._taken[place] = item.name
        others = (self._folder / verdict / place.name for verdict in Verdict)
        self.doubled += any(other != place and leads_to(other, item) for other in others)
        return True


def names_for(name: str) -> tuple[str, str]:
    """An item's own file name; and one with the hash of its whole path, for when that is taken."""
    path = PurePath(name.rpartition("::")[2].replace("\0", "_"))
    short = os.fsdecode(os.fsencode(path.stem)[:LONGEST_STEM])
    return path.name, f"{short}-{mark_of(name)}{path.suffix}"


def mark_of(name: str) -> str:
    """Eight hexadecimal digits that belong to one path."""
    return hashlib.sha256(os.fsencode(target_of(name))).hexdigest()[:8]


def target_of(name: str) -> str:
    """The absolute path: a link must not depend on where it stands."""
    return os.path.abspath(name)  # noqa: PTH100 - resolve() would look through the user's links


def leads_to(place: Path, item: Item) -> bool:
    """Whether a link to this very item stands there."""
    return place.is_symlink() and str(place.readlink()) == target_of(item.name)


def link(item: Item, place: Path) -> bool:
    """Make a symbolic link; False where something else stands in its place."""
    with contextlib.suppress(FileExistsError):
        place.symlink_to(target_of(item.name))
    return leads_to(place, item)


def copy(item: Item, place: Path) -> bool:
    """Copy the bytes; False where something else stands in its place."""
    beside = place.with_name(f".{mark_of(item.name)}{PARTIAL}")
    try:
        with item.open() as source, beside.open("wb") as file:
            shutil.copyfileobj(source, file)
        if os.path.lexists(place):
            return place.is_file() and filecmp.cmp(beside, place, shallow=False)
        beside.rename(place)
    finally:
        beside.unlink(missing_ok=True)
    return True
