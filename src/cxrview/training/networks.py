"""Tables of layers as torch modules; the networks of one model and what they predict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from cxrview.model.layers import (
    CHANNELS,
    PAPER_NETWORK,
    Conv,
    Dense,
    Layer,
    Pool,
    Shape,
    summarize,
)
from cxrview.model.preprocess import Floats

Weights = Mapping[str, npt.NDArray[np.generic]]  # a network's state, as arrays that pickle anywhere
Predictions = npt.NDArray[np.float64]  # (n, 2): P(lateral), P(chest radiograph)

VIEW_TARGET, GATE_TARGET = "lateral", "chest"  # the model file's outputs are p_lateral and p_chest
FORWARD_BATCH = 256  # images in one forward pass


def _make_module(layer: Layer, shape: Shape) -> nn.Module | None:
    match layer:
        case Conv():
            return nn.Conv2d(shape[2], layer.channels, layer.side)
        case Dense():
            return nn.Linear(shape[0], layer.units)
        case _:
            return None


class Network(nn.Module):
    """Gray images (n, 1, 64, 64) in [0, 1] -> logits (n,), or (n, units) of a table with several.

    ReLU follows the maximum pooling instead of preceding it: the two commute, function and
    gradients stay the table's, and it works on a quarter of the values. Channels lie last in
    memory, where pooling and bfloat16 convolutions are several times faster.
    """

    def __init__(self, layers: tuple[Layer, ...] = PAPER_NETWORK) -> None:
        super().__init__()
        self.layers = layers
        made = {
            line.layer.name: _make_module(line.layer, line.input_shape)
            for line in summarize(layers)
        }
        self.layer_modules = nn.ModuleDict({name: one for name, one in made.items() if one})
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    def initialize(self, generator: Generator) -> "Network":
        """Draw Glorot-uniform weights and set biases to zero, as Keras does; returns itself."""
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)
        return self

    def _dense(self, layer: Dense, values: Tensor) -> Tensor:
        values = self.layer_modules[layer.name](values)
        return functional.relu(values) if layer.activation == "relu" else values

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the last layer."""
        values = images.expand(-1, CHANNELS, -1, -1)
        values = values.contiguous(memory_format=torch.channels_last)
        relu_pending = False  # a convolution's ReLU waits for the pooling that may follow it
        for layer in self.layers:
            if relu_pending and not (isinstance(layer, Pool) and layer.kind == "max"):
                values, relu_pending = functional.relu(values), False
            match layer:
                case Conv():
                    values, relu_pending = self.layer_modules[layer.name](values), True
                case Pool(kind="max"):
                    values = functional.max_pool2d(values, layer.side)
                case Pool():
                    values = functional.avg_pool2d(values, layer.side)
                case Dense():
                    values = self._dense(layer, values)
                case _:
                    values = values.flatten(1)
        return values.squeeze(1)


def weights_of(network: nn.Module) -> Weights:
    """Return a network's state as arrays."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def network_from(weights: Weights) -> Network:
    """Return the paper's network with these weights; RuntimeError where they do not fit."""
    network = Network()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network.eval()


def round_to_half(network: Network) -> Network:
    """Round the weights to half precision, in which the model file stores them; returns it."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    return network


def logits_of(network: nn.Module, images: Floats) -> npt.NDArray[np.float64]:
    """(n, h, w) in [0, 1] -> (n,) or (n, units) logits."""
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), FORWARD_BATCH):
            batch = torch.from_numpy(np.array(images[start : start + FORWARD_BATCH], np.float32))
            parts.append(network(batch[:, None].to(device)).double().cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros(0)


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logits -> probabilities."""
    probabilities: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return probabilities


def predict(network: nn.Module, images: Floats) -> npt.NDArray[np.float64]:
    """(n, h, w) in [0, 1] -> (n,) probabilities of 1."""
    return sigmoid(logits_of(network, images))


@dataclass(frozen=True, slots=True, eq=False)
class ModelNetworks:
    """The networks of one model, weights rounded to what the model file stores."""

    view: Network
    gate: Network | None

    def predict(self, view: Floats, gate: Floats, is_blank: npt.NDArray[np.bool_]) -> Predictions:
        """Preprocessed images (n, 64, 64) for either network -> (n, 2), as the model file does.

        The gate chooses the quarter turn that the view network sees; a blank image is never a
        chest radiograph. P(chest) is 1 without a gate; `gate` is then not used.
        """
        chest, upright = np.ones(len(view)), np.array(view, np.float32)
        if self.gate is not None:
            turns = [logits_of(self.gate, np.rot90(gate, k, (1, 2))) for k in range(4)]
            best = np.argmax(turns, axis=0)  # the first of equals, as in the model file
            chest = sigmoid(np.max(turns, axis=0))
            for k in (1, 2, 3):
                upright[best == k] = np.rot90(upright[best == k], k, (1, 2))
        chest = np.where(is_blank, 0.0, chest)
        return np.stack([predict(self.view, upright), chest], axis=1).reshape(-1, 2)
