"""Groups of pictures -> one lesson: what is taught, as what, and how often each is drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse

Pictures = npt.NDArray[np.uint8]  # (n, 64, 64)


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


def turned(pictures: Pictures) -> Pictures:
    """(n, 64, 64) -> (4 n, 64, 64): all quarter turns."""
    return np.concatenate([np.rot90(pictures, quarter, (1, 2)) for quarter in range(4)])
