"""Predictions and a tolerated error -> thresholds of P(lateral) that the labels support.

Selective classification: each view is a fixed-sequence test (Angelopoulos and others, Learn then
Test, 2021) over a grid of thresholds that is fixed beforehand. It goes from the strictest threshold
outwards and stops at the first failure, so that testing many thresholds needs no correction. It
begins at the first threshold that selects enough patients for a test without any error to pass;
that depends on how many are selected, never on labels, and is valid where a looser threshold does
not err less.

Patients are counted, not images, because images of one patient are not independent: a patient with
one wrong image among those selected counts as wrong. The guarantee holds for patients.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest, nbinom

from cxrview.images import Mask
from cxrview.metrics.predictions import Predictions
from cxrview.views import Verdict, View

MIN_TOLERATED_ERROR = 1e-9  # that can be asked for: three billion patients would be needed
DELTA = 0.05  # probability that the guarantee of one view is wrong
# Distance of a threshold from 0 (frontal) or 1 (lateral), strictest first
THRESHOLD_GRID = (
    *(digit * 10.0**power for power in range(-6, -1) for digit in (1, 2, 5)),
    0.1,
    0.2,
    0.3,
    0.4,
    0.49,
)
# distance that is reported where too few patients are selected for any guarantee
EXAMPLE_DISTANCE = 0.05


@dataclass(frozen=True, slots=True)
class Selection:
    """The images that one threshold selects, and how many of them are wrong."""

    threshold: float
    images: int
    wrong_images: int
    patients: int
    wrong_patients: int  # with one wrong image or more


@dataclass(frozen=True, slots=True)
class ViewThreshold:
    """What can be guaranteed for one view; without a threshold nothing can."""

    view: View
    threshold: float | None
    selection: Selection  # at that threshold; else at the one that failed, or at EXAMPLE
    upper_bound: float  # of the error of `selection`, one-sided
    patients_needed: int  # with the same number of wrong ones, to support the tolerated error


@dataclass(frozen=True, slots=True)
class SelectiveThresholds:
    """frontal at P(lateral) <= a, lateral at >= b, uncertain between them."""

    max_error: float
    delta: float
    frontal: ViewThreshold
    lateral: ViewThreshold


def upper_bound(errors: int, trials: int, delta: float) -> float:
    """One-sided bound of the error rate by Clopper and Pearson (1934) at confidence 1 - delta.

    1 if there are no trials.
    """
    if errors >= trials:
        return 1.0
    interval = binomtest(errors, trials, alternative="less").proportion_ci(1 - delta, "exact")
    return float(interval.high)


def is_supported(errors: int, trials: int, rate: float, delta: float) -> bool:
    """Whether so few errors show, at confidence 1 - delta, a true error rate of at most `rate`."""
    return bool(binom.cdf(errors, trials, rate) <= delta)


def trials_needed(errors: int, rate: float, delta: float) -> int:
    """The smallest number of trials that, with so many errors among them, supports `rate`.

    The trial that brings one error more is negative binomial: it must come later than the last
    trial with a probability of at most delta.
    """
    return int(errors + 1 + nbinom.ppf(1 - delta, errors + 1, rate))


def selective_thresholds(predictions: Predictions, max_error: float) -> SelectiveThresholds:
    """Thresholds of both views; ValueError unless MIN_TOLERATED_ERROR <= max_error < 1."""
    if not MIN_TOLERATED_ERROR <= max_error < 1:
        raise ValueError(
            f"the tolerated error is {max_error:g}, not between {MIN_TOLERATED_ERROR:g} and 1"
        )
    views = (view_threshold(predictions, view, max_error) for view in (View.FRONTAL, View.LATERAL))
    return SelectiveThresholds(max_error, DELTA, *views)


def view_threshold(predictions: Predictions, view: View, max_error: float) -> ViewThreshold:
    """Test the thresholds of one view outwards; the last that passes is the result."""
    minimum = trials_needed(0, max_error, DELTA)
    passed, shown = None, selection_at(predictions, view, EXAMPLE_DISTANCE)
    for distance in THRESHOLD_GRID:
        selection = selection_at(predictions, view, distance)
        if selection.patients < minimum:
            continue
        if not is_supported(selection.wrong_patients, selection.patients, max_error, DELTA):
            shown = selection
            break
        passed = selection
    selection = passed or shown
    return ViewThreshold(
        view=view,
        threshold=passed.threshold if passed else None,
        selection=selection,
        upper_bound=upper_bound(selection.wrong_patients, selection.patients, DELTA),
        patients_needed=trials_needed(selection.wrong_patients, max_error, DELTA),
    )


def selection_at(predictions: Predictions, view: View, distance: float) -> Selection:
    """Images that P(lateral) within `distance` of 0 (frontal) or 1 selects; not_chest never."""
    is_lateral = view is View.LATERAL
    threshold = round(1 - distance if is_lateral else distance, 6)
    p = predictions.p_lateral
    with np.errstate(invalid="ignore"):
        is_reached = p >= threshold if is_lateral else p <= threshold
    selected = np.asarray(is_reached & ~predictions.has_verdict(Verdict.NOT_CHEST))
    wrong = np.asarray(selected & (predictions.is_lateral != is_lateral))
    return Selection(
        threshold=threshold,
        images=int(selected.sum()),
        wrong_images=int(wrong.sum()),
        patients=_patient_count(predictions, selected),
        wrong_patients=_patient_count(predictions, wrong),
    )


def _patient_count(predictions: Predictions, where: Mask) -> int:
    return len(np.unique(predictions.patient_ids[where]))
