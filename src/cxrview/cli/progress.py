"""A bar with the rate and the time left, on stderr, where that is a terminal."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator

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

from cxrview.errors import CxrviewError


class Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} images/s" if speed else "")


@contextlib.contextmanager
def progress(find_again: Callable[[], Iterable[object]] | None) -> Iterator[Callable[[], object]]:
    """A function to call after each image.

    `find_again` lists the inputs once more: a thread counts them while the work has begun already,
    and the time left appears when it has finished. None where they can be listed only once.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (
        BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(), TextColumn("left")
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def count() -> None:
            with contextlib.suppress(CxrviewError, OSError):  # the work itself will tell
                bar.update(task, total=sum(1 for _ in find_again()) if find_again else None)

        threading.Thread(target=count, daemon=True).start()
        yield lambda: bar.advance(task)
