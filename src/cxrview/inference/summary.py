"""Rows, one by one -> the counts and examples of a run's summary, and the report beside a table."""

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cxrview import __version__
from cxrview.inference.review import ReviewReason, review_reason
from cxrview.rows import Row
from cxrview.views import Agreement, Verdict

MAX_EXAMPLES = 10  # rows named for conflicts, and for each kind of error
RECORDED_LIBRARIES = ("numpy", "onnxruntime", "pillow", "pydicom", "imagecodecs", "pyarrow", "ray")


@dataclass(slots=True)
class RunSummary:
    """Counts, and the first few rows that a person should look at. Its size is bounded."""

    rows: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    agreements: Counter[Agreement] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # by code
    reviews: Counter[ReviewReason] = field(default_factory=Counter)
    rotated: int = 0  # images that are not upright
    inverted: int = 0  # images in which bone is dark
    conflicts: list[Row] = field(default_factory=list)
    examples: dict[str, list[Row]] = field(default_factory=dict)  # of errors, by code

    def add(self, row: Row) -> None:
        """Count one more row."""
        self.rows += 1
        if reason := review_reason(row):
            self.reviews[reason] += 1
        if row.view is None:
            code = row.error.partition(":")[0]
            self.errors[code] += 1
            _add_example(self.examples.setdefault(code, []), row)
            return
        self.verdicts[row.view] += 1
        self.agreements[row.agreement] += 1
        self.rotated += bool(row.rotation)
        self.inverted += bool(row.inverted)
        if row.agreement is Agreement.CONFLICT:
            _add_example(self.conflicts, row)

    @property
    def unreadable(self) -> int:
        """Number of rows without a verdict."""
        return self.errors.total()


def _add_example(examples: list[Row], row: Row) -> None:
    if len(examples) < MAX_EXAMPLES:
        examples.append(row)


def report_values(
    label: str, sha256: str, summary: RunSummary, new: RunSummary, started: datetime
) -> dict[str, Any]:
    """What a run was and came to, as JSON has it; names no file, person or machine.

    label, sha256: of the model.
    new: of the images that this run classified; the rows of the others were there already.
    """
    finished = datetime.now(UTC)
    seconds = (finished - started).total_seconds()
    return {
        "cxrview": __version__,
        "model": {"label": label, "sha256": sha256},
        "images": summary.rows,
        **counts_of(summary),
        "rotated": summary.rotated,
        "inverted": summary.inverted,
        "headers": {str(one): count for one, count in summary.agreements.items()},
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "classified_in_this_run": new.rows,
        "classified_before": summary.rows - new.rows,
        "in_this_run": counts_of(new),
        "images_per_second": round(new.rows / seconds, 2) if seconds else 0.0,
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
        },
        "libraries": library_versions(),
    }


def counts_of(summary: RunSummary) -> dict[str, dict[str, int]]:
    """Verdicts, errors by code, and reasons for a review."""
    return {
        "verdicts": {str(verdict): count for verdict, count in summary.verdicts.items()},
        "errors": dict(summary.errors),
        "to_review": {str(reason): count for reason, count in summary.reviews.items()},
    }


def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that affect the results."""
    found = {}
    for name in RECORDED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
