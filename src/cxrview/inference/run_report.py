"""A run -> what it was and came to, as JSON; it names no file, person or machine."""

import json
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cxrview import __version__
from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.inference.run_summary import RunSummary
from cxrview.model.classifier import Classifier

LIBRARIES = ("numpy", "onnxruntime", "pillow", "pydicom", "imagecodecs", "pyarrow", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run knows of itself."""

    classifier: Classifier
    settings: dict[str, Any]
    tally: RunSummary  # of the whole table
    begun: datetime
    ended: datetime
    judged: int  # images that this run looked at; the others' rows were there already
    restarts: int  # of workers

    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        seconds = (self.ended - self.begun).total_seconds()
        tally = self.tally
        return {
            "cxrview": __version__,
            "model": {"label": self.classifier.label, "sha256": self.classifier.sha256},
            "settings": self.settings,
            "images": tally.rows,
            "verdicts": {str(verdict): count for verdict, count in tally.verdicts.items()},
            "errors": dict(tally.errors),
            "headers": {str(one): count for one, count in tally.agreements.items()},
            "begun": self.begun.isoformat(timespec="seconds"),
            "ended": self.ended.isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "judged_in_this_run": self.judged,
            "judged_before": tally.rows - self.judged,
            "images_per_second": round(self.judged / seconds, 2) if seconds else 0.0,
            "workers_replaced": self.restarts,
            "machine": {
                "system": platform.system(),
                "architecture": platform.machine(),
                "processors": os.cpu_count(),
                "python": platform.python_version(),
            },
            "libraries": libraries(),
        }

    def write(self, path: Path) -> None:
        """Whole or not at all; raises UnusableOutput."""
        with atomic_write(path) as file, translate_os_errors(path):
            file.write((json.dumps(self.values(), indent=1) + "\n").encode())


def libraries() -> dict[str, str]:
    """Versions of those that decide what comes out, where they are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
