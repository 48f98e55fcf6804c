"""What was found of a collection: its rows, and by name all that did not become one."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """Why a file is not in the table. The column `problem` of the list of problems."""

    MISSING = "missing"  # the index names it, the disc has none
    UNREADABLE = "unreadable"
    REPEATED = "repeated"  # the index names it again, with another view
    UNNAMED = "unnamed"  # the disc has it, the index does not name it
    NO_DICOM = "no_dicom"  # an image, but without a header to ask
    NO_PIXELS = "no_pixels"  # a DICOM file that is a report, a plan, a directory


# The others are no fault of the copy: collections hold more than their index tells
GRAVE = frozenset((Fault.MISSING, Fault.UNREADABLE, Fault.REPEATED))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. file: relative to the root; view as in Entry."""

    file: str
    view: str
    patient: str
    original_view: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not in the table."""

    fault: Fault
    file: str
    reason: str


@dataclass(slots=True)
class Findings:
    """Rows and problems of one collection, as they come."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, fault: Fault, file: str, reason: str) -> None:
        """Note a file that is not in the table."""
        self.problems.append(Problem(fault, file, reason))

    def views(self) -> Counter[str]:
        """How many rows of each view."""
        return Counter(row.view for row in self.rows)

    def others(self) -> Counter[str]:
        """The collection's own words for the rows that are neither frontal nor lateral."""
        return Counter(row.original_view for row in self.rows if row.view == "other")

    def faults(self) -> Counter[Fault]:
        """How many files of each problem."""
        return Counter(problem.fault for problem in self.problems)

    @property
    def is_whole(self) -> bool:
        """Nothing that the collection promises is amiss."""
        return not GRAVE & self.faults().keys()
