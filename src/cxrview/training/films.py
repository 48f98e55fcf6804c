"""Labelled files -> films in memory, at the size that every preparation starts from."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from cxrview.errors import UnreadableImage, WrongUse
from cxrview.images import radiograph_of
from cxrview.labels import Label
from cxrview.model.layers import SIDE
from cxrview.model.preprocess import PREPROCESSING, grey_of, working_image
from cxrview.phantom.draw import draw_one
from cxrview.readers.decode import decode
from cxrview.views import View

Grey = npt.NDArray[np.uint8]
AT_ONCE = 32  # films that a process makes before it returns them


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """n films. greys: (h, w) uint8 each, at most 256 on the long side; lateral: (n,).

    ready: (n, 64, 64) uint8 by the name of a preparation, where they were prepared before.
    """

    labels: list[Label]
    greys: list[Grey]
    lateral: npt.NDArray[np.bool_]
    ready: Mapping[str, Grey] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.greys)

    def taken(self, which: npt.NDArray[np.bool_]) -> "Films":
        """The films where `which` (n,) is true."""
        chosen = np.flatnonzero(which)
        labels = [self.labels[i] for i in chosen] if self.labels else []
        ready = {name: pictures[chosen] for name, pictures in self.ready.items()}
        return Films(labels, [self.greys[i] for i in chosen], self.lateral[chosen], ready)

    def joined(self, others: "Films") -> "Films":
        """These films, then the others."""
        return Films(
            [*self.labels, *others.labels],
            [*self.greys, *others.greys],
            np.concatenate([self.lateral, others.lateral]),
        )

    def pictures(self, preparation: str) -> Grey:
        """(n, 64, 64) uint8, as a net is shown them."""
        done = self.ready.get(preparation)
        return prepared(self.greys, preparation) if done is None else done

    def made_ready(self, preparations: Iterable[str], pool: Executor) -> "Films":
        """The same films, which will not have to be prepared again."""
        starts = range(0, len(self), AT_ONCE)
        some = [self.greys[start : start + AT_ONCE] for start in starts]
        ready = {
            name: np.concatenate(
                [prepared([], name), *pool.map(partial(prepared, preparation=name), some)]
            )
            for name in preparations
        }
        return replace(self, ready=ready)


NO_FILMS = Films([], [], np.zeros(0, np.bool_))


def grey_in(stream: BinaryIO) -> Grey:
    """An open file -> its film; raises UnreadableImage."""
    return grey_of(working_image(decode(stream)))


def prepared(greys: Sequence[Grey], preparation: str) -> Grey:
    """Films -> (n, 64, 64) uint8."""
    prepare = PREPROCESSING[preparation]
    sides = (working_image(radiograph_of(grey)) for grey in greys)
    pictures = [np.round(prepare(side) * 255).astype(np.uint8) for side in sides]
    return np.stack(pictures) if pictures else np.zeros((0, SIDE, SIDE), np.uint8)


def grey_of_file(path: Path) -> Grey:
    """A file -> its film; raises WrongUse, naming it, if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return grey_in(stream)
    except OSError as error:
        raise WrongUse(f"{path}: {error.strerror}") from error
    except UnreadableImage as error:
        raise WrongUse(f"{path}: {error}") from error


def _phantom(number: int, seed: int, size: int) -> tuple[Grey, bool]:
    phantom = draw_one(seed, number, size)
    grey = np.round(np.clip(phantom.pixels, 0, 1) * 255).astype(np.uint8)
    return grey, phantom.view is View.LATERAL


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def read_films(labels: Sequence[Label], folder: Path, jobs: int = 1) -> Films:
    """The files of a label table -> films; raises WrongUse for the first that cannot be read."""
    greys = read_greys([folder / label.file for label in labels], jobs)
    return Films(list(labels), greys, np.array([label.is_lateral for label in labels], np.bool_))


def read_greys(paths: Iterable[Path], jobs: int = 1) -> list[Grey]:
    """Files -> films; raises WrongUse for the first that cannot be read."""
    with _pool(jobs) as pool:
        return list(pool.map(grey_of_file, paths, chunksize=AT_ONCE))


def draw_films(count: int, seed: int, jobs: int = 1, size: int = 128) -> Films:
    """Phantoms 0 .. count - 1 of a seed as films, long side `size`."""
    make = partial(_phantom, seed=seed, size=size)
    with _pool(jobs) as pool:
        drawn = list(pool.map(make, range(count), chunksize=AT_ONCE))
    return Films(
        [], [grey for grey, _ in drawn], np.array([lateral for _, lateral in drawn], dtype=np.bool_)
    )
