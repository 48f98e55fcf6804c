"""Rows -> folders frontal, lateral, uncertain and not_chest with links to the images, or copies.

The originals are not changed and nothing is overwritten. Members of archives are always copied,
because a link cannot point at them. Unreadable items are not placed. `index.csv` in the folder says
which file is where.
"""

import contextlib
import filecmp
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from cxrview.atomic import PARTIAL_SUFFIX, OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import read_table
from cxrview.errors import UnreadableImage, UnusableOutput, WrongUse
from cxrview.filenames import escape_name, unescape_name
from cxrview.inference.table_writers import csv_field
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Verdict

INDEX_FILE = "index.csv"
INDEX_COLUMNS = ("file", "placed", "view", "model")
MODEL_FILE = ".model"  # holds the label of the model that sorted the folder
RECORD_FILE = ".written.json"
COMPARED_BYTES = 1 << 20  # bytes compared at a time
MAX_STEM_BYTES = 200  # bytes; file systems allow names of 255


class PlacementMode(StrEnum):
    """How an image is put into its folder."""

    LINK = "link"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortOptions:
    """Where and how images are sorted."""

    folder: Path
    mode: PlacementMode = PlacementMode.LINK
    keeps_tree: bool = False  # keep the folders that the images are in
    resort: bool = False  # move what another model has sorted
    may_overwrite: bool = False  # replace an index that this program did not write


class FolderSorter:
    """Puts images into the folders of their verdicts. The index says which file went where."""

    def __init__(self, options: SortOptions, model: str, inputs: Sequence[str] = ()) -> None:
        """Make the folders. model: label. inputs: paths of the run, whose folders start the tree.

        Raises UnusableOutput if that fails, WrongUse if another model has sorted into the folder.
        """
        folder = options.folder
        self._options, self._model = options, model
        self._roots = [absolute(path) for path in inputs] if options.keeps_tree else None
        self._guard = OutputGuard(options.may_overwrite, folder / RECORD_FILE)
        self._places: dict[str, tuple[str, str]] = {}  # place -> (file, verdict): the index
        self._taken: dict[Path, str] = {}  # path -> name of the item that this run has put there
        self.renamed = 0  # images whose names got a suffix, since others have the same name
        self._guard.check(folder / INDEX_FILE)
        with translate_os_errors(folder):
            earlier = model
            if (folder / MODEL_FILE).exists():
                earlier = (folder / MODEL_FILE).read_text(errors="replace")
        if earlier != model and not options.resort:
            raise WrongUse(
                f"{folder} was sorted by {earlier}, and this model is {model}: name another "
                "folder, or move the images with --resort"
            )
        with translate_os_errors(folder):
            for verdict in Verdict:
                (folder / verdict).mkdir(parents=True, exist_ok=True)
            (folder / MODEL_FILE).write_text(model)
        if (folder / INDEX_FILE).exists():
            for _, values in read_table(folder / INDEX_FILE, INDEX_COLUMNS):
                place, file = unescape_name(values["placed"]), unescape_name(values["file"])
                self._places[place] = (file, values["view"])

    def place(self, item: Item, row: Row) -> Path | None:
        """Put one image into the folder of its verdict; its new path, None if it is not placed.

        An image that an earlier run has placed there is left as it is; one that it has placed under
        another verdict is moved. Raises UnusableOutput.
        """
        if row.view is None:
            return None
        is_link = self._options.mode is PlacementMode.LINK and isinstance(item.source, FileSource)
        names, folder = names_for(item.name, self._roots), self._options.folder
        with contextlib.suppress(UnreadableImage):  # it has vanished since it was classified
            for name in names:
                path = folder / row.view / name
                is_free = self._taken.get(path, item.name) == item.name
                if is_free and self._put(link if is_link else copy, item, path):
                    self._remove_others(item, row.view, names)
                    self._places[f"{row.view}/{name}"] = (item.name, row.view)
                    self.renamed += name != names[0]
                    return path
            raise UnusableOutput(f"no free name for {item.name} in {folder / row.view}")
        return None

    def _put(self, put: Callable[[Item, Path], bool], item: Item, path: Path) -> bool:
        with translate_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not put(item, path):
                return False
        self._taken[path] = item.name
        return True

    def _remove_others(self, item: Item, view: Verdict, names: Sequence[str]) -> None:
        """Remove the link to an item, or the copy of it, that is under another verdict."""
        for other in Verdict:
            for name in names if other != view else ():
                path, place = self._options.folder / other / name, f"{other}/{name}"
                is_own = self._places.get(place, ("",))[0] == item.name
                with translate_os_errors(path):
                    if is_link_to(path, item) or (is_own and is_copy_of(path, item)):
                        path.unlink()
                        self._places.pop(place, None)

    def close(self) -> None:
        """Write the index: file, place in the folder, verdict and model. Raises UnusableOutput."""
        path = self._options.folder / INDEX_FILE
        with atomic_write(path, self._guard) as file, translate_os_errors(path):
            file.write((",".join(INDEX_COLUMNS) + "\n").encode())
            for place, (name, view) in self._places.items():
                values = (escape_name(name), escape_name(place), view, self._model)
                file.write((",".join(map(csv_field, values)) + "\n").encode())


