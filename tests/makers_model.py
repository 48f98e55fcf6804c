"""Model files whose answers follow from the image by hand: no training, no chance.

With upper, lower, left and right the means of the halves of an image in [0, 1]:

p_lateral  = sigmoid(20 * (upper - lower))
p_chest    = sigmoid(20 * (0.9 - mean))
p_inverted = sigmoid(20 * (mean - 0.5))
p_rotation = softmax(40 * (upper, left, lower, right)): the brightest half belongs above

The logit of p_chest of a model of two networks has `4 * (upper - lower)` added, so that the turns
of an image differ; its p_lateral is that of the turn with the highest p_chest, or that of the image
as it is, where there is no gate.
"""

import functools
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cxrview.model.card import CARD_KEY, Card
from cxrview.model.classifier import (
    GATE_INPUT,
    GATE_OUTPUT,
    IMAGE_INPUT,
    VIEW_INPUT,
    VIEW_OUTPUT,
)
from cxrview.model.layers import SIDE
from cxrview.views import Thresholds

SLOPE = 20.0
POSE_SLOPE, TURN_SLOPE = 2 * SLOPE, 4.0

WHOLE = np.full((SIDE, SIDE), 1 / SIDE**2)
UPPER = np.repeat([2.0, 0.0], SIDE // 2)[:, None] * WHOLE  # its product with an image is the mean
LOWER, LEFT, RIGHT = UPPER[::-1], UPPER.T, UPPER[::-1].T
LATERAL = SLOPE * (UPPER - LOWER)
TURNED_CHEST = TURN_SLOPE * (UPPER - LOWER) - SLOPE * WHOLE
ROTATION = POSE_SLOPE * np.stack([UPPER, LEFT, LOWER, RIGHT])
POSES = {  # by output: weights (k, 64, 64) and bias
    "p_rotation": (ROTATION, 0.0),
    "p_inverted": (SLOPE * WHOLE[None], -SLOPE / 2),
}


def logits(image: str, weights: np.ndarray, bias: float, name: str):
    """Nodes and constants of weights * image + bias: (n, 1, 64, 64), (k, 64, 64) -> (n, k)."""
    flat, matrix, offset = f"{name}.flat", f"{name}.weights", f"{name}.bias"
    constants = [
        numpy_helper.from_array(weights.reshape(len(weights), -1).astype(np.float32), matrix),
        numpy_helper.from_array(np.array([bias], np.float32), offset),
    ]
    nodes = [
        helper.make_node("Flatten", [image], [flat]),
        helper.make_node("Gemm", [flat, matrix, offset], [f"{name}.logits"], transB=1),
    ]
    return nodes, constants


def card_named(name: str = "plain", **changes) -> Card:
    fields = {
        "name": name,
        "purpose": "tests only",
        "licence": "Apache-2.0",
        "created": "2026-01-01",
        "software": "0",
        "commit": "none",
        "seed": 0,
        "network": "plain",
        "preprocessing": ("paper",),
        "has_gate": True,
        "thresholds": Thresholds(),
        "parameters": 2 * SIDE * SIDE + 2,
    }
    return Card(**fields | changes)


def model_of(nodes, constants, inputs, outputs, card_text: str) -> bytes:
    """A model file; inputs and outputs: shapes by name."""
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
         for name, shape in shapes.items()]
        for shapes in (inputs, outputs)
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "plain", *infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: card_text})
    return model.SerializeToString()


@functools.cache
def model_bytes(name: str = "plain", has_poses: bool = False) -> bytes:
    """A model of the present format; with poses it has the outputs for rotation and polarity."""
    layers = {"p_lateral": (LATERAL[None], 0.0), "p_chest": (-SLOPE * WHOLE[None], 0.9 * SLOPE)}
    if has_poses:
        layers |= POSES
    nodes, constants = [], []
    for output, (weights, bias) in layers.items():
        more = logits(IMAGE_INPUT, weights, bias, output)
        kind = "Softmax" if output == "p_rotation" else "Sigmoid"
        nodes += [*more[0], helper.make_node(kind, [f"{output}.logits"], [output])]
        constants += more[1]
    outputs = {output: (1, len(weights)) for output, (weights, _) in layers.items()}
    return model_of(
        nodes, constants, {IMAGE_INPUT: (1, 1, SIDE, SIDE)}, outputs, card_named(name).to_json()
    )


OLD_KEYS = {1: "preparation", 2: "preprocessing"}  # of the cards, by format


def old_card_text(card_format: int, has_gate: bool) -> str:
    """A card as versions wrote it whose models had a network for the view and one for the gate."""
    values = card_named(f"format-{card_format}").as_dict() | {"format": card_format}
    for key in ("network", "preprocessing", "has_gate", "temperatures"):
        del values[key]
    del values["thresholds"]["pose"]
    key = OLD_KEYS[card_format]
    return json.dumps(values | {f"view_{key}": "film", f"gate_{key}": "framed" * has_gate})


@functools.cache
def old_model_bytes(card_format: int = 2, has_gate: bool = True) -> bytes:
    """A model of two networks, or without a gate of one; its inputs are an image in four turns."""
    turns = (4, 1, SIDE, SIDE)
    inputs, outputs, nodes, constants = {VIEW_INPUT: turns}, {VIEW_OUTPUT: (1,)}, [], []
    if has_gate:
        inputs[GATE_INPUT], outputs[GATE_OUTPUT] = turns, (1,)
        nodes, constants = logits(GATE_INPUT, TURNED_CHEST[None], 0.9 * SLOPE, "gate")
        nodes += [
            helper.make_node("ArgMax", ["gate.logits"], ["turn"], axis=0, keepdims=0),
            helper.make_node("ReduceMax", ["gate.logits"], ["best"], axes=[0], keepdims=0),
            helper.make_node("Sigmoid", ["best"], [GATE_OUTPUT]),
        ]
    else:
        constants.append(numpy_helper.from_array(np.array([0]), "turn"))
    view = logits("upright", LATERAL[None], 0.0, "view")
    nodes += [
        helper.make_node("Gather", [VIEW_INPUT, "turn"], ["upright"], axis=0),
        *view[0],
        helper.make_node("Reshape", ["view.logits", "flat"], ["view.logit"]),
        helper.make_node("Sigmoid", ["view.logit"], [VIEW_OUTPUT]),
    ]
    constants += [*view[1], numpy_helper.from_array(np.array([-1]), "flat")]
    return model_of(nodes, constants, inputs, outputs, old_card_text(card_format, has_gate))


def changed(content: bytes, change) -> bytes:
    """The model file after `change` worked on it; its card and its checksum are not looked at."""
    model = onnx.load_from_string(content)
    change(model)
    return model.SerializeToString()
