"""Training images (n, 1, h, w) in [0, 1] -> randomly altered images of the same shape and range.

The shares and ranges of FULL were chosen in a study that varied one augmentation at a time. All
randomness comes from the generator that is passed in.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

GAMMA_SD = 0.65  # of the logarithm of gamma
TEXT_SIDE = 64  # pixels, of the images for which the sizes of text blocks are given
MIN_RANGE = 1e-3  # of gray levels: a flat image is not scaled up any further
MAX_COUNT = 10**9  # steps, images: larger numbers are mistakes


def bounded_field(default: Any, highest: float = 1.0, lowest: float = 0.0) -> Any:
    """A field of a dataclass whose `check_bounds` accepts lowest .. highest."""
    return field(default=default, metadata={"bounds": (lowest, highest)})


def check_bounds(settings: Any) -> None:
    """Raise ValueError for a `bounded_field` outside its bounds, NaN included."""
    for one in fields(settings):
        if bounds := one.metadata.get("bounds"):
            lowest, highest = bounds
            value = getattr(settings, one.name)
            if not lowest <= value <= highest:
                raise ValueError(f"{one.name} is {value}, expected {lowest:g} to {highest:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How far images are altered, and which share of them."""

    rotation: float = bounded_field(45.0, 180)  # degrees, either way
    shift: float = bounded_field(0.1)  # of a side, either way
    shear: float = bounded_field(0.2)  # either way
    zoom: float = bounded_field(0.2, 0.9)  # either way, each axis independently
    mirror: float = bounded_field(0.5)  # share of images
    # Share of batches filled with black, not with the border
    black_fill: float = bounded_field(0.35)
    zoom_out: float = bounded_field(0.0)  # share shrunk onto black or white, along one axis or both
    zoom_in: float = bounded_field(0.0)  # share cropped about the center
    text: float = bounded_field(0.0)  # share with a block of burned-in letters
    photometric: float = bounded_field(0.0)  # share with another gamma, contrast, noise, blur
    tone: float = bounded_field(0.0)  # share with another tone curve, detail and shading
    invert: float = bounded_field(0.0)  # share with inverted polarity
    quarter_turns: float = bounded_field(0.0)  # share in one of the four quarter turns, at random
    full_range: bool = False  # scale each image so that it reaches from 0 to 1

    def __post_init__(self) -> None:
        check_bounds(self)


# The paper rotates within 45 degrees; it gives no range for the others, 0.2 was customary.
PAPER_AUGMENTATION = Augmentation(shift=0.2, black_fill=0.0)
FULL_AUGMENTATION = Augmentation(zoom_out=0.35, zoom_in=0.15, text=0.2, photometric=0.8, invert=0.3)
# Every orientation and polarity: a multi-task network has to name both.
MULTI_TASK_AUGMENTATION = Augmentation(
    rotation=22, shift=0.075, shear=0.05, zoom=0.18, black_fill=0.6, zoom_out=0.2, zoom_in=0.5,
    text=0.3, photometric=0.8, tone=0.3, invert=0.4, quarter_turns=1.0, full_range=True,
)  # fmt: skip


