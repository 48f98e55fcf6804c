"""Films in one file: decoded once, read back at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.aside import aside
from cxrview.labels import Label
from cxrview.training.films import Films, Grey


def keep_films(films: Films, path: Path) -> None:
    """One uncompressed .npz: pixels in a row, shapes, classes; raises UnusableOutput."""
    pixels = np.concatenate([np.zeros(0, np.uint8), *(grey.ravel() for grey in films.greys)])
    shapes = np.array([grey.shape for grey in films.greys], np.int32).reshape(-1, 2)
    with aside(path) as file:
        np.savez(file, pixels=pixels, shapes=shapes, lateral=films.lateral)


def recall_films(path: Path) -> tuple[list[Grey], npt.NDArray[np.bool_]]:
    """What `keep_films` kept: the films, and which are lateral."""
    with np.load(path, allow_pickle=False) as kept:
        pixels, shapes, lateral = kept["pixels"], kept["shapes"], kept["lateral"]
    ends = np.cumsum(shapes.prod(axis=1, dtype=np.int64))
    parts = np.split(pixels, ends[:-1]) if len(ends) else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)], lateral


def kept_films(path: Path, make: Callable[[], Films], labels: Sequence[Label] = ()) -> Films:
    """From the file if it stands, else made and kept."""
    if path.exists():
        greys, lateral = recall_films(path)
        return Films(list(labels), greys, lateral)
    films = make()
    keep_films(films, path)
    return films
