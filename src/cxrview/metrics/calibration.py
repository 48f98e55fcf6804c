"""Probabilities and what came true -> how far the probabilities can be believed."""

from dataclasses import dataclass

import numpy as np

from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.classification import Share
from cxrview.metrics.predictions import Mask, Numbers

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The images whose P(lateral) lies in [low, high), the last bin's high included."""

    low: float
    high: float
    images: int
    laterals: int
    mean_p: float | None  # None in an empty bin
    share: float | None  # that is lateral
    interval: Interval | None  # Wilson's, of the share


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of equal width; the expected calibration error over them, and Brier's score (1950)."""

    bins: tuple[Bin, ...]
    ece: float | None
    brier: float | None


def calibration_of(p_lateral: Numbers, lateral: Mask, bins: int = BINS) -> Calibration:
    """(n,) probabilities without NaN, (n,) labels -> calibration."""
    place = np.minimum((p_lateral * bins).astype(int), bins - 1)
    made = tuple(
        _bin(
            number / bins, (number + 1) / bins, p_lateral[place == number], lateral[place == number]
        )
        for number in range(bins)
    )
    if not p_lateral.size:
        return Calibration(made, None, None)
    gaps = [
        one.images * abs(one.share - one.mean_p)
        for one in made
        if one.share is not None and one.mean_p is not None
    ]
    brier = float(np.mean((p_lateral - lateral) ** 2))
    return Calibration(made, sum(gaps) / p_lateral.size, brier)


def _bin(low: float, high: float, p: Numbers, lateral: Mask) -> Bin:
    share = Share(int(lateral.sum()), p.size)
    if not p.size:
        return Bin(low, high, 0, 0, None, None, None)
    return Bin(
        low, high, p.size, share.hits, float(p.mean()), share.value, Interval(*share.interval)
    )
