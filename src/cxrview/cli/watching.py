"""Passes of a training -> a bar on a terminal, a line now and then in a log; on stderr."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cxrview.training.history import Pass

SECONDS = 30.0  # between two lines of a log

Watch = Callable[[str, Pass, int], None]


def words(one: Pass) -> str:
    """Losses and accuracies of a pass."""
    text = f"loss {one.training_loss:.4f}, accuracy {one.training_accuracy:.2%}"
    if one.validation_loss != one.validation_loss:
        return text
    return f"{text}; validation {one.validation_loss:.4f}, {one.validation_accuracy:.2%}"


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """A function to call after each pass of each net."""
    if not sys.stderr.isatty():
        yield _logged()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"), TimeRemainingColumn(), TextColumn("left"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, int] = {}

        def show(name: str, one: Pass, count: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=count, completed=one.number - 1, words="")
            bar.update(tasks[name], completed=one.number, words=words(one))  # type: ignore[arg-type]

        yield show


def _logged() -> Watch:
    said = -SECONDS

    def show(name: str, one: Pass, count: int) -> None:
        nonlocal said
        now = time.monotonic()
        if one.number == count or now - said >= SECONDS:
            said = now
            print(f"{name}: pass {one.number:,} of {count:,}, {words(one)}", file=sys.stderr)

    return show
