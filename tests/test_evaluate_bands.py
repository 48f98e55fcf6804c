"""Exact bounds against closed forms, and thresholds that claim no more than the count carries."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.metrics.binomial import at_most, carries, tries_needed, upper_bound
from cxrview.metrics.selective import DELTA, GRID, bands_of, side_of
from cxrview.views import View
from makers_answers import answers


@pytest.mark.parametrize(("errors", "tries", "delta", "bound"), [
    (3, 10, 0.025, 0.6525),  # Clopper and Pearson's two-sided 95 %, upper ends
    (1, 10, 0.025, 0.4450),
    (5, 10, 0.025, 0.8129),
    (1, 100, 0.05, 0.04656),
    (0, 45, 0.05, 0.06440),
    (10, 10, 0.05, 1.0),
    (0, 0, 0.05, 1.0),
])  # fmt: skip
def test_known_bounds(errors, tries, delta, bound):
    assert upper_bound(errors, tries, delta) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 100_000), st.floats(0.001, 0.5))
def test_without_an_error_the_bound_is_in_closed_form(tries, delta):
    assert upper_bound(0, tries, delta) == pytest.approx(1 - delta ** (1 / tries), rel=1e-9)


@given(st.integers(1, 60), st.floats(0.001, 0.999), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=50, deadline=None)
def test_the_bound_is_too_low_no_more_often_than_allowed(tries, truth, delta):
    bounds = [upper_bound(errors, tries, delta) for errors in range(tries + 1)]
    too_low = max((errors for errors, bound in enumerate(bounds) if bound < truth), default=-1)
    assert too_low < 0 or at_most(too_low, tries, truth) <= delta + 1e-9
    assert bounds == sorted(bounds)


def test_large_counts_are_summed_without_loss():
    assert at_most(5_000, 10_000, 0.5) == pytest.approx(0.5 + 0.5 * 0.0079786, abs=1e-6)
    assert at_most(0, 10, 1.0) == 0.0
    assert at_most(3, 10, 0.0) == 1.0


@pytest.mark.parametrize(("rate", "needed"), [(0.001, 2995), (0.01, 299), (0.05, 59)])
def test_how_many_it_takes_without_an_error(rate, needed):
    assert tries_needed(0, rate, 0.05) == needed == -(-log(0.05) // log(1 - rate))


@given(st.integers(0, 30), st.sampled_from([0.002, 0.01, 0.1, 0.4]))
def test_one_fewer_would_not_do(errors, rate):
    needed = tries_needed(errors, rate, 0.05)
    assert carries(errors, needed, rate, 0.05)
    assert not carries(errors, needed - 1, rate, 0.05)


def test_what_the_count_carries_is_claimed_and_no_more():
    found = bands_of(answers([0.0] * 2995, [1.0] * 45), 0.001)
    assert found.frontal.threshold == 0.49
    assert found.lateral.threshold is None
    assert found.lateral.needed == 2995
    assert found.lateral.bound == pytest.approx(1 - 0.05 ** (1 / 45))
    assert bands_of(answers([0.0] * 2994, [1.0] * 45), 0.001).frontal.threshold is None


def test_the_walk_stops_at_the_first_failure():
    """Beyond the bad stretch all would be well again; it is not looked at."""
    some = answers([0.0] * 100 + [0.3] * 3000, [0.015] * 20)
    assert bands_of(some, 0.05).frontal.threshold == 0.01
    assert bands_of(some, 0.05).frontal.called.images == 100


def test_images_of_one_patient_count_once():
    one = answers([0.0] * 3000, [1.0], patients=[0] * 3000 + [1])
    assert bands_of(one, 0.05).frontal.threshold is None
    assert bands_of(one, 0.05).frontal.called.patients == 1


def test_what_the_gate_refuses_is_not_called():
    assert bands_of(answers([0.0] * 100, [1.0] * 100, chest=0.0), 0.05).frontal.called.images == 0


def test_unreadable_images_are_not_called():
    some = answers([None] * 99 + [0.0], [1.0])
    assert bands_of(some, 0.05).frontal.called.images == 1


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1, float("nan")])
def test_an_error_that_cannot_be(error):
    with pytest.raises(ValueError, match="between 0 and 1"):
        bands_of(answers([0.0], [1.0]), error)


def believable(seed: int, n: int = 600):
    """Images whose P(lateral) is the truth."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 0.3, n), 6)
    lateral = rng.random(n) < p
    return answers(p[~lateral].tolist(), p[lateral].tolist())


@given(st.integers(0, 50), st.floats(0.01, 0.2), st.floats(0.01, 0.2))
@settings(max_examples=20, deadline=None)
def test_who_allows_more_gets_no_stricter_a_band(seed, one, other):
    some = believable(seed)
    strict, loose = (
        side_of(some, View.FRONTAL, error, DELTA).threshold for error in sorted((one, other))
    )
    assert strict is None or (loose is not None and loose >= strict)


def test_a_claim_fails_no_more_often_than_stated():
    """P(lateral) is the truth here, so the error at a threshold is the mean of P below it."""
    pool = np.random.default_rng(0).beta(0.3, 0.3, 1_000_000)
    asked = float(pool[pool <= 0.2].mean()) * 0.999  # the threshold 0.2 is just too loose
    claims = [side_of(believable(seed), View.FRONTAL, asked, DELTA) for seed in range(200)]
    made = [claim.threshold for claim in claims if claim.threshold is not None]
    assert len(made) > 150
    assert sum(threshold >= 0.2 for threshold in made) <= 0.05 * 200 + 6  # two deviations


def test_grids_run_from_strict_to_loose_and_never_meet():
    assert list(GRID) == sorted(GRID)
    assert GRID[-1] < 0.5
    assert {side.view for side in (bands_of(answers([0.0], [1.0]), 0.1).frontal,)} == {View.FRONTAL}
