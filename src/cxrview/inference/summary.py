"""Rows, one by one -> the counts and examples of a run's summary, and the report beside a table."""

import json
import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cxrview import __version__
from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.model.classifier import Classifier
from cxrview.rows import Row
from cxrview.views import Agreement, Verdict

EXAMPLES = 10  # rows named for conflicts, and for each kind of error
LIBRARIES = ("numpy", "onnxruntime", "pillow", "pydicom", "imagecodecs", "pyarrow", "ray")


@dataclass(slots=True)
class RunSummary:
    """Counts, and the first few rows that a person should look at. Its size is bounded."""

    rows: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    agreements: Counter[Agreement] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # by code
    conflicts: list[Row] = field(default_factory=list)
    examples: dict[str, list[Row]] = field(default_factory=dict)  # of errors, by code

    def add(self, row: Row) -> None:
        """Count one more row."""
        self.rows += 1
        if row.view is None:
            code = row.error.partition(":")[0]
            self.errors[code] += 1
            _add_example(self.examples.setdefault(code, []), row)
            return
        self.verdicts[row.view] += 1
        self.agreements[row.agreement] += 1
        if row.agreement is Agreement.CONFLICT:
            _add_example(self.conflicts, row)

    @property
    def unreadable(self) -> int:
        """Number of rows without a verdict."""
        return self.errors.total()


def _add_example(examples: list[Row], row: Row) -> None:
    if len(examples) < EXAMPLES:
        examples.append(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run was and came to; it names no file, person or machine."""

    classifier: Classifier
    settings: dict[str, Any]
    summary: RunSummary  # of the whole table
    started: datetime
    finished: datetime
    classified: int  # images that this run classified; the rows of the others were there already
    restarts: int  # of workers

    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        seconds = (self.finished - self.started).total_seconds()
        summary = self.summary
        return {
            "cxrview": __version__,
            "model": {"label": self.classifier.label, "sha256": self.classifier.sha256},
            "settings": self.settings,
            "images": summary.rows,
            "verdicts": {str(verdict): count for verdict, count in summary.verdicts.items()},
            "errors": dict(summary.errors),
            "headers": {str(one): count for one, count in summary.agreements.items()},
            "started": self.started.isoformat(timespec="seconds"),
            "finished": self.finished.isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "classified_in_this_run": self.classified,
            "classified_before": summary.rows - self.classified,
            "images_per_second": round(self.classified / seconds, 2) if seconds else 0.0,
            "workers_replaced": self.restarts,
            "machine": {
                "system": platform.system(),
                "architecture": platform.machine(),
                "processors": os.cpu_count(),
                "python": platform.python_version(),
            },
            "libraries": library_versions(),
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON; raises UnusableOutput."""
        with atomic_write(path) as file, translate_os_errors(path):
            file.write((json.dumps(self.values(), indent=1) + "\n").encode())


def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that affect the results."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
