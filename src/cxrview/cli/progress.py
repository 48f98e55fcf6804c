"""Progress of classification and training: bars on a terminal or in a notebook, lines in a log."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # training imports torch
    from cxrview.engines.outcomes import Engine
    from cxrview.rows import Row
    from cxrview.training.callbacks import EpochMetrics, TrainCallbacks

FIRST_LINE_SECONDS, LINE_SECONDS = 10.0, 60.0  # until the first line in a log, and between two
NOTEBOOK_SECONDS = 0.5  # between two changes of the bar in a notebook
EPOCH_SECONDS = 30.0  # between two lines of a training's log
MINUTE_SECONDS = 60.0

# called with the name of a network, the metrics of an epoch, and the number of epochs
OnEpochEnd = Callable[[str, "EpochMetrics", int], None]
Step = Callable[..., object]  # called after each image; argument: whether it could not be read


class RunProgress:
    """What a run has done so far. `restarts` tells how many workers were replaced."""

    def __init__(self, total: int, restarts: Callable[[], int]) -> None:
        self.total = total
        self.done = 0
        self.new = 0  # without the rows of an earlier run
        self.errors = 0
        self._restarts = restarts
        self._started = time.monotonic()

    def step(self, is_error: bool = False, is_new: bool = True) -> None:
        """Count one more image."""
        self.done += 1
        self.new += is_new
        self.errors += is_error

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def rate(self) -> float:
        """Images per second; rows of an earlier run do not count."""
        seconds = self.seconds()
        return self.new / seconds if seconds else 0.0

    def problems(self) -> str:
        """Numbers of unreadable images and replaced workers, where there are any."""
        counts = ((self.errors, "unreadable"), (self._restarts(), "workers replaced"))
        return ", ".join(f"{count:,} {what}" for count, what in counts if count)

    def line(self) -> str:
        """One line for a log."""
        rate = self.rate()
        left = f"{duration((self.total - self.done) / rate) if rate else '?'} left"
        parts = [f"{self.done:,} of {self.total:,}", f"{rate:,.1f} images/s"]
        return ", ".join(filter(None, [*parts, left * (self.done < self.total), self.problems()]))


def duration(seconds: float) -> str:
    """12 s, 3 min, 4 h 05 min."""
    if seconds < MINUTE_SECONDS:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE_SECONDS)
    return (
        f"{minutes} min" if minutes < MINUTE_SECONDS else f"{minutes // 60} h {minutes % 60:02} min"
    )


@contextlib.contextmanager
def progress(
    total: int, is_quiet: bool = False, restarts: Callable[[], int] = lambda: 0
) -> Iterator[Step]:
    """A function to call after each of `total` images; its argument: whether it was unreadable."""
    state = RunProgress(total, restarts)
    if is_quiet:
        yield state.step
    elif is_notebook():
        yield _shown_in_notebook(state)
    elif not has_terminal():
        yield _logged(state, state.line)
    else:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]:,.1f} images/s"),
            TimeRemainingColumn(), TextColumn("left"),
            TextColumn("{task.fields[problems]}", style="red"),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total, rate=0.0, problems="")

            def step(is_error: bool = False, is_new: bool = True) -> None:
                state.step(is_error, is_new)
                bar.update(task, advance=1, rate=state.rate(), problems=state.problems())

            yield step


def observed(engine: "Engine") -> "Engine":
    """Return an engine that shows how many of its items are done."""
    from cxrview.engines.outcomes import ObservedEngine

    return ObservedEngine(engine, lambda _, total: progress(total), "")


def with_progress(rows: "Iterable[Row]", total: int) -> "Iterator[Row]":
    """Yield the rows and show how many of `total` there were."""
    with progress(total) as step:
        for row in rows:
            step(row.view is None)
            yield row


def announce_torch() -> None:
    """Say on a terminal that PyTorch is loaded: a cold start takes ten seconds and more."""
    if has_terminal() and find_spec("torch") and "torch" not in sys.modules:
        _print_line("loading PyTorch")


def has_terminal() -> bool:
    """Whether stderr is a terminal for a bar.

    Of a command in the cell of a notebook (`!cxrview ...`) it is one, but the notebook would store
    every state of the bar.
    """
    return sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ


def is_notebook() -> bool:
    """Whether this process runs the cells of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _shown_in_notebook(state: RunProgress) -> Step:
    """A bar below the cell, of plain HTML: those of Rich need ipywidgets."""
    from IPython.display import display

    def bundle() -> dict[str, str]:
        bar = f'<progress max="{max(1, state.total)}" value="{state.done}"></progress>'
        return {"text/plain": state.line(), "text/html": f"{bar} {state.line()}"}

    handle = display(bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    due = 0.0

    def step(is_error: bool = False, is_new: bool = True) -> None:
        nonlocal due
        state.step(is_error, is_new)
        now = time.monotonic()
        if now >= due or state.done == state.total:
            due = now + NOTEBOOK_SECONDS
            handle.update(bundle(), raw=True)

    return step


def _logged(state: RunProgress, line: Callable[[], str]) -> Step:
    """A line after ten seconds, then one a minute; none for a shorter run."""
    due = time.monotonic() + FIRST_LINE_SECONDS

    def step(is_error: bool = False, is_new: bool = True) -> None:
        nonlocal due
        state.step(is_error, is_new)
        now = time.monotonic()
        if now >= due and state.done < state.total:
            due = now + LINE_SECONDS
            _print_line(line())

    return step


def metrics_text(metrics: "EpochMetrics") -> str:
    """Losses and accuracies of an epoch."""
    text = f"loss {metrics.training_loss:.4f}, accuracy {metrics.training_accuracy:.2%}"
    if metrics.validation_loss != metrics.validation_loss:
        return text
    loss, accuracy = metrics.validation_loss, metrics.validation_accuracy
    return f"{text}; validation {loss:.4f}, {accuracy:.2%}"


@contextlib.contextmanager
def train_callbacks() -> "Iterator[TrainCallbacks]":
    """Yield callbacks that show messages and progress on stderr: bars, or lines in a log."""
    from cxrview.training.callbacks import TrainCallbacks

    if not has_terminal():
        yield TrainCallbacks(_print_line, _logged_epochs(), _logged_work)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
    )
    from rich.table import Column
    from rich.text import Text

    class TimeColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            elapsed, done = task.elapsed or 0.0, task.completed - task.fields["resumed"]
            if task.fields.get("done") != done:
                task.fields.update(done=done, done_after=elapsed)
            rest = (task.total or 0) - task.completed
            return Text(bar_time(elapsed, task.fields["done_after"], done, rest))

    columns = (  # on a narrow terminal, the metrics take several lines
        TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeColumn(),
        TextColumn("{task.fields[metrics]}", table_column=Column(no_wrap=False)),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def log(text: str) -> None:
            console.print(text, markup=False, highlight=False, soft_wrap=True)

        def on_epoch_end(name: str, metrics: "EpochMetrics", epochs: int) -> None:
            if name not in tasks:
                done = metrics.epoch - 1
                tasks[name] = bar.add_task(
                    name, total=epochs, completed=done, metrics="", resumed=metrics.epoch
                )
            bar.update(tasks[name], completed=metrics.epoch, metrics=metrics_text(metrics))

        @contextlib.contextmanager
        def show_work(what: str, total: int) -> Iterator[Step]:
            task = bar.add_task(what, total=total, metrics="", resumed=0, visible=total > 0)
            yield lambda _=False: bar.advance(task)

        yield TrainCallbacks(log, on_epoch_end, show_work)


def _print_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _logged_work(what: str, total: int) -> Iterator[Step]:
    """Lines in a log, with the time left."""
    state = RunProgress(total, lambda: 0)

    def line() -> str:
        left = time_left(state.seconds(), state.done, total)
        return f"{what}: {state.done:,} of {total:,}, {left}"

    yield _logged(state, line)


def time_left(seconds: float, done: int, total: int) -> str:
    """How long the rest takes if it goes on as fast; done: in these seconds, at least 1."""
    return f"{duration(seconds / done * (total - done))} left"


def bar_time(elapsed: float, done_after: float, done: float, rest: float) -> str:
    """Time left where items are done, else how long the first has taken so far, in words.

    done: items that took the first `done_after` of the `elapsed` seconds; rest: those to do.

    The estimate of Rich counts only what was done in the last 30 seconds: it never has one for
    epochs, folds and networks that take longer.
    """
    if not rest:
        return "done"
    if done <= 0:
        return f"{duration(elapsed)} so far"
    left = done_after / done * rest - (elapsed - done_after)
    return f"{duration(max(0.0, left))} left"


def _logged_epochs() -> OnEpochEnd:
    """A line for the first and the last epoch, and at most one every half minute."""
    last = -EPOCH_SECONDS
    first: dict[str, tuple[int, float]] = {}  # epoch and time of the first call for a network

    def show(name: str, metrics: "EpochMetrics", epochs: int) -> None:
        nonlocal last
        now, epoch = time.monotonic(), metrics.epoch
        first_epoch, started = first.setdefault(name, (epoch, now))
        if epoch == epochs or now - last >= EPOCH_SECONDS:
            last = now
            text = f"{name}: epoch {epoch:,} of {epochs:,}, {metrics_text(metrics)}"
            if first_epoch < epoch < epochs:
                left = time_left(now - started, epoch - first_epoch, epochs - first_epoch)
                text = f"{text}; {left}"
            _print_line(text)

    return show
