"""A label table -> labels: which file shows which view, of which patient; and folds by patient."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.csv_text import TableRow, identifier, read_table
from cxrview.errors import WrongUse
from cxrview.views import View, view_of_position

REQUIRED_COLUMNS = ("file", "view")
SPLITS = ("training", "validation", "test")
# `excluded` in images.csv: by its licence
SPLIT_SYNONYMS = {"train": "training", "valid": "validation", "val": "validation",
                  "excluded": "test"}  # fmt: skip
# Views as labels spell them, beside the view positions of DICOM in `views.VIEW_POSITIONS`
VIEW_SYNONYMS = {"F": View.FRONTAL, "FRONT": View.FRONTAL, "SIDE": View.LATERAL}
# Column `reason` of a table whose images `sample`, `label` or `review` has drawn by a rule, or a
# person has chosen: not representative
SELECTIVE_REASONS = frozenset(
    ("typical", "likely_lateral", "asymmetric", "uncertain", "reviewed", "stratified")
)
ROTATION_WORDS = ("0", "90", "180", "270")
TRUE_WORDS = ("true", "1", "yes")
INVERTED_WORDS = (*TRUE_WORDS, "false", "0", "no")
MAX_ERRORS = 20  # lines that one message names
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
    drawn_as: str = ""  # why `cxrview sample` has drawn it: column `reason`
    rotation: int = 0  # degrees clockwise that make the image upright: 0, 90, 180 or 270
    inverted: bool = False  # bone dark
    line: int = field(default=0, compare=False)  # of the table

    @property
    def is_lateral(self) -> bool:
        """The target of the networks."""
        return self.view is View.LATERAL


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """Columns of a label table that `sample` and `label` copy as they stand, "" if absent."""

    licence: str = ""
    original_view: str = ""
    split: str = ""
    rotation: str = ""
    inverted: str = ""


COPIED_COLUMNS = tuple(one.name for one in fields(CopiedColumns))
NOTHING_COPIED = CopiedColumns()


def copied_columns(row: TableRow) -> CopiedColumns:
    """Return the columns to copy of a row; a view position in `view` is its original view."""
    values = {name: row.get(name, "") for name in COPIED_COLUMNS}
    return CopiedColumns(**{**values, "original_view": _original_view(row)})


def read_labels(path: Path) -> list[Label]:
    """Return the labels of a CSV table: file and view; optional are the other fields of Label.

    The view may also be a view position (PA, AP, LL, LAT ...); column names may be in any case.
    Rows whose view is `other` or empty are left out; their number is logged. Raises MissingInput if
    the file cannot be read; WrongUse for a missing column or a table without labels; and WrongUse
    that names all lines with an unknown view or split, no file, or a file that occurs twice, also
    in another spelling (`./a.png`, an absolute path); links are not followed.
    """
    folder = os.path.abspath(path.parent)  # noqa: PTH100 - Path.absolute keeps `..`
    labels: dict[str, Label] = {}  # by absolute path
    skipped: Counter[str] = Counter()
    errors: list[str] = []
    for line, row in read_table(path, REQUIRED_COLUMNS, lower_case=True, errors=errors):
        view = row["view"].strip().lower()
        if row["file"].strip() and view in (OTHER, UNKNOWN):
            skipped[view] += 1
            continue
        try:
            label = _label(row, line)
        except ValueError as error:
            errors.append(f"line {line}: {error}")
            continue
        where = os.path.normpath(os.path.join(folder, label.file))  # noqa: PTH118 - ten times faster
        first = labels.setdefault(where, label)
        if first is not label:
            errors.append(f"line {line}: {label.file} is named twice, first in line {first.line}")
    _raise_errors(path, errors)
    if skipped:
        _log.warning("%s: left out %d with view other, %d without a view",
                     path, skipped[OTHER], skipped[UNKNOWN])  # fmt: skip
    if not labels:
        kind = " that are frontal or lateral" if skipped else ""
        raise WrongUse(f"{path}: the table has no rows{kind}")
    return list(labels.values())


def _raise_errors(path: Path, errors: Sequence[str]) -> None:
    """Raise WrongUse with all errors, a line for each; of very many, the first."""
    if len(errors) == 1:
        raise WrongUse(f"{path}, {errors[0]}")
    if errors:
        more = len(errors) - MAX_ERRORS
        shown = [*errors[:MAX_ERRORS], *([f"... and {more:,} more"] if more > 0 else [])]
        raise WrongUse("\n  ".join([f"{path}: {len(errors):,} lines are wrong", *shown]))


def view_of_label(text: str) -> View | None:
    """Return the view of a label (frontal, PA, LL, side ...); None for another text."""
    return view_of_position(text) or VIEW_SYNONYMS.get(text.strip().upper())


def _label(row: TableRow, line: int) -> Label:
    """Raises ValueError with what is wrong in the line."""
    name, text = row["file"].strip(), row["view"].strip()
    if not name:
        raise ValueError("no file is named")
    view = view_of_label(text)
    if view is None:
        raise ValueError(
            f"{name}: the view is {text!r}, expected frontal or lateral, or PA, AP, LL, LAT ..."
        )
    return Label(
        file=name,
        view=view,
        patient=identifier(row.get("patient", "").strip()) or f"file {name}",
        source=row.get("source", ""),
        licence=row.get("licence", ""),
        original_view=_original_view(row),
        split=_split(row),
        drawn_as=row.get("reason", ""),
        rotation=int(_choice(row, "rotation", ROTATION_WORDS) or 0),
        inverted=_choice(row, "inverted", INVERTED_WORDS) in TRUE_WORDS,
        line=line,
    )


def _original_view(row: TableRow) -> str:
    """Return the view in the words of the source: `original_view`, or PA, LL ... in `view`."""
    text = row.get("view", "").strip()
    view = view_of_label(text)
    return row.get("original_view", "") or ("" if view in (None, text.lower()) else text)


def _choice(row: TableRow, column: str, words: Sequence[str]) -> str:
    """Return one of the words, or "" for an empty cell; raises ValueError for anything else."""
    text = row.get(column, "").strip().lower().removesuffix(".0")
    if text and text not in words:
        raise ValueError(f"the {column} is {text!r}, expected one of {', '.join(words)}")
    return text


def _split(row: TableRow) -> str:
    split = _choice(row, "split", (*SPLITS, *SPLIT_SYNONYMS))
    return SPLIT_SYNONYMS.get(split, split)


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
