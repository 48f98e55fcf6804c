"""How far a run is, on stderr: a bar with rate, time left and errors; plain lines in a log."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

FIRST, SECONDS = 10.0, 60.0  # until the first line in a log, and between two
SIXTY = 60.0  # seconds of a minute, minutes of an hour

Restarts = Callable[[], int]
Step = Callable[..., object]  # with whether the image could not be read; else it could


class Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} images/s" if speed else "")


class Pace:
    """What a run has done so far. `restarts` tells how many workers were replaced."""

    def __init__(self, total: int, restarts: Restarts) -> None:
        self.total = total
        self.done = 0
        self.errors = 0
        self._restarts = restarts
        self._begun = time.monotonic()

    def step(self, is_error: bool = False) -> None:
        """One more."""
        self.done += 1
        self.errors += is_error

    def troubles(self) -> str:
        """Errors and restarts, where there are any."""
        counts = ((self.errors, "unreadable"), (self._restarts(), "workers replaced"))
        return ", ".join(f"{count:,} {what}" for count, what in counts if count)

    def line(self) -> str:
        """For a log."""
        seconds = time.monotonic() - self._begun
        rate = self.done / seconds if seconds else 0.0
        left = span((self.total - self.done) / rate) if rate else "?"
        words = [f"{self.done:,} of {self.total:,}", f"{rate:,.1f} images/s", f"{left} left"]
        return ", ".join([*words, *filter(None, [self.troubles()])])


def span(seconds: float) -> str:
    """12 s, 3 min, 4 h 05 min."""
    if seconds < SIXTY:
        return f"{seconds:.0f} s"
    minutes = round(seconds / SIXTY)
    return f"{minutes} min" if minutes < SIXTY else f"{minutes // 60} h {minutes % 60:02} min"


@contextlib.contextmanager
def progress(total: int, is_quiet: bool, restarts: Restarts = lambda: 0) -> Iterator[Step]:
    """A function to call after each of `total` images with whether it could not be read."""
    pace = Pace(total, restarts)
    if is_quiet:
        yield pace.step
    elif not sys.stderr.isatty():
        yield _logged(pace)
    else:
        columns = (
            BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(), TextColumn("left"),
            TextColumn("{task.fields[troubles]}", style="red"),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total, troubles="")

            def step(is_error: bool = False) -> None:
                pace.step(is_error)
                bar.update(task, advance=1, troubles=pace.troubles())

            yield step


def _logged(pace: Pace) -> Step:
    """A line after ten seconds, then one a minute; none for a run that is shorter."""
    due = time.monotonic() + FIRST

    def step(is_error: bool = False) -> None:
        nonlocal due
        pace.step(is_error)
        now = time.monotonic()
        if now >= due and pace.done < pace.total:
            due = now + SECONDS
            print(pace.line(), file=sys.stderr, flush=True)

    return step
