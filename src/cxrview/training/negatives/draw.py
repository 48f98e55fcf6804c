"""A seed and some chest films -> pictures that are no chest films, of every kind in turn."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cxrview.phantom.random_draws import Floats, happens
from cxrview.training.negatives.bodies import hand, head, limb, pelvis, spine
from cxrview.training.negatives.drawings import (
    axial_slice,
    cloud,
    coronal_slice,
    document,
    gradient,
    mammogram,
    shapes,
    ultrasound,
)
from cxrview.training.negatives.scrambles import halves, jigsaw, patch

Grey = npt.NDArray[np.uint8]
SIDE = 128  # pixels at which they are drawn

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
SCRAMBLED: tuple[Callable[[np.random.Generator, Sequence[Grey]], Grey], ...] = (
    jigsaw,
    patch,
    halves,
)
KINDS = len(DRAWN) + len(SCRAMBLED)


def _frame(rng: np.random.Generator, picture: Grey) -> Grey:
    """Every third one gets another aspect or a black frame, as scans and slices have."""
    if happens(rng, 0.67):
        return picture
    if happens(rng, 0.5):
        rows, columns = (int(n) for n in rng.integers(0, 30, 2))
        return np.pad(picture, ((rows, rows), (columns, columns)))
    keep = int(picture.shape[0] * rng.uniform(0.6, 1))
    return picture[:keep] if happens(rng, 0.5) else picture[:, :keep]


def negative(number: int, seed: int, films: Sequence[Grey]) -> Grey:
    """Negative `number` of a seed, (h, w) uint8; its kind is number modulo KINDS."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    kind = number % KINDS
    if kind >= len(DRAWN):
        return SCRAMBLED[kind - len(DRAWN)](rng, films)
    drawn = np.clip(DRAWN[kind](rng, SIDE), 0, 1) * 255
    return _frame(rng, drawn.astype(np.uint8))


def without_films(count: int) -> list[int]:
    """Numbers of the negatives that are the same whatever the films."""
    return [number for number in range(count) if number % KINDS < len(DRAWN)]


def negatives(count: int, seed: int, films: Sequence[Grey]) -> Iterator[Grey]:
    """Negatives 0 .. count - 1; `films` are what is scrambled, (h, w) uint8."""
    return (negative(number, seed, films) for number in range(count))
