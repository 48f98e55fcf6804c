"""Model files of earlier versions, with two networks, still give the same answers."""

import json

import numpy as np
import pytest

from cxrview.errors import UnusableModel
from cxrview.images import radiograph_of
from cxrview.model.card import TWO_NETWORKS, card_from_json
from cxrview.model.classifier import Classifier, turns_of
from cxrview.model.preprocess import preprocess
from cxrview.training.export import load_network
from makers_model import (
    LATERAL,
    SLOPE,
    TURNED_CHEST,
    card_named,
    changed,
    old_card_text,
    old_model_bytes,
)

FORMATS = pytest.mark.parametrize("card_format", [1, 2])


def sigmoid(logit: float) -> float:
    return 1 / (1 + np.exp(-logit))


def scene(seed: int) -> np.ndarray:
    """(220, 180) uint8: hills with some grain, brighter on one side."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:220, 0:180] / 220
    slope = rng.uniform(-60, 60, 2)
    hills = 20 * np.sin(9 * x + rng.uniform(0, 6)) + slope[0] * x + slope[1] * y
    return (120 + hills + rng.normal(0, 3, x.shape)).clip(5, 250).astype(np.uint8)


@FORMATS
@pytest.mark.parametrize("seed", range(5))
def test_the_view_is_that_of_the_turn_that_looks_most_like_a_chest(card_format, seed):
    radiograph = radiograph_of(scene(seed))
    images = preprocess(radiograph, "film", "framed").images
    chest = [(TURNED_CHEST * turn[0]).sum() + 0.9 * SLOPE for turn in turns_of(images["framed"])]
    lateral = [(LATERAL * turn[0]).sum() for turn in turns_of(images["film"])]
    found = Classifier(old_model_bytes(card_format)).predict(radiograph)
    assert found.p_chest == pytest.approx(sigmoid(max(chest)), abs=1e-5)
    assert found.p_lateral == pytest.approx(sigmoid(lateral[int(np.argmax(chest))]), abs=1e-4)
    assert (found.rotation, found.inverted) == (None, None)


@FORMATS
def test_without_a_gate_the_view_is_that_of_the_image_as_it_is(card_format):
    radiograph = radiograph_of(scene(1))
    image = preprocess(radiograph, "film").images["film"]
    found = Classifier(old_model_bytes(card_format, has_gate=False)).predict(radiograph)
    assert found.p_lateral == pytest.approx(sigmoid((LATERAL * image).sum()), abs=1e-4)
    assert found.p_chest is None


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_rotated_image_is_classified_as_the_upright_one(quarter):
    classifier, pixels = Classifier(old_model_bytes()), scene(2)
    upright = classifier.predict(radiograph_of(pixels))
    turned = classifier.predict(radiograph_of(np.ascontiguousarray(np.rot90(pixels, quarter))))
    assert turned.p_chest == pytest.approx(upright.p_chest, abs=1e-3)
    assert turned.p_lateral == pytest.approx(upright.p_lateral, abs=1e-3)


@pytest.mark.parametrize("has_gate", [True, False])
def test_a_blank_image_is_no_chest_radiograph(has_gate):
    blank = radiograph_of(np.full((100, 100), 80, np.uint8))
    assert Classifier(old_model_bytes(has_gate=has_gate)).predict(blank).p_chest == 0


@FORMATS
@pytest.mark.parametrize("has_gate", [True, False])
def test_old_cards_become_cards_of_the_present_format(card_format, has_gate):
    card = Classifier(old_model_bytes(card_format, has_gate)).card
    assert card.network == TWO_NETWORKS
    assert card.preprocessing == (("film", "framed") if has_gate else ("film",))
    assert card.has_gate is has_gate
    assert (card.thresholds, card.temperatures) == (card_named().thresholds, {})
    assert card_from_json(card.to_json()) == card
    assert ("not_chest at" in card.text()) is has_gate


@FORMATS
def test_an_old_card_that_lacks_its_preprocessing_is_refused(card_format):
    values = json.loads(old_card_text(card_format, has_gate=True))
    lacking = {key: value for key, value in values.items() if not key.startswith("view_")}
    with pytest.raises(UnusableModel, match="cannot be read"):
        card_from_json(json.dumps(lacking))


def with_other_gate_input(model):
    for node in model.graph.node:
        node.input[:] = ["other" if name == "gate_turns" else name for name in node.input]
    model.graph.input[1].name = "other"


def test_an_old_file_with_other_inputs_is_refused():
    with pytest.raises(UnusableModel, match=r"'other'.*expected .*'gate_turns'"):
        Classifier(changed(old_model_bytes(), with_other_gate_input))


def test_a_model_of_two_networks_cannot_be_trained_further():
    classifier = Classifier(old_model_bytes())
    with pytest.raises(UnusableModel, match=r"earlier version.*cannot be trained further"):
        load_network(classifier.content, classifier.card)