def names_for(name: str, roots: Sequence[str] | None = None) -> tuple[str, str]:
    """Where an item goes below its verdict: one path, and one with a hash for when that is taken.

    roots: folders that start the tree to be kept; None: only the name of the file is kept.
    """
    path = PurePath(name.rpartition("::")[2].replace("\0", "_"))
    short = os.fsdecode(os.fsencode(path.stem)[:MAX_STEM_BYTES])
    hashed = f"{short}-{path_hash(name)}{path.suffix}"
    if roots is None:
        return path.name, hashed
    tree = tree_of(name, roots)
    return os.path.join(tree, path.name), os.path.join(tree, hashed)  # noqa: PTH118 - odd names


def tree_of(name: str, roots: Sequence[str]) -> str:
    """The folders of an item below the root that it is in, else below the current folder or /."""
    archive, _, member = name.partition("::")
    full = absolute(archive)
    inside = [root for root in roots if full.startswith(root.rstrip("/") + "/")]
    current = absolute(".")
    start = max(inside, key=len, default=current if full.startswith(current + "/") else "/")
    path = os.path.relpath(full, start) + ("/" + member.replace("\0", "_") if member else "")
    return "/".join(part for part in path.split("/")[:-1] if part not in ("", ".", ".."))


def path_hash(name: str) -> str:
    """Eight hexadecimal digits from the absolute path."""
    return hashlib.sha256(os.fsencode(absolute(name))).hexdigest()[:8]


def absolute(name: str) -> str:
    """The absolute path: a link must not depend on the folder that it is in."""
    return os.path.abspath(name)  # noqa: PTH100 - resolve() would follow the user's own links


def is_link_to(path: Path, item: Item) -> bool:
    """Whether there is a link to this very item."""
    return path.is_symlink() and str(path.readlink()) == absolute(item.name)


def is_copy_of(path: Path, item: Item) -> bool:
    """Whether a file has the bytes of an item."""
    if not path.is_file():
        return False
    with item.open_stored() as source, path.open("rb") as file:
        while piece := source.read(COMPARED_BYTES):
            if file.read(len(piece)) != piece:
                return False
        return not file.read(1)


def link(item: Item, path: Path) -> bool:
    """Make a symbolic link; False if another file is in its place."""
    with contextlib.suppress(FileExistsError):
        path.symlink_to(absolute(item.name))
    return is_link_to(path, item)


def copy(item: Item, path: Path) -> bool:
    """Copy the bytes; False if a file with other content is in its place."""
    partial = path.with_name(f".{path_hash(item.name)}{PARTIAL_SUFFIX}")
    try:
        with item.open_stored() as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file)
        if os.path.lexists(path):
            return path.is_file() and filecmp.cmp(partial, path, shallow=False)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return True
