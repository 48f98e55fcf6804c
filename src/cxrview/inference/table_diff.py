"""Two tables of verdicts -> what differs between them, by the names of the files."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NoReturn

from cxrview.errors import WrongUse
from cxrview.inference.corrections import column_texts
from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.rows import Row

ERROR = "error"  # in place of the verdict of an image that could not be read


@dataclass(frozen=True, slots=True)
class Details:
    """What a table says about the header, pose and quality of an image; many have the same.

    rotation, inverted: None where the model is not sure.
    """

    header_view: str
    agreement: str
    rotation: int | None
    inverted: bool | None
    warning: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a table says about one image. sop_instance_uid: "" in tables without identifiers."""

    verdict: str  # or ERROR
    p_lateral: float | None
    p_chest: float | None
    details: Details
    sop_instance_uid: str

    def is_near(self, other: "Result", tolerance: float) -> bool:
        """Whether both probabilities differ by at most `tolerance`, or are missing in both."""
        pairs = ((self.p_lateral, other.p_lateral), (self.p_chest, other.p_chest))
        return all(
            a is b or (a is not None and b is not None and abs(a - b) <= tolerance)
            for a, b in pairs
        )

    def other_values(self) -> dict[str, object]:
        """All but verdict and probabilities, by column."""
        values = {one.name: getattr(self.details, one.name) for one in fields(self.details)}
        return values | {"sop_instance_uid": self.sop_instance_uid}

    def changes(self, new: "Result") -> dict[str, tuple[object, object]]:
        """Column -> other values that differ; values that are not known differ from none."""
        if (self.details, self.sop_instance_uid) == (new.details, new.sop_instance_uid):
            return {}
        after = new.other_values()
        pairs = {name: (value, after[name]) for name, value in self.other_values().items()}
        for name, unknown in (("rotation", None), ("inverted", None), ("sop_instance_uid", "")):
            if unknown in pairs[name]:
                del pairs[name]
        return {name: (a, b) for name, (a, b) in pairs.items() if a != b}


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
    diff, results = TableDiff(), Results()
    before: dict[str, Result | None] = {}  # None: has been compared
    added: dict[str, Result] = {}
    old_models: set[str] = set()
    new_models: set[str] = set()
    for row, uid in rows_with_uid(old):
        if row.file in before:
            refuse_repeated(old)
        before[row.file] = results.of(row, uid)
        old_models.add(row.model)
    for row, uid in rows_with_uid(new):
        diff.new_rows += 1
        new_models.add(row.model)
        result = results.of(row, uid)
        if row.file not in before:
            if row.file in added:
                refuse_repeated(new)
            added[row.file] = result
            continue
        earlier, before[row.file] = before[row.file], None
        if earlier is None:
            refuse_repeated(new)
        elif earlier.verdict != result.verdict:
            diff.verdicts.append(Change(row.file, earlier, result))
        elif not earlier.is_near(result, tolerance):
            diff.probabilities.append(Change(row.file, earlier, result))
        elif earlier.changes(result):
            diff.details.append(Change(row.file, earlier, result))
    diff.old_rows, diff.added = len(before), list(added.items())
    diff.removed = [(file, one) for file, one in before.items() if one is not None]
    diff.old_models, diff.new_models = sorted(old_models), sorted(new_models)
    return diff


def rows_with_uid(table: Path) -> Iterator[tuple[Row, str]]:
    """The rows of a table, each with its SOP Instance UID, "" in tables without identifiers.

    Raises WrongUse where the table changes meanwhile, and as `read_rows`.
    """
    texts = column_texts(table, "sop_instance_uid")
    for row in read_rows(table):
        file, uid = (row.file, "") if texts is None else next(texts, ("", ""))
        if file != row.file:
            raise WrongUse(f"{table} has changed while it was read")
        yield row, uid


def refuse_repeated(table: Path) -> NoReturn:
    """Raise WrongUse for a table that has several rows of one image."""
    check_unique(table, [row.file for row in read_rows(table)])
    raise WrongUse(f"{table} has changed while it was read")


class Results:
    """Rows -> what they say, in little memory: equal details are one object."""

    def __init__(self) -> None:
        self._details: dict[Details, Details] = {}

    def of(self, row: Row, sop_instance_uid: str) -> Result:
        """What a row says about its image."""
        details = Details(
            header_view=row.header_view.value if row.header_view else "",
            agreement=row.agreement.value,
            rotation=row.rotation,
            inverted=row.inverted,
            warning=row.warning,
        )
        details = self._details.setdefault(details, details)
        verdict = row.view.value if row.view else ERROR
        return Result(verdict, row.p_lateral, row.p_chest, details, sop_instance_uid)
