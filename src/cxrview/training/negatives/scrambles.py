"""Chest films with their arrangement destroyed: the gate must look at the whole, not at texture.

Films are (h, w) uint8; what comes out is (h, w) or smaller, uint8.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.phantom.random_draws import happens

Grey = npt.NDArray[np.uint8]
Films = Sequence[Grey]


def _any(rng: np.random.Generator, films: Films, size: tuple[int, int] | None = None) -> Grey:
    film = films[int(rng.integers(len(films)))]
    if size is None:
        return film
    return np.asarray(Image.fromarray(film).resize(size, Image.Resampling.BOX))


def jigsaw(rng: np.random.Generator, films: Films) -> Grey:
    """2 x 2 or 4 x 4 tiles in another order."""
    film = _any(rng, films)
    tiles = 2 if happens(rng, 0.5) else 4
    high, wide = (length // tiles for length in film.shape)
    cut = film[: high * tiles, : wide * tiles].reshape(tiles, high, tiles, wide).swapaxes(1, 2)
    order = rng.permutation(tiles**2)
    mixed = cut.reshape(-1, high, wide)[order].reshape(tiles, tiles, high, wide)
    return np.asarray(mixed.swapaxes(1, 2).reshape(tiles * high, tiles * wide))


def patch(rng: np.random.Generator, films: Films) -> Grey:
    """A small piece, a fifth to a third of each side."""
    film = _any(rng, films)
    high, wide = (max(2, int(length * rng.uniform(0.19, 0.36))) for length in film.shape)
    top, left = int(rng.integers(film.shape[0] - high)), int(rng.integers(film.shape[1] - wide))
    return film[top : top + high, left : left + wide]


def halves(rng: np.random.Generator, films: Films) -> Grey:
    """The left halves of two films side by side, or a film minus itself upside down."""
    size = (192, 192)
    film = _any(rng, films, size)
    if happens(rng, 0.5):
        return np.concatenate([film[:, :96], _any(rng, films, size)[:, :96]], axis=1)
    return np.asarray(np.abs(film.astype(np.int16) - film[::-1]), np.uint8)
