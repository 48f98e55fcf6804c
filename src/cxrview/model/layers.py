"""The networks as tables of layers; shapes and parameter counts follow from the table alone."""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A named layer; unless a subclass says otherwise it has no parameters."""

    name: str

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output, without the batch axis, for an input of this shape."""
        return shape

    def parameters(self, shape: Shape) -> int:  # noqa: ARG002  subclasses use the shape
        """Return the number of trainable parameters for an input of this shape."""
        return 0


@dataclass(frozen=True, slots=True)
class Conv(Layer):
    """A square convolution with stride 1 and without padding, followed by ReLU."""

    channels: int
    side: int = 3

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (h', w', channels)."""
        height, width = (length - self.side + 1 for length in shape[:2])
        return height, width, self.channels

    def parameters(self, shape: Shape) -> int:
        """Kernels and one bias per channel."""
        return self.side**2 * shape[2] * self.channels + self.channels


@dataclass(frozen=True, slots=True)
class Pool(Layer):
    """Maximum or mean of squares that do not overlap; a remainder at the border is dropped."""

    kind: str  # "max" or "average"
    side: int = 2

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (h', w', c)."""
        return shape[0] // self.side, shape[1] // self.side, shape[2]


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """(h, w, c) -> (h * w * c)."""

    def output_shape(self, shape: Shape) -> Shape:
        """One axis."""
        return (shape[0] * shape[1] * shape[2],)


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """A fully connected layer and its activation."""

    units: int
    activation: str  # "relu"; or "sigmoid", which the loss applies to the logits

    def output_shape(self, shape: Shape) -> Shape:  # noqa: ARG002  one signature for all layers
        """(units,)."""
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        """Weights and one bias per unit."""
        return shape[0] * self.units + self.units


SIDE = 64  # pixels, height and width of the networks' input
CHANNELS = 3  # a gray image is repeated three times
INPUT_SHAPE = (SIDE, SIDE, CHANNELS)

# Choe and Jo 2021, the table of the network.
PAPER_NETWORK: tuple[Layer, ...] = (
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
class LayerSummary:
    """One line of a network's summary; shapes are (h, w, c) or (units,)."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int


def summarize(layers: tuple[Layer, ...], shape: Shape = INPUT_SHAPE) -> Iterator[LayerSummary]:
    """Yield one line per layer for an input of shape (h, w, c)."""
    for layer in layers:
        output = layer.output_shape(shape)
        yield LayerSummary(layer, shape, output, layer.parameters(shape))
        shape = output


def parameter_count(layers: tuple[Layer, ...], shape: Shape = INPUT_SHAPE) -> int:
    """Return the number of trainable parameters of a network."""
    return sum(line.parameters for line in summarize(layers, shape))
