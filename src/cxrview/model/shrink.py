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


def _fold(pixels: Pixels, rows: int, columns: int) -> Floats:
    """(h, w) -> sums of blocks of `rows` x `columns`, as float32; a remainder is left out."""
    height, width = pixels.shape[0] // rows * rows, pixels.shape[1] // columns * columns
    kept: npt.NDArray[np.generic] = pixels[:height, :width]
    folded = kept[:, ::columns].astype(np.float32)
    for offset in range(1, columns):
        np.add(folded, kept[:, offset::columns], out=folded, casting="unsafe")
    tall = folded[::rows].copy() if rows > 1 else folded
    for offset in range(1, rows):
        tall += folded[offset::rows]
    return tall


def _factor(length: float, cells: int) -> int:
    """How many pixels may be summed beforehand so that at least two sums remain for each cell."""
    return max(1, int(length / (2 * cells)))


def shrink(
    pixels: Pixels, box: tuple[float, float, float, float], height: int, width: int
) -> Floats:
    """(h, w) any dtype, a box (left, top, right, bottom) in it -> (height, width) float32 means.

    Far larger pictures are first summed in whole blocks: up to half a block at the right and the
    lower border may then be left out, less than a quarter of a cell.
    """
    left, top, right, bottom = box
    rows, columns = _factor(bottom - top, height), _factor(right - left, width)
    if rows > 1 or columns > 1:
        pixels = _fold(pixels, rows, columns) / np.float32(rows * columns)
    down = area_taps(pixels.shape[0], top / rows, bottom / rows, height)
    across = area_taps(pixels.shape[1], left / columns, right / columns, width)
    narrow = _average(np.ascontiguousarray(_average(pixels, down).T), across)
    return np.ascontiguousarray(narrow.T)
