"""Number of outputs, side -> a torch net for grey pictures (n, 1, side, side), untrained."""

from collections.abc import Callable

import torch
from monai.networks.nets import DenseNet121, resnet50, resnet101
from torch import Tensor, nn

from cxrview.comparison.known_nets import alexnet, vgg16
from cxrview.model.layers import CHANNELS, PAPER_NETWORK, Layer
from cxrview.training.networks import Network

Build = Callable[[int, int], nn.Module]


class Grey(nn.Module):
    """A net for three channels as one for grey pictures; one output is a logit (n,)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as in Net

    def forward(self, picture: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n,), or (n, outputs)."""
        picture = picture.expand(-1, CHANNELS, -1, -1)
        logits: Tensor = self.net(picture.contiguous(memory_format=torch.channels_last))
        return logits.squeeze(1)


def _tabled(layers: tuple[Layer, ...], side: int) -> Network:
    """He's weights: under Glorot's the values shrink by half at each of VGG16's ReLUs."""
    net = Network(layers, (side, side, CHANNELS))
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net


def paper_net(outputs: int, side: int) -> nn.Module:  # noqa: ARG001  one output, 64 x 64, always
    """The paper's, with Glorot's weights as Keras begins."""
    net = Network(PAPER_NETWORK)
    if net.layer_modules["dense_2"].weight.is_meta:  # only to be counted
        return net
    return net.initialize(torch.Generator().manual_seed(torch.initial_seed()))


def alexnet_net(outputs: int, side: int) -> nn.Module:
    """From its table."""
    return _tabled(alexnet(outputs), side)


def vgg16_net(outputs: int, side: int) -> nn.Module:
    """From its table."""
    return _tabled(vgg16(outputs), side)


# MONAI's first convolution does not stride unless told to, and its shortcuts carry a bias.
RESNET = {"spatial_dims": 2, "n_input_channels": CHANNELS, "conv1_t_stride": 2}


def resnet50_net(outputs: int, side: int) -> nn.Module:  # noqa: ARG001  any side
    """As published: the first convolution strides by two."""
    return Grey(resnet50(**RESNET, bias_downsample=False, num_classes=outputs))


def resnet101_net(outputs: int, side: int) -> nn.Module:  # noqa: ARG001
    """As published: the first convolution strides by two."""
    return Grey(resnet101(**RESNET, bias_downsample=False, num_classes=outputs))


def densenet121_net(outputs: int, side: int) -> nn.Module:  # noqa: ARG001
    """As published."""
    return Grey(DenseNet121(spatial_dims=2, in_channels=CHANNELS, out_channels=outputs))


def seeded(build: Build, outputs: int, side: int, seed: int) -> nn.Module:
    """The same net for the same seed: MONAI draws from torch's global dice, here a copy of them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(outputs, side)


def parameters_at(build: Build, outputs: int, side: int) -> int:
    """How many there would be; none is made."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(outputs, side).parameters())
