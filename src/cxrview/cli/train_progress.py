"""Epochs of a training -> a progress bar on a terminal, or a line every half minute in a log."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cxrview.training.trainer import EpochMetrics

SECONDS = 30.0  # between two lines of a log

OnEpochEnd = Callable[[str, EpochMetrics, int], None]


def metrics_text(metrics: EpochMetrics) -> str:
    """Losses and accuracies of an epoch."""
    text = f"loss {metrics.training_loss:.4f}, accuracy {metrics.training_accuracy:.2%}"
    if metrics.validation_loss != metrics.validation_loss:
        return text
    loss, accuracy = metrics.validation_loss, metrics.validation_accuracy
    return f"{text}; validation {loss:.4f}, {accuracy:.2%}"


@contextlib.contextmanager
def train_progress() -> Iterator[OnEpochEnd]:
    """Yield a function to call after each epoch of each network; shows progress on stderr."""
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[metrics]}"), TimeRemainingColumn(), TextColumn("left"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, int] = {}

        def show(name: str, metrics: EpochMetrics, epochs: int) -> None:
            done = metrics.epoch
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=epochs, completed=done - 1, metrics="")
            text = metrics_text(metrics)
            bar.update(tasks[name], completed=done, metrics=text)  # type: ignore[arg-type]

        yield show


def _log_lines() -> OnEpochEnd:
    last = -SECONDS

    def show(name: str, metrics: EpochMetrics, epochs: int) -> None:
        nonlocal last
        now = time.monotonic()
        if metrics.epoch == epochs or now - last >= SECONDS:
            last = now
            text = metrics_text(metrics)
            print(f"{name}: epoch {metrics.epoch:,} of {epochs:,}, {text}", file=sys.stderr)

    return show
