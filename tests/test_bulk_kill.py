"""Whatever kills a run, the next one ends with the table of an undisturbed one."""

import random

import pytest

from killing import WAYS, Findings, trial, undisturbed
from makers_film import png
from makers_model import model_bytes

TRIALS, AT_ONCE = 30, 6


@pytest.fixture
def collection(tmp_path):
    """96 films, some damaged, and the table of them."""
    (tmp_path / "films").mkdir()
    model = tmp_path / "plain.onnx"
    model.write_bytes(model_bytes())
    for number in range(96):
        picture = png("frontal" if number % 3 else "lateral")
        (tmp_path / f"films/{number}.png").write_bytes(picture[: None if number % 10 else 60])
    return undisturbed(
        tmp_path / "films", str(model), tmp_path / "wanted.csv", ("--jobs", "1", "--quiet")
    )


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, TRIALS, AT_ONCE))
def test_nothing_is_lost_doubled_or_torn(first, collection, tmp_path):
    findings = Findings()
    for number in range(first, first + AT_ONCE):
        (tmp_path / str(number)).mkdir()
        trial(collection, tmp_path / str(number) / "t.csv", random.Random(number), findings, 1)
    assert findings.is_clean, findings
    assert sum(findings.blows.values()) == findings.trials == AT_ONCE
    assert collection.wanted.count(b"\n") == 97


def test_trials_strike_in_every_way():
    """What the first throw of each trial's dice decides, as `trial` throws them."""
    ways = set()
    for number in range(TRIALS):
        dice = random.Random(number)
        dice.randint(1, 1)
        ways.add(dice.choice(WAYS))
    assert ways == set(WAYS)
