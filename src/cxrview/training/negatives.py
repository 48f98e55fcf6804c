"""Numbered negatives of a seed: drawn from nothing, or made by scrambling chest radiographs.

Scrambled radiographs make the gate look at the whole image instead of its texture.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from cxrview.model.preprocess import GrayImage
from cxrview.phantom.random_draws import Floats, happens
from cxrview.training.negative_drawings import (
    axial_slice,
    cloud,
    coronal_slice,
    document,
    gradient,
    hand,
    head,
    limb,
    mammogram,
    pelvis,
    shapes,
    spine,
    ultrasound,
)

SIDE = 128  # pixels at which they are drawn


def _pick(
    rng: np.random.Generator, radiographs: Sequence[GrayImage], size: tuple[int, int] | None = None
) -> GrayImage:
    image = radiographs[int(rng.integers(len(radiographs)))]
    if size is None:
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def jigsaw(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """2 x 2 or 4 x 4 tiles in another order."""
    image = _pick(rng, radiographs)
    tiles = 2 if happens(rng, 0.5) else 4
    high, wide = (length // tiles for length in image.shape)
    cut = image[: high * tiles, : wide * tiles].reshape(tiles, high, tiles, wide).swapaxes(1, 2)
    order = rng.permutation(tiles**2)
    mixed = cut.reshape(-1, high, wide)[order].reshape(tiles, tiles, high, wide)
    return np.asarray(mixed.swapaxes(1, 2).reshape(tiles * high, tiles * wide))


def patch(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """A small piece, a fifth to a third of each side."""
    image = _pick(rng, radiographs)
    high, wide = (max(2, int(length * rng.uniform(0.19, 0.36))) for length in image.shape)
    top, left = int(rng.integers(image.shape[0] - high)), int(rng.integers(image.shape[1] - wide))
    return image[top : top + high, left : left + wide]


def halves(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """The left halves of two radiographs side by side, or one minus itself upside down."""
    size = (192, 192)
    image = _pick(rng, radiographs, size)
    if happens(rng, 0.5):
        return np.concatenate([image[:, :96], _pick(rng, radiographs, size)[:, :96]], axis=1)
    return np.asarray(np.abs(image.astype(np.int16) - image[::-1]), np.uint8)


DRAWN: tuple[Callable[[np.random.Generator, int], Floats], ...] = (
    hand,
    limb,
    pelvis,
    head,
    spine,
    axial_slice,
    coronal_slice,
    ultrasound,
    mammogram,
    document,
    cloud,
    gradient,
    shapes,
)
SCRAMBLED: tuple[Callable[[np.random.Generator, Sequence[GrayImage]], GrayImage], ...] = (
    jigsaw,
    patch,
    halves,
)
KINDS = len(DRAWN) + len(SCRAMBLED)


def _frame(rng: np.random.Generator, image: GrayImage) -> GrayImage:
    """Every third one gets another aspect ratio or a black frame, as scans and slices have."""
    if happens(rng, 0.67):
        return image
    if happens(rng, 0.5):
        rows, columns = (int(n) for n in rng.integers(0, 30, 2))
        return np.pad(image, ((rows, rows), (columns, columns)))
    kept = int(image.shape[0] * rng.uniform(0.6, 1))
    return image[:kept] if happens(rng, 0.5) else image[:, :kept]


def _generator(number: int, seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))


def is_scrambled(number: int) -> bool:
    """Whether negative `number` is made from radiographs; its kind is number modulo KINDS."""
    return number % KINDS >= len(DRAWN)


def draw_negative(number: int, seed: int) -> GrayImage:
    """Return negative `number` of a seed, (h, w) uint8; one that needs no radiographs."""
    rng = _generator(number, seed)
    drawn = np.clip(DRAWN[number % KINDS](rng, SIDE), 0, 1) * 255
    return _frame(rng, drawn.astype(np.uint8))


def scramble_negative(number: int, seed: int, radiographs: Sequence[GrayImage]) -> GrayImage:
    """Return negative `number` of a seed, (h, w) uint8, made from some of the radiographs."""
    return SCRAMBLED[number % KINDS - len(DRAWN)](_generator(number, seed), radiographs)


def negatives(count: int, seed: int, radiographs: Sequence[GrayImage]) -> Iterator[GrayImage]:
    """Yield negatives 0 .. count - 1 of a seed, (h, w) uint8 each."""
    for number in range(count):
        if is_scrambled(number):
            yield scramble_negative(number, seed, radiographs)
        else:
            yield draw_negative(number, seed)
