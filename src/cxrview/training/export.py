"""Trained networks and a card <-> the bytes of a model file that ONNX Runtime reads."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from cxrview.errors import CxrviewError, UnusableModel
from cxrview.model.card import CARD_KEY, Card
from cxrview.model.classifier import (
    GATE_INPUT,
    GATE_OUTPUT,
    VIEW_INPUT,
    VIEW_OUTPUT,
    Classifier,
    turns_of,
)
from cxrview.model.layers import CHANNELS, SIDE, Conv, Dense, Flatten, Pool
from cxrview.model.preprocess import Floats
from cxrview.training.networks import ModelNetworks, Network

ONNX_OPSET = 17
ONNX_IR_VERSION = 10  # read by every ONNX Runtime since 1.18
BEST_ROTATION = "gate/best_turn"
WEIGHT_SUFFIX = ".half"  # suffix of a weight as it is stored
TOLERANCE = 1e-5  # of a probability, between ONNX Runtime and torch
CHECK_IMAGE_COUNT = 8  # images on which the two are compared, and as many of random values


class _OnnxGraphBuilder:
    """The nodes and constants of one network, their names under a prefix."""

    def __init__(self, network: Network, prefix: str, source: str) -> None:
        self.prefix, self.value = prefix, source
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.weights = {
            name.removeprefix("layer_modules."): tensor.numpy()
            for name, tensor in network.state_dict().items()
        }

    def add(self, kind: str, name: str, *more: str, **settings: object) -> str:
        """Append a node that reads the newest value; returns the name of what it computes."""
        output = f"{self.prefix}/{name}"
        self.nodes.append(helper.make_node(kind, [self.value, *more], [output], **settings))
        self.value = output
        return output

    def add_constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Store a constant; returns its name."""
        name = f"{self.prefix}/{name}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def add_weight(self, name: str) -> str:
        """Store a weight in half precision; it is cast to single precision when it runs."""
        half = self.add_constant(f"{name}{WEIGHT_SUFFIX}", self.weights[name].astype("f2"))
        output = f"{self.prefix}/{name}"
        self.nodes.append(helper.make_node("Cast", [half], [output], to=TensorProto.FLOAT))
        return output

    def sum_channels(self, kernel: str) -> str:
        """A kernel over three equal channels -> the same over one; folded once, at load."""
        axes = self.add_constant("channel_axis", np.array([1], dtype=np.int64))
        name = f"{kernel}.grey"
        self.nodes.append(helper.make_node("ReduceSum", [kernel, axes], [name], keepdims=1))
        return name

    def add_conv(self, layer: Conv) -> None:
        """Convolution and ReLU."""
        kernel = self.add_weight(f"{layer.name}.weight")
        if self.weights[f"{layer.name}.weight"].shape[1] == CHANNELS:
            kernel = self.sum_channels(kernel)
        self.add("Conv", layer.name, kernel, self.add_weight(f"{layer.name}.bias"))
        self.add("Relu", f"{layer.name}.relu")

    def add_pool(self, layer: Pool) -> None:
        """Maximum or mean of squares."""
        kind = {"max": "MaxPool", "average": "AveragePool"}[layer.kind]
        size = [layer.side, layer.side]
        self.add(kind, layer.name, kernel_shape=size, strides=size)

    def add_dense(self, layer: Dense) -> None:
        """Matrix, bias, ReLU; the last layer's sigmoid follows the choice of a turn."""
        weight, bias = (
            self.add_weight(f"{layer.name}.weight"),
            self.add_weight(f"{layer.name}.bias"),
        )
        self.add("Gemm", layer.name, weight, bias, transB=1)
        if layer.activation == "relu":
            self.add("Relu", f"{layer.name}.relu")


def _logit_graph(network: Network, prefix: str, source: str) -> _OnnxGraphBuilder:
    """The network up to its last layer's logit, (n, 1)."""
    graph = _OnnxGraphBuilder(network, prefix, source)
    for layer in network.layers:
        match layer:
            case Conv():
                graph.add_conv(layer)
            case Pool():
                graph.add_pool(layer)
            case Flatten():
                graph.add("Flatten", layer.name)
            case Dense():
                graph.add_dense(layer)
    return graph


