"""The label table: which file shows which view, of whom, from where; and how to part it fairly."""

import csv
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import MissingInput, WrongUse
from cxrview.views import View

NEEDED = ("file", "view")
REMARKS = ("source", "licence", "original_view")
SPLITS = ("training", "validation", "test")
SPELLINGS = {"train": "training", "valid": "validation", "val": "validation"}
OTHER, UNSAID = "other", ""  # a known view that is neither; none known. Such rows teach nothing.

Values = dict[str, str | None]  # of a row, by column

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled image. An image without a known patient is a patient of its own."""

    file: str  # relative to the table's folder, or absolute
    view: View
    patient: str
    source: str = ""
    licence: str = ""
    original_view: str = ""  # as the source calls it: PA, AP, LL ...
    split: str = ""  # training, validation or test, where the table says so
    line: int = field(default=0, compare=False)  # of the table

    @property
    def is_lateral(self) -> bool:
        """What the nets are taught."""
        return self.view is View.LATERAL


def _split(row: Values, where: str) -> str:
    text = (row.get("split") or "").strip().lower()
    split = SPELLINGS.get(text, text)
    if split and split not in SPLITS:
        raise WrongUse(f"{where}: the split is {text!r}, wanted one of {', '.join(SPLITS)}")
    return split


def _label(row: Values, where: str, line: int) -> Label:
    name, view = (row["file"] or "").strip(), _view(row)
    if not name:
        raise WrongUse(f"{where}: no file is named")
    if view not in set(View):
        raise WrongUse(f"{where}: {name}: the view is {view!r}, wanted frontal or lateral")
    patient = (row.get("patient") or "").strip() or f"file {name}"
    source, licence, original_view = (row.get(column) or "" for column in REMARKS)
    split = _split(row, where)
    return Label(name, View(view), patient, source, licence, original_view, split, line)


def _view(row: Values) -> str:
    return (row["view"] or "").strip().lower()


def _numbered(path: Path) -> Iterator[tuple[int, Values]]:
    """Line and values of each row."""
    with path.open(newline="", encoding="utf-8-sig") as table:
        reader = csv.DictReader(table)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise WrongUse(f"{path}: no column {missing[0]!r}")
        for row in reader:
            yield reader.line_num, row


def rows_of(path: Path) -> Iterator[tuple[str, Values]]:
    """CSV with the columns file and view -> (file and line, values by column) of each row."""
    for line, row in _numbered(path):
        yield f"{path}, line {line}", row


def read_labels(path: Path) -> list[Label]:
    """CSV -> labels. Columns: file, view; if known, patient, split and REMARKS.

    Rows whose view is `other` or empty are left out; how many is logged. Raises MissingInput if
    there is no such file; WrongUse, naming file and line, for a missing column, an unknown view, a
    file named twice, or a table without labels.
    """
    labels: list[Label] = []
    skipped: Counter[str] = Counter()
    try:
        for line, row in _numbered(path):
            if (row["file"] or "").strip() and _view(row) in (OTHER, UNSAID):
                skipped[_view(row)] += 1
            else:
                labels.append(_label(row, f"{path}, line {line}", line))
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not a CSV table: {error}") from error
    if skipped:
        _log.warning("%s: left out %d with view other, %d without a view",
                     path, skipped[OTHER], skipped[UNSAID])  # fmt: skip
    _check(path, labels, bool(skipped))
    return labels


def _check(path: Path, labels: Sequence[Label], has_skipped: bool) -> None:
    """Raises WrongUse for a file named twice, or for no labels."""
    seen: set[str] = set()
    for label in labels:
        if label.file in seen:
            raise WrongUse(f"{path}: {label.file} is named twice")
        seen.add(label.file)
    if not labels:
        kind = " that are frontal or lateral" if has_skipped else ""
        raise WrongUse(f"{path}: the table has no rows{kind}")


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
