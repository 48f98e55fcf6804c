"""A table that classify wrote -> what the pages of `cxrview review` filter, sort and show."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.errors import CxrviewError, MissingInput, Unreachable
from cxrview.filenames import unescape_name
from cxrview.images import Mask, Numbers
from cxrview.inference.review import REASONS, ReviewReason
from cxrview.inference.table_reader import (
    check_unique,
    folder_of_names,
    not_a_table,
    read_batches,
    review_reasons,
)
from cxrview.sources.files import MEMBER_SEPARATOR, FileSource, RefusedSource, is_remote
from cxrview.sources.find import Item, find
from cxrview.stats.folders import FolderCounter, folders_of
from cxrview.views import Agreement, Verdict

Indices = npt.NDArray[np.intp]
Texts = npt.NDArray[np.object_]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewTable:
    """The columns of a table, row by row; the id of an image is its row, counted from 1."""

    path: Path
    file: list[str]  # as in the table
    view: Texts  # "" for an error
    p_lateral: Numbers
    p_chest: Numbers
    rotation: Numbers
    is_inverted: Mask
    header_view: Texts
    agreement: Texts
    problem: Texts  # error, or warning, or ""
    exclusion: Texts  # the column `reason`
    why: Texts  # ReviewReason of a row that needs a look, or ""
    models: set[str]
    sources: list[str]  # folders, where the paths differ
    source: Indices  # index in `sources`

    def __len__(self) -> int:
        return len(self.file)

    def folder_of_names(self) -> Path:
        """Return the folder that the names are relative to; raises MissingInput."""
        readable = [unescape_name(self.file[row]) for row in np.flatnonzero(self.view != "")]
        return folder_of_names(self.path, readable)

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

    def probabilities(self, row: int) -> tuple[float | None, float | None]:
        """Return P(lateral) and P(chest) of a row; None where the table has none."""
        p_lateral, p_chest = (
            None if np.isnan(value) else float(value)
            for value in (self.p_lateral[row], self.p_chest[row])
        )
        return p_lateral, p_chest


_SHOWN: dict[Show, Callable[[ReviewTable], Mask]] = {
    Show.NEEDS_LOOK: lambda table: table.why != "",
    Show.CONFLICT: lambda table: table.agreement == Agreement.CONFLICT,
    Show.UNCERTAIN: lambda table: table.view == Verdict.UNCERTAIN,
    Show.NOT_CHEST: lambda table: table.view == Verdict.NOT_CHEST,
    Show.PROBLEM: lambda table: table.problem != "",
    Show.NEAR_THRESHOLD: lambda table: table.why == ReviewReason.NEAR_THRESHOLD,
    Show.TURNED: lambda table: (np.nan_to_num(table.rotation) > 0) | table.is_inverted,
    Show.FRONTAL: lambda table: table.view == Verdict.FRONTAL,
    Show.LATERAL: lambda table: table.view == Verdict.LATERAL,
    Show.ALL: lambda table: np.ones(len(table), np.bool_),
}


def _by_urgency(table: ReviewTable, rows: Indices) -> Indices:
    ranks = {reason: rank for rank, reason in enumerate(REASONS)}
    urgency = np.array([ranks.get(why, len(REASONS)) for why in table.why[rows]], np.intp)
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
    folders, models = FolderCounter(), set[str]()
    texts: dict[str, list[str]] = defaultdict(list)
    numbers: dict[str, list[Numbers]] = defaultdict(list)
    for batch in read_batches(path):
        texts["file"] += batch.file
        for name in ("view", "header_view", "agreement", "inverted", "reason"):
            texts[name] += map(sys.intern, getattr(batch, name))  # few words: each is stored once
        texts["problem"] += [
            error or warning for error, warning in zip(batch.error, batch.warning, strict=True)
        ]
        for name in ("p_lateral", "p_chest", "rotation"):
            numbers[name].append(getattr(batch, name))
        texts["why"] += (reason or "" for reason in review_reasons(batch))
        models.update(filter(None, batch.model))
        folders.add(batch.file, [("", "")] * len(batch))
    if unknown := set(texts["view"]) - {"", *Verdict}:
        raise not_a_table(path, ValueError(f"{unknown.pop()!r} is no verdict"))
    if unknown := set(texts["agreement"]) - set(Agreement):  # "" in a line that was cut off
        raise not_a_table(path, ValueError(f"{unknown.pop()!r} is no agreement"))
    if not texts["file"]:
        raise MissingInput(f"{path} has no rows")
    file = texts.pop("file")
    check_unique(path, file)
    sources, source = _sources(file, folders)
    columns: dict[str, Any] = {name: np.array(text, np.object_) for name, text in texts.items()}
    columns |= {name: np.concatenate(values) for name, values in numbers.items()}
    return ReviewTable(
        path=path, file=file, models=models, sources=sources, source=source,
        exclusion=columns.pop("reason"), is_inverted=columns.pop("inverted") == "true", **columns,
    )  # fmt: skip


def _sources(files: list[str], folders: FolderCounter) -> tuple[list[str], Indices]:
    """Return the folders, and the index of its folder for each file."""
    level = folders.level()
    if level is None:
        return ["."], np.zeros(len(files), np.intp)
    parts = [folders_of(file, level.depth) for file in files]
    number = {one: index for index, one in enumerate(sorted(set(parts)))}
    return [one.name for one in level.folders], np.array([number[one] for one in parts], np.intp)


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
