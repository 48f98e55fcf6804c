"""Shares, intervals and areas against published and hand-counted values."""

import numpy as np
import pytest

from cxrview.metrics.classification import Share, auroc


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
