"""Pictures (n, 1, 64, 64) in [0, 1] -> pictures as other rooms, readers and habits make them.

The shares and ranges are those that a study of one disturbance at a time settled on; each function
draws from the generator that it is handed.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is done to a picture, how far, and to which share of them."""

    turn: float = 45.0  # degrees, either way
    shift: float = 0.1  # of a side, either way
    shear: float = 0.2
    zoom: float = 0.2  # either way, each axis on its own
    mirror: float = 0.5  # share of pictures
    black_fill: float = 0.35  # share of batches; the others repeat the border
    zoom_out: float = 0.0  # share shrunk onto black or white, one axis or both
    zoom_in: float = 0.0  # share cropped about the middle
    text: float = 0.0  # share with a block of letters burned in
    photo: float = 0.0  # share with another curve, contrast, noise, blur
    invert: float = 0.0  # share with exchanged polarity


# The paper turns within 45 degrees; it gives no range for the others, 0.2 was customary.
PAPER = Augmentation(shift=0.2, black_fill=0.0)
FULL = Augmentation(zoom_out=0.35, zoom_in=0.15, text=0.2, photo=0.8, invert=0.3)


class Dice:
    """One generator, asked for n values at a time."""

    def __init__(self, generator: Generator, n: int) -> None:
        self.generator, self.n = generator, n

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """(n, *shape) uniform in [low, high)."""
        return torch.rand(self.n, *shape, generator=self.generator) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """(n, *shape) standard normal."""
        return torch.randn(self.n, *shape, generator=self.generator)

    def chance(self, share: float, *shape: int) -> Tensor:
        """(n, *shape) true with this probability."""
        return torch.rand(self.n, *shape, generator=self.generator) < share

    def once(self) -> float:
        """One number in [0, 1)."""
        return float(torch.rand((), generator=self.generator))

    def below(self, stop: int) -> Tensor:
        """(n,) whole numbers 0 .. stop - 1."""
        return torch.randint(0, stop, (self.n,), generator=self.generator)


def _sample(pictures: Tensor, matrices: Tensor, padding: str = "zeros") -> Tensor:
    """Pictures through affine maps (n, 2, 3) from the new picture's coordinates to the old's."""
    grid = functional.affine_grid(matrices, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode=padding, align_corners=False)


def affine(pictures: Tensor, what: Augmentation, dice: Dice) -> Tensor:
    """Turn, shift, shear, zoom and mirror at once, as the paper does."""
    angle = dice.between(-1, 1) * math.radians(what.turn)
    shear = dice.between(-what.shear, what.shear)
    wide, high = (1 + dice.between(-what.zoom, what.zoom) for _ in range(2))
    mirror = torch.where(dice.chance(what.mirror), -1.0, 1.0)
    across, down = (dice.between(-2 * what.shift, 2 * what.shift) for _ in range(2))
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos * wide * mirror, (-sin - shear) * high, across], 1)
    second = torch.stack([sin * wide * mirror, cos * high, down], 1)
    fill = "zeros" if dice.once() < what.black_fill else "border"
    return _sample(pictures, torch.stack([first, second], 1), fill)


def rescale(pictures: Tensor, what: Augmentation, dice: Dice) -> Tensor:
    """Shrink onto a black or white ground by up to 1.9, or crop to 0.65 and more of each side."""
    draw = dice.between(0, 1)
    out = draw < what.zoom_out
    crop = (draw >= what.zoom_out) & (draw < what.zoom_out + what.zoom_in)
    smaller, larger, axis = dice.between(1, 1.9), dice.between(0.65, 1), dice.below(3)
    matrices = torch.zeros(dice.n, 2, 3)
    for row, untouched in ((0, 1), (1, 2)):
        inner = torch.where(crop, larger, torch.ones(dice.n))
        matrices[:, row, row] = torch.where(out & (axis != untouched), smaller, inner)
    ground = dice.chance(0.15, 1, 1, 1).float()
    return _sample(pictures - ground, matrices) + ground


def burn_in(pictures: Tensor, what: Augmentation, dice: Dice) -> Tensor:
    """Blocks of random cells, 2 - 8 high and 4 - 27 wide, over a darkened or untouched ground."""
    side = pictures.shape[-1]
    pictures = pictures.clone()
    chosen, high, wide = dice.chance(what.text), 2 + dice.below(7), 4 + dice.below(24)
    top, left = dice.between(0, 1), dice.between(0, 1)
    bright, shade = dice.chance(0.7).float(), 1 - 0.7 * dice.between(0, 1)
    for i in torch.nonzero(chosen).flatten().tolist():
        h, w = int(high[i]), int(wide[i])
        y, x = int(top[i] * (side - h)), int(left[i] * (side - w))
        letters = torch.rand(h, w, generator=dice.generator) < 0.5
        block = pictures[i, 0, y : y + h, x : x + w]
        block.copy_(torch.where(letters, bright[i], block * shade[i]))
    return pictures


def _grain(pictures: Tensor, dice: Dice) -> Tensor:
    """Noise of up to 0.12 on three in ten, a blur over 3 x 3 pixels on one in five; in place."""
    noisy = torch.nonzero(dice.chance(0.3)).flatten()
    some = Dice(dice.generator, len(noisy))
    pictures[noisy] += some.normal(*pictures.shape[1:]) * some.between(0, 0.12, 1, 1, 1)
    soft = torch.nonzero(dice.chance(0.2)).flatten()
    padded = functional.pad(pictures[soft], (1, 1, 1, 1), mode="replicate")
    pictures[soft] = functional.avg_pool2d(padded, 3, 1)
    return pictures


def rephotograph(pictures: Tensor, what: Augmentation, dice: Dice) -> Tensor:
    """Another curve, contrast and brightness, now and then noise or blur."""
    chosen = torch.nonzero(dice.chance(what.photo)).flatten()
    some = Dice(dice.generator, len(chosen))
    bent = pictures[chosen].clamp(0, 1) ** torch.exp(some.normal(1, 1, 1) * 0.5)
    contrast = some.between(0.2, 1.1, 1, 1, 1)
    bent = bent * contrast + some.between(0, 1, 1, 1, 1) * (1 - contrast).clamp(min=0)
    return pictures.index_copy(0, chosen, _grain(bent, some).clamp(0, 1))


def invert(pictures: Tensor, what: Augmentation, dice: Dice) -> Tensor:
    """Exchange bright and dark."""
    return torch.where(dice.chance(what.invert, 1, 1, 1), 1 - pictures, pictures)


def augment(pictures: Tensor, what: Augmentation, generator: Generator) -> Tensor:
    """(n, 1, 64, 64) in [0, 1] -> the same shape and range."""
    dice = Dice(generator, len(pictures))
    if what.zoom_out or what.zoom_in:
        pictures = rescale(pictures, what, dice)
    pictures = affine(pictures, what, dice)
    if what.text:
        pictures = burn_in(pictures, what, dice)
    if what.photo:
        pictures = rephotograph(pictures, what, dice)
    return invert(pictures, what, dice) if what.invert else pictures
