"""Order -> a folder with one file a system and the tables; what is there is not done again."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxrview.comparison.learners import Budget
from cxrview.comparison.material import (
    Material,
    Preparation,
    Split,
    gate_material,
    split_of,
    view_material,
)
from cxrview.comparison.measure import blank, in_own_process, measure
from cxrview.comparison.report import markdown_report, web_report
from cxrview.comparison.result import Result, read_result, write_result
from cxrview.comparison.settings import (
    Order,
    counts,
    decisive,
    fingerprint,
    libraries,
    machine,
)
from cxrview.comparison.systems import System, Task, chosen
from cxrview.comparison.tables import comparison_csv, robustness_csv
from cxrview.errors import MissingInput, WrongUse
from cxrview.labels import Label, read_labels
from cxrview.pipeline.aside import aside, telling
from cxrview.training.films import read_films, read_greys

Tell = Callable[[str], None]


def other_paths(path: Path | None) -> list[Path]:
    """The column `file` of a CSV table, relative to its folder; none without a table."""
    if path is None:
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as table:
            return [path.parent / row["file"] for row in csv.DictReader(table)]
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise WrongUse(f"{path}: no column 'file'") from error


def _read(order: Order, labels: list[Label], others: list[Path], tell: Tell) -> Split:
    tell(f"reading {len(labels)} films and {len(others)} other pictures")
    films = read_films(labels, order.labels.parent, order.jobs)
    return split_of(films, read_greys(others, order.jobs), order.budget.seed)


class Kitchen:
    """The split -> material for each system; pictures that several share are made once."""

    def __init__(self, split: Split, side: int, seed: int) -> None:
        self.split, self.side, self.seed = split, side, seed
        self.made: dict[tuple[Task, Preparation], Material] = {}

    def material(self, system: System) -> Material:
        """What one system is taught and tested on."""
        preparation = system.preparation(self.side)
        key = (system.task, preparation)
        if key not in self.made:
            self.made[key] = (
                view_material(self.split, preparation)
                if system.task is Task.VIEW
                else gate_material(self.split, preparation, self.seed)
            )
        return self.made[key]


def try_out(system: System, material: Material, side: int, budget: Budget, print_of: str) -> Result:
    """One system, in a process of its own; if it runs out of memory the result says so."""
    try:
        return in_own_process(measure, system.name, material, side, budget, print_of)
    except (MemoryError, RuntimeError) as error:  # torch raises the latter for want of memory
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return blank(system, side, budget, print_of, reason)


def _write(path: Path, text: str) -> None:
    with aside(path) as file:
        file.write(text.encode())


def _tables(order: Order, results: list[Result], settings: dict[str, Any]) -> None:
    """Everything that is made of the systems' own files."""
    texts = {
        "comparison.csv": comparison_csv(results),
        "robustness.csv": robustness_csv(results),
        "comparison.md": markdown_report(results, settings),
        "index.html": web_report(results, settings),
        "settings.json": json.dumps(settings, indent=1) + "\n",
    }
    for name, text in texts.items():
        _write(order.output / name, text)


def _settings(order: Order, split: Split, shared: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "decisive": shared,
        "systems": list(order.systems),
        "budget": asdict(order.budget),
        "split": counts(split),
        "machine": machine(),
        "libraries": libraries(),
    }


def told(result: Result) -> str:
    """One line about a system that is done."""
    if result.reason:
        return f"{result.system}: {result.remark}"
    found = f"AUROC {result.auroc:.3f}" if result.auroc is not None else "no others to tell"
    if result.errors is not None:
        found = f"{result.errors} errors of {result.frontals + result.laterals}"
    return f"{result.system}: {found}, {result.seconds:.0f} s. {result.remark}".rstrip()


def compare(order: Order, tell: Tell) -> list[Result]:
    """Train and test what is missing, write the tables, return all results asked for.

    Raises WrongUse, MissingInput or UnusableOutput before any training where the order cannot be
    met. A system that fails is a result that says why, and is tried again by the next run.
    """
    systems = chosen(order.systems)
    labels, others = read_labels(order.labels), other_paths(order.others)
    folder = order.output / "systems"
    with telling(order.output):
        folder.mkdir(parents=True, exist_ok=True)
    shared = decisive(order)
    split = _read(order, labels, others, tell)
    kitchen = Kitchen(split, order.side, order.budget.seed)
    results = []
    for system in systems:
        path, print_of = folder / f"{system.name}.json", fingerprint(shared, system)
        result = read_result(path)
        if result is None or result.fingerprint != print_of or result.reason:
            tell(f"{system.name}: {system.title}")
            material = kitchen.material(system)
            result = try_out(system, material, order.side, order.budget, print_of)
            write_result(result, path)
            tell(told(result))
        results.append(result)
        _tables(order, results, _settings(order, split, shared))  # of those done, if broken off
    return results
