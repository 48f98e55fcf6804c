"""AlexNet and VGG16 as tables of layers, with as many outputs as are wanted."""

from cxrview.model.layers import (
    AdaptivePool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Pool,
)


def _head(outputs: int) -> tuple[Layer, ...]:
    """The three dense layers that both end in, and that hold most of their weights."""
    return (
        Flatten("flatten_1"),
        Dropout("dropout_1"),
        Dense("dense_1", 4096, "relu"),
        Dropout("dropout_2"),
        Dense("dense_2", 4096, "relu"),
        Dense("dense_3", outputs, "sigmoid" if outputs == 1 else "softmax"),
    )


def alexnet(outputs: int) -> tuple[Layer, ...]:
    """Krizhevsky 2014 (arXiv 1404.5997): AlexNet in one column; 61.1 M with 1,000 classes."""
    return (
        Conv("conv2d_1", 64, 11, stride=4, padding=2),
        Pool("max_pooling2d_1", "max", 3, stride=2),
        Conv("conv2d_2", 192, 5, padding=2),
        Pool("max_pooling2d_2", "max", 3, stride=2),
        Conv("conv2d_3", 384, padding=1),
        Conv("conv2d_4", 256, padding=1),
        Conv("conv2d_5", 256, padding=1),
        Pool("max_pooling2d_3", "max", 3, stride=2),
        AdaptivePool("adaptive_pooling2d_1", 6),  # nothing to do at 224; makes other sides fit
        *_head(outputs),
    )


VGG16_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def vgg16(outputs: int) -> tuple[Layer, ...]:
    """Simonyan and Zisserman 2014 (arXiv 1409.1556), configuration D; 138.4 M."""
    layers: list[Layer] = []
    for block, (channels, convolutions) in enumerate(VGG16_BLOCKS, start=1):
        names = (f"conv2d_{block}_{number}" for number in range(1, convolutions + 1))
        layers += [Conv(name, channels, padding=1) for name in names]
        layers.append(Pool(f"max_pooling2d_{block}", "max"))
    return (*layers, AdaptivePool("adaptive_pooling2d_1", 7), *_head(outputs))
