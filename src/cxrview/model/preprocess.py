"""Radiograph -> the 64 x 64 picture that a net was trained on. Part of the model."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.images import Radiograph
from cxrview.model.downsample import Floats, shrink
from cxrview.model.layers import SIDE

Grey = npt.NDArray[np.uint8]

FILM_SIDE = 256  # pixels, the long side at which borders are cut and grey levels equalised
CLIPPED = 0.005  # share of the pixels at each end that a stretch may saturate
BLANK_SPREAD = 3.0  # stored values: with less between its percentiles a picture is blank
BORDER_SPREAD = 10  # of 255: a row or column with less than this is a uniform border
BORDER_OUTLIERS = 0.02  # share of a border's pixels that may differ (dust, a letter's edge)
LINES_AT_ONCE = 8  # looked at together while walking inwards
LEAST_KEPT = 0.3  # of each side: a cut that leaves less is not made
EXTREME_SHARE = 0.02  # the darkest and the brightest level, where fuller than this, do not count


def working_image(radiograph: Radiograph) -> Floats:
    """-> (h, w) float32 at the picture's true aspect, at most 256 on the long side, or its own."""
    left, top, right, bottom = radiograph.box
    scale = FILM_SIDE / max(radiograph.width, radiograph.height)
    height = max(1, min(round(radiograph.height * scale), int(bottom - top)))
    width = max(1, min(round(radiograph.width * scale), int(right - left)))
    return shrink(radiograph.pixels, radiograph.box, height, width)


def _ends(picture: Floats, clipped: float) -> tuple[float, float]:
    """The values that leave this share below and above them, among every other row and column."""
    ordered = np.sort(picture[::2, ::2], axis=None)
    last = ordered.size - 1
    return float(ordered[round(last * clipped)]), float(ordered[round(last * (1 - clipped))])


def stretch(picture: Floats, clipped: float = CLIPPED) -> Grey:
    """Values of any scale -> 0 .. 255 between the percentiles; one flat value gives zeros."""
    low, high = _ends(picture, clipped)
    scale = np.float32(255 / (high - low) if high > low else 0.0)
    grey: Grey = np.clip((picture - np.float32(low)) * scale, 0, 255).astype(np.uint8)
    return grey


def grey_of(side: Floats) -> Grey:
    """(h, w) of any range -> 0 .. 255: as it stands where it fits, else from lowest to highest."""
    if side.min() >= 0 and 1 < side.max() <= 255:
        return np.asarray(np.round(side), np.uint8)
    return stretch(side, 0.0)


def _spread(lines: Grey) -> npt.NDArray[np.int64]:
    """(n, length) -> (n,): between the 2nd and the 98th percentile of each line."""
    ordered = np.sort(lines, axis=1)
    last = lines.shape[1] - 1
    low, high = round(last * BORDER_OUTLIERS), round(last * (1 - BORDER_OUTLIERS))
    return ordered[:, high].astype(np.int64) - ordered[:, low]


def _border(lines: Grey) -> int:
    """How many lines pass before the first with a picture in it; looks no further than needed."""
    for start in range(0, len(lines), LINES_AT_ONCE):
        pictured = np.flatnonzero(_spread(lines[start : start + LINES_AT_ONCE]) > BORDER_SPREAD)
        if pictured.size:
            return start + int(pictured[0])
    return len(lines)


def _extent(lines: Grey) -> slice:
    """From the first to the last line with a picture in it, unless too little would remain."""
    start, stop = _border(lines), len(lines) - _border(lines[::-1])
    if stop - start < LEAST_KEPT * len(lines):
        return slice(0, len(lines))
    return slice(start, stop)


def trim(picture: Grey) -> Grey:
    """Cut uniform borders, twice: side bars hide the borders above and below them."""
    for _ in range(2):
        before = picture.shape
        picture = picture[_extent(picture), _extent(picture.T)]
        if picture.shape == before:
            break
    return picture


def _counted(picture: Grey) -> npt.NDArray[np.float64]:
    """The histogram (256,) without the extreme levels where they are borders or saturation."""
    # Pillow counts ten times faster than np.bincount, which first widens every pixel
    histogram = np.array(Image.fromarray(picture).histogram(), dtype=np.float64)
    whole = histogram.copy()
    filled = np.flatnonzero(histogram)
    for extreme in (filled[0], filled[-1]):
        near = slice(max(0, extreme - 1), extreme + 2)
        if whole[near].sum() > EXTREME_SHARE * picture.size:
            histogram[near] = 0
    return histogram if histogram.sum() >= 0.05 * picture.size else whole


def equalise(picture: Grey) -> Grey:
    """Grey levels -> their rank, 0 .. 255; borders and saturation do not shift the ranks."""
    histogram = _counted(picture)
    rank = np.cumsum(histogram) - histogram / 2
    levels: Grey = (rank / histogram.sum() * 255).astype(np.uint8)
    return levels.take(picture)


def squash(picture: Grey) -> Floats:
    """(h, w) -> (64, 64) float32 in [0, 1]; the aspect is given up, for it betrays the class."""
    height, width = picture.shape
    means: Floats = shrink(picture, (0, 0, width, height), SIDE, SIDE) / np.float32(255)
    np.minimum(means, np.float32(1), out=means)  # shares are rounded: 1 may become 1 + 1e-7
    return means


def is_blank(film: Floats, is_counted: bool = True) -> bool:
    """Nothing to see between the 0.5th and 99.5th percentile.

    Counted values (integers) need a spread of three; others, whose scale has no meaning, need any.
    """
    low, high = _ends(film, CLIPPED)
    return high - low < BLANK_SPREAD if is_counted else high <= low


def film(side: Floats) -> Floats:
    """`working_image`'s (h, w) -> (64, 64): uniform borders cut, equalised without the extremes."""
    return squash(equalise(trim(stretch(side))))


def framed(side: Floats) -> Floats:
    """`working_image`'s (h, w) -> (64, 64): borders cut, squashed, 1st to 99th percentile."""
    return stretch(squash(trim(stretch(side))), 0.01).astype(np.float32) / np.float32(255)


def paper(side: Floats) -> Floats:
    """`working_image`'s (h, w) -> (64, 64): squashed, lowest to highest value, as in the paper."""
    height, width = side.shape
    small = shrink(side, (0, 0, width, height), SIDE, SIDE)
    return stretch(small, 0.0).astype(np.float32) / np.float32(255)


PREPROCESSING: dict[str, Callable[[Floats], Floats]] = {
    "film": film,
    "framed": framed,
    "paper": paper,
}
