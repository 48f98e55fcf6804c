"""Chester's gate (Cohen et al. 2019, arXiv 1901.11210): what it cannot redraw is no chest film.

Layer sizes as in the network that its authors released (64 x 64 pixels, a code of 512 numbers);
trained here on chest films alone. Their program refuses by structural similarity; the score here is
the error that the article speaks of: the mean absolute difference.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

SLOPE = 0.1  # of the leaky ReLU
CODE = 512
# kernel, stride between these channels; without padding 64 -> 63 -> 29 -> 13 -> 4 -> 1 pixels
KERNELS = ((2, 1), (7, 2), (5, 2), (7, 2), (4, 1))
INWARDS = (1, 64, 128, 256, 512, 512)
OUTWARDS = (CODE, 256, 128, 64, 32, 32)


def _encoder() -> list[nn.Module]:
    layers: list[nn.Module] = []
    for (given, made), (side, stride) in zip(pairwise(INWARDS), KERNELS, strict=True):
        layers += [
            nn.Conv2d(given, made, side, stride, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.BatchNorm2d(made),
        ]
    return [*layers, nn.Conv2d(INWARDS[-1], CODE, 1, bias=False)]


def _decoder() -> list[nn.Module]:
    layers: list[nn.Module] = []
    for (given, made), (side, stride) in zip(pairwise(OUTWARDS), KERNELS[::-1], strict=True):
        layers += [
            nn.ConvTranspose2d(given, made, side, stride, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(made),
        ]
    return [*layers, nn.ConvTranspose2d(OUTWARDS[-1], 1, 1, bias=False), nn.Tanh()]


class Autoencoder(nn.Module):
    """Grey pictures (n, 1, 64, 64) in [0, 1] -> what it makes of them, the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_encoder(), *_decoder())

    def forward(self, picture: Tensor) -> Tensor:
        """Through the code and back."""
        redrawn: Tensor = self.layers(picture)
        return redrawn


def autoencoder_net(outputs: int, side: int) -> nn.Module:  # noqa: ARG001  64 x 64, always
    """Untrained."""
    return Autoencoder()


def likeness(net: nn.Module, pictures: Tensor) -> Tensor:
    """(n, 1, 64, 64) -> (n,): the higher, the better redrawn; 0 at best."""
    redrawn: Tensor = net(pictures)
    return -(redrawn - pictures).abs().mean((1, 2, 3))


def redrawing_loss(net: nn.Module, pictures: Tensor, classes: Tensor) -> Tensor:  # noqa: ARG001
    """Mean squared difference."""
    with torch.autocast("cpu", torch.bfloat16):
        redrawn = net(pictures)
    return nn.functional.mse_loss(redrawn.float(), pictures)
