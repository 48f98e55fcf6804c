"""The listing of a collection or sample: its images, its problems, and the two tables of them."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import csv_table
from cxrview.errors import UnusableOutput
from cxrview.filenames import escape_name, is_utf8
from cxrview.labels import OTHER

LABEL_COLUMNS = ("file", "view", "patient", "source", "original_view")
PROBLEM_COLUMNS = ("problem", "file", "reason")


class ProblemKind(StrEnum):
    """Why a file is not in the label table: the column `problem` of the table of problems."""

    MISSING = "missing"  # in the index, but not on disk
    UNREADABLE = "unreadable"
    REPEATED = "repeated"  # several times in the index, with different views
    UNNAMED = "unnamed"  # on disk, but not in the index
    NO_DICOM = "no_dicom"  # an image without a DICOM header
    NO_PIXELS = "no_pixels"  # a DICOM file without an image: a report, a plan, a directory


# Problems of the copy on disk. Those of the other kinds are normal in a complete collection.
SERIOUS_PROBLEMS = frozenset((ProblemKind.MISSING, ProblemKind.UNREADABLE, ProblemKind.REPEATED))


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One row of the label table. file: relative to the root of the collection."""

    file: str
    view: str  # frontal, lateral, other or empty
    patient: str
    original_view: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not in the label table."""

    kind: ProblemKind
    file: str
    reason: str


@dataclass(slots=True)
class CollectionListing:
    """Images and problems of a collection, in the order in which they were found."""

    images: list[ListedImage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, kind: ProblemKind, file: str, reason: str) -> None:
        """Append a file that is not in the label table."""
        self.problems.append(Problem(kind, file, reason))

    def views(self) -> Counter[str]:
        """Return the number of images of each view."""
        return Counter(image.view for image in self.images)

    def other_views(self) -> Counter[str]:
        """Return the number of images of each original view that is not frontal or lateral."""
        return Counter(image.original_view for image in self.images if image.view == OTHER)

    def problem_kinds(self) -> Counter[ProblemKind]:
        """Return the number of problems of each kind."""
        return Counter(problem.kind for problem in self.problems)

    @property
    def is_complete(self) -> bool:
        """Whether every image of the collection is present and readable."""
        return not SERIOUS_PROBLEMS & self.problem_kinds().keys()


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A label table to write: a path that ends in .csv, in an existing folder.

    Raises UnusableOutput, also if the table exists: a person may have written labels into it.
    """

    path: Path
    may_overwrite: bool = False
    record: Path | None = None  # of what a command has written that may write it again

    def __post_init__(self) -> None:
        if self.path.suffix.lower() != ".csv":
            raise UnusableOutput(f"{self.path}: a label table ends in .csv")
        if not os.path.isdir(self.path.absolute().parent):  # noqa: PTH112 - is_dir may raise
            raise UnusableOutput(f"{self.path.parent}: no such folder")
        for path in (self.path, self.problems):
            self.guard.check(path)

    @property
    def guard(self) -> OutputGuard:
        """Whether the tables may replace files."""
        return OutputGuard(self.may_overwrite, self.record)

    @property
    def problems(self) -> Path:
        """The table of problems: `labels.csv` -> `labels.problems.csv`."""
        return self.path.with_name(f"{self.path.stem}.problems.csv")

    def relative(self, path: str) -> str:
        """Return an absolute path relative to the table if it lies in its folder or below."""
        folder = str(self.path.absolute().parent).rstrip("/") + "/"
        return path.removeprefix(folder)


def write_listing(table: LabelTable, listing: CollectionListing, root: Path, source: str) -> None:
    """Write label table and table of problems of a collection that lies in the folder `root`.

    An image whose name is not UTF-8 becomes a problem. Raises UnusableOutput.
    """
    start = str(root.absolute()).rstrip("/") + "/"
    for image in listing.images:
        if not is_utf8(image.file):
            listing.add_problem(ProblemKind.UNREADABLE, image.file, "its name is not UTF-8")
    rows = [
        (table.relative(start + one.file), one.view, one.patient, source, one.original_view)
        for one in listing.images
        if is_utf8(one.file)
    ]
    write_tables(table, LABEL_COLUMNS, rows, listing.problems, start)


def write_tables(
    table: LabelTable,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    problems: Sequence[Problem],
    start: str = "",
) -> None:
    """Write both tables; without problems, an earlier table of problems is deleted.

    start: prefix of the names of the problems' files.
    """
    with ExitStack() as stack:
        if problems:
            file = stack.enter_context(atomic_write(table.problems, table.guard))
            stack.enter_context(translate_os_errors(table.problems))
            lines = (
                (problem.kind, escape_name(table.relative(start + problem.file)), problem.reason)
                for problem in problems
            )
            file.write(csv_table(PROBLEM_COLUMNS, lines).encode())
        file = stack.enter_context(atomic_write(table.path, table.guard))
        stack.enter_context(translate_os_errors(table.path))
        file.write(csv_table(columns, rows).encode())
    if not problems:
        table.problems.unlink(missing_ok=True)
