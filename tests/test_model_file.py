"""A model file says what its nets say, carries its card, and is refused when it is not ours."""

import functools
from dataclasses import replace
from importlib import resources

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.errors import UnusableModel
from cxrview.images import radiograph_of
from cxrview.model import classifier as classifier_module
from cxrview.model.card import Card, Metric, card_from_json
from cxrview.model.classifier import SHIPPED, Classifier, load
from cxrview.model.layers import PAPER_NETWORK, parameter_count
from cxrview.training.export import export
from cxrview.training.model_file import classifier_of, plain_card, torch_judges
from cxrview.training.recipe import DEFAULT
from cxrview.views import Thresholds
from makers_networks import nets

CARD = plain_card(DEFAULT, seed=3)


@functools.cache
def exported() -> bytes:
    made = nets()
    return export(made.view, made.gate, CARD)


@pytest.fixture(scope="module")
def content():
    return exported()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_onnx_and_torch_agree(seed):
    turns = np.random.default_rng(seed).random((4, 1, 64, 64), dtype=np.float32)
    said = Classifier(exported()).predict_turns(turns, turns)
    np.testing.assert_allclose(
        (said.p_lateral, said.p_chest), torch_judges(nets(), turns), atol=1e-5
    )


def test_a_net_that_the_file_does_not_repeat_is_not_exported(monkeypatch):
    monkeypatch.setattr("cxrview.training.model_file.torch_judges", lambda *_: (0.0, 1.0))
    with pytest.raises(ArithmeticError, match="torch"):
        classifier_of(nets(), CARD)


def test_the_file_stores_every_parameter_of_both_nets(content):
    stored = onnx.load_from_string(content).graph.initializer
    halves = [t for t in stored if t.data_type == onnx.TensorProto.FLOAT16]
    assert sum(int(np.prod(t.dims)) for t in halves) == 2 * parameter_count(PAPER_NETWORK)


def test_the_same_nets_and_card_give_the_same_bytes(content):
    made = nets()
    assert export(made.view, made.gate, CARD) == content


def test_a_turned_film_is_judged_as_the_upright_one(content):
    pixels = np.random.default_rng(5).integers(0, 255, (180, 140)).astype(np.uint8)
    classifier = Classifier(content)
    upright = classifier.predict(radiograph_of(pixels))
    for quarter in (1, 2, 3):
        turned = classifier.predict(radiograph_of(np.ascontiguousarray(np.rot90(pixels, quarter))))
        assert turned.p_chest == pytest.approx(upright.p_chest, abs=0.01)
        assert turned.p_lateral == pytest.approx(upright.p_lateral, abs=0.01)


def test_a_blank_picture_is_no_chest_film(content):
    blank = radiograph_of(np.full((100, 100), 80, np.uint8))
    assert Classifier(content).predict(blank).p_chest == 0


def test_the_card_travels_in_the_file(content):
    classifier = Classifier(content)
    assert classifier.card.as_dict() == card_from_json(CARD.to_json()).as_dict()
    assert classifier.label == f"unnamed@{classifier.sha256[:8]}"


def test_a_card_written_and_read_back_is_the_same_card():
    card = replace(
        CARD,
        thresholds=Thresholds(0.1, 0.8, 0.3),
        metrics=(Metric("accuracy", 0.99, 0.98, 1.0, "99 of 100"),),
        limits=("none known",),
        data={"made, frontal": 3},
        recipe={"seed": 1},
    )
    assert card_from_json(card.to_json()) == card
    text = card.text()
    for words in ("99 of 100", "98.00% - 100.00%", "none known", "3 made, frontal", "0.8"):
        assert words in text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 3}', '{"format": 2}', '{"format": 1, "name": "x"}', "{", "3"],
)
def test_what_is_no_card_is_refused(text):
    with pytest.raises(UnusableModel):
        card_from_json(text)


def altered(content: bytes, change) -> bytes:
    model = onnx.load_from_string(content)
    change(model)
    return model.SerializeToString()


def without_card(model):
    del model.metadata_props[:]


def with_other_preparation(model):
    card = replace(CARD, view_preprocessing="unheard")
    model.metadata_props[0].value = card.to_json()


def with_another_input(model):
    for node in model.graph.node:
        node.input[:] = ["other" if name == "gate_turns" else name for name in node.input]
    for value in model.graph.input:
        value.name = "other" if value.name == "gate_turns" else value.name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_card, "no cxrview card"),
        (with_other_preparation, "preprocessing 'unheard'"),
        (with_another_input, "not .*gate_turns"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(content, change, words):
    with pytest.raises(UnusableModel, match=words):
        Classifier(altered(content, change))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a model"])
def test_bytes_that_are_no_model_are_refused(content):
    with pytest.raises(UnusableModel, match="no ONNX model"):
        Classifier(content)


def test_a_path_that_is_not_there_names_what_ships():
    with pytest.raises(UnusableModel, match="film, open"):
        load("nowhere.onnx")


def test_a_model_file_is_loaded_by_path(tmp_path, content):
    (tmp_path / "own.onnx").write_bytes(content)
    assert isinstance(load(tmp_path / "own.onnx").card, Card)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_are_what_the_code_says(name):
    classifier = load(name)
    assert classifier.sha256 == SHIPPED[name]
    assert classifier.card.name == name
    assert classifier.card.parameters == 2 * 105_761
    assert classifier.card.metrics[0].name.startswith("accuracy, ")
    assert len(classifier.card.commit) == 40


def test_an_altered_shipped_model_is_refused(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED, "film", "0" * 64)
    with pytest.raises(UnusableModel, match="altered"):
        load("film")


def test_a_missing_shipped_model_is_said_to_be_missing(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED, "gone", "0" * 64)
    with pytest.raises(UnusableModel, match="missing"):
        load("gone")


def test_the_shipped_models_stay_under_a_megabyte_together():
    weights = resources.files("cxrview.model") / "weights"
    sizes = [len((weights / f"{name}.onnx").read_bytes()) for name in SHIPPED]
    assert sum(sizes) < 1_000_000
