"""The label table: which file shows which view, of whom, from where; and how to part it fairly."""

import csv
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import MissingInput, WrongUse
from cxrview.views import View

NEEDED = ("file", "view")
OTHER, UNSAID = "other", ""  # a known view that is neither; none known. Such rows teach nothing.

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled image. An image without a known patient is a patient of its own."""

    file: str  # relative to the table's folder, or absolute
    view: View
    patient: str
    source: str = ""
    licence: str = ""

    @property
    def is_lateral(self) -> bool:
        """What the nets are taught."""
        return self.view is View.LATERAL


def _label(row: dict[str, str | None], where: str, skipped: Counter[str]) -> Label | None:
    name, view = (row["file"] or "").strip(), (row["view"] or "").strip().lower()
    if not name:
        raise WrongUse(f"{where}: no file is named")
    if view in (OTHER, UNSAID):
        skipped[view] += 1
        return None
    if view not in set(View):
        raise WrongUse(f"{where}: {name}: the view is {view!r}, wanted frontal or lateral")
    patient = (row.get("patient") or "").strip() or f"file {name}"
    source, licence = (row.get(column) or "" for column in ("source", "licence"))
    return Label(name, View(view), patient, source, licence)


def rows_of(path: Path) -> Iterator[tuple[str, dict[str, str | None]]]:
    """CSV with the columns file and view -> (file and line, values by column) of each row."""
    with path.open(newline="", encoding="utf-8-sig") as table:
        reader = csv.DictReader(table)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise WrongUse(f"{path}: no column {missing[0]!r}")
        for row in reader:
            yield f"{path}, line {reader.line_num}", row


def read_labels(path: Path) -> list[Label]:
    """CSV with the columns file, view and, if known, patient, source, licence -> labels.

    Rows whose view is `other` or empty are left out; how many is logged. Raises MissingInput if
    there is no such file; WrongUse, naming file and line, for a missing column, an unknown view, a
    file named twice, or a table without labels.
    """
    skipped: Counter[str] = Counter()
    try:
        found = [_label(row, where, skipped) for where, row in rows_of(path)]
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not a CSV table: {error}") from error
    labels = [label for label in found if label is not None]
    if skipped:
        _log.warning("%s: left out %d with view other, %d without a view",
                     path, skipped[OTHER], skipped[UNSAID])  # fmt: skip
    seen: set[str] = set()
    for label in labels:
        if label.file in seen:
            raise WrongUse(f"{path}: {label.file} is named twice")
        seen.add(label.file)
    if not labels:
        raise WrongUse(
            f"{path}: the table has no rows" + (" that are frontal or lateral" if skipped else "")
        )
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
