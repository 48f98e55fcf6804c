"""The label table: which file shows which view, of whom, from where; and how to part it fairly."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import MissingInput, WrongUse
from cxrview.views import View

NEEDED = ("file", "view")
REMARKS = ("source", "licence", "original_view")


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled image. An image without a known patient is a patient of its own."""

    file: str  # relative to the table's folder, or absolute
    view: View
    patient: str
    source: str = ""
    licence: str = ""
    original_view: str = ""  # as the source calls it: PA, AP, LL ...

    @property
    def is_lateral(self) -> bool:
        """What the nets are taught."""
        return self.view is View.LATERAL


def _label(row: dict[str, str | None], where: str) -> Label:
    name, view = (row["file"] or "").strip(), (row["view"] or "").strip().lower()
    if not name:
        raise WrongUse(f"{where}: no file is named")
    if view not in set(View):
        raise WrongUse(f"{where}: {name}: the view is {view!r}, wanted frontal or lateral")
    patient = (row.get("patient") or "").strip() or f"file {name}"
    return Label(name, View(view), patient, *(row.get(column) or "" for column in REMARKS))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str | None]]]:
    with path.open(newline="", encoding="utf-8-sig") as table:
        reader = csv.DictReader(table)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise WrongUse(f"{path}: no column {missing[0]!r}")
        for row in reader:
            yield f"{path}, line {reader.line_num}", row


def read_labels(path: Path) -> list[Label]:
    """CSV -> labels. Columns: file, view; if known, patient, source, licence, original_view.

    Raises MissingInput if there is no such file; WrongUse, naming file and line, for a missing
    column, an unknown view, a file named twice, or an empty table.
    """
    try:
        labels = [_label(row, where) for where, row in _rows(path)]
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not a CSV table: {error}") from error
    seen: set[str] = set()
    for label in labels:
        if label.file in seen:
            raise WrongUse(f"{path}: {label.file} is named twice")
        seen.add(label.file)
    if not labels:
        raise WrongUse(f"{path}: the table has no rows")
    return labels


def folds_of(labels: Sequence[Label], count: int, seed: int) -> npt.NDArray[np.intp]:
    """(n,) fold of each label, 0 .. count - 1: no patient in two, laterals and images spread.

    Patients with most laterals are dealt first, each to the fold that has the fewest.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        groups[label.patient].append(number)
    names = sorted(groups)
    np.random.default_rng(seed).shuffle(names)
    laterals = {name: sum(labels[i].is_lateral for i in groups[name]) for name in names}
    held = np.zeros((count, 2), dtype=np.intp)  # laterals and images of each fold
    folds = np.zeros(len(labels), dtype=np.intp)
    for name in sorted(names, key=lambda name: -laterals[name]):
        key = (held[:, 1], held[:, 0]) if laterals[name] else (held[:, 1],)
        fold = int(np.lexsort(key)[0])
        folds[groups[name]] = fold
        held[fold] += laterals[name], len(groups[name])
    return folds
