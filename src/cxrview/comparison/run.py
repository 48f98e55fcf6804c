"""Order -> a folder with one file a system and the tables; what is there is not done again."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.comparison.images import read_films, read_greys
from cxrview.comparison.learners import Budget
from cxrview.comparison.material import (
    Material,
    Preparation,
    Split,
    gate_material,
    held_out,
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
from cxrview.labels import read_labels
from cxrview.training.data import negative_files

Tell = Callable[[str], None]


class Kitchen:
    """Labels -> material for each system; nothing is read or made before it is asked for.

    Pictures that several systems take are made once.
    """

    def __init__(self, order: Order, tell: Tell) -> None:
        self.order, self.tell = order, tell
        self.labels, self.others = read_labels(order.labels), negative_files(order.others)
        self.is_held = held_out(self.labels, order.budget.seed)
        self.made: dict[tuple[Task, Preparation], Material] = {}

    @cached_property
    def split(self) -> Split:
        """Every picture, read."""
        self.tell(f"reading {len(self.labels)} films and {len(self.others)} other pictures")
        films = read_films(self.labels, self.order.labels.parent, self.order.jobs)
        return Split(films, self.is_held, read_greys(self.others, self.order.jobs))

    def material(self, system: System) -> Material:
        """What one system is taught and tested on."""
        preparation = system.preparation(self.order.side)
        key = (system.task, preparation)
        if key not in self.made:
            self.made[key] = (
                view_material(self.split, preparation)
                if system.task is Task.VIEW
                else gate_material(self.split, preparation, self.order.budget.seed)
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
    with atomic_write(path) as file:
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


def _settings(order: Order, kitchen: Kitchen, shared: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "decisive": shared,
        "systems": list(order.systems),
        "budget": asdict(order.budget),
        "split": counts(kitchen.labels, kitchen.is_held),
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
    kitchen, shared = Kitchen(order, tell), decisive(order)
    folder = order.output / "systems"
    with translate_os_errors(order.output):
        folder.mkdir(parents=True, exist_ok=True)
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
        _tables(order, results, _settings(order, kitchen, shared))  # of those done, if broken off
    return results
