"""Films in one file: decoded once, read back at once."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.atomic import atomic_write
from cxrview.labels import Label
from cxrview.training.films import Films, Grey
from cxrview.training.unlabelled import Strangers


def _keep(path: Path, greys: Sequence[Grey], beside: npt.NDArray[Any]) -> None:
    """One uncompressed .npz: pixels in a row, shapes, and (n,) of what is known of each."""
    pixels = np.concatenate([np.zeros(0, np.uint8), *(grey.ravel() for grey in greys)])
    shapes = np.array([grey.shape for grey in greys], np.int32).reshape(-1, 2)
    with atomic_write(path) as file:
        np.savez(file, pixels=pixels, shapes=shapes, beside=beside)


def _recall(path: Path) -> tuple[list[Grey], npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as kept:
        pixels, shapes, beside = kept["pixels"], kept["shapes"], kept["beside"]
    ends = np.cumsum(shapes.prod(axis=1, dtype=np.int64))
    parts = np.split(pixels, ends[:-1]) if len(ends) else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)], beside


def kept_films(path: Path, make: Callable[[], Films], labels: Sequence[Label] = ()) -> Films:
    """From the file if it stands, else made and kept; raises UnusableOutput."""
    if path.exists():
        greys, lateral = _recall(path)
        return Films(list(labels), greys, lateral)
    films = make()
    _keep(path, films.greys, films.lateral)
    return films


def kept_strangers(path: Path, make: Callable[[], Strangers]) -> Strangers:
    """The same of films without labels."""
    if path.exists():
        greys, names = _recall(path)
        return Strangers([str(name) for name in names], greys)
    strangers = make()
    _keep(path, strangers.greys, np.array(strangers.names, np.str_))
    return strangers
