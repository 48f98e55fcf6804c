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
        table, dice = tmp_path / str(number) / "t.csv", random.Random(number)
        trial(collection, table, dice, findings, [WAYS[number % len(WAYS)]])
    assert findings.is_clean, findings
    assert min(findings.blows.values()) > 0
    assert (findings.trials, collection.wanted.count(b"\n")) == (AT_ONCE, 97)
