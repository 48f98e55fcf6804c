"""Counts and probabilities -> shares with intervals. Nothing here draws or prints."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Z95 = 1.959963984540054  # half the width of a 95 % interval in standard deviations


@dataclass(frozen=True, slots=True)
class Share:
    """hits of all, with Wilson's 95 % interval (Wilson 1927), sound for few misses too."""

    hits: int
    all: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.all:
            raise ValueError(f"{self.hits} hits of {self.all}")

    @property
    def value(self) -> float:
        """The share itself; NaN of none."""
        return self.hits / self.all if self.all else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Low, high; (0, 1) of none."""
        if not self.all:
            return 0.0, 1.0
        spread = Z95**2 / self.all
        middle = (self.value + spread / 2) / (1 + spread)
        half = Z95 / (1 + spread) * sqrt(self.value * (1 - self.value) / self.all
                                         + spread / (4 * self.all))  # fmt: skip
        return max(0.0, middle - half), min(1.0, middle + half)


def auroc(positives: Numbers, negatives: Numbers) -> float:
    """P(a positive scores higher than a negative), ties counting half; raises if one is empty."""
    if not positives.size or not negatives.size:
        raise ValueError("an area needs scores of both kinds")
    _, place, counts = np.unique(
        np.concatenate([positives, negatives]), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = positives.size
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * negatives.size))
