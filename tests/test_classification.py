"""Golden rows of closed-form images; every engine gives the same rows."""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest

from cxrview.engines.local import LocalEngine, SerialEngine, available_processors, engine_for
from cxrview.engines.outcomes import Crashed, Done, Raised, TimedOut, in_order
from cxrview.errors import UnusableModel
from cxrview.images import radiograph_of
from cxrview.inference.classification import (
    classify_items,
    numbered_rows,
    row_from,
    row_of,
    row_of_radiograph,
)
from cxrview.model.classifier import Classifier, Prediction
from cxrview.rows import row_to_dict
from cxrview.sources.find import Item, find, item_of_bytes
from makers_film import FILES, collection, picture
from makers_model import SLOPE, model_bytes

GOLDEN = Path(__file__).parent / "golden" / "rows.txt"


@pytest.fixture(scope="module")
def classifier():
    return Classifier(model_bytes())


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "plain.onnx"
    path.write_bytes(model_bytes())
    return path


def line(row):
    """A row as in the golden file: without the model, probabilities to four places."""
    values = row_to_dict(dataclasses.replace(row, model=""))
    shown = (f"{v:.4f}" if isinstance(v, float) else "-" if v in (None, "") else str(v)
             for v in values.values())  # fmt: skip
    return " | ".join(shown).removesuffix(" | -")


def test_rows_are_those_of_the_golden_file(classifier):
    rows = [row_of(item_of_bytes(name, data), classifier) for name, data in FILES.items()]
    found = "\n".join(map(line, rows)) + "\n"
    if "CXRVIEW_WRITE_GOLDEN" in os.environ:  # then review the difference
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


def test_no_row_names_the_patient(classifier):
    for name, data in FILES.items():
        assert "Doe" not in str(row_of(item_of_bytes(name, data), classifier))


def test_every_row_names_the_model(classifier):
    rows = [row_of(item_of_bytes(name, data), classifier) for name, data in FILES.items()]
    assert {row.model for row in rows} == {classifier.label}
    assert re.fullmatch(r"plain@[0-9a-f]{8}", classifier.label)


def test_the_verdict_follows_from_the_probabilities_of_the_row(classifier):
    edge = dataclasses.replace(classifier.predict(a_radiograph()), p_lateral=0.9499999, p_chest=1.0)
    row = row_of(item_of_bytes("a", FILES["a frontal.png"]), Fixed(edge, classifier))
    assert (row.p_lateral, row.view) == (0.95, "lateral")


def a_radiograph():
    from cxrview.images import radiograph_of

    return radiograph_of(picture("frontal"))


@pytest.mark.parametrize(("p_chest", "expected"), [(1.0, (90, True)), (0.1, (None, None))])
def test_a_chest_radiograph_has_the_rotation_and_polarity_of_the_model(
    classifier, p_chest, expected
):
    prediction = Prediction(0.01, p_chest, rotation=90, inverted=True)
    row = row_of(item_of_bytes("a", FILES["a frontal.png"]), Fixed(prediction, classifier))
    assert (row.rotation, row.inverted) == expected


class Fixed:
    """A classifier that always returns the same prediction, or raises an error."""

    def __init__(self, prediction, like):
        self.prediction, self.thresholds, self.label = prediction, like.thresholds, like.label

    def predict(self, radiograph):
        if isinstance(self.prediction, Exception):
            raise self.prediction
        return self.prediction


@pytest.mark.parametrize(("fault", "code"), [
    (MemoryError(), "too_large"), (RecursionError(), "damaged"),
])  # fmt: skip
def test_a_lack_of_memory_or_stack_is_a_row(classifier, fault, code):
    item = item_of_bytes("a.png", FILES["a frontal.png"])
    assert row_of(item, Fixed(fault, classifier)).error.startswith(f"{code}: ")


