"""A table of layers -> a torch module that computes what the table says, on grey pictures."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrview.errors import WrongUse
from cxrview.model.layers import (
    CHANNELS,
    INPUT_SHAPE,
    PAPER_NETWORK,
    AdaptivePool,
    Conv,
    Dense,
    Dropout,
    Layer,
    Pool,
    Shape,
    summarize,
)


def _module(layer: Layer, given: Shape) -> nn.Module | None:
    match layer:
        case Conv():
            return nn.Conv2d(given[2], layer.channels, layer.side, layer.stride, layer.padding)
        case Dense():
            return nn.Linear(given[0], layer.units)
        case Dropout():
            return nn.Dropout(layer.share)
        case _:
            return None


class Net(nn.Module):
    """Grey pictures (n, 1, 64, 64) in [0, 1] -> logits (n,), or (n, units) of a table with several.

    ReLU follows the pooling of largest values instead of preceding it: the two commute, function
    and gradients stay the table's, and it works on a quarter of the values. Channels lie last in
    memory: pooling and bfloat16 convolutions are several times faster so. Other tables may want
    another size: `given`, (h, w, 3).
    """

    def __init__(
        self, layers: tuple[Layer, ...] = PAPER_NETWORK, given: Shape = INPUT_SHAPE
    ) -> None:
        super().__init__()
        self.layers = layers
        made = {
            line.layer.name: _module(line.layer, line.input_shape)
            for line in summarize(layers, given)
        }
        self.made = nn.ModuleDict({name: module for name, module in made.items() if module})
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    def initialise(self, generator: torch.Generator) -> "Net":
        """Glorot-uniform weights and zero biases, as Keras begins; returns itself."""
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)
        return self

    def _dense(self, layer: Dense, values: Tensor) -> Tensor:
        values = self.made[layer.name](values)
        return functional.relu(values) if layer.activation == "relu" else values

    def forward(self, picture: Tensor) -> Tensor:
        """The logit of the last layer's sigmoid."""
        picture = picture.expand(-1, CHANNELS, -1, -1)
        picture = picture.contiguous(memory_format=torch.channels_last)
        pending = False  # a convolution's ReLU waits for the pooling that may follow it
        for layer in self.layers:
            if pending and not (isinstance(layer, Pool) and layer.kind == "max"):
                picture, pending = functional.relu(picture), False
            match layer:
                case Conv():
                    picture, pending = self.made[layer.name](picture), True
                case Pool(kind="max"):
                    picture = functional.max_pool2d(picture, layer.side, layer.step)
                case Pool():
                    picture = functional.avg_pool2d(picture, layer.side, layer.step)
                case AdaptivePool():
                    picture = functional.adaptive_avg_pool2d(picture, layer.side)
                case Dropout():
                    picture = self.made[layer.name](picture)
                case Dense():
                    picture = self._dense(layer, picture)
                case _:
                    picture = picture.flatten(1)
        return picture.squeeze(1)


def device_of(name: str) -> str:
    """Cuda for "auto" where there is one, else cpu; raises WrongUse for what torch cannot use."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise WrongUse(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
    return name
