"""Labelled files -> working images in memory, and the sets that the systems are trained on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.errors import WrongUse
from cxrview.images import radiograph_of
from cxrview.inference.classification import row_from
from cxrview.labels import Label
from cxrview.model.layers import SIDE
from cxrview.model.preprocess import Gray, grey_of, preprocess, working_image
from cxrview.readers.decode import decode

Pictures = npt.NDArray[np.uint8]  # (n, side, side)


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """n radiographs. greys: (h, w) uint8 each, at most 256 on the long side; lateral: (n,)."""

    labels: list[Label]
    greys: list[Gray]
    lateral: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.greys)

    def taken(self, which: npt.NDArray[np.bool_]) -> "Films":
        """The radiographs where `which` (n,) is true."""
        chosen = np.flatnonzero(which)
        labels = [self.labels[i] for i in chosen]
        return Films(labels, [self.greys[i] for i in chosen], self.lateral[chosen])


def prepared(greys: Sequence[Gray], method: str) -> Pictures:
    """Working images -> (n, 64, 64) uint8 under a preprocessing method."""
    images = (preprocess(radiograph_of(grey), method).images[method] for grey in greys)
    made = [np.round(image * 255).astype(np.uint8) for image in images]
    return np.stack(made) if made else np.zeros((0, SIDE, SIDE), np.uint8)


def _read(path: Path) -> Gray:
    with path.open("rb") as stream:
        return grey_of(working_image(decode(stream)))


def _reader() -> Callable[[Path], Gray]:
    return _read


def read_greys(paths: Iterable[Path], jobs: int = 1) -> list[Gray]:
    """Files -> working images; raises WrongUse for one that cannot be read."""
    paths = list(paths)
    greys: dict[int, Gray] = {}
    for index, outcome in engine_for(jobs).map(_reader, paths):
        if not isinstance(outcome, Done):
            raise WrongUse(f"{paths[index]}: {row_from('', outcome, '').error}")
        greys[index] = outcome.value
    return [greys[index] for index in range(len(paths))]


def read_films(labels: Sequence[Label], folder: Path, jobs: int = 1) -> Films:
    """The files of a label table; raises WrongUse for one that cannot be read."""
    greys = read_greys([folder / label.file for label in labels], jobs)
    return Films(list(labels), greys, np.array([label.is_lateral for label in labels], np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pictures of one class; `share` is how often they are drawn, beside their class's others."""

    pictures: Pictures
    is_true: bool
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """pictures: (n, 64, 64) uint8; classes: (n,); weights: (n,), within each class."""

    pictures: Pictures
    classes: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32]


def lesson_of(*groups: Group) -> Lesson:
    """Empty groups and shares of zero are left out; raises WrongUse where a class is empty."""
    kept = [group for group in groups if len(group.pictures) and group.share > 0]
    if {group.is_true for group in kept} != {False, True}:
        raise WrongUse("a training needs pictures of both classes, in every fold")
    sizes = [len(group.pictures) for group in kept]
    each = [group.share / size for group, size in zip(kept, sizes, strict=True)]
    return Lesson(
        np.concatenate([group.pictures for group in kept]),
        np.repeat([group.is_true for group in kept], sizes),
        np.repeat(each, sizes).astype(np.float32),
    )
