"""Which image is where in a sorted folder: index.csv, and the journal of a run that was killed."""

import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import csv_line
from cxrview.filenames import escape_name
from cxrview.inference.sorted_names import absolute, file_key
from cxrview.sources.files import is_remote
from cxrview.sources.find import Item, split_name
from cxrview.sources.folders import INDEX_FILE, JOURNAL_FILE, index_lines, journal_lines
from cxrview.views import Verdict

INDEX_COLUMNS = ("file", "placed", "view", "model", "change", "sha256", "folder", "table",
                 "version", "copy_version")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The image at one place in the folder."""

    file: str
    folder: str  # where that was found, if it is a relative path; else ""
    view: str
    change: str = ""  # how the copy was turned upright, or why not; "" where that was not asked for
    sha256: str = ""  # of a copy
    model: str = ""  # label of the one that decided
    table: str = ""  # that the run wrote, as a path from the sorted folder; "": none
    version: str = ""  # of the file before it was copied, see `version_text`
    copy_version: str = ""  # of the copy

    @property
    def path(self) -> str:
        """Where the image is, or was."""
        return self.file if is_remote(self.file) else os.path.join(self.folder, self.file)  # noqa: PTH118

    @property
    def key(self) -> str:
        """See `file_key`."""
        return file_key(self.path)

    def is_of(self, item: Item) -> bool:
        """Whether this is certainly the item."""
        return self.key == file_key(item.name)

    def may_be(self, item: Item) -> bool:
        """Whether this is the item, or was before both were moved together."""
        return self.is_of(item) or (
            self.file == item.name
            and bool(self.folder)
            and not os.path.lexists(split_name(self.path)[0])
        )


PLACED_FIELDS = tuple(one.name for one in fields(Placed))


class SortedIndex:
    """The places in a folder, each as "verdict/name", and what is there."""

    def __init__(self, folder: Path, guard: OutputGuard) -> None:
        """Read the index; a damaged one raises WrongUse. guard: of the index."""
        self._path, self._guard = folder / INDEX_FILE, guard
        self._journal_path = folder / JOURNAL_FILE
        self._current = absolute(".")
        self._places: dict[str, Placed] = {}
        # places by `file_key`, and by relative names from other folders; also outdated ones
        self._by_file: defaultdict[str, list[str]] = defaultdict(list)
        for path, read in ((self._path, index_lines), (self._journal_path, journal_lines)):
            for place, values in read(path) if path.exists() else ():
                with contextlib.suppress(TypeError):  # a line of the journal that is no other
                    known = {name: values[name] for name in PLACED_FIELDS if name in values}
                    self._store(place, Placed(**{"folder": "", **known}))

    def __contains__(self, place: str) -> bool:
        return place in self._places

    def get(self, place: str) -> Placed | None:
        """What is at a place; None for what this program has not put there."""
        return self._places.get(place)

    def items(self) -> Iterator[tuple[str, Placed]]:
        """The places, and what is there."""
        yield from self._places.items()

    def places_of(self, item: Item) -> list[str]:
        """Where the item is, and where it may be, see `Placed.may_be`."""
        keys = {file_key(item.name), item.name}
        places = dict.fromkeys(place for key in keys for place in self._by_file.get(key, ()))
        return [one for one in places if one in self._places and self._places[one].may_be(item)]

    def put(self, place: str, placed: Placed) -> None:
        """Note what is at a place now, also for a run after this one was killed."""
        if self._places.get(place) == placed:
            return
        self._store(place, placed)
        # after the line end, since the last line may not have been written to its end
        line = "\n" + json.dumps([place, asdict(placed)])
        with translate_os_errors(self._journal_path), self._journal_path.open("a") as file:
            file.write(line)

    def remove(self, place: str) -> None:
        """Forget what was at a place."""
        self._places.pop(place, None)

    def _store(self, place: str, placed: Placed) -> None:
        """Places outside the folders of the verdicts, which this program never wrote, are left."""
        parts = PurePath(place).parts
        if len(parts) < 2 or parts[0] not in set(Verdict) or ".." in parts:
            return
        self._places[place] = placed
        self._by_file[placed.key].append(place)
        if placed.folder and placed.folder != self._current:
            self._by_file[placed.file].append(place)

    def write(self) -> None:
        """Write index.csv, see INDEX_COLUMNS. Raises UnusableOutput."""
        with atomic_write(self._path, self._guard) as file, translate_os_errors(self._path):
            file.write((",".join(INDEX_COLUMNS) + "\n").encode())
            file.writelines(_to_line(place, one) for place, one in self._places.items())
        with translate_os_errors(self._journal_path):
            self._journal_path.unlink(missing_ok=True)


def _to_line(place: str, one: Placed) -> bytes:
    """The inverse of `index_lines`."""
    names = escape_name(one.file), escape_name(place)
    last = escape_name(one.folder), escape_name(one.table), one.version, one.copy_version
    values = (*names, one.view, one.model, one.change, one.sha256, *last)
    return csv_line(values).encode()
