"""Labels and the rows of a table -> which belongs to which. Nothing is lost in silence."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.labels import Label
from cxrview.rows import Row


@dataclass(frozen=True, slots=True)
class Joined:
    """What found its counterpart, and what did not."""

    pairs: list[tuple[Label, Row]]  # in the order of the labels
    labels_without_row: list[Label]
    ambiguous: list[Label]  # with several rows, or beside another label of the same row
    rows_without_label: list[Row]
    is_by_ending: bool = False  # no path was the same


def join(labels: Sequence[Label], folder: Path, rows: Sequence[Row]) -> Joined:
    """folder: that label files are relative to; row files are relative to the current folder.

    A label's row is that of the same path, once both are resolved; else that of the same path if
    the row's is taken as relative to `folder` too. Only where this joins nothing at all, as when
    the files have moved, a row whose path ends in the label's.
    """
    same = _same_path(labels, folder, rows)
    is_by_ending = not any(same)
    found = _same_ending(labels, rows) if is_by_ending else same
    claims = Counter(numbers[0] for numbers in found if len(numbers) == 1)
    taken = {number for numbers in found for number in numbers}
    unlabelled = [row for number, row in enumerate(rows) if number not in taken]
    joined = Joined([], [], [], unlabelled, is_by_ending)
    for label, numbers in zip(labels, found, strict=True):
        if not numbers:
            joined.labels_without_row.append(label)
        elif len(numbers) > 1 or claims[numbers[0]] > 1:
            joined.ambiguous.append(label)
        else:
            joined.pairs.append((label, rows[numbers[0]]))
    return joined


def _same_path(labels: Sequence[Label], folder: Path, rows: Sequence[Row]) -> list[list[int]]:
    """The numbers of each label's rows."""
    here, there = (
        _index([resolved(place, row.file) for row in rows]) for place in (Path.cwd(), folder)
    )
    keys = [resolved(folder, label.file) for label in labels]
    return [here.get(key) or there.get(key, []) for key in keys]


def _same_ending(labels: Sequence[Label], rows: Sequence[Row]) -> list[list[int]]:
    """The same, by as many of the last parts of the rows' paths as a label's has."""
    wanted = [_parts(label.file) for label in labels]
    lengths = {len(parts) for parts in wanted}
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        parts = _parts(row.file)
        for length in lengths:
            if len(parts) >= length:
                index[parts[-length:]].append(number)
    return [index.get(parts, []) for parts in wanted]


def _index(keys: Sequence[str]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        index[key].append(number)
    return dict(index)


def _parts(file: str) -> tuple[str, ...]:
    return Path(os.path.normpath(file)).parts


def resolved(folder: Path, file: str) -> str:
    """One spelling for each file, links followed; a name that no file can have stands as it is."""
    try:
        return os.path.realpath(folder / file)
    except (OSError, ValueError):
        return file
