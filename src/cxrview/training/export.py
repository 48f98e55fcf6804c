"""A trained network and a card <-> the bytes of a model file that ONNX Runtime reads."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from cxrview.errors import CxrviewError, UnusableModel
from cxrview.model.card import CARD_KEY, Card
from cxrview.model.classifier import IMAGE_INPUT, OUTPUT_PREFIX, Classifier
from cxrview.model.layers import (
    ARCHITECTURES,
    CHANNELS,
    ROTATION,
    Architecture,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    Layer,
    NormConv,
    Pool,
)
from cxrview.model.preprocess import GrayImage
from cxrview.training.dataset import as_floats
from cxrview.training.networks import Network, outputs_of, sigmoid

ONNX_OPSET = 17
ONNX_IR_VERSION = 10  # read by every ONNX Runtime since 1.18
HALF_SUFFIX, FLOAT_SUFFIX = ".half", ".float"  # of a weight as it is stored
STATISTICS = ("running_mean", "running_var")  # of batch normalization, in single precision
TOLERANCE = 1e-5  # of a probability, between ONNX Runtime and torch
CHECK_IMAGE_COUNT = 8  # images on which the two are compared, and as many of random values


class _OnnxGraphBuilder:
    """The nodes and constants of a network."""

    def __init__(self, network: Network) -> None:
        self.value = IMAGE_INPUT  # the newest value
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.weights = {
            name.removeprefix("layer_modules."): tensor.numpy()
            for name, tensor in network.state_dict().items()
        }

    def add(self, kind: str, output: str, *more: str, **settings: object) -> str:
        """Append a node that reads the newest value; returns the name of what it computes."""
        self.nodes.append(helper.make_node(kind, [self.value, *more], [output], **settings))
        self.value = output
        return output

    def add_constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Store a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def add_weight(self, name: str) -> str:
        """Store a weight in half precision; it is cast to single precision when it is loaded."""
        if name.endswith(STATISTICS):
            return self.add_constant(f"{name}{FLOAT_SUFFIX}", self.weights[name])
        half = self.add_constant(f"{name}{HALF_SUFFIX}", self.weights[name].astype("f2"))
        self.nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
        return name

    def sum_channels(self, kernel: str) -> str:
        """A kernel over three equal channels -> the same over one; folded once, at load."""
        axes = self.add_constant("channel_axis", np.array([1], dtype=np.int64))
        name = f"{kernel}.gray"
        self.nodes.append(helper.make_node("ReduceSum", [kernel, axes], [name], keepdims=1))
        return name

    def add_conv(self, layer: Conv) -> None:
        """Convolution and ReLU."""
        kernel = self.add_weight(f"{layer.name}.weight")
        if self.weights[f"{layer.name}.weight"].shape[1] == CHANNELS:
            kernel = self.sum_channels(kernel)
        self.add("Conv", layer.name, kernel, self.add_weight(f"{layer.name}.bias"))
        self.add("Relu", f"{layer.name}.relu")

    def add_norm_conv(self, layer: NormConv) -> None:
        """Convolution, maximum, batch normalization, ReLU."""
        name = layer.name
        self.add("Conv", f"{name}.conv", self.add_weight(f"{name}.0.weight"), pads=[1, 1, 1, 1])
        if layer.pool > 1:
            size = [layer.pool, layer.pool]
            self.add("MaxPool", f"{name}.pool", kernel_shape=size, strides=size)
        norm = [self.add_weight(f"{name}.1.{part}") for part in ("weight", "bias", *STATISTICS)]
        self.add("BatchNormalization", f"{name}.norm", *norm, epsilon=1e-5)
        self.add("Relu", f"{name}.relu")

    def add_pool(self, layer: Pool) -> None:
        """Maximum or mean of squares."""
        kind = {"max": "MaxPool", "average": "AveragePool"}[layer.kind]
        size = [layer.side, layer.side]
        self.add(kind, layer.name, kernel_shape=size, strides=size)

    def add_global_pool(self, layer: GlobalPool) -> None:
        """Mean and maximum of each channel, one after the other."""
        source = self.value
        mean = self.add("GlobalAveragePool", f"{layer.name}.mean")
        self.value = source
        maximum = self.add("GlobalMaxPool", f"{layer.name}.max")
        self.value = mean
        self.add("Concat", f"{layer.name}.both", maximum, axis=1)
        self.add("Flatten", layer.name)

    def add_dense(self, layer: Dense) -> None:
        """Matrix, bias, ReLU."""
        weight = self.add_weight(f"{layer.name}.weight")
        self.add("Gemm", layer.name, weight, self.add_weight(f"{layer.name}.bias"), transB=1)
        if layer.activation == "relu":
            self.add("Relu", f"{layer.name}.relu")

    def add_layer(self, layer: Layer) -> None:
        """Append one layer; dropout does nothing in a trained network."""
        match layer:
            case Conv():
                self.add_conv(layer)
            case NormConv():
                self.add_norm_conv(layer)
            case Pool():
                self.add_pool(layer)
            case GlobalPool():
                self.add_global_pool(layer)
            case Flatten():
                self.add("Flatten", layer.name)
            case Dense():
                self.add_dense(layer)

    def add_output(self, name: str, column: slice, temperature: float) -> str:
        """Logits of one output -> its probabilities, (1, 1) or (1, 4)."""
        logits, axis = self.value, self.add_constant(f"{name}.axis", np.array([1], np.int64))
        bounds = [
            self.add_constant(f"{name}.{part}", np.array([position], np.int64))
            for part, position in (("start", column.start), ("stop", column.stop))
        ]
        self.add("Slice", f"{name}.logits", *bounds, axis)
        scale = self.add_constant(f"{name}.scale", np.array([1 / temperature], np.float32))
        self.add("Mul", f"{name}.scaled", scale)
        output = f"{OUTPUT_PREFIX}{name}"
        if name == ROTATION:
            self.add("Softmax", output, axis=1)
        else:
            self.add("Sigmoid", output)
        self.value = logits
        return output


def _value_infos(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[onnx.ValueInfoProto]:
    for name, shape in shapes.items():
        yield helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def export(network: Network, card: Card) -> bytes:
    """Return one model file: the network, with the temperatures of the card in it, and the card."""
    architecture = network.architecture
    builder = _OnnxGraphBuilder(network)
    for layer in architecture.layers:
        builder.add_layer(layer)
    outputs = {
        builder.add_output(name, column, card.temperatures.get(name, 1.0)): (
            1, column.stop - column.start,
        )
        for name, column in architecture.columns.items()
    }  # fmt: skip
    graph = helper.make_graph(
        builder.nodes,
        "cxrview",
        list(_value_infos({IMAGE_INPUT: (1, 1, architecture.side, architecture.side)})),
        list(_value_infos(outputs)),
        builder.constants,
    )
    opset = [helper.make_opsetid("", ONNX_OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=ONNX_IR_VERSION)
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def export_checked(network: Network, card: Card, images: GrayImage) -> Classifier:
    """Export, load as users will, and compare with torch on images and on random values.

    images: some preprocessed images (n, side, side) uint8. The classifier's `content` is the file.
    Raises CxrviewError where ONNX Runtime and torch do not agree.
    """
    classifier = Classifier(export(network, card))
    side = network.architecture.side
    noise = np.random.default_rng(card.seed).integers(
        0, 256, (CHECK_IMAGE_COUNT, side, side), np.uint8
    )
    checked = np.concatenate([images[:CHECK_IMAGE_COUNT], noise])
    expected = expected_probabilities(network, checked, card)
    for number, image in enumerate(as_floats(checked)):
        found = classifier.run(image)
        for name, values in expected.items():
            difference = float(np.abs(found[name] - values[number]).max())
            if not difference <= TOLERANCE:  # also where it is NaN
                raise CxrviewError(
                    f"ONNX Runtime and torch do not agree on {name}: they differ by {difference:g};"
                    " nothing is exported"
                )
    return classifier


def expected_probabilities(
    network: Network, images: GrayImage, card: Card
) -> dict[str, npt.NDArray[np.float64]]:
    """(n, side, side) -> (n, 1) or (n, 4) probabilities by output, computed by torch."""
    outputs = outputs_of(network, images, np.zeros(len(images), np.bool_))
    probabilities = {}
    for name in network.architecture.outputs:
        logits = outputs.of(name) / card.temperatures.get(name, 1.0)
        if name == ROTATION:
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities[name] = odds / odds.sum(axis=1, keepdims=True)
        else:
            probabilities[name] = sigmoid(logits)
    return probabilities


def architecture_of(card: Card) -> Architecture:
    """Return the network of a model; raises UnusableModel for those of earlier versions."""
    if card.network not in ARCHITECTURES:
        raise UnusableModel(
            f"the model {card.name!r} was made by an earlier version: it classifies, but cannot be "
            "trained further"
        )
    return ARCHITECTURES[card.network]


def load_network(onnx_bytes: bytes, card: Card) -> Network:
    """Return the network of a model file; UnusableModel where its weights do not fit."""
    architecture = architecture_of(card)
    state: dict[str, torch.Tensor] = {}
    for one in onnx.load_from_string(onnx_bytes).graph.initializer:
        name = one.name.removesuffix(HALF_SUFFIX).removesuffix(FLOAT_SUFFIX)
        if name != one.name:
            values = numpy_helper.to_array(one).astype("f4")
            state[f"layer_modules.{name}"] = torch.from_numpy(values)
    network = Network(architecture)
    counters = {
        name: value for name, value in network.state_dict().items()
        if name.endswith("num_batches_tracked")
    }  # fmt: skip
    try:
        network.load_state_dict(state | counters)
    except RuntimeError as error:
        raise UnusableModel(
            f"the weights in the model file do not fit the network {card.network!r} of this "
            "version: the model cannot be trained further"
        ) from error
    return network.eval()
