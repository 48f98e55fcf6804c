"""Shares, intervals and areas against published and hand-counted values."""

import numpy as np
import pytest

from cxrview.metrics.classification import Share, StratifiedShare, auroc


@pytest.mark.parametrize(
    ("hits", "everything", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_of_wilson(hits, everything, low, high):
    assert Share(hits, everything).interval == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("hits", "everything", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (81, 263, 0.2527, 0.3676),  # Newcombe 1998, table I
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_of_clopper_and_pearson(hits, everything, low, high):
    assert Share(hits, everything).exact_interval == pytest.approx((low, high), abs=1e-4)


def stratified(*strata: tuple[int, int, int]) -> StratifiedShare:
    """(hits, sample, size of the stratum) each."""
    return StratifiedShare(tuple((Share(hits, drawn), size) for hits, drawn, size in strata))


def test_a_stratified_share_is_weighted_by_the_sizes():
    assert stratified((1, 10, 900), (5, 10, 100)).value == pytest.approx(0.14)
    assert stratified((1, 10, 900), (0, 0, 0)).value == pytest.approx(0.1)
    for undefined in (stratified((1, 10, 900), (0, 0, 100)), stratified((0, 0, 0)), stratified()):
        assert np.isnan(undefined.value)
        assert undefined.interval == (0.0, 1.0)


def test_the_interval_of_a_stratified_share():
    alone = stratified((3, 50, 1000))
    assert alone.interval == pytest.approx(Share(3, 50).exact_interval)
    # as many of each stratum as of the whole: that of a simple random sample
    assert stratified((2, 30, 300), (1, 20, 200)).interval == pytest.approx(alone.interval)
    # 100 images represent nine tenths: as if 100 / 0.9 were drawn
    assert stratified((0, 100, 900), (0, 100, 100)).interval[1] == pytest.approx(
        1 - 0.025 ** (0.9 / 100)
    )


@pytest.mark.parametrize("rates", [(0.002, 0.03, 0.3), (0.03, 0.002, 0.0), (0.01, 0.2, 0.05)])
def test_the_interval_of_a_stratified_share_contains_the_true_one(rates):
    sizes, drawn = (80_000, 15_000, 3_000), (168, 73, 33)
    truth = np.dot(sizes, rates) / sum(sizes)
    samples = np.random.default_rng(0).binomial(drawn, rates, (400, 3)).tolist()
    intervals = [stratified(*zip(hits, drawn, sizes, strict=True)).interval for hits in samples]
    assert sum(low <= truth <= high for low, high in intervals) >= 0.95 * len(samples)


def test_more_hits_than_the_total_are_refused():
    with pytest.raises(ValueError, match="3 hits of 2"):
        Share(3, 2)


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [([2, 3], [0, 1], 1.0), ([0], [1], 0.0), ([1, 1], [1], 0.5), ([3, 1], [2, 0], 0.75)],
)
def test_area(positives, negatives, area):
    assert auroc(np.array(positives, float), np.array(negatives, float)) == area


def test_an_area_needs_both_classes():
    with pytest.raises(ValueError, match="both classes"):
        auroc(np.array([1.0]), np.array([]))


def test_an_area_with_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="nan"):
        auroc(np.array([1.0, np.nan]), np.array([0.0]))
