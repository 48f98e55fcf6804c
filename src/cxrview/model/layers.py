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
class NormConv(Layer):
    """A 3 x 3 convolution with zero padding and without bias, then batch normalization and ReLU.

    pool: the maximum of squares of this side is taken before the normalization, which then works
    on fewer values; 1: none.
    """

    channels: int
    pool: int = 1

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (h / pool, w / pool, channels)."""
        return shape[0] // self.pool, shape[1] // self.pool, self.channels

    def parameters(self, shape: Shape) -> int:
        """Kernels, and a scale and a shift per channel."""
        return 9 * shape[2] * self.channels + 2 * self.channels


@dataclass(frozen=True, slots=True)
class GlobalPool(Layer):
    """(h, w, c) -> (2 * c): the mean of each channel, then the maximum of each."""

    def output_shape(self, shape: Shape) -> Shape:
        """One axis."""
        return (2 * shape[2],)


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """A share of the values is set to zero during training."""

    share: float


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
    activation: str  # "relu"; "sigmoid", "logits": the loss applies what belongs to the outputs

    def output_shape(self, shape: Shape) -> Shape:  # noqa: ARG002  one signature for all layers
        """(units,)."""
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        """Weights and one bias per unit."""
        return shape[0] * self.units + self.units


# The outputs of a multi-task network, in order; the paper's network has LATERAL alone. ROTATION
# stands for four logits: the quarter turns clockwise that make the image upright, 0 to 3.
CHEST, ROTATION, INVERTED, LATERAL = "chest", "rotation", "inverted", "lateral"


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network: its layers, its input, and what its logits mean.

    channels: 3 where the gray image is repeated three times, as in the paper; else 1.
    outputs: names, each for one logit except ROTATION, which stands for four.
    """

    layers: tuple[Layer, ...]
    side: int  # pixels, height and width of the input
    channels: int
    outputs: tuple[str, ...]

    @property
    def input_shape(self) -> Shape:
        """(h, w, c)."""
        return self.side, self.side, self.channels

    @property
    def columns(self) -> dict[str, slice]:
        """Which of the logits belong to each output."""
        slices, start = {}, 0
        for name in self.outputs:
            stop = start + (4 if name == ROTATION else 1)
            slices[name] = slice(start, stop)
            start = stop
        return slices

    @property
    def has_gate(self) -> bool:
        """Whether the network says if an image is a chest radiograph."""
        return CHEST in self.outputs

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return parameter_count(self.layers, self.input_shape)


SIDE = 64  # pixels, height and width of the paper's input
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


def multi_task_layers(*pooled: int, last: int) -> tuple[Layer, ...]:
    """Return the layers of a multi-task network.

    pooled: channels of the first four convolutions, which halve the image. last: those of the
    three others. ONNX Runtime computes 16 channels, or multiples of them, fastest.
    """
    return (
        *(NormConv(f"conv_{number}", channels, 2) for number, channels in enumerate(pooled, 1)),
        *(NormConv(f"conv_{number}", last) for number in (5, 6, 7)),
        GlobalPool("global_pool"),
        Dropout("dropout", 0.2),
        Dense("logits", 7, "logits"),
    )


MULTI_TASK_SIDE = 96  # pixels
MULTI_TASK_OUTPUTS = (CHEST, ROTATION, INVERTED, LATERAL)

ARCHITECTURES: dict[str, Architecture] = {
    "paper": Architecture(PAPER_NETWORK, SIDE, CHANNELS, (LATERAL,)),
    "multitask": Architecture(
        multi_task_layers(16, 16, 48, 64, last=128), MULTI_TASK_SIDE, 1, MULTI_TASK_OUTPUTS
    ),
    # about as many parameters as the paper's network
    "multitask-small": Architecture(
        multi_task_layers(8, 8, 24, 32, last=64), MULTI_TASK_SIDE, 1, MULTI_TASK_OUTPUTS
    ),
}


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
