"""Radiograph -> the square float32 image that a network is trained on and classifies.

Classification and training call the same functions. They are a part of the model: a change of their
arithmetic changes what every existing model file answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.images import Floats, Pixels, Radiograph
from cxrview.model.layers import MULTI_TASK_SIDE, SIDE

GrayImage = npt.NDArray[np.uint8]
Ends = tuple[float, float]  # the values that become black and white

WORKING_SIDE = 256  # pixels, the long side at which borders are cut and gray levels equalized
CLIPPED_SHARE = 0.005  # share of the pixels at each end that a stretch may saturate
BLANK_SPREAD = 3.0  # stored values: an image with less between its percentiles is blank
BORDER_SPREAD = 10  # of 255: a row or column with less than this is a uniform border
BORDER_OUTLIERS = 0.02  # share of a border's pixels that may differ (dust, a letter's edge)
MIN_KEPT_SHARE = 0.3  # of each side: a cut that leaves less is not made
FOLDED_ROWS = 64  # rows whose columns are averaged at a time: as floats they fit into the cache
MAX_EXACT_TERMS = 255  # 16-bit integers whose sum is exact in float32
EXTREME_SHARE = 0.02  # the darkest and the brightest level, where fuller than this, do not count


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """For each cell, the pixels that it covers, and their weights."""

    pixels: npt.NDArray[np.intp]  # (taps, cells)
    weights: Floats  # (taps, cells), summing to one over the taps


@lru_cache(maxsize=64)
def area_taps(length: int, start: float, stop: float, cells: int) -> Taps:
    """Divide the part start .. stop of a line of pixels into `cells` equal cells.

    Pixel j covers j .. j + 1. Where the part reaches past the first or last pixel, that pixel
    stands for what is missing.
    """
    edges = np.linspace(start, stop, cells + 1)
    left, right = edges[:-1], edges[1:]
    count = min(length, int(np.ceil((stop - start) / cells)) + 1)
    first = np.clip(np.floor(left).astype(np.intp), 0, length - count)
    pixels = first + np.arange(count)[:, None]
    begin = pixels.astype(np.float64)
    end = begin + 1
    begin[begin == 0], end[end == length] = -np.inf, np.inf
    overlap = np.minimum(right, end) - np.maximum(left, begin)
    return Taps(pixels, (np.clip(overlap, 0, None) / (right - left)).astype(np.float32))


def _average_rows(pixels: Pixels, taps: Taps) -> Floats:
    """(h, w) -> (w, cells): rows averaged, and the two axes exchanged."""
    rows = pixels.take(taps.pixels, axis=0).astype(np.float32, copy=False)  # (taps, cells, w)
    means: Floats = np.einsum("tcw,tc->wc", rows, taps.weights)
    return means


def _fold_rows(pixels: Pixels, count: int) -> Floats:
    """(h, w) -> (ceil(h / count), w) float32: means of `count` rows; the last of the remainder."""
    full = len(pixels) // count
    sums: Floats = pixels[: full * count : count].astype(np.float32)
    for offset in range(1, count):
        np.add(sums, pixels[offset : full * count : count], out=sums, casting="unsafe")
    sums /= np.float32(count)
    if full * count == len(pixels):
        return sums
    remainder = pixels[full * count :].mean(axis=0, dtype=np.float32)
    return np.concatenate([sums, remainder[None]])


def _fold_columns(pixels: Pixels, count: int) -> Floats:
    """(h, w) -> (h, ceil(w / count)) float32: means of `count` columns, as `_fold_rows`."""
    if pixels.dtype.itemsize > 2 or pixels.dtype.kind not in "ui" or count > MAX_EXACT_TERMS:
        return _fold_rows(pixels.T, count).T
    (height, width), ones = pixels.shape, np.ones(count, np.float32)
    full = width // count
    means = np.empty((height, -(-width // count)), np.float32)
    for start in range(0, height, FOLDED_ROWS):
        block = slice(start, start + FOLDED_ROWS)
        values = pixels[block].astype(np.float32)
        groups = values[:, : full * count].reshape(len(values), full, count)
        # Three times faster than strided additions, and exact: the sums are integers below 2^24
        np.matmul(groups, ones, out=means[block, :full])
        if full * count < width:
            means[block, full] = values[:, full * count :].mean(axis=1, dtype=np.float32)
    means[:, :full] /= np.float32(count)
    return means


def _fold_factor(length: float, cells: int) -> int:
    """How many pixels may be averaged beforehand so that each cell keeps at least two values."""
    return max(1, int(length / (2 * cells)))


def shrink(
    pixels: Pixels, box: tuple[float, float, float, float], height: int, width: int
) -> Floats:
    """Area-average a box (left, top, right, bottom) of (h, w) pixels -> (height, width) float32.

    Pixels may be of any numeric type; the values keep their scale. Much larger images are first
    averaged in blocks, at least two for each cell.
    """
    left, top, right, bottom = box
    rows, columns = _fold_factor(bottom - top, height), _fold_factor(right - left, width)
    if columns > 1:
        pixels = _fold_columns(pixels, columns)
    if rows > 1:
        pixels = _fold_rows(pixels, rows)
    down = area_taps(pixels.shape[0], top / rows, bottom / rows, height)
    across = area_taps(pixels.shape[1], left / columns, right / columns, width)
    return _average_rows(_average_rows(pixels, down), across)


def working_image(radiograph: Radiograph) -> Floats:
    """Return (h, w) float32 at the true aspect ratio, long side at most 256, values unscaled."""
    left, top, right, bottom = radiograph.box
    scale = WORKING_SIDE / max(radiograph.width, radiograph.height)
    height = max(1, min(round(radiograph.height * scale), int(bottom - top)))
    width = max(1, min(round(radiograph.width * scale), int(right - left)))
    return shrink(radiograph.pixels, radiograph.box, height, width)


def percentiles(image: Floats, clipped_share: float = CLIPPED_SHARE) -> Ends:
    """The values that leave this share below and above them, among every other row and column."""
    sample = image[::2, ::2].flatten()
    last = sample.size - 1
    ranks = round(last * clipped_share), round(last * (1 - clipped_share))
    sample.partition(ranks)  # five times faster than a sort
    return float(sample[ranks[0]]), float(sample[ranks[1]])


def stretch(image: Floats, clipped_share: float = CLIPPED_SHARE) -> GrayImage:
    """Scale values of any range to 0 .. 255 between two percentiles; a flat image gives zeros."""
    return _scale(image, percentiles(image, clipped_share))


def _scale(image: Floats, ends: Ends) -> GrayImage:
    """Values -> 0 .. 255 between the ends; zeros where those are equal."""
    low, high = ends
    scale = np.float32(255 / (high - low) if high > low else 0.0)
    scaled = image - np.float32(low)
    scaled *= scale
    return scaled.clip(0, 255, out=scaled).astype(np.uint8)


def to_uint8(image: Floats) -> GrayImage:
    """(h, w) of any range -> 0 .. 255: rounded where it fits, else stretched from min to max."""
    if image.min() >= 0 and 1 < image.max() <= 255:
        return np.asarray(np.round(image), np.uint8)
    return stretch(image, 0.0)


def _line_spreads(lines: GrayImage) -> npt.NDArray[np.int64]:
    """(n, length) -> (n,): between the 2nd and the 98th percentile of each line."""
    ordered = np.sort(lines, axis=1)
    last = lines.shape[1] - 1
    low, high = round(last * BORDER_OUTLIERS), round(last * (1 - BORDER_OUTLIERS))
    return ordered[:, high].astype(np.int64) - ordered[:, low]


def _count_border_lines(lines: GrayImage) -> int:
    """How many uniform lines precede the first with content: usually none, so one is tried first.

    Then as many more as were tried before: at most twice as many as needed are examined.
    """
    start, stop = 0, 1
    while start < len(lines):
        content = np.flatnonzero(_line_spreads(lines[start:stop]) > BORDER_SPREAD)
        if content.size:
            return start + int(content[0])
        start, stop = stop, 2 * stop
    return len(lines)


def _content_extent(lines: GrayImage) -> slice:
    """From the first to the last line with content, unless too little would remain."""
    start, stop = _count_border_lines(lines), len(lines) - _count_border_lines(lines[::-1])
    if stop - start < MIN_KEPT_SHARE * len(lines):
        return slice(0, len(lines))
    return slice(start, stop)


def trim(image: GrayImage) -> GrayImage:
    """Cut uniform borders, twice: side bars hide the borders above and below them."""
    for _ in range(2):
        before = image.shape
        image = image[_content_extent(image), _content_extent(image.T)]
        if image.shape == before:
            break
    return image


def _histogram(image: GrayImage) -> npt.NDArray[np.float64]:
    """The histogram (256,) without the extreme levels where they are borders or saturation."""
    # Pillow counts ten times faster than np.bincount, which first widens every pixel
    histogram = np.array(Image.fromarray(image).histogram(), dtype=np.float64)
    whole = histogram.copy()
    filled = np.flatnonzero(histogram)
    for extreme in (filled[0], filled[-1]):
        near = slice(max(0, extreme - 1), extreme + 2)
        if whole[near].sum() > EXTREME_SHARE * image.size:
            histogram[near] = 0
    return histogram if histogram.sum() >= 0.05 * image.size else whole


def equalize(image: GrayImage) -> GrayImage:
    """Replace gray levels by their rank, 0 .. 255, uninfluenced by borders and saturation."""
    histogram = _histogram(image)
    rank = np.cumsum(histogram) - histogram / 2
    levels: GrayImage = (rank / histogram.sum() * 255).astype(np.uint8)
    return levels.take(image)


def squash(image: GrayImage, side: int = SIDE) -> Floats:
    """(h, w) -> (side, side) float32 in [0, 1]; the aspect ratio is lost: it betrays the class."""
    height, width = image.shape
    means: Floats = shrink(image, (0, 0, width, height), side, side) / np.float32(255)
    np.minimum(means, np.float32(1), out=means)  # shares are rounded: 1 may become 1 + 1e-7
    return means


def is_blank(ends: Ends, is_counted: bool = True) -> bool:
    """Whether a working image has nothing to see between its 0.5th and 99.5th percentile.

    Counted values (integers) need a spread of three; others, whose scale has no meaning, need any.
    """
    low, high = ends
    return high - low < BLANK_SPREAD if is_counted else high <= low


def film(image: Floats, ends: Ends) -> Floats:
    """Working image (h, w) -> (64, 64): borders cut, equalized without the extremes."""
    return squash(equalize(trim(_scale(image, ends))))


def framed(image: Floats, ends: Ends, side: int = SIDE) -> Floats:
    """Working image (h, w) -> (side, side): borders cut, squashed, 1st to 99th percentile."""
    gray = stretch(squash(trim(_scale(image, ends)), side), 0.01)
    return gray.astype(np.float32) / np.float32(255)


def paper(image: Floats, _ends: Ends) -> Floats:
    """Working image (h, w) -> (64, 64): squashed, lowest to highest value, as in the paper."""
    height, width = image.shape
    small = shrink(image, (0, 0, width, height), SIDE, SIDE)
    return stretch(small, 0.0).astype(np.float32) / np.float32(255)


# The working image and its percentiles -> what the network receives
PREPROCESSING: dict[str, Callable[[Floats, Ends], Floats]] = {
    "film": film,  # film and framed: of models with two networks, made before the multi-task one
    "framed": framed,
    "framed96": partial(framed, side=MULTI_TASK_SIDE),
    "paper": paper,
}

INPUT_SIDES: dict[str, int] = {  # pixels, of what each method returns
    "film": SIDE,
    "framed": SIDE,
    "framed96": MULTI_TASK_SIDE,
    "paper": SIDE,
}


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """One radiograph as the networks receive it."""

    images: dict[str, Floats]  # by preprocessing method: (64, 64) or (96, 96) in [0, 1]
    is_blank: bool  # there is nothing to see; such an image is never a chest radiograph


def preprocess(radiograph: Radiograph, *methods: str) -> Preprocessed:
    """Return the radiograph under each method, names of PREPROCESSING; KeyError for another.

    Training and classification both prepare images by this function alone.
    """
    image = working_image(radiograph)
    ends = percentiles(image)
    images = {method: PREPROCESSING[method](image, ends) for method in methods}
    return Preprocessed(images, is_blank(ends, radiograph.pixels.dtype.kind in "ui"))


MAX_SHIFT_PIXELS = 5  # columns: the body's axis may lie up to half of this off the middle
MIN_SPREAD = 1e-9  # keeps the correlation of a flat image finite


def mirror_correlation(thumbnails: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(n, h, w) -> (n,) in -1 .. 1: the best correlation of each image with its mirror image.

    Frontal views are similar to their mirror image, lateral views are not.
    """
    mirrored, width = thumbnails[:, :, ::-1], thumbnails.shape[2]
    best = np.full(len(thumbnails), -1.0)
    for shift in range(-MAX_SHIFT_PIXELS, MAX_SHIFT_PIXELS + 1):
        left = _zero_mean(thumbnails[:, :, max(0, shift) : width + min(0, shift)])
        right = _zero_mean(mirrored[:, :, max(0, -shift) : width + min(0, -shift)])
        spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        best = np.maximum(best, (left * right).sum(axis=1) / (spread + MIN_SPREAD))
    return best


def _zero_mean(images: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    flat = images.reshape(len(images), -1).astype(np.float64)
    centered: npt.NDArray[np.float64] = flat - flat.mean(axis=1, keepdims=True)
    return centered
