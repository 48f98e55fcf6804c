"""A model file computes what its network does and carries its card; other files are refused."""

import functools
import json
from dataclasses import replace
from importlib import resources

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from cxrview.errors import CxrviewError, UnusableModel
from cxrview.images import radiograph_of
from cxrview.inference.classification import classify_items
from cxrview.model import classifier as classifier_module
from cxrview.model.card import CARD_KEY, TWO_NETWORKS, Card, CardMetric, card_from_json
from cxrview.model.classifier import SHIPPED_SHA256, Classifier, is_near_threshold, load
from cxrview.model.layers import ARCHITECTURES, SIDE
from cxrview.model.preprocess import INPUT_SIDES
from cxrview.sources.find import item_of_bytes
from cxrview.training import export as export_module
from cxrview.training.export import export, export_checked, load_network
from cxrview.training.networks import Network, Outputs, concatenated, logits_of, outputs_of
from cxrview.training.recipe import DEFAULT_RECIPE, PAPER_RECIPE, Recipe
from cxrview.training.run import plain_card
from cxrview.views import Thresholds
from makers_film import picture, png
from makers_model import card_named, changed, model_bytes
from makers_networks import network

NETWORKS = tuple(ARCHITECTURES)
TEMPERATURES = {"lateral": 2.5, "chest": 1.25, "rotation": 1.5, "inverted": 3.0}


def recipe_of(name: str) -> Recipe:
    return PAPER_RECIPE if name == "paper" else replace(DEFAULT_RECIPE, network=name)


def card_of(name: str, **changes) -> Card:
    return replace(plain_card(recipe_of(name), seed=3), **changes)


@functools.cache
def exported(name: str) -> bytes:
    return export(network(0, name), card_of(name))


def noise(name: str, seed: int, count: int = 1) -> np.ndarray:
    """(count, side, side) uint8: some flat gray with strong grain."""
    rng, side = np.random.default_rng(seed), ARCHITECTURES[name].side
    return rng.normal(rng.uniform(0, 255), 60, (count, side, side)).clip(0, 255).astype(np.uint8)


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


# What the file computes


@settings(max_examples=20)
@given(st.sampled_from(NETWORKS), st.integers(0, 2**32 - 1), st.sampled_from([{}, TEMPERATURES]))
def test_onnx_and_torch_agree_on_every_output(name, seed, temperatures):
    made, image = network(0, name), noise(name, seed)
    content = exported(name)
    if temperatures:
        content = export(made, card_of(name, temperatures=temperatures))
    found = Classifier(content).run(image[0].astype(np.float32) / np.float32(255))
    logits = logits_of(made, image).reshape(1, -1)[0]
    assert list(found) == list(made.architecture.outputs)
    for output, columns in made.architecture.columns.items():
        scaled = logits[columns] / temperatures.get(output, 1)
        expected = softmax(scaled) if output == "rotation" else 1 / (1 + np.exp(-scaled))
        np.testing.assert_allclose(found[output], expected, atol=1e-5)


NOT_BLANK = np.zeros(1, np.bool_)


def test_temperatures_are_those_of_training():
    outputs = Outputs(ARCHITECTURES["multitask"], np.array([[4.0, 0, 0, 0, 0, 1, -3]]), NOT_BLANK)
    expected = 1 / (1 + np.exp([3 / 2.5, -4 / 1.25]))  # P(lateral), P(chest)
    np.testing.assert_allclose(outputs.predictions(TEMPERATURES)[0], expected)


# Near a threshold


@pytest.mark.parametrize(("p_lateral", "p_chest", "expected"), [
    (0.01, 0.95, False),
    (0.99, 0.95, False),
    (0.05, 0.95, True),
    (0.97, 1.0, True),
    (0.01, 0.89, True),
    (0.01, 0.06, True),
    (0.5, 0.04, False),
])  # fmt: skip
def test_what_needs_a_review_is_near_a_threshold(p_lateral, p_chest, expected):
    found = is_near_threshold(np.array([p_lateral]), np.array([p_chest]))
    assert found.tolist() == [expected]


def of_turns(classifier, image):
    """(4, 2): P(lateral) and P(chest) of the four quarter turns."""
    runs = [classifier.run(np.ascontiguousarray(np.rot90(image, turn))) for turn in range(4)]
    return np.array([[float(run[name][0]) for name in ("lateral", "chest")] for run in runs])


