"""The untrained networks of the comparison: gray images (n, 1, side, side) in [0, 1] -> outputs."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from monai.networks import nets
from torch import Tensor, nn

from cxrview.model.layers import CHANNELS
from cxrview.training.networks import Network

NetworkBuilder = Callable[[int], nn.Module]  # number of outputs -> network


class GrayInput(nn.Module):
    """A network for three channels that is applied to gray images; one output is a logit (n,)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n,), or (n, outputs)."""
        images = images.expand(-1, CHANNELS, -1, -1)
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits.squeeze(1)


def _init_weights(network: nn.Module, init: Callable[[Tensor], Tensor]) -> nn.Module:
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            init(parameter)
        else:
            nn.init.zeros_(parameter)
    return network


# Under Glorot's weights the values shrink by half at each of VGG16's ReLUs.
init_he = partial(nn.init.kaiming_normal_, nonlinearity="relu")


def paper_network(outputs: int) -> nn.Module:  # noqa: ARG001  always one
    """The paper's network for 64 x 64 pixels, with Glorot's weights as Keras draws them."""
    return _init_weights(Network(), nn.init.xavier_uniform_)


def _fully_connected_head(inputs: int, outputs: int) -> list[nn.Module]:
    """The three dense layers that AlexNet and VGG16 end in; they hold most of the weights."""
    return [
        nn.Flatten(),
        nn.Dropout(), nn.Linear(inputs, 4096), nn.ReLU(),
        nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, outputs),
    ]  # fmt: skip


def alexnet(outputs: int) -> nn.Module:
    """Krizhevsky 2014 (arXiv 1404.5997): AlexNet in one column; 61.1 M with 1,000 outputs."""
    layers = [
        nn.Conv2d(CHANNELS, 64, 11, stride=4, padding=2), nn.MaxPool2d(3, 2), nn.ReLU(),
        nn.Conv2d(64, 192, 5, padding=2), nn.MaxPool2d(3, 2), nn.ReLU(),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.MaxPool2d(3, 2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(6),  # no effect at 224 pixels; other sides need it
        *_fully_connected_head(256 * 6 * 6, outputs),
    ]  # fmt: skip
    return _init_weights(GrayInput(nn.Sequential(*layers)), init_he)


VGG16_CHANNELS = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512),
                  (512, 512, 512, 512))  # fmt: skip


def vgg16(outputs: int) -> nn.Module:
    """Simonyan and Zisserman 2014 (arXiv 1409.1556), configuration D; 138.4 M."""
    layers: list[nn.Module] = []
    for channels in VGG16_CHANNELS:
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), *_fully_connected_head(512 * 7 * 7, outputs)]
    return _init_weights(GrayInput(nn.Sequential(*layers)), init_he)


# By default MONAI's first convolution has no stride, and its shortcuts have a bias.
PUBLISHED_RESNET_OPTIONS = {
    "spatial_dims": 2,
    "n_input_channels": CHANNELS,
    "conv1_t_stride": 2,
    "bias_downsample": False,
}


def resnet50(outputs: int) -> nn.Module:
    """ResNet50 as published."""
    return GrayInput(nets.resnet50(**PUBLISHED_RESNET_OPTIONS, num_classes=outputs))


def resnet101(outputs: int) -> nn.Module:
    """ResNet101 as published."""
    return GrayInput(nets.resnet101(**PUBLISHED_RESNET_OPTIONS, num_classes=outputs))


def densenet121(outputs: int) -> nn.Module:
    """DenseNet121 as published."""
    return GrayInput(nets.DenseNet121(spatial_dims=2, in_channels=CHANNELS, out_channels=outputs))


# Kernel and stride of each stage; without padding 64 -> 63 -> 29 -> 13 -> 4 -> 1 pixels.
AUTOENCODER_KERNELS = ((2, 1), (7, 2), (5, 2), (7, 2), (4, 1))
ENCODER_CHANNELS = (1, 64, 128, 256, 512, 512)
DECODER_CHANNELS = (512, 256, 128, 64, 32, 32)


def _stages(
    convolution: type[nn.Conv2d] | type[nn.ConvTranspose2d],
    activation: Callable[[], nn.Module],
    channels: tuple[int, ...],
    kernels: tuple[tuple[int, int], ...],
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for (before, after), (kernel, stride) in zip(pairwise(channels), kernels, strict=True):
        layers.append(convolution(before, after, kernel, stride, bias=False))
        layers += [activation(), nn.BatchNorm2d(after)]
    return layers


def autoencoder(outputs: int) -> nn.Module:  # noqa: ARG001  an image
    """The gate of Chester (Cohen et al. 2019, arXiv 1901.11210): (n, 1, 64, 64) -> the same shape.

    Layer sizes as in the network that its authors released, with a code of 512 numbers.
    """
    return nn.Sequential(
        *_stages(nn.Conv2d, partial(nn.LeakyReLU, 0.1), ENCODER_CHANNELS, AUTOENCODER_KERNELS),
        nn.Conv2d(ENCODER_CHANNELS[-1], DECODER_CHANNELS[0], 1, bias=False),
        *_stages(nn.ConvTranspose2d, nn.ReLU, DECODER_CHANNELS, AUTOENCODER_KERNELS[::-1]),
        nn.ConvTranspose2d(DECODER_CHANNELS[-1], 1, 1, bias=False),
        nn.Tanh(),
    )


def build_seeded(build: NetworkBuilder, outputs: int, seed: int) -> nn.Module:
    """Return the network with weights that depend on the seed alone.

    torch and MONAI draw from torch's global generator, which is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(outputs)
