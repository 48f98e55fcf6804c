"""The shipped models on real radiographs: neither view is refused more often than the cards say."""

import csv
import os
from pathlib import Path

import pytest

from cxrview.inference.classification import row_of
from cxrview.model.classifier import load
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Verdict

DATA = Path(os.environ.get("CXRVIEW_DATA", Path(__file__).parents[2] / "shared" / "data"))
LABELS = DATA / "cxr" / "labels.csv"
MOST_REFUSED = 0.02  # of either view: the rule that the thresholds of P(chest) follow


def files_of(view: str, step: int) -> list[str]:
    with LABELS.open(newline="") as table:
        return [row["file"] for row in csv.DictReader(table) if row["view"] == view][::step]


@pytest.mark.skipif(not LABELS.is_file(), reason=f"no radiographs in {DATA} (set CXRVIEW_DATA)")
@pytest.mark.parametrize("model", ["film", "open"])
@pytest.mark.parametrize(("view", "step"), [("lateral", 1), ("frontal", 10)])
def test_at_most_two_percent_of_either_view_are_refused(model, view, step):
    classifier, files = load(model), files_of(view, step)
    paths = [str(LABELS.parent / file) for file in files]
    rows = [row_of(Item(path, FileSource(path)), classifier) for path in paths]
    refused = [row.file for row in rows if row.view is Verdict.NOT_CHEST]
    assert len(files) >= 45
    assert len(refused) <= MOST_REFUSED * len(files), refused


@pytest.mark.parametrize(("model", "threshold"), [("film", 0.40), ("open", 0.35)])
def test_cards_state_the_threshold_and_each_view_s_refusals(model, threshold):
    card = load(model).card
    assert card.thresholds.chest == threshold
    refusals = [metric for metric in card.metrics if "refused by the gate" in metric.name]
    assert {metric.name.split()[0] for metric in refusals} == {"laterals", "frontals"}
    assert all(metric.value <= MOST_REFUSED for metric in refusals)
