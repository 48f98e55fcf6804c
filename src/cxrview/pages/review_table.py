"""A table that classify wrote -> what the pages of `cxrview review` filter, sort and show."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.errors import CxrviewError, MissingInput, Unreachable
from cxrview.filenames import unescape_name
from cxrview.inference.review import REASONS, ReviewReason, reason_of
from cxrview.inference.table_reader import check_unique, not_a_table, read_batches
from cxrview.sources.files import FileSource, RefusedSource, is_remote
from cxrview.sources.find import MEMBER_SEPARATOR, Item, find
from cxrview.stats.folders import FolderCounter, folders_of
from cxrview.views import Agreement, Verdict

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

FILES_TRIED = 50  # to learn which folder the names in the table are relative to
ARCHIVES_KNOWN = 4  # whose members are held in memory


class Show(StrEnum):
    """Which rows are shown."""

    NEEDS_LOOK = "needs_look"
    CONFLICT = "conflict"
    UNCERTAIN = "uncertain"
    NOT_CHEST = "not_chest"
    PROBLEM = "problem"
    NEAR_THRESHOLD = "near_threshold"
    TURNED = "turned"
    FRONTAL = "frontal"
    LATERAL = "lateral"
    ALL = "all"


class Checked(StrEnum):
    """Which rows are shown, by what people have done."""

    ANY = "any"
    OPEN = "open"  # nobody has looked at it
    DONE = "done"
    CORRECTED = "corrected"


class Sort(StrEnum):
    """The order of the rows."""

    URGENCY = "urgency"  # that of `inference.review`
    LOWEST = "lowest"  # P(lateral) ascending; rows without one come last
    HIGHEST = "highest"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Query:
    """What a page lists. source: index of a folder in `ReviewTable.sources`; None: all."""

    show: Show = Show.NEEDS_LOOK
    checked: Checked = Checked.ANY
    sort: Sort = Sort.URGENCY
    source: int | None = None


@dataclass(slots=True)
class ReviewTable:
    """The columns of a table, row by row; the id of an image is its row, counted from 1."""

    path: Path
    file: list[str] = field(default_factory=list)  # as in the table
    view: list[str] = field(default_factory=list)  # "" for an error
    p_lateral: Floats = field(default_factory=lambda: np.empty(0))
    p_chest: Floats = field(default_factory=lambda: np.empty(0))
    rotation: Floats = field(default_factory=lambda: np.empty(0))
    is_inverted: Mask = field(default_factory=lambda: np.empty(0, np.bool_))
    header_view: list[str] = field(default_factory=list)
    agreement: list[str] = field(default_factory=list)
    problem: list[str] = field(default_factory=list)  # error, or warning, or ""
    exclusion: list[str] = field(default_factory=list)  # the column `reason`
    why: list[ReviewReason | None] = field(default_factory=list)  # it needs a look
    models: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)  # folders, where the paths differ
    source: Indices = field(default_factory=lambda: np.empty(0, np.intp))  # index in `sources`

    def __len__(self) -> int:
        return len(self.file)

    def rows(self, query: Query, done: Mapping[int, str]) -> Indices:
        """Return the matching rows, counted from 0, in order. done: row -> label of a person."""
        mask = _SHOWN[query.show](self)
        if query.source is not None:
            mask = mask & (self.source == query.source)
        if query.checked is not Checked.ANY:
            mask = mask & self._checked_mask(query.checked, done)
        found = np.flatnonzero(mask)
        return found[_ORDERS[query.sort](self, found)]

    def _checked_mask(self, checked: Checked, done: Mapping[int, str]) -> Mask:
        mask = np.zeros(len(self), np.bool_)
        for row, label in done.items():
            mask[row] = checked is not Checked.CORRECTED or label != self.view[row]
        return ~mask if checked is Checked.OPEN else mask

    def count(self, show: Show) -> int:
        """Return the number of rows of one kind."""
        return int(_SHOWN[show](self).sum())


def _mask(values: Iterator[bool], count: int) -> Mask:
    return np.fromiter(values, np.bool_, count)


def _has_view(verdict: Verdict) -> Callable[[ReviewTable], Mask]:
    return lambda table: _mask((view == verdict for view in table.view), len(table))


_SHOWN: dict[Show, Callable[[ReviewTable], Mask]] = {
    Show.NEEDS_LOOK: lambda table: _mask((why is not None for why in table.why), len(table)),
    Show.CONFLICT: lambda table: _mask(
        (agreement == Agreement.CONFLICT for agreement in table.agreement), len(table)
    ),
    Show.UNCERTAIN: _has_view(Verdict.UNCERTAIN),
    Show.NOT_CHEST: _has_view(Verdict.NOT_CHEST),
    Show.PROBLEM: lambda table: _mask((one != "" for one in table.problem), len(table)),
    Show.NEAR_THRESHOLD: lambda table: _mask(
        (why is ReviewReason.NEAR_THRESHOLD for why in table.why), len(table)
    ),
    Show.TURNED: lambda table: (np.nan_to_num(table.rotation) > 0) | table.is_inverted,
    Show.FRONTAL: _has_view(Verdict.FRONTAL),
    Show.LATERAL: _has_view(Verdict.LATERAL),
    Show.ALL: lambda table: np.ones(len(table), np.bool_),
}


def _by_urgency(table: ReviewTable, rows: Indices) -> Indices:
    ranks = {reason: rank for rank, reason in enumerate(REASONS)}
    reasons = (table.why[row] for row in rows)
    urgency = np.array([ranks[why] if why else len(REASONS) for why in reasons], np.intp)
    distance = np.abs(np.nan_to_num(table.p_lateral[rows]) - 0.5)
    return np.lexsort((distance, urgency))


def _by_name(table: ReviewTable, rows: Indices) -> Indices:
    names = [table.file[row] for row in rows]
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.intp)


_ORDERS: dict[Sort, Callable[[ReviewTable, Indices], Indices]] = {
    Sort.URGENCY: _by_urgency,
    Sort.LOWEST: lambda table, rows: np.argsort(table.p_lateral[rows], kind="stable"),
    Sort.HIGHEST: lambda table, rows: np.argsort(-table.p_lateral[rows], kind="stable"),
    Sort.NAME: _by_name,
}


def read_review_table(path: Path) -> ReviewTable:
    """Read a table. Raises as `read_batches`, and WrongUse for a table without rows."""
    table = ReviewTable(path)
    folders = FolderCounter()
    numbers: dict[str, list[Floats]] = {name: [] for name in ("p_lateral", "p_chest", "rotation")}
    inverted: list[str] = []
    for batch in read_batches(path):
        table.file += batch.file
        for name in ("view", "header_view", "agreement"):  # few words: each is held once
            getattr(table, name).extend(map(sys.intern, getattr(batch, name)))
        inverted += map(sys.intern, batch.inverted)
        table.exclusion += map(sys.intern, batch.reason)
        table.problem += [error or warning for error, warning in zip(
            batch.error, batch.warning, strict=True)]  # fmt: skip
        table.why += map(
            reason_of, batch.view, batch.agreement, batch.p_lateral.tolist(),
            batch.p_chest.tolist(), batch.warning, batch.reason,
        )  # fmt: skip
        table.models.update(filter(None, batch.model))
        for name, values in numbers.items():
            values.append(getattr(batch, name))
        folders.add(batch.file, [("", "")] * len(batch))
    if unknown := set(table.view) - {"", *Verdict}:
        raise not_a_table(path, ValueError(f"{unknown.pop()!r} is no verdict"))
    if unknown := set(table.agreement) - set(Agreement):  # "" in a line that was cut off
        raise not_a_table(path, ValueError(f"{unknown.pop()!r} is no agreement"))
    if not table.file:
        raise MissingInput(f"{path} has no rows")
    check_unique(path, table.file)
    for name, values in numbers.items():
        setattr(table, name, np.concatenate(values))
    table.is_inverted = _mask((text == "true" for text in inverted), len(table))
    _find_sources(table, folders)
    return table


def _find_sources(table: ReviewTable, folders: FolderCounter) -> None:
    level = folders.level()
    if level is None:
        table.sources, table.source = ["."], np.zeros(len(table), np.intp)
        return
    parts = [folders_of(file, level.depth) for file in table.file]
    number = {one: index for index, one in enumerate(sorted(set(parts)))}
    table.sources = [folder.name for folder in level.folders]
    table.source = np.array([number[one] for one in parts], np.intp)


def folder_of_names(table: ReviewTable) -> Path:
    """Return the folder that the names in a table are relative to: the current one, or its own.

    Raises MissingInput if of many files none is in either.
    """
    readable = [file for file, view in zip(table.file, table.view, strict=True) if view]
    tried = [unescape_name(file) for file in readable[:: len(readable) // FILES_TRIED + 1]]
    folders = (Path.cwd(), table.path.absolute().parent)
    for folder in folders:
        if not tried or any(_is_there(folder, name) for name in tried):
            return folder
    raise MissingInput(
        f"{table.path}: none of {len(tried)} images is there, of which the first is {tried[0]!r}: "
        "start the command in the folder where you ran classify"
    )


def _is_there(folder: Path, name: str) -> bool:
    return is_remote(name) or os.path.lexists(folder / name.partition(MEMBER_SEPARATOR)[0])


class RowItems(Mapping[int, Item]):
    """The images of a table by id, each made when it is asked for: a table may be long."""

    def __init__(self, table: ReviewTable, folder: Path) -> None:
        self._files, self._folder = table.file, str(folder)

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, len(self) + 1))

    def __contains__(self, key: Any) -> bool:
        return isinstance(key, int) and 1 <= key <= len(self)

    def __getitem__(self, key: int) -> Item:
        if key not in self:
            raise KeyError(key)
        name = unescape_name(self._files[key - 1])
        try:
            if is_remote(name):
                return find([name], storage=True)[0]
            path = os.path.join(self._folder, name)  # noqa: PTH118 - odd bytes
            if MEMBER_SEPARATOR not in name or os.path.lexists(path):
                return Item(path, FileSource(path))
            return _members(path.partition(MEMBER_SEPARATOR)[0])[path]
        except (CxrviewError, LookupError) as error:
            return Item(name, RefusedSource(Unreachable, f"is not there any more: {error}"))


@lru_cache(ARCHIVES_KNOWN)
def _members(archive: str) -> dict[str, Item]:
    return {item.name: item for item in find([archive])}
