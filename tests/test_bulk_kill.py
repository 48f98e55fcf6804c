"""After any fault, the next run ends with the table of an uninterrupted run.

`benchmarks/kill_bulk.py` is the long version.
"""

import random

import pytest

from fault_injection import FAULTS, FaultReport, trial, uninterrupted
from makers_film import png
from makers_model import model_bytes

TRIALS = 3  # of each fault


@pytest.fixture
def collection(tmp_path):
    """96 images, some of them damaged, and the table of an uninterrupted run."""
    (tmp_path / "images").mkdir()
    model = tmp_path / "plain.onnx"
    model.write_bytes(model_bytes())
    for number in range(96):
        content = png("frontal" if number % 3 else "lateral")
        (tmp_path / f"images/{number}.png").write_bytes(content[: None if number % 10 else 60])
    options = ("--jobs", "1", "--quiet")
    return uninterrupted(tmp_path / "images", str(model), tmp_path / "expected.csv", options)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_no_row_is_lost_or_duplicated(fault, collection, tmp_path):
    report = FaultReport()
    for seed in range(TRIALS):
        (tmp_path / str(seed)).mkdir()
        trial(collection, tmp_path / str(seed) / "t.csv", random.Random(seed), report, [fault])
    assert report.is_clean, report
    assert report.faults == {fault: TRIALS}
    assert (report.trials, collection.expected.count(b"\n")) == (TRIALS, 97)
