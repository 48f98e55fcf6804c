"""Area averaging: a box of a picture -> fewer pixels, each the mean of what it covers."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cxrview.images import Pixels

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=64)
def area_weights(length: int, start: float, stop: float, cells: int) -> Floats:
    """(cells, length): row i holds how much of each pixel falls in cell i. Rows sum to one.

    Pixel j covers j .. j + 1; the cells part start .. stop evenly. Where the box reaches past the
    first or last pixel, that pixel stands for what is missing.
    """
    edges = np.linspace(start, stop, cells + 1)
    left, right = edges[:-1, None], edges[1:, None]  # (cells, 1)
    begin = np.arange(length, dtype=np.float64)[None, :]  # (1, length)
    end = begin + 1
    begin[0, 0], end[0, -1] = -np.inf, np.inf
    overlap = np.minimum(right, end) - np.maximum(left, begin)
    weights: Floats = (np.clip(overlap, 0, None) / (right - left)).astype(np.float32)
    return weights


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
    folded = _fold(pixels, rows, columns)
    down = area_weights(folded.shape[0], top / rows, bottom / rows, height)
    across = area_weights(folded.shape[1], left / columns, right / columns, width)
    means = (down @ folded @ across.T) / np.float32(rows * columns)
    return means.astype(np.float32, copy=False)
