"""Rows -> folders frontal, lateral, uncertain and not_chest with links to the images, or copies.

The originals are not changed and nothing is overwritten. Members of archives are always copied,
because a link cannot point at them. Unreadable items are not placed. `index.csv` in the folder says
which file is where. Copies may be turned upright, in worker processes, see `upright.py`.
"""

import contextlib
import filecmp
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from cxrview.atomic import PARTIAL_SUFFIX, OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import read_table
from cxrview.engines.outcomes import Done, Engine, Outcome
from cxrview.errors import UnreadableImage, UnusableOutput, WrongUse
from cxrview.filenames import escape_name, unescape_name
from cxrview.images import PNG_SUFFIX, Turn
from cxrview.inference.classification import error_text, fault_of
from cxrview.inference.sorted_names import absolute, names_for, path_hash, turned_names
from cxrview.inference.table_writers import csv_field
from cxrview.rows import Row
from cxrview.sources.files import FileSource, is_remote
from cxrview.sources.find import Item
from cxrview.views import Verdict

INDEX_FILE = "index.csv"
INDEX_COLUMNS = ("file", "placed", "view", "model", "change", "sha256", "folder")
UNCHANGED = "unchanged: "  # begins the reason why an image was not turned upright
MODEL_FILE = ".model"  # holds the label of the model that sorted the folder
RECORD_FILE = ".written.json"
COMPARED_BYTES = 1 << 20  # bytes compared at a time


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
    upright: bool = False  # turn copies upright and bone bright
    may_overwrite: bool = False  # replace an index that this program did not write


