"""Two tables of verdicts -> what differs between them, by the names of the files."""

from dataclasses import dataclass, field
from pathlib import Path

from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.rows import Row

ERROR = "error"  # in place of the verdict of an image that could not be read


@dataclass(frozen=True, slots=True)
class Result:
    """What a table says about one image."""

    verdict: str  # or ERROR
    p_lateral: float | None
    p_chest: float | None

    def is_near(self, other: "Result", tolerance: float) -> bool:
        """Whether both probabilities differ by at most `tolerance`, or are missing in both."""
        pairs = ((self.p_lateral, other.p_lateral), (self.p_chest, other.p_chest))
        return all(
            a is b or (a is not None and b is not None and abs(a - b) <= tolerance)
            for a, b in pairs
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One image with different results."""

    file: str
    old: Result
    new: Result


@dataclass(slots=True)
class TableDiff:
    """Differences of two tables, each in the order of the table that it comes from."""

    old_rows: int = 0
    new_rows: int = 0
    old_models: list[str] = field(default_factory=list)
    new_models: list[str] = field(default_factory=list)
    added: list[tuple[str, Result]] = field(default_factory=list)
    removed: list[tuple[str, Result]] = field(default_factory=list)
    verdicts: list[Change] = field(default_factory=list)  # another verdict, or an error
    probabilities: list[Change] = field(default_factory=list)  # with the same verdict

    @property
    def unchanged(self) -> int:
        """Number of images with the same verdict and nearly the same probabilities."""
        changed = len(self.added) + len(self.verdicts) + len(self.probabilities)
        return self.new_rows - changed

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return bool(self.added or self.removed or self.verdicts or self.probabilities)


def compare_tables(old: Path, new: Path, tolerance: float) -> TableDiff:
    """Compare two tables. tolerance: largest difference of probabilities that does not count.

    Raises MissingInput, MissingExtra, UnusableOutput or WrongUse for what is not a table, and
    WrongUse for one that has several rows of one image.
    """
    before: dict[str, Result] = {}
    diff = TableDiff()
    old_models: set[str] = set()
    new_models: set[str] = set()
    files: list[str] = []
    for row in read_rows(old):
        files.append(row.file)
        before[row.file] = result_of(row)
        old_models.add(row.model)
    check_unique(old, files)
    diff.old_rows, files = len(files), []
    for row in read_rows(new):
        files.append(row.file)
        diff.new_rows += 1
        new_models.add(row.model)
        result, earlier = result_of(row), before.pop(row.file, None)
        if earlier is None:
            diff.added.append((row.file, result))
        elif earlier.verdict != result.verdict:
            diff.verdicts.append(Change(row.file, earlier, result))
        elif not earlier.is_near(result, tolerance):
            diff.probabilities.append(Change(row.file, earlier, result))
    check_unique(new, files)
    diff.removed = list(before.items())
    diff.old_models, diff.new_models = sorted(old_models), sorted(new_models)
    return diff


def result_of(row: Row) -> Result:
    """What a row says about its image."""
    return Result(str(row.view or ERROR), row.p_lateral, row.p_chest)
