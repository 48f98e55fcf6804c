"""The networks as tables of layers; shapes and parameter counts follow from the table alone."""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conv:
    """A square convolution without padding, stride one, then ReLU."""

    name: str
    channels: int
    side: int = 3

    def output(self, given: Shape) -> Shape:
        """(h, w, c) -> (h - side + 1, w - side + 1, channels)."""
        return given[0] - self.side + 1, given[1] - self.side + 1, self.channels

    def parameters(self, given: Shape) -> int:
        """Kernels and one bias a channel."""
        return self.side**2 * given[2] * self.channels + self.channels


@dataclass(frozen=True, slots=True)
class Pool:
    """Largest or mean value of each square of `side`; a remainder at the border is dropped."""

    name: str
    kind: str  # "max" or "average"
    side: int = 2

    def output(self, given: Shape) -> Shape:
        """(h, w, c) -> (h // side, w // side, c)."""
        return given[0] // self.side, given[1] // self.side, given[2]

    def parameters(self, given: Shape) -> int:  # noqa: ARG002  one signature for all layers
        """None."""
        return 0


@dataclass(frozen=True, slots=True)
class Flatten:
    """(h, w, c) -> (h * w * c)."""

    name: str

    def output(self, given: Shape) -> Shape:
        """One axis."""
        return (given[0] * given[1] * given[2],)

    def parameters(self, given: Shape) -> int:  # noqa: ARG002
        """None."""
        return 0


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected layer and its activation."""

    name: str
    units: int
    activation: str  # "relu" or "sigmoid"

    def output(self, given: Shape) -> Shape:  # noqa: ARG002
        """(units,)."""
        return (self.units,)

    def parameters(self, given: Shape) -> int:
        """Weights and one bias a unit."""
        return given[0] * self.units + self.units


Layer = Conv | Pool | Flatten | Dense

SIDE = 64  # pixels, both ways
CHANNELS = 3  # a grey picture is repeated three times

# Choe and Jo 2021, the table of the network.
PAPER_NET: tuple[Layer, ...] = (
    Conv("conv2d_1", 16),
    Pool("max_pooling2d_1", "max"),
    Conv("conv2d_2", 32),
    Pool("max_pooling2d_2", "max"),
    Conv("conv2d_3", 64),
    Pool("max_pooling2d_3", "max"),
    Conv("conv2d_4", 128),
    Pool("average_pooling2d_1", "average", 4),
    Flatten("flatten_1"),
    Dense("dense_1", 64, "relu"),
    Dense("dense_2", 1, "sigmoid"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a network's summary."""

    layer: Layer
    given: Shape
    output: Shape
    parameters: int


def lines(net: tuple[Layer, ...], given: Shape = (SIDE, SIDE, CHANNELS)) -> Iterator[Line]:
    """Each layer with the shape it is given (h, w, c), the shape it returns, its parameters."""
    for layer in net:
        output = layer.output(given)
        yield Line(layer, given, output, layer.parameters(given))
        given = output


def parameter_count(net: tuple[Layer, ...]) -> int:
    """All trainable parameters of a network."""
    return sum(line.parameters for line in lines(net))
