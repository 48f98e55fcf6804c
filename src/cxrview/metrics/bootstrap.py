"""Patients with their images -> confidence intervals by resampling whole patients.

Images of one patient resemble each other: an interval that takes them for independent is too
narrow. A resample draws as many patients as there are, with replacement (Efron 1979), each with all
images; the interval lies between two percentiles of the resampled values.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.images import Mask, Numbers

Patients = npt.NDArray[np.intp]  # (n,), 0 .. m - 1
Weights = npt.NDArray[np.float64]  # (b, m): how often each resample contains each patient
Statistic = Callable[[Weights], Numbers]  # (b, m) -> (b, k); NaN where it is not defined

MAX_BLOCK_NUMBERS = 2_000_000  # numbers held in memory for one block of resamples
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resampling:
    """Number of resamples and the seed: the same seed gives the same intervals."""

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
        """The statistic of every resample, (resamples, k)."""
        block = max(1, MAX_BLOCK_NUMBERS // max(images, 1))
        return np.concatenate([statistic(weights) for weights in self.weights(patients, block)])


def share_statistic(patient: Patients, hits: Mask, counted: Mask) -> Statistic:
    """hits, counted: (n, k) -> the statistic hits / counted of each of k columns."""
    m = int(patient.max()) + 1
    patient_hits, patient_counted = (np.zeros((m, hits.shape[1])) for _ in range(2))
    np.add.at(patient_hits, patient, (hits & counted).astype(float))
    np.add.at(patient_counted, patient, counted.astype(float))

    def statistic(weights: Weights) -> Numbers:
        with np.errstate(invalid="ignore"):
            return np.asarray((weights @ patient_hits) / (weights @ patient_counted))

    return statistic


def auroc_statistic(patient: Patients, scores: Numbers, positive: Mask) -> Statistic:
    """(n,) scores -> the statistic P(a positive scores higher than a negative), ties a half."""
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    sorted_patient, is_positive = patient[order], positive[order]

    def statistic(weights: Weights) -> Numbers:
        image_weights = weights[:, sorted_patient]
        positives = np.add.reduceat(image_weights * is_positive, starts, axis=1)  # (b, scores)
        negatives = np.add.reduceat(image_weights * ~is_positive, starts, axis=1)
        negatives_below = np.cumsum(negatives, axis=1) - negatives / 2
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray((positives * negatives_below).sum(axis=1) / pairs)[:, None]

    return statistic


def percentile_interval(values: Numbers) -> Interval | None:
    """(resamples,) -> 95 % interval over the resamples in which the statistic is defined."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, PERCENTILES)
    return Interval(float(low), float(high))
