"""A bar with the rate and the time left, on stderr, where that is a terminal."""

import contextlib
import sys
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


class Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} images/s" if speed else "")


@contextlib.contextmanager
def progress(total: int, is_quiet: bool) -> Iterator[Callable[[], object]]:
    """A function to call after each of `total` images."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (
        BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(), TextColumn("left")
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
