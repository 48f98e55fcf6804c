"""Metrics, calibration and curves by hand; intervals from whole patients drawn again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.metrics.bootstrap import (
    Resampling,
    auroc_statistic,
    percentile_interval,
    share_statistic,
)
from cxrview.metrics.classification import auroc
from cxrview.metrics.curves import (
    MAX_CURVE_POINTS,
    calibration_of,
    risk_coverage_of,
    roc_of,
    thinned_indices,
)
from cxrview.metrics.rejection import negatives_result
from cxrview.metrics.tables import (
    auroc_metric,
    confusion_matrix,
    count_answers,
    group_metrics,
    overall_metrics,
    perturbation_result,
)
from cxrview.views import Thresholds
from makers_predictions import QUICK, predicted_row, predictions

people = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.booleans()), min_size=2, max_size=40
)


def by_name(some):
    return {metric.name: metric for metric in overall_metrics(some, QUICK)}


def test_every_metric_by_hand():
    some = predictions([0.01, 0.2, 0.97, None], [0.99, 0.4])
    found = {name: (metric.hits, metric.total) for name, metric in by_name(some).items()}
    assert found.pop("AUC of P(lateral)") == (None, None)
    assert found == {
        "accuracy at one half": (3, 5),
        "sensitivity at one half": (1, 2),
        "specificity at one half": (2, 3),
        "decided": (3, 6),  # an unreadable image is not decided
        "accuracy of decided": (2, 3),
        "laterals classified lateral": (1, 2),
        "frontals classified frontal": (1, 4),
        "uncertain": (2, 6),
        "not_chest": (0, 6),
        "unreadable": (1, 6),
        "sure wrong": (1, 6),
    }
    assert confusion_matrix(some) == {
        "frontal": {"frontal": 1, "lateral": 1, "uncertain": 1, "not_chest": 0, "unreadable": 1},
        "lateral": {"frontal": 0, "lateral": 1, "uncertain": 1, "not_chest": 0, "unreadable": 0},
    }


def test_both_intervals_contain_the_value():
    some = predictions([0.01] * 80 + [0.99] * 8 + [0.2], [0.99] * 40 + [0.01] * 4)
    for metric in by_name(some).values():
        assert metric.value is not None
        for interval in filter(None, (metric.wilson, metric.bootstrap)):
            assert 0 <= interval.low <= metric.value <= interval.high <= 1


def test_a_share_of_no_images_has_no_value():
    found = by_name(predictions([None], [None]))["accuracy at one half"]
    assert (found.value, found.bootstrap, found.total) == (None, None, 0)
    assert auroc_metric(predictions([0.1]), QUICK).value is None


@given(people)
@settings(max_examples=40)
def test_no_resample_separates_a_patient(images):
    """Every image twice, under the same patient: the interval stays as it is."""
    who, _, lateral = (np.array(column) for column in zip(*images, strict=True))
    _, who = np.unique(who, return_inverse=True)
    hits, m = lateral[:, None], who.max() + 1
    once = share_statistic(who, hits, np.ones_like(hits))
    twice = share_statistic(
        np.tile(who, 2), np.tile(hits, (2, 1)), np.ones((2 * len(who), 1), bool)
    )
    for weights in QUICK.weights(m, 50):
        np.testing.assert_array_equal(weights.sum(axis=1), m)
        np.testing.assert_allclose(once(weights), twice(weights))


@given(people)
@settings(max_examples=40)
def test_a_weighted_area_is_the_area_of_the_images_repeated(images):
    who, score, lateral = (np.array(column) for column in zip(*images, strict=True))
    _, who = np.unique(who, return_inverse=True)
    weights = next(QUICK.weights(who.max() + 1, 5))
    for row, value in zip(
        weights, auroc_statistic(who, score.astype(float), lateral)(weights), strict=True
    ):
        times = row[who].astype(int)
        drawn, kinds = np.repeat(score.astype(float), times), np.repeat(lateral, times)
        if kinds.any() and not kinds.all():
            assert value[0] == pytest.approx(auroc(drawn[kinds], drawn[~kinds]))
        else:
            assert np.isnan(value[0])


def test_the_seed_decides_and_blocks_do_not():
    whole = np.concatenate(list(Resampling(100, 1).weights(7, 100)))
    np.testing.assert_array_equal(whole, np.concatenate(list(Resampling(100, 1).weights(7, 9))))
    assert (whole != next(Resampling(100, 2).weights(7, 100))).any()


def test_similar_images_of_a_patient_widen_the_interval():
    """Ten images of each patient, all right or all wrong: Wilson's interval is too narrow."""
    p = [0.9 if patient % 5 == 0 else 0.1 for patient in range(40) for _ in range(10)]
    found = by_name(predictions(p, [0.9], patients=[n // 10 for n in range(401)]))
    metric = found["specificity at one half"]
    assert metric.bootstrap.high - metric.bootstrap.low > 2 * (
        metric.wilson.high - metric.wilson.low
    )


def test_resamples_without_a_value_are_left_out():
    assert percentile_interval(np.array([np.nan, 0.5, 0.5])).low == 0.5
    assert percentile_interval(np.array([np.nan])) is None


def test_groups_are_counted_separately():
    some = predictions([0.1, 0.9], [0.9, 0.9])
    first, second = group_metrics(some, ["b", "a", "b", ""], QUICK)
    assert (first.name, first.images, first.wrong.hits, first.failed.hits) == ("a", 1, 1, 1)
    assert (second.name, second.images, second.wrong.hits, second.failed.hits) == ("b", 2, 0, 0)
    assert group_metrics(some, [""] * 4, QUICK) == []


@pytest.mark.parametrize(("p", "is_lateral", "chest", "is_sure"), [
    (0.95, False, 1.0, True),  # inclusive
    (0.949, False, 1.0, False),
    (0.05, True, 1.0, True),
    (0.051, True, 1.0, False),
    (0.99, True, 1.0, False),
    (0.99, False, 0.1, False),  # refused
    (None, False, 1.0, False),
])  # fmt: skip
def test_a_sure_wrong_answer(p, is_lateral, chest, is_sure):
    frontals, laterals = ([], [p]) if is_lateral else ([p], [])
    some = predictions(frontals, laterals, chest=chest)
    assert some.is_sure_wrong.tolist() == [is_sure]
    if p is not None:
        values, lateral = np.array([[p, chest]]), np.array([is_lateral])
        assert perturbation_result("x", values, lateral, Thresholds()).sure_wrong == is_sure


def test_answers_are_right_wrong_or_unsure():
    found = count_answers([90, 90, None, 180, 0], [90, 0, 0, 180, 0])
    assert (found.right, found.wrong, found.unsure, found.share) == (3, 1, 1, 0.6)
    assert count_answers([False, None], [False, False]).right == 1  # None is no False


def test_negatives_by_hand():
    """The worst kind comes first; of an accepted image, a sure view is counted."""
    chest = predictions([0.1, 0.2], [0.9], chest=0.8)
    rows = [
        predicted_row("a", 0.99, chest=0.9),
        predicted_row("b", 0.01, chest=0.7),
        predicted_row("c", 0.99, chest=0.1),
        predicted_row("d", 0.99, chest=0.1),
        predicted_row("e", None),
    ]
    found = negatives_result(rows, ["hip", "mri", "mri", "", "mri"], chest)
    assert [(one.kind, one.images, one.rejected) for one in found.kinds] == [
        ("hip", 1, 0), ("mri", 2, 1), ("not stated", 1, 1)
    ]  # fmt: skip
    assert (found.overall.images, found.overall.rejected, found.unreadable) == (4, 2, 1)
    assert [one.file for one in found.accepted] == ["a", "b"]
    assert found.sure == 2
    assert [(one.view, one.auroc) for one in found.aurocs] == [("frontal", 0.75), ("lateral", 0.75)]


def test_calibration_by_hand():
    found = calibration_of(np.array([0.0, 0.02, 0.95, 1.0]), np.array([0, 1, 0, 1]) > 0)
    assert [one.images for one in found.bins] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.01) + 2 * abs(0.5 - 0.975)) / 4)
    assert found.brier == pytest.approx((0.98**2 + 0.95**2) / 4)
    assert (found.bins[9].laterals, found.bins[9].share) == (1, 0.5)
    assert calibration_of(np.array([0.3]), np.array([True])).bins[3].images == 1  # [0.3, 0.4)
    assert calibration_of(np.array([]), np.array([], bool)).ece is None


