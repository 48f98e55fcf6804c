"""A model file whose judgements follow from the picture by hand: no training, no chance.

p_lateral = sigmoid(20 * (mean of the upper half - mean of the lower half))
p_chest   = sigmoid(20 * (0.9 - mean of the whole))
"""

import functools

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cxrview.model.card import CARD_KEY, TWO_NETWORKS, Card
from cxrview.model.classifier import GATE_INPUT, GATE_OUTPUT, VIEW_INPUT, VIEW_OUTPUT
from cxrview.model.layers import SIDE
from cxrview.views import Thresholds

SLOPE = 20.0


def weighed(given: str, weights: np.ndarray, bias: float, output: str):
    """Nodes and constants of sigmoid(sum of weights * picture + bias), (n, 1, 64, 64) -> (n,)."""
    names = [f"{output}.{part}" for part in ("shape", "weights", "bias", "flat", "sum", "biased")]
    shape, weight, offset, flat, total, biased = names
    constants = [
        numpy_helper.from_array(np.array([-1, SIDE * SIDE]), shape),
        numpy_helper.from_array(weights.reshape(-1).astype(np.float32), weight),
        numpy_helper.from_array(np.array(bias, np.float32), offset),
    ]
    nodes = [
        helper.make_node("Reshape", [given, shape], [flat]),
        helper.make_node("MatMul", [flat, weight], [total]),
        helper.make_node("Add", [total, offset], [biased]),
        helper.make_node("Sigmoid", [biased], [output]),
    ]
    return nodes, constants


def plain_card(name: str = "plain") -> Card:
    return Card(
        name=name,
        purpose="tests only",
        licence="Apache-2.0",
        created="2026-01-01",
        software="0",
        commit="none",
        seed=0,
        network=TWO_NETWORKS,
        preprocessing=("paper", "paper"),
        has_gate=True,
        thresholds=Thresholds(),
        parameters=2 * SIDE * SIDE + 2,
    )


@functools.cache
def model_bytes(name: str = "plain") -> bytes:
    halves = np.repeat([1.0, -1.0], SIDE // 2)[:, None] * np.ones(SIDE)
    lateral = weighed(VIEW_INPUT, SLOPE * halves * 2 / SIDE**2, 0.0, VIEW_OUTPUT)
    chest = weighed(GATE_INPUT, -SLOPE * np.ones((SIDE, SIDE)) / SIDE**2, SLOPE * 0.9, GATE_OUTPUT)
    picture = ["n", 1, SIDE, SIDE]
    graph = helper.make_graph(
        [*lateral[0], *chest[0]],
        "plain",
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, picture)
            for n in (VIEW_INPUT, GATE_INPUT)
        ],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"])
            for n in (VIEW_OUTPUT, GATE_OUTPUT)
        ],
        [*lateral[1], *chest[1]],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: plain_card(name).to_json()})
    return model.SerializeToString()
