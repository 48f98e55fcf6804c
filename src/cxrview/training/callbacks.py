"""Metrics of an epoch, and what a training calls while it runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from math import nan
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Mean loss (nats) and accuracy of one epoch; NaN where nothing is held out."""

    epoch: int  # 1 ..
    training_loss: float
    training_accuracy: float  # on the augmented images, while they were trained on
    validation_loss: float = nan
    validation_accuracy: float = nan

    @property
    def rank(self) -> tuple[float, float]:
        """Higher is better: validation accuracy, then the lower validation loss (the paper)."""
        return self.validation_accuracy, -self.validation_loss


def ignore_text(_: str) -> None:
    """Discard a log message."""


def ignore_epoch(_name: str, _metrics: EpochMetrics, _epochs: int) -> None:
    """Discard the metrics of an epoch."""


@contextmanager
def ignore_progress(_what: str, _total: int) -> Iterator[Callable[..., object]]:
    """Show no progress."""
    yield lambda *_: None


@dataclass(frozen=True, slots=True)
class TrainCallbacks:
    """Callbacks for log messages, epochs and progress; by default there are none.

    on_epoch_end: (network's name, metrics, number of epochs). progress: (what is done, how many
    items) -> a context that gives a function to call after each item, true where it failed.
    """

    log: Callable[[str], None] = ignore_text
    on_epoch_end: Callable[[str, EpochMetrics, int], None] = ignore_epoch
    progress: Callable[[str, int], AbstractContextManager[Callable[..., object]]] = ignore_progress


@dataclass(frozen=True, slots=True)
class TrainContext:
    """Who is informed, where checkpoints are saved, on what device, with how many threads.

    checkpoints: a folder; None: a training that is interrupted starts again. max_threads: with
    which a step may be computed, where that is faster and the schedule leaves the precision open.
    """

    callbacks: TrainCallbacks = field(default_factory=TrainCallbacks)
    checkpoints: Path | None = None
    device: str = "cpu"
    max_threads: int = 1
