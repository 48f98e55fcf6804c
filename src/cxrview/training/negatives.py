"""Numbered negatives of a seed: drawn from nothing, or made by scrambling chest radiographs.

Scrambled radiographs make the network look at the whole image instead of its texture. None of them
is still a chest radiograph, also after the crop to 60 % that training applies: seams are in the
middle, and quarter turns, mirroring, inversion and margins are not among the scrambles.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from PIL import Image

from cxrview.images import FloatArray
from cxrview.model.preprocess import GrayImage
from cxrview.phantom.overlays import burn_in
from cxrview.phantom.random_draws import happens, uniform
from cxrview.training.negative_drawings import DRAWINGS, Drawing, cloud, round_field
from cxrview.training.negative_radiographs import REGIONS, draw_radiograph
from cxrview.training.negative_scans import SCANS
from cxrview.training.negative_slices import SLICES

SIDE = 128  # pixels at which they are drawn
SMALL_SIDES = (40, 80)  # pixels, of those that are stored small
SMALL_SHARE, INVERTED_SHARE, WINDOW_SHARE, FRAMED_SHARE = 0.1, 0.1, 0.3, 0.15  # of the drawn ones
ROUND_SHARE = 0.04  # of the drawn ones
MAX_BORDER = 40  # pixels at each side of those that are framed

Scramble = Callable[[np.random.Generator, Sequence[GrayImage]], GrayImage]


def _pick(
    rng: np.random.Generator, radiographs: Sequence[GrayImage], side: int | None = None
) -> GrayImage:
    """One of the radiographs, resampled to a square of `side` if given."""
    image = radiographs[int(rng.integers(len(radiographs)))]
    if side is None:
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def jigsaw(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """2 x 2 or 4 x 4 tiles, none of them in its place."""
    image = _pick(rng, radiographs)
    tiles = 2 if happens(rng, 0.5) else 4
    high, wide = (length // tiles for length in image.shape)
    cut = image[: high * tiles, : wide * tiles].reshape(tiles, high, tiles, wide).swapaxes(1, 2)
    order = places = np.arange(tiles**2)
    while (order == places).any():
        order = rng.permutation(tiles**2)
    mixed = cut.reshape(-1, high, wide)[order].reshape(tiles, tiles, high, wide)
    return np.asarray(mixed.swapaxes(1, 2).reshape(tiles * high, tiles * wide))


def _window(rng: np.random.Generator, image: GrayImage, shares: tuple[float, float]) -> GrayImage:
    """A random window of these shares of the height and the width, at least 2 pixels each."""
    high, wide = (max(2, int(n * share)) for n, share in zip(image.shape, shares, strict=True))
    top = int(rng.integers(image.shape[0] - high + 1))
    left = int(rng.integers(image.shape[1] - wide + 1))
    return image[top : top + high, left : left + wide]


def patch(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """A small piece, a fifth to a third of each side."""
    high, wide = rng.uniform(0.19, 0.36, 2).tolist()
    return _window(rng, _pick(rng, radiographs), (high, wide))


def strip(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """A band from one edge to the other, an eighth to a quarter of the other side."""
    share = uniform(rng, (0.12, 0.25))
    shares = (share, 1.0) if happens(rng, 0.5) else (1.0, share)
    return _window(rng, _pick(rng, radiographs), shares)


def halves(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """The left halves of two radiographs side by side."""
    left, right = (_pick(rng, radiographs, SIDE)[:, : SIDE // 2] for _ in range(2))
    return np.concatenate([left, right], axis=1)


def difference(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """A radiograph minus itself upside down."""
    image = _pick(rng, radiographs, SIDE)
    return np.asarray(np.abs(image.astype(np.int16) - image[::-1]), np.uint8)


def shifted(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """Moved by about half its height or width; what leaves comes in again at the other end."""
    image = _pick(rng, radiographs, SIDE)
    return np.roll(image, round(SIDE * uniform(rng, (0.42, 0.58))), axis=int(rng.integers(2)))


def kaleidoscope(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """One quarter of a radiograph, mirrored to the right and downwards."""
    quarter = np.rot90(_pick(rng, radiographs, SIDE), int(rng.integers(4)))
    quarter = quarter[: SIDE // 2, : SIDE // 2]
    top = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    return np.concatenate([top, top[::-1]])


def covered(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """A radiograph of which clouds or an even gray cover two thirds of each side or more."""
    image = np.array(_pick(rng, radiographs, SIDE))
    high, wide = (int(SIDE * share) for share in rng.uniform(0.68, 0.88, 2))
    top, left = int(rng.integers(SIDE - high)), int(rng.integers(SIDE - wide))
    clouds = cloud(rng, SIDE)[:high, :wide] * uniform(rng, (0, 0.6)) * 255
    level = rng.uniform(0, 255 - float(clouds.max()))
    image[top : top + high, left : left + wide] = clouds + level
    return image


def same_spectrum(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """Noise with the power spectrum of a radiograph: the phases are those of white noise."""
    power = np.abs(np.fft.rfft2(_pick(rng, radiographs, SIDE)))
    phases = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    noise = np.fft.irfft2(power * np.exp(1j * np.angle(phases)), (SIDE, SIDE))
    low, high = np.percentile(noise, (0.5, 99.5))
    return np.asarray(np.clip((noise - low) / max(high - low, 1e-6), 0, 1) * 255, np.uint8)


def contact_sheet(rng: np.random.Generator, radiographs: Sequence[GrayImage]) -> GrayImage:
    """2 x 2 to 4 x 4 radiographs."""
    tiles = int(rng.integers(2, 5))
    rows = [[_pick(rng, radiographs, 160 // tiles) for _ in range(tiles)] for _ in range(tiles)]
    return np.block(rows)


DRAWN: dict[str, Drawing] = {
    **{name: partial(draw_radiograph, region=region) for name, region in REGIONS.items()},
    **SLICES,
    **SCANS,
    **DRAWINGS,
}
SCRAMBLED: dict[str, Scramble] = {
    "jigsaw": jigsaw,
    "patch": patch,
    "strip": strip,
    "halves": halves,
    "difference": difference,
    "shifted": shifted,
    "kaleidoscope": kaleidoscope,
    "covered": covered,
    "same spectrum": same_spectrum,
    "contact sheet": contact_sheet,
}
# The kind of negative `number` is number modulo KINDS. The scrambles are spread among the others:
# every run of numbers holds its share of them.
NAMES = tuple(
    name
    for _, name in sorted(
        ((place + 0.5) / len(kinds), name)
        for kinds in (list(DRAWN), list(SCRAMBLED))
        for place, name in enumerate(kinds)
    )
)
KINDS = len(NAMES)


def _store(rng: np.random.Generator, drawn: FloatArray) -> GrayImage:
    """Gray levels -> an image of any polarity, tone and size, with letters, cut out or framed."""
    if happens(rng, ROUND_SHARE):
        drawn = round_field(rng, drawn)
    tone = np.exp(rng.normal(0, 0.3))
    drawn = burn_in(rng, np.clip(drawn, 0, 1) ** tone)
    image = (np.clip(drawn, 0, 1) * 255).astype(np.uint8)
    if happens(rng, INVERTED_SHARE):
        image = 255 - image
    if happens(rng, WINDOW_SHARE):
        high, wide = rng.uniform(0.6, 1, 2).tolist()
        image = _window(rng, image, (high, wide))
    if happens(rng, SMALL_SHARE):
        width, height = (int(n) for n in rng.integers(*SMALL_SIDES, 2))
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
    if happens(rng, FRAMED_SHARE):
        border = int(rng.choice([0, 0, 255, int(rng.integers(256))]))
        image = np.pad(image, rng.integers(0, MAX_BORDER, (2, 2)), constant_values=border)
    return image


def _generator(number: int, seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))


def is_scrambled(number: int) -> bool:
    """Whether negative `number` is made from radiographs."""
    return NAMES[number % KINDS] in SCRAMBLED


def draw_negative(number: int, seed: int) -> GrayImage:
    """Return negative `number` of a seed, (h, w) uint8; one that needs no radiographs."""
    rng = _generator(number, seed)
    return _store(rng, DRAWN[NAMES[number % KINDS]](rng, SIDE))


def scramble_negative(number: int, seed: int, radiographs: Sequence[GrayImage]) -> GrayImage:
    """Return negative `number` of a seed, (h, w) uint8, made from some of the radiographs."""
    return SCRAMBLED[NAMES[number % KINDS]](_generator(number, seed), radiographs)


def negatives(count: int, seed: int, radiographs: Sequence[GrayImage]) -> Iterator[GrayImage]:
    """Yield negatives 0 .. count - 1 of a seed, (h, w) uint8 each."""
    for number in range(count):
        if is_scrambled(number):
            yield scramble_negative(number, seed, radiographs)
        else:
            yield draw_negative(number, seed)
