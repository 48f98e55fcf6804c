"""Two tables of verdicts -> what differs between them, by the names of the files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from cxrview.inference.corrections import read_column
from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.rows import Row

ERROR = "error"  # in place of the verdict of an image that could not be read


@dataclass(frozen=True, slots=True)
class Details:
    """What a table says about one image beside verdict and probabilities.

    rotation, inverted: None where the model is not sure. sop_instance_uid: empty in tables without
    identifiers.
    """

    header_view: str
    agreement: str
    rotation: int | None
    inverted: bool | None
    warning: str
    sop_instance_uid: str

    def changes(self, new: "Details") -> dict[str, tuple[object, object]]:
        """Column -> values, for those that differ; values that are not known differ from none."""
        names = [one.name for one in fields(self)]
        pairs = {name: (getattr(self, name), getattr(new, name)) for name in names}
        for name, unknown in (("rotation", None), ("inverted", None), ("sop_instance_uid", "")):
            if unknown in pairs[name]:
                del pairs[name]
        return {name: (a, b) for name, (a, b) in pairs.items() if a != b}


@dataclass(frozen=True, slots=True)
class Result:
    """What a table says about one image."""

    verdict: str  # or ERROR
    p_lateral: float | None
    p_chest: float | None
    details: Details

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
    details: list[Change] = field(default_factory=list)  # with nearly the same probabilities, too

    @property
    def unchanged(self) -> int:
        """Number of images of which nothing has changed, or the probabilities only a little."""
        changed = len(self.verdicts) + len(self.probabilities) + len(self.details)
        return self.new_rows - len(self.added) - changed

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return self.unchanged < self.new_rows or bool(self.removed)


def compare_tables(old: Path, new: Path, tolerance: float) -> TableDiff:
    """Compare two tables. tolerance: largest difference of probabilities that does not count.

    Raises MissingInput, MissingExtra, UnusableOutput or WrongUse for what is not a table, and
    WrongUse for one that has several rows of one image.
    """
    before: dict[str, Result] = {}
    old_uids, new_uids = (read_column(table, "sop_instance_uid") for table in (old, new))
    diff = TableDiff()
    old_models: set[str] = set()
    new_models: set[str] = set()
    files: list[str] = []
    for row in read_rows(old):
        files.append(row.file)
        before[row.file] = result_of(row, old_uids)
        old_models.add(row.model)
    check_unique(old, files)
    diff.old_rows, files = len(files), []
    for row in read_rows(new):
        files.append(row.file)
        diff.new_rows += 1
        new_models.add(row.model)
        result, earlier = result_of(row, new_uids), before.pop(row.file, None)
        if earlier is None:
            diff.added.append((row.file, result))
        elif earlier.verdict != result.verdict:
            diff.verdicts.append(Change(row.file, earlier, result))
        elif not earlier.is_near(result, tolerance):
            diff.probabilities.append(Change(row.file, earlier, result))
        elif earlier.details.changes(result.details):
            diff.details.append(Change(row.file, earlier, result))
    check_unique(new, files)
    diff.removed = list(before.items())
    diff.old_models, diff.new_models = sorted(old_models), sorted(new_models)
    return diff


def result_of(row: Row, uids: Mapping[str, str]) -> Result:
    """What a row says about its image. uids: SOP Instance UIDs by file."""
    details = Details(
        header_view=str(row.header_view or ""),
        agreement=str(row.agreement),
        rotation=row.rotation,
        inverted=row.inverted,
        warning=row.warning,
        sop_instance_uid=uids.get(row.file, ""),
    )
    return Result(str(row.view or ERROR), row.p_lateral, row.p_chest, details)
