"""A model file computes what its networks do, carries its card; other files are refused."""

import functools
from dataclasses import replace
from importlib import resources

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.errors import CxrviewError, UnusableModel
from cxrview.images import radiograph_of
from cxrview.model import classifier as classifier_module
from cxrview.model.card import Card, Metric, card_from_json
from cxrview.model.classifier import SHIPPED_SHA256, Classifier, load, turns_of
from cxrview.model.layers import PAPER_NETWORK, parameter_count
from cxrview.training import export as export_module
from cxrview.training.export import export, export_checked, load_network
from cxrview.training.networks import ModelNetworks
from cxrview.training.recipe import DEFAULT_RECIPE
from cxrview.training.run import plain_card
from cxrview.views import Thresholds
from makers_networks import networks

CARD = plain_card(DEFAULT_RECIPE, seed=3)


@functools.cache
def exported() -> bytes:
    return export(networks(), CARD)


@pytest.fixture(scope="module")
def content():
    return exported()


def noise(seed: int, n: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 64, 64), dtype=np.float32)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_onnx_and_torch_agree(seed):
    image = noise(seed)
    found = Classifier(exported()).predict_turns(turns_of(image[0]), turns_of(image[0]))
    expected = networks().predict(image, image, np.zeros(1, np.bool_))[0]
    np.testing.assert_allclose((found.p_lateral, found.p_chest), expected, atol=1e-5)


@pytest.mark.parametrize("has_gate", [True, False])
def test_a_checked_export_is_what_torch_computed(has_gate):
    made = networks(has_gate=has_gate)
    card = CARD if has_gate else replace(CARD, gate_preprocessing="")
    classifier = export_checked(made, card, noise(1, 3), noise(1, 3))
    assert classifier.content == export(made, card)


@pytest.mark.parametrize("column", [0, 1], ids=["view", "gate"])
def test_networks_that_the_file_does_not_reproduce_are_not_exported(monkeypatch, column):
    correct = ModelNetworks.predict

    def altered(self, *images):
        predictions = correct(self, *images)
        predictions[-1, column] += 2e-5
        return predictions

    monkeypatch.setattr(export_module.ModelNetworks, "predict", altered)
    with pytest.raises(CxrviewError, match="do not agree"):
        export_checked(networks(), CARD, noise(1), noise(1))


def test_networks_come_back_from_the_file_unchanged(content):
    made = networks()
    for prefix, was in (("view", made.view), ("gate", made.gate)):
        for name, weights in load_network(content, prefix).state_dict().items():
            assert torch.equal(weights, was.state_dict()[name])


def test_a_network_that_is_not_in_the_file():
    content = export(networks(has_gate=False), replace(CARD, gate_preprocessing=""))
    with pytest.raises(UnusableModel, match="no gate network"):
        load_network(content, "gate")


def test_the_file_stores_every_parameter_of_both_networks(content):
    stored = onnx.load_from_string(content).graph.initializer
    halves = [t for t in stored if t.data_type == onnx.TensorProto.FLOAT16]
    assert sum(int(np.prod(t.dims)) for t in halves) == 2 * parameter_count(PAPER_NETWORK)


def test_the_same_networks_and_card_give_the_same_bytes(content):
    assert export(networks(), CARD) == content


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


@pytest.mark.parametrize("name", SHIPPED_SHA256)
def test_shipped_models_are_what_the_code_says(name):
    classifier = load(name)
    assert classifier.sha256 == SHIPPED_SHA256[name]
    assert classifier.card.name == name
    assert classifier.card.parameters == 2 * 105_761
    assert classifier.card.metrics[0].name.startswith("laterals refused")  # the worst group first
    assert len(classifier.card.commit) == 40


def test_an_altered_shipped_model_is_refused(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED_SHA256, "film", "0" * 64)
    with pytest.raises(UnusableModel, match="altered"):
        load("film")


def test_a_missing_shipped_model_is_said_to_be_missing(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED_SHA256, "gone", "0" * 64)
    with pytest.raises(UnusableModel, match="missing"):
        load("gone")


def test_the_shipped_models_stay_under_a_megabyte_together():
    weights = resources.files("cxrview.model") / "weights"
    sizes = [len((weights / f"{name}.onnx").read_bytes()) for name in SHIPPED_SHA256]
    assert sum(sizes) < 1_000_000
