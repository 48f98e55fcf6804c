"""Items -> rows, in the order of the items, by an engine that survives what decoders do."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from cxrview.engines.local import LocalEngine
from cxrview.engines.outcomes import Crashed, Done, Engine, Outcome, Raised, TimedOut
from cxrview.engines.serial import SerialEngine
from cxrview.errors import DecoderCrashed, DecoderTimedOut, UnreadableImage
from cxrview.inference.classification import error_row, row_of
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.find import Item


def classify_items(
    items: Iterable[Item], model: str | Path = "film", jobs: int = 1, engine: Engine | None = None
) -> Iterator[Row]:
    """One row for each item, in order, as they come. Memory does not grow with their number.

    `jobs` worker processes; 0 works in this process, without protection from decoders.
    Raises UnusableModel before the first item is opened.
    """
    return in_order(numbered_rows(items, model, engine or engine_for(jobs)))


def numbered_rows(
    items: Iterable[Item], model: str | Path, engine: Engine
) -> Iterator[tuple[int, Row]]:
    """(index, row) of each item, in any order. Raises UnusableModel before the first is opened."""
    label = load(model).label
    names: dict[int, str] = {}  # of the items that are out: at most the engine's window
    outcomes = engine.map(partial(walker, model), remembered(items, names))
    return ((index, row_from(names.pop(index), got, label)) for index, got in outcomes)


def available_processors() -> int:
    """How many processors this process may use: fewer than there are under a batch queue."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def engine_for(jobs: int) -> Engine:
    """0 -> this process; n -> n workers."""
    return LocalEngine(jobs) if jobs else SerialEngine()


def walker(model: str | Path) -> Callable[[Item], Row]:
    """What each worker makes once: the walk, with its own classifier."""
    return partial(row_of, classifier=load(model))


def remembered(items: Iterable[Item], names: dict[int, str]) -> Iterator[Item]:
    """The same items; their names by index are kept for those that do not come back."""
    for index, item in enumerate(items):
        names[index] = item.name
        yield item


def row_from(name: str, outcome: Outcome, model: str) -> Row:
    """Outcome of the walk -> row."""
    match outcome:
        case Done(value=Row() as row):
            return row
        case Raised() | Crashed() | TimedOut():
            return error_row(name, fault_of(outcome), model)
    raise TypeError(f"the walk returns rows, not {outcome}")


def fault_of(outcome: Raised | Crashed | TimedOut) -> UnreadableImage:
    """What an engine observed, as one of our errors."""
    match outcome:
        case Raised(kind=kind, where=where):
            return DecoderCrashed(f"{kind} at {where}")
        case Crashed(how=how):
            return DecoderCrashed(f"the process that decoded it died twice: {how}")
        case TimedOut(seconds=seconds):
            return DecoderTimedOut(f"not decoded within {seconds:g} s, tried twice")


def in_order(numbered: Iterable[tuple[int, Row]]) -> Iterator[Row]:
    """(index, row) in any order -> rows by index; holds those that came too early."""
    early: dict[int, Row] = {}
    expected = 0
    for index, row in numbered:
        early[index] = row
        while expected in early:
            yield early.pop(expected)
            expected += 1
