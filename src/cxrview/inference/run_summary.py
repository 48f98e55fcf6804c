"""Rows, one by one -> what a run's summary says of them, in memory that does not grow."""

from collections import Counter
from dataclasses import dataclass, field

from cxrview.rows import Row
from cxrview.views import Agreement, Verdict

NAMED = 10  # examples that are kept of conflicts, and of each kind of error


@dataclass(slots=True)
class RunSummary:
    """Counts, and the first few of those that a person should look at."""

    rows: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    agreements: Counter[Agreement] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # by code
    conflicts: list[Row] = field(default_factory=list)
    examples: dict[str, list[Row]] = field(default_factory=dict)  # of errors, by code

    def add(self, row: Row) -> None:
        """Take one more row into account."""
        self.rows += 1
        if row.view is None:
            self._add_error(row)
            return
        self.verdicts[row.view] += 1
        self.agreements[row.agreement] += 1
        if row.agreement is Agreement.CONFLICT and len(self.conflicts) < NAMED:
            self.conflicts.append(row)

    def _add_error(self, row: Row) -> None:
        code = row.error.partition(":")[0]
        self.errors[code] += 1
        examples = self.examples.setdefault(code, [])
        if len(examples) < NAMED:
            examples.append(row)

    @property
    def unreadable(self) -> int:
        """How many have no verdict."""
        return self.errors.total()
