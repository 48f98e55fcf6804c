"""Exact bounds against closed forms; thresholds that guarantee no more than the counts support."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from cxrview.metrics.selective import (
    THRESHOLD_GRID,
    is_supported,
    selective_thresholds,
    trials_needed,
    upper_bound,
    view_threshold,
)
from cxrview.views import View
from makers_predictions import predictions


@pytest.mark.parametrize(("errors", "trials", "delta", "bound"), [
    (3, 10, 0.025, 0.6525),  # Clopper and Pearson's two-sided 95 %, upper ends
    (1, 10, 0.025, 0.4450),
    (5, 10, 0.025, 0.8129),
    (1, 100, 0.05, 0.04656),
    (0, 45, 0.05, 0.06440),
    (10, 10, 0.05, 1.0),
    (0, 0, 0.05, 1.0),
])  # fmt: skip
def test_known_bounds(errors, trials, delta, bound):
    assert upper_bound(errors, trials, delta) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 100_000), st.floats(0.001, 0.5))
def test_without_an_error_the_bound_is_in_closed_form(trials, delta):
    assert upper_bound(0, trials, delta) == pytest.approx(1 - delta ** (1 / trials), rel=1e-9)


@given(st.integers(1, 60), st.floats(0.001, 0.999), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=15)
def test_the_bound_is_too_low_no_more_often_than_allowed(trials, truth, delta):
    bounds = [upper_bound(errors, trials, delta) for errors in range(trials + 1)]
    too_low = max((errors for errors, bound in enumerate(bounds) if bound < truth), default=-1)
    assert too_low < 0 or binom.cdf(too_low, trials, truth) <= delta + 1e-9
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(("rate", "needed"), [(0.001, 2995), (0.01, 299), (0.05, 59)])
def test_trials_needed_without_an_error(rate, needed):
    assert trials_needed(0, rate, 0.05) == needed == -(-log(0.05) // log(1 - rate))


@given(st.integers(0, 30), st.sampled_from([0.002, 0.01, 0.1, 0.4]))
def test_one_trial_fewer_does_not_support_the_rate(errors, rate):
    needed = trials_needed(errors, rate, 0.05)
    assert is_supported(errors, needed, rate, 0.05)
    assert not is_supported(errors, needed - 1, rate, 0.05)


def test_a_threshold_needs_enough_patients():
    found = selective_thresholds(predictions([0.0] * 2995, [1.0] * 45), 0.001)
    assert found.frontal.threshold == 0.49
    assert found.lateral.threshold is None
    assert found.lateral.patients_needed == 2995
    assert found.lateral.upper_bound == pytest.approx(1 - 0.05 ** (1 / 45))
    assert (
        selective_thresholds(predictions([0.0] * 2994, [1.0] * 45), 0.001).frontal.threshold is None
    )


def test_the_sequence_stops_at_the_first_failure():
    """Looser thresholds would pass again, but they are not tested."""
    some = predictions([0.0] * 100 + [0.3] * 3000, [0.015] * 20)
    assert selective_thresholds(some, 0.05).frontal.threshold == 0.01
    assert selective_thresholds(some, 0.05).frontal.selection.images == 100


def test_images_of_one_patient_count_once():
    one = predictions([0.0] * 3000, [1.0], patients=[0] * 3000 + [1])
    assert selective_thresholds(one, 0.05).frontal.threshold is None
    assert selective_thresholds(one, 0.05).frontal.selection.patients == 1


def test_not_chest_images_are_not_selected():
    assert (
        selective_thresholds(
            predictions([0.0] * 100, [1.0] * 100, chest=0.0), 0.05
        ).frontal.selection.images
        == 0
    )


def test_unreadable_images_are_not_selected():
    some = predictions([None] * 99 + [0.0], [1.0])
    assert selective_thresholds(some, 0.05).frontal.selection.images == 1


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_error_is_refused(error):
    with pytest.raises(ValueError, match="between 1e-09 and 1"):
        selective_thresholds(predictions([0.0], [1.0]), error)


def calibrated(seed: int, n: int = 600):
    """Images whose P(lateral) is the truth."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 0.3, n), 6)
    lateral = rng.random(n) < p
    return predictions(p[~lateral].tolist(), p[lateral].tolist())


@given(st.integers(0, 50), st.floats(0.01, 0.2), st.floats(0.01, 0.2))
@settings(max_examples=20)
def test_a_larger_error_gives_no_stricter_threshold(seed, one, other):
    some = calibrated(seed)
    strict, loose = (
        view_threshold(some, View.FRONTAL, error).threshold for error in sorted((one, other))
    )
    assert strict is None or (loose is not None and loose >= strict)


def test_a_guarantee_fails_no_more_often_than_stated():
    """P(lateral) is the truth here, so the error at a threshold is the mean of P below it."""
    pool = np.random.default_rng(0).beta(0.3, 0.3, 1_000_000)
    max_error = float(pool[pool <= 0.2].mean()) * 0.999  # the threshold 0.2 is just too loose
    thresholds = [view_threshold(calibrated(seed), View.FRONTAL, max_error) for seed in range(200)]
    found = [one.threshold for one in thresholds if one.threshold is not None]
    assert len(found) > 150
    assert sum(threshold >= 0.2 for threshold in found) <= 0.05 * 200 + 6  # two deviations


def test_grids_go_from_strict_to_loose_and_never_meet():
    assert list(THRESHOLD_GRID) == sorted(THRESHOLD_GRID)
    assert THRESHOLD_GRID[-1] < 0.5
    assert {
        one.view for one in (selective_thresholds(predictions([0.0], [1.0]), 0.1).frontal,)
    } == {View.FRONTAL}