@dataclass(frozen=True, slots=True)
class Placed:
    """The image at one place in the folder."""

    file: str
    folder: str  # where that was found, if it is a relative path; else ""
    view: str
    change: str = ""  # how the copy was turned upright, or why not; "" where that was not asked for
    sha256: str = field(default="", compare=False)  # of a copy
    model: str = field(default="", compare=False)  # label of the one that decided

    def is_of(self, item: Item) -> bool:
        """Whether this is certainly the item."""
        return (self.file, self.folder) == (item.name, folder_of(item))

    def may_be(self, item: Item) -> bool:
        """Whether this is the item, or was before both were moved together.

        Indices of earlier versions do not state the folder.
        """
        if self.file != item.name or self.is_of(item) or not self.folder:
            return self.file == item.name
        return not os.path.lexists(os.path.join(self.folder, self.file))  # noqa: PTH118


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image before it has its place: a turned copy in a partial file, if there is one."""

    change: str = ""
    sha256: str = ""
    partial: Path | None = None
    suffix: str = ""


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
        self._places: dict[str, Placed] = {}  # the index
        # placed by `place_upright`; the text says what of the pose is unknown
        self._to_turn: list[tuple[Item, Verdict, Turn, str]] = []
        self._taken: dict[Path, str] = {}  # path -> name of the item that this run has put there
        self.renamed = 0  # images whose names got a suffix, since others have the same name
        self.turned = self.not_turned = 0  # images that were turned upright, or could not be
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
            for _, values in read_table(folder / INDEX_FILE, INDEX_COLUMNS[:3]):
                place, file = unescape_name(values["placed"]), unescape_name(values["file"])
                more = (values.get(name, "") for name in ("change", "sha256", "model"))
                start = unescape_name(values.get("folder", ""))
                self._places[place] = Placed(file, start, values["view"], *more)

    def place(self, item: Item, row: Row) -> Path | None:
        """Put one image into the folder of its verdict; its new path, None if it is not placed.

        An image that an earlier run has placed there is left as it is; one that it has placed under
        another verdict is moved. One that is to be turned waits for `place_upright`. Raises
        UnusableOutput.
        """
        if row.view is None:
            return None
        turn = turn_of(row) if self._options.upright else None
        if isinstance(turn, Turn):
            self._to_turn.append((item, row.view, turn, unknown_pose(row)))
            return None
        return self._place(item, row.view, Prepared(UNCHANGED + turn if turn else ""))

    @property
    def waiting(self) -> int:
        """Number of images that `place_upright` will place."""
        return len(self._to_turn)

    def place_upright(self, engine: Engine, step: Callable[[], object]) -> None:
        """Turn the images that wait and put them in their places, in their order.

        One that cannot be turned is copied as it is, and the index says why. step: is called after
        each image. Raises UnusableOutput.
        """
        from cxrview.inference.upright import make_turner

        tasks = [(item, turn) for item, _, turn, _ in self._to_turn]
        prepared: dict[int, Prepared] = {}
        try:
            for index, outcome in engine.map(make_turner, tasks):
                prepared[index] = self._prepare(tasks[index][0], outcome, self._to_turn[index][3])
                step()
            for index, (item, view, _, _) in enumerate(self._to_turn):
                self._place(item, view, prepared[index])
        finally:
            for item, _ in tasks:
                self._partial(item).unlink(missing_ok=True)
        self._to_turn = []

    def _partial(self, item: Item) -> Path:
        return self._options.folder / f".{path_hash(item.name)}{PARTIAL_SUFFIX}"

    def _prepare(self, item: Item, outcome: Outcome, unknown: str) -> Prepared:
        """Store the outcome of `turn_item` in a partial file. unknown: as `unknown_pose`."""
        made = outcome.value if isinstance(outcome, Done) else error_text(fault_of(outcome))
        if isinstance(made, str):
            self.not_turned += 1
            return Prepared(UNCHANGED + made)
        self.turned += 1
        path = self._partial(item)
        with translate_os_errors(path):
            path.write_bytes(made.content)
        change = "; ".join(filter(None, (made.change, unknown)))
        return Prepared(change, hashlib.sha256(made.content).hexdigest(), path, made.suffix)

    def _place(self, item: Item, view: Verdict, prepared: Prepared) -> Path | None:
        put: Callable[[Item, Path], bool] = copy
        if prepared.partial:
            put = partial(settle, prepared.partial)
        elif self._options.mode is PlacementMode.LINK and isinstance(item.source, FileSource):
            put = link
        own_names, folder = names_for(item.name, self._roots), self._options.folder
        names = turned_names(own_names, prepared.suffix) if prepared.partial else own_names
        placed = Placed(
            item.name, folder_of(item), view, prepared.change, prepared.sha256, self._model
        )
        with contextlib.suppress(UnreadableImage):  # it has vanished since it was classified
            for name in names:
                path = folder / view / name
                if self._taken.get(path, item.name) != item.name:
                    continue
                known = self._places.get(f"{view}/{name}")
                if known and os.path.lexists(path) and not known.may_be(item):
                    continue  # also where it has the same bytes
                if self._places.get(f"{view}/{name}", placed) != placed:
                    self._remove(item, view, name)
                if self._put(put, item, path):
                    self._remove_others(item, path, own_names)
                    if put is not link and not placed.sha256:
                        placed = replace(placed, sha256=digest_of(path))
                    self._places[f"{view}/{name}"] = placed
                    self.renamed += name != names[0]
                    return path
            raise UnusableOutput(f"no free name for {item.name} in {folder / view}")
        return None

    def _put(self, put: Callable[[Item, Path], bool], item: Item, path: Path) -> bool:
        with translate_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not put(item, path):
                return False
        self._taken[path] = item.name
        return True

    def _remove_others(self, item: Item, kept: Path, names: Sequence[str]) -> None:
        """Remove what earlier runs have made of an item elsewhere in the folder."""
        for view in Verdict:
            for name in {*names, *turned_names(names, ""), *turned_names(names, PNG_SUFFIX)}:
                path = self._options.folder / view / name
                if path != kept and (f"{view}/{name}" in self._places or name in names):
                    self._remove(item, view, name)

    def _remove(self, item: Item, view: Verdict, name: str) -> None:
        """Remove the link to an item, or the copy that this program has made and nobody changed."""
        path, place = self._options.folder / view / name, f"{view}/{name}"
        known = self._places.get(place)
        with translate_os_errors(path):
            if is_link_to(path, item) or (
                known
                and known.may_be(item)
                and (
                    is_copy_of(path, item) or (known.is_of(item) and has_digest(path, known.sha256))
                )
            ):
                path.unlink()
                self._places.pop(place, None)

    def close(self) -> None:
        """Write the index, see INDEX_COLUMNS. Raises UnusableOutput."""
        path = self._options.folder / INDEX_FILE
        with atomic_write(path, self._guard) as file, translate_os_errors(path):
            file.write((",".join(INDEX_COLUMNS) + "\n").encode())
            for place, one in self._places.items():
                names = escape_name(one.file), escape_name(place)
                start = escape_name(one.folder)
                values = (*names, one.view, one.model, one.change, one.sha256, start)
                file.write((",".join(map(csv_field, values)) + "\n").encode())


def turn_of(row: Row) -> Turn | str:
    """What makes the image of a row upright, or why it is left as it is, in words.

    Where only the rotation or only the polarity is known, that one is put right: a turn loses
    nothing and makes the copy easier to look at.
    """
    if row.view is Verdict.NOT_CHEST:
        return "not_chest"
    if not row.rotation and not row.inverted:
        return unknown_pose(row) or "upright already"
    if row.frame is not None:
        return "several frames or pages"
    return "a warning" if row.warning else Turn(row.rotation or 0, bool(row.inverted))


def unknown_pose(row: Row) -> str:
    """What the model does not state: rotation unknown, polarity unknown, both, or ""."""
    names = [
        name
        for name, value in (("rotation", row.rotation), ("polarity", row.inverted))
        if value is None
    ]
    return f"{' and '.join(names)} unknown" if names else ""


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
        return settle(partial, item, path)
    finally:
        partial.unlink(missing_ok=True)


def settle(partial: Path, _item: Item, path: Path) -> bool:
    """Rename a partial file to `path`; False if a file with other content is there."""
    if os.path.lexists(path):
        return path.is_file() and filecmp.cmp(partial, path, shallow=False)
    partial.rename(path)
    return True


def has_digest(path: Path, sha256: str) -> bool:
    """Whether a file has this SHA-256; False for an empty one."""
    return bool(sha256) and path.is_file() and digest_of(path) == sha256


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with translate_os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_of(item: Item) -> str:
    """The folder from which the name of an item leads to it; "" for absolute paths and URLs."""
    is_absolute = is_remote(item.name) or item.name.startswith("/")
    return "" if is_absolute else absolute(".")
