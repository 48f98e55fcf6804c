"""A label table -> labels: which file shows which view, of which patient; and folds by patient."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.csv_text import TableRow, read_table
from cxrview.errors import WrongUse
from cxrview.views import View

NEEDED = ("file", "view")
SPLITS = ("training", "validation", "test")
SPELLINGS = {"train": "training", "valid": "validation", "val": "validation"}
OTHER, UNKNOWN = "other", ""  # in the column view: neither frontal nor lateral; not known

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled image. An image without a known patient counts as a patient of its own."""

    file: str  # relative to the folder of the table, or absolute
    view: View
    patient: str
    source: str = ""
    licence: str = ""
    original_view: str = ""  # in the words of the source: PA, AP, LL ...
    split: str = ""  # training, validation or test, where the table contains it
    line: int = field(default=0, compare=False)  # of the table

    @property
    def is_lateral(self) -> bool:
        """The target of the networks."""
        return self.view is View.LATERAL


def read_labels(path: Path) -> list[Label]:
    """Return the labels of a CSV table: file and view; optional are the other fields of Label.

    Rows whose view is `other` or empty are left out; their number is logged. Raises MissingInput if
    the file cannot be read; WrongUse, naming file and line, for a missing column, an unknown view,
    a file that occurs twice, or a table without labels.
    """
    labels: list[Label] = []
    skipped: Counter[str] = Counter()
    for line, row in read_table(path, NEEDED):
        view = row["view"].strip().lower()
        if row["file"].strip() and view in (OTHER, UNKNOWN):
            skipped[view] += 1
        else:
            labels.append(_label(row, view, path, line))
    if skipped:
        _log.warning("%s: left out %d with view other, %d without a view",
                     path, skipped[OTHER], skipped[UNKNOWN])  # fmt: skip
    _check(path, labels, bool(skipped))
    return labels


def _label(row: TableRow, view: str, path: Path, line: int) -> Label:
    where, name = f"{path}, line {line}", row["file"].strip()
    if not name:
        raise WrongUse(f"{where}: no file is named")
    if view not in set(View):
        raise WrongUse(f"{where}: {name}: the view is {view!r}, expected frontal or lateral")
    return Label(
        file=name,
        view=View(view),
        patient=row.get("patient", "").strip() or f"file {name}",
        source=row.get("source", ""),
        licence=row.get("licence", ""),
        original_view=row.get("original_view", ""),
        split=_split(row, where),
        line=line,
    )


def _split(row: TableRow, where: str) -> str:
    text = row.get("split", "").strip().lower()
    split = SPELLINGS.get(text, text)
    if split and split not in SPLITS:
        raise WrongUse(f"{where}: the split is {text!r}, expected one of {', '.join(SPLITS)}")
    return split


def _check(path: Path, labels: Sequence[Label], has_skipped: bool) -> None:
    """Raise WrongUse for a file that occurs twice, or for no labels."""
    seen: set[str] = set()
    for label in labels:
        if label.file in seen:
            raise WrongUse(f"{path}: {label.file} is named twice")
        seen.add(label.file)
    if not labels:
        kind = " that are frontal or lateral" if has_skipped else ""
        raise WrongUse(f"{path}: the table has no rows{kind}")


def folds_of(labels: Sequence[Label], count: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the fold of each label, (n,), 0 .. count - 1; folds never share a patient.

    Patients are assigned in descending order of their laterals, each to the fold with the fewest
    laterals (or images), so that both are spread evenly.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        groups[label.patient].append(number)
    names = sorted(groups)
    np.random.default_rng(seed).shuffle(names)
    laterals = {name: sum(labels[i].is_lateral for i in groups[name]) for name in names}
    sizes = np.zeros((count, 2), dtype=np.intp)  # laterals and images of each fold
    folds = np.zeros(len(labels), dtype=np.intp)
    for name in sorted(names, key=lambda name: -laterals[name]):
        key = (sizes[:, 1], sizes[:, 0]) if laterals[name] else (sizes[:, 1],)
        fold = int(np.lexsort(key)[0])
        folds[groups[name]] = fold
        sizes[fold] += laterals[name], len(groups[name])
    return folds