def test_risk_and_coverage_by_hand():
    """Unreadable images are never decided; equal confidences are decided together."""
    some = predictions([0.1, 0.7, None], [0.9, 0.6])
    found = risk_coverage_of(some)
    assert [(one.decided, one.wrong) for one in found.points] == [(2, 0), (3, 1), (4, 1)]
    assert found.points[-1].coverage == pytest.approx(4 / 5)
    assert found.at["0"] == pytest.approx(2 / 5)
    assert risk_coverage_of(predictions([0.1], [0.9], chest=0.0)).points == ()


def test_roc_by_hand():
    points = [
        (one.false_positive_rate, one.true_positive_rate)
        for one in roc_of(predictions([0.1, 0.8], [0.9]))
    ]
    assert points == [(0, 0), (0, 1), (0.5, 1), (1, 1)]
    assert roc_of(predictions([0.1])) == ()


@given(st.integers(1, 5000))
def test_a_thinned_curve_keeps_its_ends(count):
    kept = thinned_indices(count)
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert len(kept) <= MAX_CURVE_POINTS


def test_a_perturbation_by_hand():
    probabilities = np.array([[0.9, 1.0], [0.2, 1.0], [0.99, 0.1], [0.1, 1.0]])
    line = perturbation_result("noise", probabilities, np.array([0, 0, 1, 1]) > 0, Thresholds())
    assert (line.wrong_frontals, line.wrong_laterals, line.uncertain, line.not_chest) == (
        1,
        1,
        3,
        1,
    )
    assert line.interval.low < line.wrong == 0.5 < line.interval.high
    assert (line.failed, line.sure_wrong, line.refused) == (3, 0, 0.25)
