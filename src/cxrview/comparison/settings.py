"""An order -> everything that decides what comes out of it, and the machine it runs on."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cxrview import __version__
from cxrview.comparison.course import BATCH, OPTIMISER
from cxrview.comparison.learners import Budget
from cxrview.comparison.material import FOLDS, HELD, NEGATIVES, Mask
from cxrview.comparison.systems import System
from cxrview.errors import MissingInput
from cxrview.labels import Label

LIBRARIES = ("torch", "monai", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to compare, on what."""

    labels: Path  # files are named relative to its folder
    output: Path
    systems: tuple[str, ...]
    budget: Budget
    others: Path | None = None  # CSV with a column `file`: pictures that are no chest films
    side: int = 64
    jobs: int = 1


def digest(path: Path | None) -> str:
    """SHA-256 of a table; empty for none. Raises MissingInput."""
    if path is None:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error


def decisive(order: Order) -> dict[str, Any]:
    """What is the same for all systems and decides what comes out."""
    return {
        "cxrview": __version__,
        "labels_sha256": digest(order.labels),
        "others_sha256": digest(order.others),
        "side": order.side,
        "passes": order.budget.passes,
        "minutes": float(order.budget.minutes),  # 10 and 10.0 are the same budget
        "seed": order.budget.seed,
        "folds": FOLDS,
        "held_out_fold": HELD,
        "batch": BATCH,
        "optimiser": OPTIMISER,
        "negatives": NEGATIVES,
        "clock": "processor time",
    }


def fingerprint(settings: dict[str, Any], system: System) -> str:
    """Of the settings and one system's own; results with another are done again."""
    own = {"system": system.name, "way": system.way, "rate": system.learner.rate}
    text = json.dumps(settings | own | {"own_side": system.side}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def machine() -> str:
    """Processor, number of them, system; nothing that names a person or a host."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} processors, {platform.system()}"


def counts(labels: Sequence[Label], is_held: Mask) -> dict[str, dict[str, int]]:
    """Films and patients of either part."""
    parts = {
        name: [label for label, inside in zip(labels, which, strict=True) if inside]
        for name, which in (("taught", ~is_held), ("held_out", is_held))
    }
    return {
        name: {
            "films": len(part),
            "laterals": sum(label.is_lateral for label in part),
            "patients": len({label.patient for label in part}),
        }
        for name, part in parts.items()
    }


def libraries() -> dict[str, str]:
    """What computed it."""
    python = {"python": platform.python_version(), "cxrview": __version__}
    return python | {name: version(name) for name in LIBRARIES}
