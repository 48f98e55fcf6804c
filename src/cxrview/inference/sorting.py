"""Rows -> folders frontal, lateral, uncertain and not_chest with links to the images, or copies.

The originals are not changed and nothing is overwritten that is not our own, unchanged since an
earlier run. Members of archives are always copied, because a link cannot point at them. Unreadable
items are not placed. `index.csv` in the folder says which file is where. Copies may be turned
upright, in worker processes, see `upright.py`.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from cxrview.atomic import PARTIAL_SUFFIX, OutputGuard, translate_os_errors
from cxrview.engines.outcomes import Done, Engine, Outcome, in_order
from cxrview.errors import UnreadableImage, UnusableOutput, WrongUse
from cxrview.images import PNG_SUFFIX, Turn
from cxrview.inference.chunks import is_below, item_version
from cxrview.inference.classification import fault_of
from cxrview.inference.sorted_files import (
    Put,
    copy,
    digest_of,
    has_digest,
    is_copy_of,
    is_link_to,
    is_original,
    is_plain_file,
    link,
    settle,
    version_of,
)
from cxrview.inference.sorted_index import Placed, SortedIndex
from cxrview.inference.sorted_names import (
    absolute,
    file_key,
    folder_of,
    names_for,
    path_hash,
    places_named,
    roots_of,
    table_name,
    turned_names,
)
from cxrview.inference.turns import Waiting, turn_of, unknown_pose
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.sources.folders import INDEX_FILE, MODEL_FILE
from cxrview.views import Verdict

UNCHANGED = "unchanged: "  # begins the reason why an image was not turned upright
RECORD_FILE = ".written.json"


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
    table: Path | None = None  # that the run writes
    is_fresh: bool = False  # make the copies of unchanged images again


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image before it has its place: a turned copy in a partial file, if there is one.

    version: of its file, as it was before anything was read.
    """

    version: str
    change: str = ""
    sha256: str = ""
    partial: Path | None = None
    suffix: str = ""


