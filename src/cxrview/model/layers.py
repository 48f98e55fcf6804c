"""The networks as tables of layers; shapes and parameter counts follow from the table alone."""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conv:
    """A square convolution, then ReLU; unless said otherwise without padding, stride one."""

    name: str
    channels: int
    side: int = 3
    stride: int = 1
    padding: int = 0  # zeros at each end of both axes

    def output(self, given: Shape) -> Shape:
        """(h, w, c) -> as many places as fit, channels: h - side + 1 unless padded or strided."""
        high, wide = ((n + 2 * self.padding - self.side) // self.stride + 1 for n in given[:2])
        return high, wide, self.channels

    def parameters(self, given: Shape) -> int:
        """Kernels and one bias a channel."""
        return self.side**2 * given[2] * self.channels + self.channels

    def multiply_adds(self, given: Shape) -> int:
        """Each kernel at each place of the output."""
        high, wide, _ = self.output(given)
        return high * wide * self.side**2 * given[2] * self.channels


@dataclass(frozen=True, slots=True)
class Pool:
    """Largest or mean value of each square of `side`; a remainder at the border is dropped."""

    name: str
    kind: str  # "max" or "average"
    side: int = 2
    stride: int = 0  # from square to square; 0: `side`, so that they do not overlap

    @property
    def step(self) -> int:
        """Pixels from one square to the next."""
        return self.stride or self.side

    def output(self, given: Shape) -> Shape:
        """(h, w, c) -> (h // side, w // side, c), or as many overlapping squares as fit."""
        high, wide = ((n - self.side) // self.step + 1 for n in given[:2])
        return high, wide, given[2]

    def parameters(self, given: Shape) -> int:  # noqa: ARG002  one signature for all layers
        """None."""
        return 0

    def multiply_adds(self, given: Shape) -> int:  # noqa: ARG002
        """None that are counted."""
        return 0


@dataclass(frozen=True, slots=True)
class AdaptivePool:
    """Means of `side` x `side` areas that cover a picture of any size; larger ones may overlap."""

    name: str
    side: int

    def output(self, given: Shape) -> Shape:
        """(h, w, c) -> (side, side, c)."""
        return self.side, self.side, given[2]

    def parameters(self, given: Shape) -> int:  # noqa: ARG002
        """None."""
        return 0

    def multiply_adds(self, given: Shape) -> int:  # noqa: ARG002
        """None that are counted."""
        return 0


@dataclass(frozen=True, slots=True)
class Dropout:
    """In training, a share of the values is set to zero and the others enlarged to make up."""

    name: str
    share: float = 0.5

    def output(self, given: Shape) -> Shape:
        """Unchanged."""
        return given

    def parameters(self, given: Shape) -> int:  # noqa: ARG002
        """None."""
        return 0

    def multiply_adds(self, given: Shape) -> int:  # noqa: ARG002
        """None: a net in use does not drop."""
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

    def multiply_adds(self, given: Shape) -> int:  # noqa: ARG002
        """None."""
        return 0


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected layer and its activation."""

    name: str
    units: int
    activation: str  # "relu", or "sigmoid" or "softmax", which training applies to the logits

    def output(self, given: Shape) -> Shape:  # noqa: ARG002
        """(units,)."""
        return (self.units,)

    def parameters(self, given: Shape) -> int:
        """Weights and one bias a unit."""
        return given[0] * self.units + self.units

    def multiply_adds(self, given: Shape) -> int:
        """Each weight once."""
        return given[0] * self.units


Layer = Conv | Pool | AdaptivePool | Dropout | Flatten | Dense

SIDE = 64  # pixels, both ways
CHANNELS = 3  # a grey picture is repeated three times
GIVEN = (SIDE, SIDE, CHANNELS)

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

    @property
    def multiply_adds(self) -> int:
        """For one picture; biases, activations and pooling are not counted, as is customary."""
        return self.layer.multiply_adds(self.given)


def lines(net: tuple[Layer, ...], given: Shape = GIVEN) -> Iterator[Line]:
    """Each layer with the shape it is given (h, w, c), the shape it returns, its parameters."""
    for layer in net:
        output = layer.output(given)
        yield Line(layer, given, output, layer.parameters(given))
        given = output


def parameter_count(net: tuple[Layer, ...], given: Shape = GIVEN) -> int:
    """All trainable parameters of a network."""
    return sum(line.parameters for line in lines(net, given))


def multiply_add_count(net: tuple[Layer, ...], given: Shape = GIVEN) -> int:
    """Multiply-adds for one picture (h, w, c)."""
    return sum(line.multiply_adds for line in lines(net, given))
