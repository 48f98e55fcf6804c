"""Images of patients -> intervals by drawing the patients again, with all of their images.

Images of one patient resemble each other: an interval that took them for independent would be too
narrow. A resample draws as many patients as there are, with replacement (Efron 1979), percentiles.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.metrics.predictions import Mask, Numbers

Patients = npt.NDArray[np.intp]  # (n,), 0 .. m - 1
Weights = npt.NDArray[np.float64]  # (b, m): how often each resample drew each patient
Statistic = Callable[[Weights], Numbers]  # (b, m) -> (b, k); NaN where it is not defined

AT_ONCE = 2_000_000  # numbers held for one block of resamples
PERCENT = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often, and by which seed: the same seed gives the same intervals."""

    resamples: int = 2000
    seed: int = 0

    def weights(self, patients: int, block: int) -> Iterator[Weights]:
        """(b, patients) in blocks of at most `block` resamples; each row sums to `patients`."""
        rng = np.random.default_rng(self.seed)
        for start in range(0, self.resamples, block):
            rows = min(block, self.resamples - start)
            drawn = rng.integers(0, patients, (rows, patients))
            flat = (drawn + np.arange(rows)[:, None] * patients).reshape(-1)
            counts = np.bincount(flat, minlength=rows * patients)
            yield counts.reshape(rows, patients).astype(np.float64)

    def apply(self, statistic: Statistic, patients: int, images: int) -> Numbers:
        """-> (resamples, k)."""
        block = max(1, AT_ONCE // max(images, 1))
        return np.concatenate([statistic(drawn) for drawn in self.weights(patients, block)])


def shares(patient: Patients, hits: Mask, counted: Mask) -> Statistic:
    """hits, counted: (n, k) -> the statistic hits / counted of each of k columns."""
    m = int(patient.max()) + 1
    hit, all_ = (np.zeros((m, hits.shape[1])) for _ in range(2))
    np.add.at(hit, patient, (hits & counted).astype(float))
    np.add.at(all_, patient, counted.astype(float))

    def of(weights: Weights) -> Numbers:
        with np.errstate(invalid="ignore"):
            return np.asarray((weights @ hit) / (weights @ all_))

    return of


def area(patient: Patients, scores: Numbers, positive: Mask) -> Statistic:
    """(n,) scores -> the statistic P(a positive scores higher than a negative), ties a half."""
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    person, is_positive = patient[order], positive[order]

    def of(weights: Weights) -> Numbers:
        each = weights[:, person]
        above = np.add.reduceat(each * is_positive, starts, axis=1)  # (b, distinct scores)
        below = np.add.reduceat(each * ~is_positive, starts, axis=1)
        beaten = np.cumsum(below, axis=1) - below / 2
        pairs = above.sum(axis=1) * below.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray((above * beaten).sum(axis=1) / pairs)[:, None]

    return of


def interval_of(values: Numbers) -> Interval | None:
    """(resamples,) -> 95 %; resamples in which the figure is not defined are left out."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, PERCENT)
    return Interval(float(low), float(high))