class FolderSorter:
    """Puts images into the folders of their verdicts. The index says which file went where.

    Several tables may share a folder. Links to what a run no longer has are removed if an earlier
    run for the same table has placed them or, where that had none, if the file was in a folder that
    is an input. Copies stay, unless this run has placed the same bytes: they may be the only ones.
    Nothing is removed whose image was in a folder that could not be listed this time.
    """

    def __init__(
        self,
        options: SortOptions,
        model: str,
        inputs: Sequence[str] = (),
        items: Sequence[Item] | None = None,
    ) -> None:
        """Make the folders. model: label.

        inputs: folders, archives and URLs of the run, as `Found` has them; they start the tree.
        items: all of the run; without them nothing is removed but what an item has elsewhere.
        Raises UnusableOutput if that fails, WrongUse if another model has sorted into the folder.
        """
        folder = options.folder
        self._options, self._model = options, model
        roots = roots_of(inputs)
        self._roots = roots if options.keeps_tree else None
        guard = OutputGuard(options.may_overwrite, folder / RECORD_FILE)
        self._to_turn: list[Waiting] = []  # placed by `place_upright`
        self._done: dict[str, str] = {}  # `file_key` of an item -> its place in this run
        self.renamed = 0  # images whose names got a suffix, since others have the same name
        self.turned = self.not_turned = 0  # images that were turned upright, or could not be
        self.removed = 0  # images of earlier runs that this run did not place
        self.orphans: dict[str, None] = {}  # places of copies whose images this run does not have
        self.kept: dict[str, None] = {}  # outdated places that somebody has changed
        guard.check(folder / INDEX_FILE)
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
            self._index = SortedIndex(folder, guard)
        self._table = table_name(options.table, folder)
        self._outdated: set[str] = set()  # places that `remove_outdated` removes
        for place in () if items is None else self._places_without(roots, items):
            self._set_outdated(place)

    def _places_without(self, roots: AbstractSet[str], items: Sequence[Item]) -> Iterator[str]:
        """Places of images that are no longer there, as far as that can be known.

        A folder that cannot be listed is an item itself, and so is a link to a folder that is gone,
        or an archive that cannot be opened: what was below stays.
        """
        closed = {absolute(item.name).rstrip("/") for item in items}
        keys = {file_key(item.name) for item in items}
        for place, one in self._index.items():
            is_ours = one.table == self._table if one.table else is_below(one.key, roots)
            if is_ours and one.key not in keys and not is_below(one.key, closed):
                yield place

    def place(self, item: Item, row: Row) -> Path | None:
        """Put one image into the folder of its verdict; its new path, None if it is not placed.

        An image that an earlier run has placed there is left as it is; one that it has placed under
        another verdict is moved. One that is to be turned waits for `place_upright`. Raises
        UnusableOutput.
        """
        if row.view is None:
            self._set_unplaced(item)
            return None
        turn = turn_of(row) if self._options.upright else None
        version = item_version(item)
        if isinstance(turn, Turn):
            waiting = Waiting(item, row.view, turn, unknown_pose(row), version)
            if path := self._leave_turned(waiting):
                return path
            self._to_turn.append(waiting)
            return None
        change = UNCHANGED + turn if turn else ""
        return self._place(item, row.view, Prepared(version, change))

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

        tasks = [(one.item, one.turn) for one in self._to_turn]
        outcomes = engine.map(make_turner, tasks)
        prepared = ((index, self._prepare(self._to_turn[index], one)) for index, one in outcomes)
        try:
            # each one at once, so that a run that is killed has to repeat only what is under way
            for waiting, made in zip(self._to_turn, in_order(prepared), strict=True):
                self._place(waiting.item, waiting.view, made)
                step()
        finally:
            for item, _ in tasks:
                self._partial(item).unlink(missing_ok=True)
        self._to_turn = []

    def _partial(self, item: Item) -> Path:
        return self._options.folder / f".{path_hash(item.name)}{PARTIAL_SUFFIX}"

    def _prepare(self, waiting: Waiting, outcome: Outcome) -> Prepared:
        """Store the outcome of `turn_item` in a partial file."""
        made = outcome.value if isinstance(outcome, Done) else fault_of(outcome).text
        if isinstance(made, str):
            self.not_turned += 1
            return Prepared(waiting.version, UNCHANGED + made)
        self.turned += 1
        path = self._partial(waiting.item)
        with translate_os_errors(path):
            path.write_bytes(made.content)
        change = "; ".join(filter(None, (made.change, waiting.unknown)))
        sha256 = hashlib.sha256(made.content).hexdigest()
        return Prepared(waiting.version, change, sha256, path, made.suffix)

    def _leave_turned(self, waiting: Waiting) -> Path | None:
        """Leave the turned copy of an image that has not changed; None if it must be made."""
        own_names = names_for(waiting.item.name, self._roots)
        for suffix in ("", PNG_SUFFIX):
            names = turned_names(own_names, suffix)
            for name in names:
                known = self._index.get(f"{waiting.view}/{name}")
                if known and waiting.has_made(known.change):
                    made = Prepared(waiting.version, known.change)
                    if path := self._leave(waiting.item, waiting.view, made, names):
                        self.turned += 1
                        return path
        return None

    def _leave(
        self, item: Item, view: Verdict, prepared: Prepared, names: Sequence[str]
    ) -> Path | None:
        """Leave the copy of an image that has not changed; None if there is none."""
        for name in names:
            known = self._index.get(f"{view}/{name}")
            if known and self._is_current(f"{view}/{name}", item, prepared):
                made = replace(prepared, sha256=known.sha256)
                return self._finish(item, view, name, made, is_renamed=name != names[0])
        return None

    def _is_current(self, place: str, item: Item, prepared: Prepared) -> bool:
        """Whether the copy of an item is as an earlier run has left it, and the item as well."""
        known = self._index.get(place)
        return (
            known is not None
            and not self._options.is_fresh
            and bool(prepared.version and known.sha256)
            and (known.version, known.change) == (prepared.version, prepared.change)
            and known.is_of(item)
            and is_plain_file(self._path(place))
            and known.copy_version == version_of(self._path(place))
        )

    def _place(self, item: Item, view: Verdict, prepared: Prepared) -> Path | None:
        key = file_key(item.name)
        if key in self._done:  # two inputs name one file
            return self._path(self._done[key])
        put: Put = copy
        if prepared.partial:
            put = partial(settle, prepared.partial)
        elif self._options.mode is PlacementMode.LINK and isinstance(item.source, FileSource):
            put = link
        own_names, earlier = names_for(item.name, self._roots), self._index.places_of(item)
        names = turned_names(own_names, prepared.suffix) if prepared.partial else own_names
        if put is copy and (path := self._leave(item, view, prepared, names)):
            return path
        try:
            # where it is already comes first, else it would move when others come or go
            for name in sorted(names, key=lambda name: f"{view}/{name}" not in earlier):
                place = f"{view}/{name}"
                if self._is_free(place, earlier) and self._put(put, item, place):
                    return self._finish(item, view, name, prepared, is_renamed=name != names[0])
        except UnreadableImage:  # it has vanished since it was classified
            self._set_unplaced(item)
            return None
        raise UnusableOutput(f"no free name for {item.name} in {self._options.folder / view}")

    def _finish(
        self, item: Item, view: Verdict, name: str, prepared: Prepared, *, is_renamed: bool
    ) -> Path:
        """Note where an image is now, and remove it from elsewhere."""
        place, earlier = f"{view}/{name}", self._index.places_of(item)
        self._index.put(place, self._placed(item, view, self._path(place), prepared))
        self._outdated.discard(place)
        self.orphans.pop(place, None)
        self._remove_others(item, place, earlier)
        self.renamed += is_renamed
        self._done[file_key(item.name)] = place
        return self._path(place)

    def _placed(self, item: Item, view: Verdict, path: Path, prepared: Prepared) -> Placed:
        is_copy = not path.is_symlink()
        copy_version = version_of(path) if is_copy else ""  # before its bytes are read
        return Placed(
            file=item.name,
            folder=folder_of(item.name),
            view=view,
            change=prepared.change,
            sha256=prepared.sha256 or (digest_of(path) if is_copy else ""),
            model=self._model,
            table=self._table,
            version=prepared.version if is_copy else "",
            copy_version=copy_version,
        )

    def _path(self, place: str) -> Path:
        return self._options.folder / place

    def _is_free(self, place: str, earlier: Sequence[str]) -> bool:
        """Whether no other image of this run or another table is there, not even the same bytes.

        A copy of a file that is gone may be that of the item, which was moved: then it has its
        bytes, or nothing can be put there.
        """
        return (
            place not in self._index
            or place in earlier
            or place in self._outdated
            or place in self.orphans
            or not os.path.lexists(self._path(place))
        )

    def _put(self, put: Put, item: Item, place: str) -> bool:
        path = self._path(place)
        with translate_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            return put(item, path, lambda: self._is_own(place, item))

    def _is_own(self, place: str, item: Item | None = None) -> bool:
        """Whether there is a link or a copy that this program has made and nobody has changed.

        item: that may be there; where this is not certain, a copy must have its bytes.
        """
        path, known = self._path(place), self._index.get(place)
        if item and is_link_to(path, absolute(item.name)):
            return True
        files = (known.path if known else "", item.name if item else "")
        if known is None or any(is_original(path, file) for file in files if file):
            return False
        if is_link_to(path, absolute(known.path)):
            return True
        is_certain = item is None or place in self._outdated or known.is_of(item)
        if is_certain and has_digest(path, known.sha256):
            return True
        return item is not None and known.may_be(item) and is_copy_of(path, item)

    def _remove_others(self, item: Item, kept: str, earlier: Sequence[str]) -> None:
        """Remove what earlier runs have made of an item elsewhere, also links without a line."""
        for place in earlier:
            if place != kept:
                self._remove(place, item)
        for place in places_named(names_for(item.name, self._roots)):
            if place != kept and is_link_to(self._path(place), absolute(item.name)):
                self._remove(place, item)

    def _remove(self, place: str, item: Item | None = None) -> bool:
        """Remove what is at a place if it is our own; False if it is not, or nothing is there."""
        path = self._path(place)
        with translate_os_errors(path):
            is_there = os.path.lexists(path)
            is_own = is_there and self._is_own(place, item)
            if is_own:
                path.unlink()
        known = self._index.get(place)
        if is_own or not is_there:
            self._index.remove(place)
        elif known and (item is None or known.is_of(item)):
            self.kept[place] = None
        return is_own

    def _set_outdated(self, place: str) -> None:
        """Let `remove_outdated` remove a link, or the line of what is no longer there."""
        path = self._path(place)
        if path.is_symlink() or not os.path.lexists(path):
            self._outdated.add(place)
        else:
            self.orphans[place] = None

    def _set_unplaced(self, item: Item) -> None:
        """Let `remove_outdated` remove what earlier runs have made of an item without a place."""
        key = file_key(item.name)
        for place in self._index.places_of(item):
            known = self._index.get(place)
            if known and known.key == key and key not in self._done:
                self._set_outdated(place)

    def remove_outdated(self) -> None:
        """Remove what this run, which is complete, has not placed; see `FolderSorter`.

        What somebody has changed stays, in the index as well, and so do orphans. Raises
        UnusableOutput.
        """
        finished = map(self._index.get, self._done.values())
        copied = {one.sha256 for one in finished if one} - {""}
        for place in list(self.orphans):
            known = self._index.get(place)
            if known and known.sha256 in copied:
                del self.orphans[place]  # its image was moved, and has another place now
                self._outdated.add(place)
        for place in sorted(self._outdated):
            self.removed += self._remove(place)

    def close(self) -> None:
        """Write the index. Raises UnusableOutput."""
        self._index.write()