@pytest.mark.parametrize("averages_turns", [False, True])
def test_near_a_threshold_the_mean_of_the_quarter_turns_counts(averages_turns):
    made, images = network(0, "multitask"), noise("multitask", 5, 3)
    strong = {"lateral": 0.002, "chest": 0.002}  # an untrained network hardly sees a difference
    card = card_of("multitask", averages_turns=averages_turns, temperatures=strong)
    classifier = Classifier(export(made, card))
    outputs = outputs_of(made, images, np.zeros(3, np.bool_), averages_turns=averages_turns)
    for image, expected in zip(images.astype("f4") / 255, outputs.predictions(strong), strict=True):
        found, turns = classifier.predict_images([image]), of_turns(classifier, image)
        assert np.ptp(turns, axis=0).min() > 0.01
        mean = turns.mean(axis=0) if averages_turns else turns[0]
        np.testing.assert_allclose((found.p_lateral, found.p_chest), mean, atol=1e-6)
        np.testing.assert_allclose(expected, mean, atol=1e-3)


def test_far_from_the_thresholds_the_other_turns_do_not_count():
    logits = np.array([[9.0, 9, 0, 0, 0, 0, 9], [-9, 0, 0, 0, 0, 0, 0], [9, 0, 0, 0, 0, 0, 1]])
    other = np.zeros((3, 7))
    architecture, blank = ARCHITECTURES["multitask"], np.zeros(3, np.bool_)
    alone = Outputs(architecture, logits, blank).predictions({})
    found = Outputs(architecture, logits, blank, [other] * 3).predictions({})
    np.testing.assert_array_equal(found[:2], alone[:2])
    np.testing.assert_allclose(found[2], (alone[2] + 3 * 0.5) / 4)


def test_models_average_the_turns_that_their_recipe_has_trained():
    upright = replace(DEFAULT_RECIPE.main.augmentation, quarter_turns=0)
    recipes = (DEFAULT_RECIPE, replace(DEFAULT_RECIPE, main=replace(
        DEFAULT_RECIPE.main, augmentation=upright)), PAPER_RECIPE)  # fmt: skip
    assert [plain_card(one, 0).averages_turns for one in recipes] == [True, False, False]


def test_cards_of_format_3_average_nothing():
    values = card_of("multitask").as_dict() | {"format": 3}
    assert values.pop("averages_turns")
    card = card_from_json(json.dumps(values))
    assert (card.averages_turns, card.network) == (False, "multitask")


def test_outputs_are_joined_and_selected_with_their_turns():
    outputs = [
        Outputs(ARCHITECTURES["multitask"], np.full((n, 7), n), np.arange(n) > 0,
                [np.full((n, 7), 10 * n + turn) for turn in range(3)])
        for n in (1, 2)
    ]  # fmt: skip
    found = concatenated(outputs).select(np.array([2, 0]))
    assert found.logits[:, 0].tolist() == [2, 1]
    assert found.is_blank.tolist() == [True, False]
    assert [turn[:, 6].tolist() for turn in found.turned] == [[20, 10], [21, 11], [22, 12]]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checked_export_is_what_torch_computed(name):
    made, card = network(0, name), card_of(name, temperatures=TEMPERATURES)
    classifier = export_checked(made, card, noise(name, 1, 3))
    assert classifier.content == export(made, card)


