"""Pictures -> how like its mirror image each is: frontal films are, lateral ones are not."""

import numpy as np
import numpy.typing as npt

REACH = 5  # columns that picture and mirror image are moved apart: the axis of the body by half
LEAST_VARIANCE = 1e-9

Array = npt.NDArray[np.floating]


def symmetry(thumbnails: Array) -> npt.NDArray[np.float64]:
    """(n, h, w) -> (n,) in -1 .. 1: the best correlation of each with its mirror image."""
    mirrored, width = thumbnails[:, :, ::-1], thumbnails.shape[2]
    best = np.full(len(thumbnails), -1.0)
    for shift in range(-REACH, REACH + 1):
        left = _centred(thumbnails[:, :, max(0, shift) : width + min(0, shift)])
        right = _centred(mirrored[:, :, max(0, -shift) : width + min(0, -shift)])
        spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        best = np.maximum(best, (left * right).sum(axis=1) / (spread + LEAST_VARIANCE))
    return best


def _centred(pictures: Array) -> npt.NDArray[np.float64]:
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    centred: npt.NDArray[np.float64] = flat - flat.mean(axis=1, keepdims=True)
    return centred