def test_row_of_does_not_hide_a_bug(classifier):
    item = item_of_bytes("a.png", FILES["a frontal.png"])
    with pytest.raises(ZeroDivisionError):
        row_of(item, Fixed(ZeroDivisionError(), classifier))


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_every_engine_gives_the_same_rows_in_order(tmp_path, model, classifier, jobs):
    items = find([collection(tmp_path / "images")]) * 3
    expected = [row_of(item, classifier) for item in items]
    assert list(classify_items(items, model, jobs)) == expected


def test_a_window_of_one_works(tmp_path, classifier):
    items = find([collection(tmp_path / "images")])
    engine = LocalEngine(2, window=1)
    rows = list(in_order(numbered_rows(items, classifier, engine)))
    assert [row.file for row in rows] == [item.name for item in items]


@dataclasses.dataclass(frozen=True)
class Trap:
    """A source that harms the process that opens it."""

    deed: str

    def open(self):
        if self.deed == "die":
            os.abort()
        while self.deed == "hang":
            os.sched_yield()
        raise KeyError("Doe^Jane")


@pytest.mark.slow
@pytest.mark.parametrize(("deed", "seconds", "error"), [
    ("die", 30, "decoder_crashed: the process that decoded it died twice: SIGABRT"),
    ("hang", 1.5, "decoder_timed_out: not decoded within 1.5 s, tried twice"),
])  # fmt: skip
def test_a_lost_process_costs_one_row(classifier, deed, seconds, error):
    good = item_of_bytes("good.png", FILES["a frontal.png"])
    items = [good, Item("bad.png", Trap(deed)), good]
    engine = LocalEngine(1, seconds_per_item=seconds)
    one, bad, two = in_order(numbered_rows(items, classifier, engine))
    assert one == two
    assert (bad.file, bad.error, bad.model) == ("bad.png", error, one.model)


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_bug_is_a_row_that_quotes_no_data(model, jobs):
    (row,) = classify_items([Item("bad.png", Trap("raise"))], model, jobs)
    assert re.fullmatch(r"decoder_crashed: KeyError at test_classification\.py:\d+", row.error)


def test_a_missing_model_is_an_error_before_the_first_item():
    with pytest.raises(UnusableModel):
        classify_items(iter([]), "no/such.onnx")


@pytest.mark.parametrize(("outcome", "code"), [
    (Raised("KeyError", "a.py:1"), "decoder_crashed"),
    (Crashed("SIGSEGV"), "decoder_crashed"),
    (TimedOut(60.0), "decoder_timed_out"),
])  # fmt: skip
def test_outcomes_become_errors(outcome, code):
    assert row_from("a.png", outcome, "m").error.startswith(f"{code}: ")


def test_only_rows_are_accepted():
    with pytest.raises(TypeError, match="a row is expected"):
        row_from("a.png", Done(3), "m")


def test_order_is_restored():
    assert list(in_order(iter([(2, "c"), (0, "a"), (3, "d"), (1, "b")]))) == list("abcd")


def test_jobs_choose_the_engine():
    assert isinstance(engine_for(0), SerialEngine)
    assert isinstance(engine_for(available_processors()), LocalEngine)


def test_the_model_of_the_tests_does_what_its_docstring_says(classifier):
    half = picture("lateral").astype(float)
    difference = half[:48].mean() - half[48:].mean()
    assert difference > 0
    assert classifier.predict(a_radiograph()).p_lateral < 1 / (1 + SLOPE)


@pytest.mark.parametrize(("height", "width", "warning"), [
    (16, 16, "small: 16 x 16 pixels"),
    (400, 31, "small: 31 x 400 pixels"),
    (31, 400, "small: 400 x 31 pixels"),
    (32, 32, ""),
])  # fmt: skip
def test_an_image_of_few_pixels_has_a_verdict_and_a_warning(classifier, height, width, warning):
    radiograph = radiograph_of(np.arange(height * width, dtype=np.uint16).reshape(height, width))
    row = row_of_radiograph("", radiograph, classifier)
    assert row.warning == warning
    assert row.view is not None