def _gate_graph(network: Network) -> _OnnxGraphBuilder:
    """P(chest) of the best of four turns, and which turn that is."""
    graph = _logit_graph(network, "gate", GATE_INPUT)
    turns = graph.value
    graph.nodes.append(helper.make_node("ArgMax", [turns], [BEST_ROTATION], axis=0, keepdims=0))
    graph.add("ReduceMax", "best", keepdims=0, axes=[0])
    graph.nodes.append(helper.make_node("Sigmoid", [graph.value], [GATE_OUTPUT]))
    return graph


def _view_graph(network: Network, has_gate: bool) -> _OnnxGraphBuilder:
    """P(lateral) of the image in the gate's best turn; as it is, if there is no gate."""
    graph = _logit_graph(network, "view", "view/upright")
    turn = BEST_ROTATION if has_gate else graph.add_constant("as_is", np.array([0], dtype=np.int64))
    chosen = helper.make_node("Gather", [VIEW_INPUT, turn], ["view/upright"], axis=0)
    graph.nodes.insert(0, chosen)
    flat = graph.add_constant("flat", np.array([-1], dtype=np.int64))
    logit = graph.add("Reshape", "logit", flat)
    graph.nodes.append(helper.make_node("Sigmoid", [logit], [VIEW_OUTPUT]))
    return graph


def _value_infos(names: tuple[str, ...], *shape: int) -> Iterator[onnx.ValueInfoProto]:
    for name in names:
        yield helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def export(networks: ModelNetworks, card: Card) -> bytes:
    """Return one model file with the view network and, if there is one, the gate."""
    gate = networks.gate
    view = _view_graph(networks.view, gate is not None)
    parts = [view] if gate is None else [_gate_graph(gate), view]
    inputs, outputs = (VIEW_INPUT, GATE_INPUT)[: len(parts)], (VIEW_OUTPUT, GATE_OUTPUT)
    graph = helper.make_graph(
        [node for part in parts for node in part.nodes],
        "cxrview",
        list(_value_infos(inputs, 4, 1, SIDE, SIDE)),
        list(_value_infos(outputs[: len(parts)], 1)),
        [constant for part in parts for constant in part.constants],
    )
    opset = [helper.make_opsetid("", ONNX_OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=ONNX_IR_VERSION)
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def export_checked(
    networks: ModelNetworks, card: Card, view_inputs: Floats, gate_inputs: Floats
) -> Classifier:
    """Export, load as users will, and compare with torch on images and on random values.

    view_inputs, gate_inputs: some preprocessed images (n, 64, 64) for either network. The
    classifier's `content` is the file. Raises CxrviewError where ONNX Runtime and torch do not
    agree.
    """
    classifier = Classifier(export(networks, card))
    noise = np.random.default_rng(card.seed).random(
        (CHECK_IMAGE_COUNT, SIDE, SIDE), dtype=np.float32
    )
    view, gate = (
        np.concatenate([some[:CHECK_IMAGE_COUNT], noise]) for some in (view_inputs, gate_inputs)
    )
    expected = networks.predict(view, gate, np.zeros(len(view), np.bool_))
    for number, (p_lateral, p_chest) in enumerate(expected.tolist()):
        found = classifier.predict_turns(
            turns_of(view[number]), turns_of(gate[number]) if networks.gate else None
        )
        pairs = [(found.p_lateral, p_lateral)]
        if found.p_chest is not None:
            pairs.append((found.p_chest, p_chest))
        if max(abs(a - b) for a, b in pairs) > TOLERANCE:
            raise CxrviewError(f"ONNX Runtime and torch do not agree: {pairs}; nothing is exported")
    return classifier


def load_network(onnx_bytes: bytes, prefix: str) -> Network:
    """Return the network "view" or "gate" of a model file; UnusableModel where there is none."""
    stored = {
        one.name.removeprefix(f"{prefix}/").removesuffix(WEIGHT_SUFFIX): numpy_helper.to_array(one)
        for one in onnx.load_from_string(onnx_bytes).graph.initializer
        if one.name.startswith(f"{prefix}/") and one.name.endswith(WEIGHT_SUFFIX)
    }
    state = {
        f"layer_modules.{name}": torch.from_numpy(v.astype("f4")) for name, v in stored.items()
    }
    network = Network()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UnusableModel(f"the model file has no {prefix} network of ours") from error
    return network.eval()
