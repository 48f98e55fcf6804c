"""A folder, or the table that classify wrote of it -> a model's confident verdicts as labels."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import printable
from cxrview.inference.classification import classify_items
from cxrview.inference.table_reader import check_unique, folder_of_names, read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES, open_table_writer
from cxrview.labels import Label
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.files import MEMBER_SEPARATOR, is_remote
from cxrview.sources.find import Item, find
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.checkpoint import RunFolder
from cxrview.views import Verdict, View

VERDICT_VIEWS: dict[Verdict | None, View] = {
    Verdict.FRONTAL: View.FRONTAL,
    Verdict.LATERAL: View.LATERAL,
}
VERDICTS_FILE = "verdicts.csv"


@dataclass(frozen=True, slots=True)
class Unlabeled:
    """Images to train further on: either items to classify, or the rows of a table that were.

    folder: what the names in the rows are relative to.
    """

    items: Sequence[Item]
    rows: Sequence[Row] = ()
    folder: Path = field(default_factory=Path.cwd)

    @property
    def files(self) -> list[tuple[object, str | Path]]:
        """What determines the training on each image, and its path."""
        return [
            *((item.name, item.name) for item in self.items),
            *((row, self.folder / row.file) for row in self.rows),
        ]


def find_unlabeled(place: str, model: str) -> Unlabeled:
    """List the images at a place, or read the table there.

    model: the label of the model whose verdicts they are. Raises MissingInput where there are no
    images; WrongUse for a table of another model, or one that is none.
    """
    items = find([place])
    table = Path(place)
    if table.suffix.lower() in TABLE_SUFFIXES and table.is_file():
        return _read_verdicts(table, model)
    if not items:
        raise MissingInput(f"no images in {place}")
    return Unlabeled(items)


def _read_verdicts(table: Path, model: str) -> Unlabeled:
    rows = list(read_rows(table))
    if not rows:
        raise MissingInput(f"{table} has no rows")
    check_unique(table, [row.file for row in rows])
    if others := sorted({row.model for row in rows} - {model}):
        names = printable(", ".join(name or "unknown" for name in others))
        raise WrongUse(f"{table} holds verdicts of another model ({names}), not of {model}")
    classified = [row.file for row in rows if row.view is not None]
    return Unlabeled((), rows, folder_of_names(table, classified))


def classify_unlabeled(
    unlabeled: Unlabeled, model: str, jobs: int | None, folder: RunFolder, callbacks: TrainCallbacks
) -> Sequence[Row]:
    """Return the rows of the table that was named, or of an earlier try, else classify now.

    model: its name or file.
    """
    if unlabeled.rows:
        return unlabeled.rows
    table, items = folder.path / VERDICTS_FILE, unlabeled.items
    if not table.exists():
        with (
            open_table_writer(table, load(model).label) as write,
            callbacks.progress("classifying images", len(items)) as step,
        ):
            for row in classify_items(items, model, jobs):
                write(row)
                step(row.view is None)
    return list(read_rows(table))


@dataclass(frozen=True, slots=True)
class ConfidentVerdicts:
    """Verdicts to train on, and how many others there are, by the reason."""

    labels: list[Label]
    left_out: Counter[str]

    def text(self) -> str:
        """Return both numbers as one line of text."""
        total = len(self.labels) + self.left_out.total()
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.most_common())
        found = f"verdicts confident enough to train on: {len(self.labels):,} of {total:,}"
        return f"{found}; left out: {reasons}" if reasons else found


def confident_verdicts(rows: Iterable[Row], folder: Path) -> ConfidentVerdicts:
    """Turn confident verdicts on files into labels. folder: what names are relative to.

    Images that lie rotated or inverted are left out: the training takes its images for upright
    ones with bright bones.
    """
    chosen = ConfidentVerdicts([], Counter())
    for row in rows:
        if reason := _exclusion(row, folder):
            chosen.left_out[reason] += 1
        else:
            file = os.path.realpath(folder / row.file)
            view = VERDICT_VIEWS[row.view]
            chosen.labels.append(Label(file, view, f"file {row.file}", "verdicts"))
    return chosen


def _exclusion(row: Row, folder: Path) -> str:
    """Return why a row is not trained on; "" for one that is."""
    if row.view is None:
        return "unreadable"
    if row.view not in VERDICT_VIEWS:
        return "not confident"
    if row.rotation or row.inverted:
        return "rotated or inverted"
    if os.path.isfile(folder / row.file):  # noqa: PTH113 - is_file may raise
        return ""
    archive, separator, _ = row.file.partition(MEMBER_SEPARATOR)
    if is_remote(row.file) or (separator and os.path.isfile(folder / archive)):  # noqa: PTH113
        return "in an archive or object storage"
    return "not found"
