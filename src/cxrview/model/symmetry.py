"""Images -> how similar each is to its mirror image: frontal views are, lateral views are not."""

import numpy as np
import numpy.typing as npt

MAX_SHIFT = 5  # columns: the body's axis may lie up to half of this off the middle
EPSILON = 1e-9  # keeps the correlation of a flat image finite

Array = npt.NDArray[np.floating]


def symmetry(thumbnails: Array) -> npt.NDArray[np.float64]:
    """(n, h, w) -> (n,) in -1 .. 1: the best correlation of each image with its mirror image."""
    mirrored, width = thumbnails[:, :, ::-1], thumbnails.shape[2]
    best = np.full(len(thumbnails), -1.0)
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        left = _centered(thumbnails[:, :, max(0, shift) : width + min(0, shift)])
        right = _centered(mirrored[:, :, max(0, -shift) : width + min(0, -shift)])
        spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        best = np.maximum(best, (left * right).sum(axis=1) / (spread + EPSILON))
    return best


def _centered(images: Array) -> npt.NDArray[np.float64]:
    flat = images.reshape(len(images), -1).astype(np.float64)
    centered: npt.NDArray[np.float64] = flat - flat.mean(axis=1, keepdims=True)
    return centered
