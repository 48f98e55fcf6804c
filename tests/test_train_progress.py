"""Who looks at a training sees its passes: a bar on a terminal, a line now and then in a log."""

import io

import pytest

from cxrview.cli import watching as module
from cxrview.cli.watching import watching, words
from cxrview.training.history import Pass


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (Pass(1, 0.25, 0.5), "loss 0.2500, accuracy 50.00%"),
        (Pass(1, 0.25, 0.5, 0.125, 1.0),
         "loss 0.2500, accuracy 50.00%; validation 0.1250, 100.00%"),
    ],
)  # fmt: skip
def test_a_pass_in_words(one, expected):
    assert words(one) == expected


def test_a_log_has_the_first_pass_the_last_and_one_in_half_a_minute(monkeypatch):
    seconds = iter([0.0, 1.0, 31.0, 32.0, 33.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    with watching() as watch:
        for number in range(1, 6):
            watch("gate", Pass(number, 0.1, 0.9), 5)
    told = [line.split(",")[0] for line in log.getvalue().splitlines()]
    assert told == ["gate: pass 1 of 5", "gate: pass 3 of 5", "gate: pass 5 of 5"]


def test_a_terminal_shows_a_bar_for_each_net(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    with watching() as watch:
        for name in ("view net", "gate"):
            watch(name, Pass(2, 0.1, 0.9), 2)
    shown = screen.getvalue()
    assert "view net" in shown
    assert "gate" in shown
    assert "2/2" in shown
    assert "accuracy 90.00%" in shown
