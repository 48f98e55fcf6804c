"""Training progress: a bar on a terminal, a line now and then in a log."""

import io

import pytest

from cxrview.cli import progress as module
from cxrview.cli.progress import metrics_text, train_progress
from cxrview.training.trainer import EpochMetrics


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (EpochMetrics(1, 0.25, 0.5), "loss 0.2500, accuracy 50.00%"),
        (EpochMetrics(1, 0.25, 0.5, 0.125, 1.0),
         "loss 0.2500, accuracy 50.00%; validation 0.1250, 100.00%"),
    ],
)  # fmt: skip
def test_metrics_as_text(metrics, expected):
    assert metrics_text(metrics) == expected


def test_a_log_has_the_first_epoch_the_last_and_one_in_half_a_minute(monkeypatch):
    seconds = iter([0.0, 1.0, 31.0, 32.0, 33.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    with train_progress() as on_epoch_end:
        for number in range(1, 6):
            on_epoch_end("gate", EpochMetrics(number, 0.1, 0.9), 5)
    lines = [line.split(",")[0] for line in log.getvalue().splitlines()]
    assert lines == ["gate: epoch 1 of 5", "gate: epoch 3 of 5", "gate: epoch 5 of 5"]


def test_a_terminal_shows_a_bar_for_each_network(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    with train_progress() as on_epoch_end:
        for name in ("view network", "gate"):
            on_epoch_end(name, EpochMetrics(2, 0.1, 0.9), 2)
    shown = screen.getvalue()
    for text in ("view network", "gate", "2/2", "accuracy 90.00%"):
        assert text in shown
