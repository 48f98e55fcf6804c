"""Tables of layers as torch modules, and what they predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from cxrview.images import Floats
from cxrview.model.classifier import TURNS, is_near_threshold
from cxrview.model.layers import (
    ARCHITECTURES,
    CHEST,
    INVERTED,
    LATERAL,
    ROTATION,
    Architecture,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Layer,
    NormConv,
    Pool,
    Shape,
    summarize,
)
from cxrview.model.preprocess import GrayImage
from cxrview.training.dataset import as_floats

Weights = Mapping[str, npt.NDArray[np.generic]]  # a network's state, as arrays that pickle anywhere
Logits = npt.NDArray[np.float64]  # (n, logits of the architecture)
Predictions = npt.NDArray[np.float64]  # (n, 2): P(lateral), P(chest radiograph)
Temperatures = Mapping[str, float]  # by output: what its logits are divided by

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

FORWARD_BATCH = 256  # images in one forward pass


def _make_module(layer: Layer, shape: Shape) -> nn.Module | None:
    match layer:
        case Conv():
            return nn.Conv2d(shape[2], layer.channels, layer.side)
        case NormConv():
            conv = nn.Conv2d(shape[2], layer.channels, 3, padding=1, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(layer.channels))
        case Dense():
            return nn.Linear(shape[0], layer.units)
        case Dropout():
            return nn.Dropout(layer.share)
        case _:
            return None


class Network(nn.Module):
    """Gray images (n, 1, side, side) in [0, 1] -> logits (n,), or (n, logits) where several.

    ReLU follows the maximum pooling instead of preceding it: the two commute, function and
    gradients stay the table's, and it works on a quarter of the values. Channels lie last in
    memory, where pooling and convolutions are faster.
    """

    def __init__(self, architecture: Architecture = ARCHITECTURES["paper"]) -> None:
        super().__init__()
        self.architecture = architecture
        made = {
            line.layer.name: _make_module(line.layer, line.input_shape)
            for line in summarize(architecture.layers, architecture.input_shape)
        }
        self.layer_modules = nn.ModuleDict({name: one for name, one in made.items() if one})
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    def initialize(self, generator: Generator) -> "Network":
        """Draw Glorot-uniform weights and set biases to zero, as Keras does; returns itself.

        The scales of batch normalization are one.
        """
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.constant_(parameter, float(name.endswith("weight")))
        return self

    def _dense(self, layer: Dense, values: Tensor) -> Tensor:
        values = self.layer_modules[layer.name](values)
        return functional.relu(values) if layer.activation == "relu" else values

    def _norm_conv(self, layer: NormConv, values: Tensor) -> Tensor:
        conv, norm = self.layer_modules[layer.name].children()
        values = conv(values)
        if layer.pool > 1:
            values = functional.max_pool2d(values, layer.pool)
        return functional.relu(norm(values), inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the last layer."""
        values = images.expand(-1, self.architecture.channels, -1, -1)
        values = values.contiguous(memory_format=torch.channels_last)
        relu_pending = False  # a convolution's ReLU waits for the pooling that may follow it
        for layer in self.architecture.layers:
            if relu_pending and not (isinstance(layer, Pool) and layer.kind == "max"):
                values, relu_pending = functional.relu(values), False
            match layer:
                case Conv():
                    values, relu_pending = self.layer_modules[layer.name](values), True
                case NormConv():
                    values = self._norm_conv(layer, values)
                case Pool(kind="max"):
                    values = functional.max_pool2d(values, layer.side)
                case Pool():
                    values = functional.avg_pool2d(values, layer.side)
                case GlobalPool():
                    values = torch.cat([values.mean((2, 3)), values.amax((2, 3))], 1)
                case Dense():
                    values = self._dense(layer, values)
                case Dropout():
                    values = self.layer_modules[layer.name](values)
                case _:
                    values = values.flatten(1)
        return values.squeeze(1)


def weights_of(network: nn.Module) -> Weights:
    """Return a network's state as arrays."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def round_to_half(network: AnyNetwork) -> AnyNetwork:
    """Round the weights to half precision, in which the model file stores them; returns it.

    The running means and variances of batch normalization stay as they are.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    return network


