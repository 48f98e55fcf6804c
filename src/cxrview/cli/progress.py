"""Progress of a run on stderr: a bar on a terminal, a line now and then in a log."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

FIRST, SECONDS = 10.0, 60.0  # until the first line in a log, and between two
MINUTE = 60.0

Step = Callable[..., object]  # called after each image; argument: whether it could not be read


class RunProgress:
    """What a run has done so far. `restarts` tells how many workers were replaced."""

    def __init__(self, total: int, restarts: Callable[[], int]) -> None:
        self.total = total
        self.done = 0
        self.errors = 0
        self._restarts = restarts
        self._started = time.monotonic()

    def step(self, is_error: bool = False) -> None:
        """Count one more image."""
        self.done += 1
        self.errors += is_error

    def rate(self) -> float:
        """Images per second."""
        seconds = time.monotonic() - self._started
        return self.done / seconds if seconds else 0.0

    def problems(self) -> str:
        """Numbers of unreadable images and replaced workers, where there are any."""
        counts = ((self.errors, "unreadable"), (self._restarts(), "workers replaced"))
        return ", ".join(f"{count:,} {what}" for count, what in counts if count)

    def line(self) -> str:
        """One line for a log."""
        rate = self.rate()
        left = duration((self.total - self.done) / rate) if rate else "?"
        parts = [f"{self.done:,} of {self.total:,}", f"{rate:,.1f} images/s", f"{left} left"]
        return ", ".join([*parts, *filter(None, [self.problems()])])


def duration(seconds: float) -> str:
    """12 s, 3 min, 4 h 05 min."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    return f"{minutes} min" if minutes < MINUTE else f"{minutes // 60} h {minutes % 60:02} min"


@contextlib.contextmanager
def progress(
    total: int, is_quiet: bool = False, restarts: Callable[[], int] = lambda: 0
) -> Iterator[Step]:
    """A function to call after each of `total` images; its argument: whether it was unreadable."""
    state = RunProgress(total, restarts)
    if is_quiet:
        yield state.step
    elif not sys.stderr.isatty():
        yield _logged(state)
    else:
        columns = (
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]:,.1f} images/s"),
            TimeRemainingColumn(), TextColumn("left"),
            TextColumn("{task.fields[problems]}", style="red"),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total, rate=0.0, problems="")

            def step(is_error: bool = False) -> None:
                state.step(is_error)
                bar.update(task, advance=1, rate=state.rate(), problems=state.problems())

            yield step


def _logged(state: RunProgress) -> Step:
    """A line after ten seconds, then one a minute; none for a shorter run."""
    due = time.monotonic() + FIRST

    def step(is_error: bool = False) -> None:
        nonlocal due
        state.step(is_error)
        now = time.monotonic()
        if now >= due and state.done < state.total:
            due = now + SECONDS
            print(state.line(), file=sys.stderr, flush=True)

    return step
