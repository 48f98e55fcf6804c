"""Trained nets and a card -> the bytes of a model file that ONNX Runtime reads."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from cxrview.model.card import CARD_KEY, Card
from cxrview.model.classifier import GATE_INPUT, GATE_OUTPUT, VIEW_INPUT, VIEW_OUTPUT
from cxrview.model.layers import CHANNELS, SIDE, Conv, Dense, Flatten, Pool
from cxrview.training.net import Net

OPSET = 17
IR_VERSION = 10  # read by every ONNX Runtime since 1.18
BEST_TURN = "gate/best_turn"


def rounded(net: Net) -> Net:
    """Round the weights to half precision, in which they are stored: now file and net agree."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.half().float())
    return net


class _Graph:
    """One net's nodes and constants, their names under a prefix."""

    def __init__(self, net: Net, prefix: str, given: str) -> None:
        self.prefix, self.value = prefix, given
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.state = {key: tensor.numpy() for key, tensor in net.state_dict().items()}

    def add(self, kind: str, name: str, *more: str, **settings: object) -> str:
        """One node on the newest value; returns the name of what it computes."""
        output = f"{self.prefix}/{name}"
        self.nodes.append(helper.make_node(kind, [self.value, *more], [output], **settings))
        self.value = output
        return output

    def constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """A constant as it is."""
        name = f"{self.prefix}/{name}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, layer: str, kind: str) -> str:
        """A weight: half precision in the file, single when it runs."""
        half = self.constant(
            f"{layer}.{kind}.half", self.state[f"made.{layer}.{kind}"].astype("f2")
        )
        name = f"{self.prefix}/{layer}.{kind}"
        self.nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
        return name

    def summed(self, kernel: str) -> str:
        """A kernel over three equal channels -> the same over one; folded once, at load."""
        axes = self.constant("channel_axis", np.array([1], dtype=np.int64))
        name = f"{kernel}.grey"
        self.nodes.append(helper.make_node("ReduceSum", [kernel, axes], [name], keepdims=1))
        return name

    def conv(self, layer: Conv) -> None:
        """Convolution and ReLU."""
        kernel = self.weight(layer.name, "weight")
        if self.state[f"made.{layer.name}.weight"].shape[1] == CHANNELS:
            kernel = self.summed(kernel)
        self.add("Conv", layer.name, kernel, self.weight(layer.name, "bias"))
        self.add("Relu", f"{layer.name}.relu")

    def pool(self, layer: Pool) -> None:
        """Largest or mean values."""
        kind = {"max": "MaxPool", "average": "AveragePool"}[layer.kind]
        size = [layer.side, layer.side]
        self.add(kind, layer.name, kernel_shape=size, strides=size)

    def dense(self, layer: Dense) -> None:
        """Matrix, bias, activation."""
        weight, bias = self.weight(layer.name, "weight"), self.weight(layer.name, "bias")
        self.add("Gemm", layer.name, weight, bias, transB=1)
        if layer.activation == "relu":  # the last layer's sigmoid comes after the choice of a turn
            self.add("Relu", f"{layer.name}.relu")


def _logits(net: Net, prefix: str, given: str) -> _Graph:
    """The net up to its last layer's logit, (n, 1)."""
    graph = _Graph(net, prefix, given)
    for layer in net.layers:
        match layer:
            case Conv():
                graph.conv(layer)
            case Pool():
                graph.pool(layer)
            case Flatten():
                graph.add("Flatten", layer.name)
            case Dense():
                graph.dense(layer)
    return graph


def _gate(net: Net) -> _Graph:
    """P(chest film) of the best of four turns, and which turn that is."""
    graph = _logits(net, "gate", GATE_INPUT)
    turns = graph.value
    graph.nodes.append(helper.make_node("ArgMax", [turns], [BEST_TURN], axis=0, keepdims=0))
    graph.add("ReduceMax", "best", keepdims=0, axes=[0])
    graph.nodes.append(helper.make_node("Sigmoid", [graph.value], [GATE_OUTPUT]))
    return graph


def _view(net: Net, has_gate: bool) -> _Graph:
    """P(lateral) of the film in the gate's best turn; as it lies, if there is no gate."""
    graph = _logits(net, "view", "view/upright")
    turn = BEST_TURN if has_gate else graph.constant("as_it_lies", np.array([0], dtype=np.int64))
    chosen = helper.make_node("Gather", [VIEW_INPUT, turn], ["view/upright"], axis=0)
    graph.nodes.insert(0, chosen)
    flat = graph.constant("flat", np.array([-1], dtype=np.int64))
    logit = graph.add("Reshape", "logit", flat)
    graph.nodes.append(helper.make_node("Sigmoid", [logit], [VIEW_OUTPUT]))
    return graph


def _values(names: tuple[str, ...], *shape: int) -> Iterator[onnx.ValueInfoProto]:
    for name in names:
        yield helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def export(view: Net, gate: Net | None, card: Card) -> bytes:
    """View net and, if any, gate -> one model file. Round the nets first (`rounded`)."""
    parts = [_view(view, False)] if gate is None else [_gate(gate), _view(view, True)]
    inputs, outputs = (VIEW_INPUT, GATE_INPUT)[: len(parts)], (VIEW_OUTPUT, GATE_OUTPUT)
    graph = helper.make_graph(
        [node for part in parts for node in part.nodes],
        "cxrview",
        list(_values(inputs, 4, 1, SIDE, SIDE)),
        list(_values(outputs[: len(parts)], 1)),
        [constant for part in parts for constant in part.constants],
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