def logits_of(network: nn.Module, images: GrayImage | Floats) -> Logits:
    """(n, h, w), uint8 or float32 in [0, 1] -> (n,) or (n, k) outputs of any network."""
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), FORWARD_BATCH):
            batch = torch.from_numpy(as_floats(images[start : start + FORWARD_BATCH]))
            parts.append(network(batch[:, None].to(device)).double().cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros(0)


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logits -> probabilities."""
    probabilities: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return probabilities


def predict(network: nn.Module, images: Floats) -> npt.NDArray[np.float64]:
    """(n, h, w) in [0, 1] -> (n,) probabilities of 1, for a network with one output."""
    return sigmoid(logits_of(network, images))


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What a network says of n images, as the model file does.

    logits: (n, logits) of the architecture. is_blank: (n,): such images are no chest radiographs.
    turned: the logits of the other quarter turns, where `predictions` averages over them.
    """

    architecture: Architecture
    logits: Logits
    is_blank: npt.NDArray[np.bool_]
    turned: Sequence[Logits] = ()

    def select(self, rows: npt.NDArray[np.intp]) -> "Outputs":
        """The outputs for some of the images, in this order."""
        turned = [one[rows] for one in self.turned]
        return Outputs(self.architecture, self.logits[rows], self.is_blank[rows], turned)

    def of(self, name: str) -> Logits:
        """(n, 1) or, for the rotation, (n, 4) logits of one output."""
        return self.logits[:, self.architecture.columns[name]]

    def predictions(self, temperatures: Temperatures) -> Predictions:
        """(n, 2): P(lateral) and P(chest), which is 1 without such an output and 0 if blank."""
        upright, *turned = (self._probabilities(one, temperatures)
                            for one in (self.logits, *self.turned))  # fmt: skip
        if turned:
            near = is_near_threshold(upright[:, 0], upright[:, 1])
            upright = np.where(near[:, None], np.mean([upright, *turned], axis=0), upright)
        upright[self.is_blank, 1] = 0
        return upright

    def _probabilities(self, logits: Logits, temperatures: Temperatures) -> Predictions:
        """(n, logits) -> (n, 2)."""
        found = np.ones((len(logits), 2))
        for column, name in enumerate((LATERAL, CHEST)):
            if name in self.architecture.outputs:
                values = logits[:, self.architecture.columns[name]][:, 0]
                found[:, column] = sigmoid(values / temperatures.get(name, 1.0))
        return found

    def rotation(self) -> npt.NDArray[np.intp]:
        """(n,): the most probable quarter turns clockwise that make the image upright."""
        turns: npt.NDArray[np.intp] = self.of(ROTATION).argmax(axis=1)
        return turns

    def inverted(self) -> npt.NDArray[np.bool_]:
        """(n,): whether the inverted polarity is more probable."""
        likely: npt.NDArray[np.bool_] = self.of(INVERTED)[:, 0] > 0
        return likely

    def is_upright_chest(self) -> npt.NDArray[np.bool_]:
        """(n,): whether an upright chest radiograph with bright bones is more probable.

        A network with P(lateral) alone takes every image that is not blank for one.
        """
        usual = ~self.is_blank
        if CHEST in self.architecture.outputs:
            usual = usual & (self.of(CHEST)[:, 0] > 0)
        if ROTATION in self.architecture.outputs:
            usual = usual & (self.rotation() == 0) & ~self.inverted()
        return usual


def outputs_of(
    network: Network,
    images: GrayImage | Floats,
    is_blank: npt.NDArray[np.bool_],
    *,
    averages_turns: bool = False,
) -> Outputs:
    """Run the network on (n, side, side) images, uint8 or float32 in [0, 1].

    averages_turns: whether the model file will do so, see `Card`.
    """
    columns = list(network.architecture.columns.values())[-1].stop
    logits, *turned = (
        logits_of(network, np.rot90(images, turn, (1, 2))).reshape(-1, columns)
        for turn in range(TURNS if averages_turns else 1)
    )
    return Outputs(network.architecture, logits, is_blank, turned)


def concatenated(parts: Sequence[Outputs]) -> Outputs:
    """Join the outputs of several lists of images into those of one; parts: at least one."""
    logits, *turned = (
        np.concatenate(of_turn)
        for of_turn in zip(*((one.logits, *one.turned) for one in parts), strict=True)
    )
    is_blank = np.concatenate([one.is_blank for one in parts])
    return Outputs(parts[0].architecture, logits, is_blank, turned)
