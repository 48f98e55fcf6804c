"""Impressions -> which images to label first, and why each. Measured in docs/datasets.md."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cxrview.labeling.features import SIDE, Impression
from cxrview.model.symmetry import symmetry

ROUNDS = 15  # of k-means; more move no centre to another image

Array = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]


class Reason(StrEnum):
    """Why an image was drawn."""

    RANDOM = "random"
    TYPICAL = "typical"  # nearest to the middle of a group of similar images
    LIKELY_LATERAL = "likely_lateral"  # the highest P(lateral) of the model
    ASYMMETRIC = "asymmetric"  # least like its mirror image


Selection = tuple[int, Reason]


def _distances(points: Array, centres: Array) -> npt.NDArray[np.float64]:
    """(n, d), (k, d) -> (n, k): squares."""
    products = points @ centres.T
    squares = (points**2).sum(axis=1)[:, None] - 2 * products + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squares, 0), np.float64)


def _seeds(points: Array, count: int, dice: np.random.Generator) -> Indices:
    """k-means++ (Arthur and Vassilvitskii 2007): the next centre is drawn far from the others."""
    chosen = [int(dice.integers(len(points)))]
    nearest = _distances(points, points[chosen])[:, 0]
    while len(chosen) < count:
        total = nearest.sum()
        # where all that is left are copies of centres, any will do
        shares = nearest / total if total > 0 else None
        chosen.append(int(dice.choice(len(points), p=shares)))
        nearest = np.minimum(nearest, _distances(points, points[chosen[-1:]])[:, 0])
    return np.array(chosen)


def typical(thumbnails: Array, count: int, dice: np.random.Generator) -> list[int]:
    """(n, 32, 32) -> the images nearest to the centres of `count` groups; may hold one twice."""
    points = _coarse(thumbnails)
    centres = points[_seeds(points, count, dice)]
    for _ in range(ROUNDS):
        group = _distances(points, centres).argmin(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, group, points)
        sizes = np.bincount(group, minlength=count)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return [int(index) for index in _distances(points, centres).argmin(axis=0)]


def _coarse(thumbnails: Array) -> npt.NDArray[np.float64]:
    """(n, 32, 32) -> (n, 256): 16 x 16 means of four."""
    half = SIDE // 2
    blocks = thumbnails.reshape(len(thumbnails), half, 2, half, 2).astype(np.float64)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(len(thumbnails), -1))


def choose(
    impressions: Sequence[Impression], count: int, chest: float, dice: np.random.Generator
) -> list[Selection]:
    """Readable images -> min(count, n) of them in random order.

    A quarter have the highest P(lateral), a quarter are the least symmetric (of those alone whose
    P(chest film) reaches `chest`: what is no chest film is the least symmetric of all), the rest
    are typical, and random where those run out.
    """
    count = min(count, len(impressions))
    if not count:
        return []
    thumbnails = np.stack([impression.thumbnail for impression in impressions])
    films = [i for i, impression in enumerate(impressions) if impression.p_chest >= chest]
    likely = sorted(films, key=lambda i: -impressions[i].p_lateral)
    evenness = symmetry(thumbnails)
    chosen: dict[int, Reason] = {}
    _take(chosen, likely, count // 4, Reason.LIKELY_LATERAL)
    _take(chosen, sorted(films, key=lambda i: evenness[i]), count // 4, Reason.ASYMMETRIC)
    left = count - len(chosen)
    _take(chosen, typical(thumbnails, left, dice), left, Reason.TYPICAL)
    rest = dice.permutation(len(impressions)).tolist()
    _take(chosen, rest, count - len(chosen), Reason.RANDOM)
    found = list(chosen.items())
    return [found[i] for i in dice.permutation(len(found))]


def _take(chosen: dict[int, Reason], order: Iterable[int], count: int, reason: Reason) -> None:
    """The first `count` of an order that were not chosen before."""
    for index in order:
        if not count:
            return
        if index not in chosen:
            chosen[index] = reason
            count -= 1
