"""Training progress: a bar on a terminal, a line now and then in a log."""

import io
import re

import pytest

from cxrview.cli import progress as module
from cxrview.cli.progress import announce_torch, bar_time, metrics_text, train_callbacks
from cxrview.training.callbacks import EpochMetrics


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


def set_clock(monkeypatch, *seconds):
    times = iter(seconds)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))


def test_a_log_has_the_first_epoch_the_last_and_one_in_half_a_minute(monkeypatch, capsys):
    set_clock(monkeypatch, 0.0, 1.0, 31.0, 32.0, 33.0)
    with train_callbacks() as callbacks:
        for number in range(1, 6):
            callbacks.on_epoch_end("network", EpochMetrics(number, 0.1, 0.9), 5)
    metrics = "loss 0.1000, accuracy 90.00%"
    assert capsys.readouterr().err.splitlines() == [
        f"network: epoch 1 of 5, {metrics}",
        f"network: epoch 3 of 5, {metrics}; 31 s left",  # two epochs took 31 s
        f"network: epoch 5 of 5, {metrics}",
    ]


def test_the_time_left_counts_the_epochs_since_resuming(monkeypatch, capsys):
    set_clock(monkeypatch, 0.0, 40.0)
    with train_callbacks() as callbacks:
        for number in (11, 12):
            callbacks.on_epoch_end("network", EpochMetrics(number, 0.1, 0.9), 15)
    assert capsys.readouterr().err.splitlines()[1].endswith("; 2 min left")


def test_a_log_of_other_work_has_lines_only_where_it_takes_long(monkeypatch, capsys):
    set_clock(monkeypatch, 0.0, 0.0, 4.0, 20.0, 20.0, 21.0, 90.0, 90.0, 91.0)
    with train_callbacks() as callbacks:
        callbacks.log("reading 5 images")
        with callbacks.progress("drawing phantoms", 5) as step:
            for _ in range(5):
                step()
    assert capsys.readouterr().err.splitlines() == [
        "reading 5 images",
        "drawing phantoms: 2 of 5, 30 s left",
        "drawing phantoms: 4 of 5, 22 s left",
    ]


def test_a_terminal_shows_a_bar_for_each_network_and_each_work(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    with train_callbacks() as callbacks:
        callbacks.log("[reading] 5 images")
        with callbacks.progress("drawing phantoms", 5) as step:
            for _ in range(5):
                step()
        callbacks.on_epoch_end("network", EpochMetrics(2, 0.1, 0.9), 2)
    shown = screen.getvalue()
    for text in ("[reading] 5 images", "drawing phantoms", "5/5", "network", "2/2", "90.00%"):
        assert text in shown


@pytest.mark.parametrize(
    ("elapsed", "done_after", "done", "rest", "expected"),
    [
        (70.0, 0.0, 0, 2, "1 min so far"),  # the first fold is not finished
        (300.0, 300.0, 1, 1, "5 min left"),
        (420.0, 300.0, 1, 1, "3 min left"),  # counts down until the next is finished
        (900.0, 300.0, 1, 1, "0 s left"),
        (600.0, 600.0, 2, 0, "done"),
    ],
)
def test_the_time_of_a_bar(elapsed, done_after, done, rest, expected):
    assert bar_time(elapsed, done_after, done, rest) == expected


def test_a_bar_states_the_time_left_however_long_an_item_takes(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    now = [0.0]
    monkeypatch.setattr("rich.console.monotonic", lambda: now[0])
    with train_callbacks() as callbacks:
        callbacks.on_epoch_end("network", EpochMetrics(11, 0.1, 0.9), 14)  # resumed after 10
        with callbacks.progress("training folds", 4) as step:
            now[0] = 240.0
            step()
        callbacks.on_epoch_end("network", EpochMetrics(12, 0.1, 0.9), 14)
    last = screen.getvalue()[-600:]
    assert "12 min left" in last  # three folds of four minutes
    assert " 8 min left" in last  # two epochs of four minutes


@pytest.mark.parametrize("has_torch", [True, False])
def test_a_terminal_names_the_import_that_takes_long(has_torch, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.delitem(module.sys.modules, "torch", raising=False)
    monkeypatch.setattr(module, "find_spec", lambda _: has_torch or None)
    announce_torch()
    assert screen.getvalue() == "loading PyTorch\n" * has_torch


def test_a_command_in_the_cell_of_a_notebook_has_no_bar(monkeypatch):
    """The notebook would store every state of it."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(module, "FIRST_LINE_SECONDS", 0.0)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    with module.progress(3) as step:
        for _ in range(3):
            step()
    assert terminal.getvalue().startswith("1 of 3, ")
    assert "\x1b" not in terminal.getvalue()


def test_a_narrow_terminal_cuts_no_number(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    metrics = EpochMetrics(3, 0.4793, 0.7814, 0.2595, 0.9508)
    with train_callbacks() as callbacks:
        with callbacks.progress("reading images", 1588) as step:
            step()
        callbacks.on_epoch_end("network", metrics, 1000)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    for number in ("1/1588", "3/1000", *re.findall(r"[0-9.]+", metrics_text(metrics))):
        assert number in shown
    assert "…" not in shown
