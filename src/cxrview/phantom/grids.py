"""Smoothing and resampling of pictures: blur, shrink, enlarge."""

import numpy as np
from PIL import Image

from cxrview.phantom.random_draws import Floats

LEAST_SIGMA = 0.2  # pixels: less changes nothing that one could see


def blur(picture: Floats, sigma: float) -> Floats:
    """(h, w) -> (h, w): Gaussian of sigma pixels, edges repeated."""
    if sigma < LEAST_SIGMA:
        return picture
    reach = int(3 * sigma + 1)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    weights = (weights / weights.sum()).astype(picture.dtype)
    height, width = picture.shape
    padded = np.pad(picture, reach, mode="edge")
    rows = sum(w * padded[i : i + height] for i, w in enumerate(weights))
    return np.asarray(sum(w * np.asarray(rows)[:, i : i + width] for i, w in enumerate(weights)))


def resize(picture: Floats, height: int, width: int, method: Image.Resampling) -> Floats:
    """(h, w) -> (height, width) float32."""
    image = Image.fromarray(np.ascontiguousarray(picture, np.float32))
    return np.asarray(image.resize((width, height), method))


def low_pass(picture: Floats, cells: int) -> Floats:
    """(h, w) -> (h, w): averaged over cells x cells blocks, then smooth in between."""
    height, width = picture.shape
    blocks = resize(picture, cells, cells, Image.Resampling.BOX)
    return resize(blocks, height, width, Image.Resampling.BICUBIC)


def clouds(rng: np.random.Generator, height: int, width: int, cells: int) -> Floats:
    """(height, width): smooth noise of unit variance at cells x cells knots."""
    knots = rng.standard_normal((cells, cells), dtype=np.float32)
    return resize(knots, height, width, Image.Resampling.BICUBIC)
