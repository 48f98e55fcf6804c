"""The shipped models on real radiographs: neither view is refused more often than the cards say."""

import csv
import os
from pathlib import Path

import pytest

from cxrview.inference.classification import row_of
from cxrview.model.classifier import SHIPPED_SHA256, load
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Verdict

DATA = Path(os.environ.get("CXRVIEW_DATA", Path(__file__).parents[2] / "shared" / "data"))
LABELS = DATA / "cxr" / "labels.csv"
MOST_REFUSED = 1 / 45  # of either view: one of the 45 laterals
MOST_WRONG = 2 / 45
WITH_GATE = [name for name in SHIPPED_SHA256 if load(name).card.has_gate]


def files_of(view: str, step: int) -> list[str]:
    with LABELS.open(newline="") as table:
        return [row["file"] for row in csv.DictReader(table) if row["view"] == view][::step]


@pytest.mark.skipif(not LABELS.is_file(), reason=f"no radiographs in {DATA} (set CXRVIEW_DATA)")
@pytest.mark.parametrize("model", WITH_GATE)
@pytest.mark.parametrize(("view", "step"), [("lateral", 1), ("frontal", 10)])
def test_few_radiographs_of_either_view_are_refused_or_wrong(model, view, step):
    classifier, files = load(model), files_of(view, step)
    paths = [str(LABELS.parent / file) for file in files]
    rows = [row_of(Item(path, FileSource(path)), classifier) for path in paths]
    refused = [row.file for row in rows if row.view is Verdict.NOT_CHEST]
    wrong = [row.file for row in rows if (row.p_lateral > 0.5) != (view == "lateral")]
    assert len(files) >= 45
    assert len(refused) <= MOST_REFUSED * len(files), refused
    assert len(wrong) <= MOST_WRONG * len(files), wrong


@pytest.mark.parametrize("model", WITH_GATE)
def test_cards_state_the_refusals_of_each_view(model):
    card = load(model).card
    assert 0 < card.thresholds.chest <= 0.5
    for view in ("laterals", "frontals"):
        refusals = [one for one in card.metrics if one.name.startswith(f"{view} refused")]
        assert refusals, view
        assert all(metric.value <= MOST_REFUSED for metric in refusals)