class BatchRandom:
    """Random values for the n images of a batch, from one generator and on its device."""

    def __init__(self, generator: Generator, n: int) -> None:
        self.generator, self.n, self.device = generator, n, generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(n, *shape) uniform in [low, high)."""
        values = torch.rand(self.n, *shape, generator=self.generator, device=self.device)
        return values * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """(n, *shape) standard normal."""
        return torch.randn(self.n, *shape, generator=self.generator, device=self.device)

    def chance(self, share: float, *shape: int) -> Tensor:
        """(n, *shape) bool, true with this probability."""
        return self.uniform(0, 1, *shape) < share

    def once(self) -> float:
        """One number in [0, 1) for the whole batch."""
        return float(torch.rand((), generator=self.generator, device=self.device))

    def integers(self, stop: int) -> Tensor:
        """(n,) integers 0 .. stop - 1."""
        return torch.randint(stop, (self.n,), generator=self.generator, device=self.device)


def _resample(images: Tensor, matrices: Tensor, padding: str = "zeros") -> Tensor:
    """Resample by affine maps (n, 2, 3) from coordinates of the result to those of the source."""
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def affine(images: Tensor, augmentation: Augmentation, rng: BatchRandom) -> Tensor:
    """Rotate, shift, shear, zoom and mirror in one resampling, as the paper does."""
    angle = rng.uniform(-1, 1) * math.radians(augmentation.rotation)
    shear = rng.uniform(-augmentation.shear, augmentation.shear)
    wide, high = (1 + rng.uniform(-augmentation.zoom, augmentation.zoom) for _ in range(2))
    mirror = torch.where(rng.chance(augmentation.mirror), -1.0, 1.0)
    across, down = (rng.uniform(-2 * augmentation.shift, 2 * augmentation.shift) for _ in range(2))
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos * wide * mirror, (-sin - shear) * high, across], 1)
    second = torch.stack([sin * wide * mirror, cos * high, down], 1)
    fill = "zeros" if rng.once() < augmentation.black_fill else "border"
    return _resample(images, torch.stack([first, second], 1), fill)


def rescale(images: Tensor, augmentation: Augmentation, rng: BatchRandom) -> Tensor:
    """Shrink by up to 1.9 onto a black or white ground, or crop to 60 % or more of each side."""
    draw = rng.uniform(0, 1)
    out = draw < augmentation.zoom_out
    crop = (draw >= augmentation.zoom_out) & (draw < augmentation.zoom_out + augmentation.zoom_in)
    smaller, larger, axis = rng.uniform(1, 1.9), rng.uniform(0.6, 1), rng.integers(3)
    matrices = torch.zeros(rng.n, 2, 3, device=rng.device)
    for row, untouched in ((0, 1), (1, 2)):
        inner = torch.where(crop, larger, 1.0)
        matrices[:, row, row] = torch.where(out & (axis != untouched), smaller, inner)
    ground = rng.chance(0.15, 1, 1, 1).float()
    resampled = _resample(images - ground, matrices) + ground
    return torch.where((out | crop)[:, None, None, None], resampled, images)


def burn_in_text(images: Tensor, augmentation: Augmentation, rng: BatchRandom) -> Tensor:
    """Overlay blocks of random cells, like burned-in letters.

    They are 2 to 8 cells high and 4 to 27 wide in an image of 64 pixels, more in a larger one.
    """
    height, width = images.shape[-2:]
    scale = width / TEXT_SIDE
    chosen = torch.nonzero(rng.chance(augmentation.text)).flatten()
    some = BatchRandom(rng.generator, len(chosen))
    high = ((2 + some.integers(7)) * scale).long()
    wide = ((4 + some.integers(24)) * scale).long()
    top = (some.uniform(0, 1) * (height - high)).long()
    left = (some.uniform(0, 1) * (width - wide)).long()
    rows, columns = (torch.arange(size, device=rng.device) for size in (height, width))
    in_rows = (rows >= top[:, None]) & (rows < (top + high)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    bright, shade = some.chance(0.7, 1, 1, 1).float(), 1 - 0.7 * some.uniform(0, 1, 1, 1, 1)
    letters = some.chance(0.5, 1, height, width)
    part = images[chosen]
    text = torch.where(letters, bright, part * shade)
    return images.index_copy(0, chosen, torch.where(inside, text, part))


def _add_noise_and_blur(images: Tensor, rng: BatchRandom) -> Tensor:
    """Noise of up to 0.12 on three in ten, a blur on one in five; in place.

    The blur is over 3, 5 or 7 pixels, the same for all images that are blurred together.
    """
    noisy = torch.nonzero(rng.chance(0.3)).flatten()
    some = BatchRandom(rng.generator, len(noisy))
    images[noisy] += some.normal(*images.shape[1:]) * some.uniform(0, 0.12, 1, 1, 1)
    soft = torch.nonzero(rng.chance(0.2)).flatten()
    images[soft] = _local_means(images[soft], 1 + int(3 * rng.once()))
    return images


def _local_means(images: Tensor, radius: int) -> Tensor:
    """Means over squares of 2 * radius + 1 pixels, the border repeated."""
    padded = functional.pad(images, (radius,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, 2 * radius + 1, 1)


def alter_tone(images: Tensor, augmentation: Augmentation, rng: BatchRandom) -> Tensor:
    """Change what the image processing of another manufacturer would: curve, detail, shading.

    The curve raises or lowers the contrast of the middle gray levels; what differs from the local
    mean is strengthened or weakened; one side becomes brighter than the other.
    """
    chosen = torch.nonzero(rng.chance(augmentation.tone)).flatten()
    some = BatchRandom(rng.generator, len(chosen))
    part = images[chosen].clamp(0, 1)
    part = part + some.uniform(-1.2, 0.9, 1, 1, 1) * part * (1 - part) * (2 * part - 1)
    means = _local_means(part, max(1, images.shape[-1] // 16))
    part = means + torch.exp(some.normal(1, 1, 1) * 0.5) * (part - means)
    height, width = images.shape[-2:]
    down, across = (torch.linspace(-0.5, 0.5, size, device=rng.device) for size in (height, width))
    slopes = some.normal(2, 1, 1) * 0.3
    part = part + slopes[:, :1] * down[:, None] + slopes[:, 1:] * across
    return images.index_copy(0, chosen, part.clamp(0, 1))


def alter_photometry(images: Tensor, augmentation: Augmentation, rng: BatchRandom) -> Tensor:
    """Change gamma, contrast and brightness; add noise to some and blur others."""
    chosen = torch.nonzero(rng.chance(augmentation.photometric)).flatten()
    some = BatchRandom(rng.generator, len(chosen))
    curved = images[chosen].clamp(0, 1) ** torch.exp(some.normal(1, 1, 1) * GAMMA_SD)
    contrast = some.uniform(0.2, 1.1, 1, 1, 1)
    curved = curved * contrast + some.uniform(0, 1, 1, 1, 1) * (1 - contrast).clamp(min=0)
    return images.index_copy(0, chosen, _add_noise_and_blur(curved, some).clamp(0, 1))


Step = Callable[[Tensor, Augmentation, BatchRandom], Tensor]

# In this order; a step runs only where one of its settings is above zero.
STEPS: tuple[tuple[Step, tuple[str, ...]], ...] = (
    (rescale, ("zoom_out", "zoom_in")),
    (affine, ("rotation", "shift", "shear", "zoom", "mirror")),
    (alter_tone, ("tone",)),
    (burn_in_text, ("text",)),
    (alter_photometry, ("photometric",)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The orientation and polarity in which a batch is shown.

    turns: (n,) quarter turns counterclockwise, 0 to 3: as many clockwise make the image upright.
    inverted: (n,) bool.
    """

    turns: Tensor
    inverted: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """(n, 1, h, h) in [0, 1] -> turned and inverted copies; h by w where nothing is turned."""
        images = images.clone()
        for turn in (1, 2, 3):
            chosen = torch.nonzero(self.turns == turn).flatten()
            if len(chosen):
                images[chosen] = torch.rot90(images[chosen], turn, (2, 3))
        return torch.where(self.inverted[:, None, None, None], 1 - images, images)


def draw_pose(augmentation: Augmentation, rng: BatchRandom) -> Pose:
    """Return a random pose for each image of a batch."""
    turns = torch.zeros(rng.n, dtype=torch.long, device=rng.device)
    if augmentation.quarter_turns:
        turned = rng.chance(augmentation.quarter_turns)
        turns = torch.where(turned, rng.integers(4), turns)
    return Pose(turns, rng.chance(augmentation.invert))


def to_full_range(images: Tensor) -> Tensor:
    """(n, 1, h, w) -> each image scaled to 0 .. 1, as preprocessing leaves it."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp(min=MIN_RANGE)


def augment(
    images: Tensor, augmentation: Augmentation, generator: Generator
) -> tuple[Tensor, Pose]:
    """(n, 1, h, w) in [0, 1] -> altered copies of the same shape and range, and their pose.

    The images are on the generator's device.
    """
    rng = BatchRandom(generator, len(images))
    for step, settings in STEPS:
        if any(getattr(augmentation, setting) for setting in settings):
            images = step(images, augmentation, rng)
    pose = draw_pose(augmentation, rng)
    images = pose.apply(images)
    return (to_full_range(images) if augmentation.full_range else images), pose