@pytest.mark.parametrize("column", range(7))
def test_a_network_that_the_file_does_not_reproduce_is_not_exported(monkeypatch, column):
    def altered(*arguments):
        outputs = outputs_of(*arguments)
        outputs.logits[-1, column] += 1e-3
        return outputs

    monkeypatch.setattr(export_module, "outputs_of", altered)
    output = next(name for name, columns in ARCHITECTURES["multitask"].columns.items()
                  if columns.start <= column < columns.stop)  # fmt: skip
    with pytest.raises(CxrviewError, match=f"do not agree on {output}"):
        export_checked(network(0, "multitask"), card_of("multitask"), noise("multitask", 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_diverged_is_not_exported(name):
    made = network(0, name)
    with torch.no_grad():
        next(made.parameters())[0] = np.nan
    with pytest.raises(UnusableModel, match="no probabilities"):
        export_checked(made, card_of(name), noise(name, 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_from_the_file_unchanged(name):
    made = network(0, name)
    found = load_network(exported(name), card_of(name))
    assert not found.training
    stored = {key for key in made.state_dict() if not key.endswith("num_batches_tracked")}
    assert any(key.endswith("running_var") for key in stored) == (name != "paper")
    for key in stored:
        assert torch.equal(found.state_dict()[key], made.state_dict()[key]), key
    image = noise(name, 2)
    np.testing.assert_array_equal(logits_of(found, image), logits_of(made, image))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_stores_every_parameter_in_half_precision(name):
    stored = onnx.load_from_string(exported(name)).graph.initializer
    halves = [one for one in stored if one.data_type == TensorProto.FLOAT16]
    parameters = ARCHITECTURES[name].parameters
    assert sum(int(np.prod(one.dims)) for one in halves) == parameters
    assert len(exported(name)) < 2 * parameters + 20_000


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_and_card_give_the_same_bytes(name):
    assert export(network(0, name), card_of(name)) == exported(name)


def test_a_blank_image_is_no_chest_radiograph_and_has_no_pose():
    blank = radiograph_of(np.full((100, 80), 80, np.uint8))
    for content in (*map(exported, NETWORKS), model_bytes(has_poses=True)):
        found = Classifier(content).predict(blank)
        assert (found.p_chest, found.rotation, found.inverted) == (0, None, None)


# Rotation and polarity


@pytest.mark.parametrize("turns", range(4))
def test_the_rotation_makes_the_image_upright(turns):
    upright = picture("lateral")  # bright above, as the model wants it
    turned = np.ascontiguousarray(np.rot90(upright, turns))  # counterclockwise
    found = Classifier(model_bytes(has_poses=True)).predict(radiograph_of(turned))
    assert found.rotation == 90 * turns
    clockwise = np.rot90(turned, -found.rotation // 90)
    np.testing.assert_array_equal(clockwise, upright)


class Fixed(Classifier):
    """The plain model with the given outputs."""

    def __init__(self, pose, **outputs):
        super().__init__(model_bytes())
        self.card = replace(self.card, thresholds=Thresholds(pose=pose))
        self.outputs = {name: np.array(values, np.float32) for name, values in outputs.items()}

    def run(self, image):
        return {"lateral": np.array([0.25], np.float32), **self.outputs}


@pytest.mark.parametrize(
    ("inverted", "pose", "expected"),
    [
        (0.95, 0.9, True),
        (0.05, 0.9, False),
        (0.75, 0.75, True),  # thresholds are inclusive
        (0.25, 0.75, False),
        (0.7, 0.75, None),
        (0.3, 0.75, None),
        (0.5, 0.9, None),
        (np.nan, 0.9, None),
    ],
)
def test_polarity_is_stated_where_the_model_is_sure(inverted, pose, expected):
    found = Fixed(pose, inverted=[inverted]).predict(radiograph_of(picture("frontal")))
    assert found.inverted is expected
    assert (found.p_lateral, found.p_chest, found.rotation) == (0.25, None, None)


@pytest.mark.parametrize(
    ("rotation", "pose", "expected"),
    [
        ([0.95, 0.05, 0, 0], 0.9, 0),
        ([0, 0.05, 0.95, 0], 0.9, 180),
        ([0, 0.25, 0, 0.75], 0.75, 270),  # thresholds are inclusive
        ([0, 0.75, 0, 0.25], 0.8, None),
        ([0.25] * 4, 0.9, None),
        ([np.nan] * 4, 0.9, None),
    ],
)
def test_the_rotation_is_stated_where_the_model_is_sure(rotation, pose, expected):
    found = Fixed(pose, rotation=rotation).predict(radiograph_of(picture("frontal")))
    assert found.rotation == expected
    assert found.inverted is None


# The card


@pytest.mark.parametrize("name", NETWORKS)
def test_the_card_travels_in_the_file(name):
    classifier = Classifier(exported(name))
    assert classifier.card.as_dict() == card_from_json(card_of(name).to_json()).as_dict()
    assert classifier.card.parameters == sum(p.numel() for p in network(0, name).parameters())
    assert classifier.label == f"unnamed@{classifier.sha256[:8]}"


def test_a_card_written_and_read_back_is_the_same_card():
    card = card_of(
        "multitask",
        thresholds=Thresholds(0.1, 0.8, 0.3, 0.7),
        temperatures=TEMPERATURES,
        metrics=(CardMetric("accuracy", 0.99, 0.98, 1.0, "99 of 100"),),
        limits=("none known",),
        data={"made, frontal": 3},
        recipe={"seed": 1},
    )
    assert card_from_json(card.to_json()) == card
    text = card.text()
    for words in ("99 of 100", "98.00% - 100.00%", "none known", "3 made, frontal", "0.8",
                  "multitask, ", "not_chest at P(chest) < 0.3"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 5}', '{"format": 4}', '{"format": 3}', '{"format": 2}', "{", "3",
     '{"format": 1, "name": "x"}', '{"format": [3]}'],
)  # fmt: skip
def test_what_is_no_card_is_refused(text):
    with pytest.raises(UnusableModel):
        card_from_json(text)


@pytest.mark.parametrize("change", [
    {"data": [1]}, {"data": {"a": "b"}}, {"network": ["x"]}, {"preprocessing": [[1]]},
    {"recipe": [1, 2]}, {"temperatures": {"lateral": "x"}}, {"temperatures": {"lateral": np.nan}},
    {"has_gate": 1}, {"seed": "x"}, {"limits": [1]}, {"name": "a\nb"},
    {"metrics": [{"name": "x", "value": "a", "low": 0.1, "high": 0.2, "counted": "3"}]},
    {"metrics": [{"name": "x", "value": 0.15, "low": 0.1, "high": 10**4000, "counted": "3"}]},
    {"thresholds": {"frontal": "0.1"}}, {"\x1b[2J": 1},
])  # fmt: skip
def test_values_of_another_type_are_refused(change):
    text = json.dumps(card_named().as_dict() | change)
    with pytest.raises(UnusableModel, match="card cannot be read") as caught:
        card_from_json(text)
    assert str(caught.value).isprintable()


def test_the_text_of_a_card_has_no_control_characters():
    card = card_named(purpose="\x1b[2J", limits=("a\nlicence  free",), data={"\x07": 1})
    assert all(line.isprintable() for line in card.text().split("\n"))
    assert len(card.text().split("\n")) == len(card_named().text().split("\n")) + 2


# Files that are refused


def with_card(**changes):
    """A change of the plain model's card."""
    text = card_named(**changes).to_json()

    def change(model):
        helper.set_model_props(model, {CARD_KEY: text})

    return change


def without_card(model):
    del model.metadata_props[:]


def with_another_input(model):
    for node in model.graph.node:
        node.input[:] = ["other" if name == "image" else name for name in node.input]
    model.graph.input[0].name = "other"


def with_a_larger_input(model):
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = 96


def without_output(name):
    def change(model):
        kept = [value for value in model.graph.output if value.name != name]
        del model.graph.output[:]
        model.graph.output.extend(kept)

    return change


def with_weight(value):
    """One weight of every matrix becomes `value`."""

    def change(model):
        for one in model.graph.initializer:
            if one.name.endswith("bias"):
                one.CopyFrom(numpy_helper.from_array(np.array([value], np.float32), one.name))

    return change


def with_logits_as_outputs(model):
    """Outputs of which some are over 1, or below 0."""
    for node in model.graph.node:
        if node.op_type == "Sigmoid":
            node.op_type = "Neg"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_card, "no cxrview card"),
        (with_card(preprocessing=("unheard",)), "preprocessing 'unheard'"),
        (with_card(preprocessing=()), "0 methods of preprocessing for 1 inputs"),
        (with_card(preprocessing=("paper", "framed")), "2 methods of preprocessing for 1 inputs"),
        (with_card(preprocessing=("framed96",)), r"takes .*64, 64.*expected .*96, 96"),
        (with_card(network=TWO_NETWORKS), "2 inputs"),
        (with_card(network=TWO_NETWORKS, has_gate=False), "expected .*'view_turns'"),
        (with_card(network="multitask"), "computes .*expected .*'p_rotation'"),
        (with_card(has_gate=False), "computes"),
        (with_another_input, "takes {'other'.*, expected {'image'"),
        (with_a_larger_input, "no ONNX model that can be run"),
        (without_output("p_lateral"), "computes .*expected .*'p_lateral'"),
        (without_output("p_chest"), "computes .*expected .*'p_chest'"),
        (with_weight(np.nan), "no probabilities: p_lateral of an image is .nan"),
        (with_logits_as_outputs, "no probabilities: p_chest"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(change, words):
    content = changed(model_bytes(), change)
    with pytest.raises(UnusableModel, match=words):
        Classifier(content)


def with_an_output(value):
    """P(lateral) of a black image is 0.5, that of any other 0.5 + the root of `value`."""

    def change(model):
        nodes = [
            helper.make_node("ReduceMax", ["image"], ["brightest"], keepdims=0),
            helper.make_node("Sign", ["brightest"], ["is_bright"]),
            helper.make_node("Mul", ["is_bright", "value"], ["product"]),
            helper.make_node("Sqrt", ["product"], ["root"]),
            helper.make_node("Add", ["half", "root"], ["p_lateral"]),
        ]
        (sigmoid,) = (node for node in model.graph.node if "p_lateral" in node.output)
        model.graph.node.remove(sigmoid)
        model.graph.node.extend(nodes)
        for name, number in (("half", 0.5), ("value", value)):
            constant = numpy_helper.from_array(np.full((1, 1), number, np.float32), name)
            model.graph.initializer.append(constant)

    return change


@pytest.mark.parametrize("value", [0.26, 2500.0, -1.0])  # -1: NaN
def test_what_is_no_probability_becomes_no_verdict(value):
    content = changed(model_bytes(), with_an_output(value))
    with pytest.raises(UnusableModel, match="no probabilities: p_lateral of an image"):
        Classifier(content).run(np.ones((SIDE, SIDE), np.float32))


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_model_without_probabilities_ends_the_run(tmp_path, jobs):
    path = tmp_path / "bad.onnx"
    path.write_bytes(changed(model_bytes(), with_an_output(-1.0)))
    item = item_of_bytes("a.png", png("frontal"))
    with pytest.raises(UnusableModel, match="no probabilities for some image"):
        list(classify_items([item], path, jobs))


def with_two_rotations(model):
    """Only the first two of the rotation's probabilities are outputs."""
    (softmax_node,) = (node for node in model.graph.node if node.op_type == "Softmax")
    softmax_node.output[0] = "whole"
    bounds = {"first": 0, "end": 2, "axis": 1}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array([value]), name) for name, value in bounds.items()
    )
    model.graph.node.append(helper.make_node("Slice", ["whole", *bounds], ["p_rotation"]))
    rotation = next(value for value in model.graph.output if value.name == "p_rotation")
    rotation.type.tensor_type.shape.dim[1].dim_value = 2


def test_a_rotation_has_four_probabilities():
    content = changed(model_bytes(has_poses=True), with_two_rotations)
    with pytest.raises(UnusableModel, match="no probabilities: p_rotation"):
        Classifier(content)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a model", model_bytes()[:-2000]])
def test_bytes_that_are_no_model_are_refused(content):
    with pytest.raises(UnusableModel, match="no ONNX model"):
        Classifier(content)


def with_a_renamed_weight(model):
    for one in model.graph.initializer:
        one.name = one.name.replace(".half", ".other")


def test_a_model_without_weights_of_ours_cannot_be_trained_further():
    content = changed(exported("multitask"), with_a_renamed_weight)
    with pytest.raises(UnusableModel, match="do not fit the network"):
        load_network(content, card_of("multitask"))
    with pytest.raises(UnusableModel, match="do not fit the network"):
        load_network(exported("multitask"), card_of("multitask-small"))


# By name and path


def test_a_path_that_is_not_there_names_what_ships():
    with pytest.raises(UnusableModel, match=", ".join(SHIPPED_SHA256)):
        load("nowhere.onnx")


def test_a_model_file_is_loaded_by_path(tmp_path):
    (tmp_path / "own.onnx").write_bytes(exported("multitask"))
    assert load(tmp_path / "own.onnx").card.network == "multitask"


@pytest.mark.parametrize("name", SHIPPED_SHA256)
def test_shipped_models_are_what_the_code_says(name):
    classifier = load(name)
    assert classifier.sha256 == SHIPPED_SHA256[name]
    assert classifier.card.name == name
    assert set(classifier.card.preprocessing) <= set(INPUT_SIDES)
    assert classifier.card.metrics
    assert len(classifier.card.commit) == 40
    assert len(classifier.content) <= 1_000_000


def test_every_shipped_file_is_in_the_table():
    weights = resources.files("cxrview.model") / "weights"
    names = {path.name.removesuffix(".onnx") for path in weights.iterdir()}
    assert names == set(SHIPPED_SHA256)


def test_an_altered_shipped_model_is_refused(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED_SHA256, "open", "0" * 64)
    with pytest.raises(UnusableModel, match="altered"):
        load("open")


def test_a_missing_shipped_model_is_reported(monkeypatch):
    monkeypatch.setitem(classifier_module.SHIPPED_SHA256, "gone", "0" * 64)
    with pytest.raises(UnusableModel, match="missing"):
        load("gone")


def test_networks_of_the_table_have_the_outputs_of_their_logits():
    for name, architecture in ARCHITECTURES.items():
        logits = Network(architecture).eval()(torch.zeros(2, 1, *[architecture.side] * 2))
        columns = list(architecture.columns.values())
        assert logits.reshape(2, -1).shape[1] == columns[-1].stop, name
        assert [one.start for one in columns[1:]] == [one.stop for one in columns[:-1]]
