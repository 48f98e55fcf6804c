"""Area averaging: a box of a picture -> fewer pixels, each the mean of what it covers."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cxrview.images import Pixels

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """Which pixels each cell covers: `first[i]` and the next few, and how much of each."""

    first: npt.NDArray[np.intp]  # (cells,)
    weights: Floats  # (taps, cells), summing to one over the taps


@lru_cache(maxsize=64)
def area_taps(length: int, start: float, stop: float, cells: int) -> Taps:
    """Part start .. stop of a line of pixels evenly into cells; pixel j covers j .. j + 1.

    Where the box reaches past the first or last pixel, that pixel stands for what is missing.
    """
    edges = np.linspace(start, stop, cells + 1)
    left, right = edges[:-1], edges[1:]
    count = min(length, int(np.ceil((stop - start) / cells)) + 1)
    first = np.clip(np.floor(left).astype(np.intp), 0, length - count)
    begin = (first + np.arange(count)[:, None]).astype(np.float64)  # (taps, cells)
    end = begin + 1
    begin[begin == 0], end[end == length] = -np.inf, np.inf
    overlap = np.minimum(right, end) - np.maximum(left, begin)
    return Taps(first, (np.clip(overlap, 0, None) / (right - left)).astype(np.float32))


def _average(pixels: Pixels, taps: Taps) -> Floats:
    """(h, w) -> (cells, w): rows averaged."""
    means: Floats = pixels[taps.first] * taps.weights[0][:, None]
    for offset, weights in enumerate(taps.weights[1:], start=1):
        means += pixels[taps.first + offset] * weights[:, None]
    return means


def _fold_rows(pixels: Pixels, count: int) -> Floats:
    """(h, w) -> (ceil(h / count), w) float32: means of `count` rows; the last of what is left."""
    full = len(pixels) // count
    sums: Floats = pixels[: full * count : count].astype(np.float32)
    for offset in range(1, count):
        np.add(sums, pixels[offset : full * count : count], out=sums, casting="unsafe")
    sums /= np.float32(count)
    if full * count == len(pixels):
        return sums
    rest = pixels[full * count :].mean(axis=0, dtype=np.float32)
    return np.concatenate([sums, rest[None]])


def _factor(length: float, cells: int) -> int:
    """How many pixels may be summed beforehand so that at least two sums remain for each cell."""
    return max(1, int(length / (2 * cells)))


def shrink(
    pixels: Pixels, box: tuple[float, float, float, float], height: int, width: int
) -> Floats:
    """(h, w) any dtype, a box (left, top, right, bottom) in it -> (height, width) float32 means.

    Far larger pictures are first averaged in blocks, at least two for each cell.
    """
    left, top, right, bottom = box
    rows, columns = _factor(bottom - top, height), _factor(right - left, width)
    if columns > 1:
        pixels = _fold_rows(pixels.T, columns).T
    if rows > 1:
        pixels = _fold_rows(pixels, rows)
    down = area_taps(pixels.shape[0], top / rows, bottom / rows, height)
    across = area_taps(pixels.shape[1], left / columns, right / columns, width)
    narrow = _average(np.ascontiguousarray(_average(pixels, down).T), across)
    return np.ascontiguousarray(narrow.T)
