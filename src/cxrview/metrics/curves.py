"""Predictions -> calibration, ROC curve, and the risk at every coverage."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binned_statistic
from sklearn.metrics import brier_score_loss, roc_curve

from cxrview.images import Mask, Numbers
from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.classification import Share
from cxrview.metrics.predictions import Predictions
from cxrview.views import Verdict

MAX_CURVE_POINTS = 200  # of a curve: more are not visible
RISK_LEVELS = (0.0, 0.001, 0.005, 0.01, 0.02)  # of the table of coverages
BIN_COUNT = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The images whose P(lateral) lies in [low, high); the last bin contains 1."""

    low: float
    high: float
    images: int
    laterals: int
    mean_p: float | None  # None in an empty bin
    share: float | None  # of laterals
    interval: Interval | None  # of the share, by Wilson


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of equal width, the expected calibration error over them, the score of Brier (1950)."""

    bins: tuple[Bin, ...]
    ece: float | None
    brier: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Outcome of deciding only the images with the highest confidence."""

    decided: int
    wrong: int
    coverage: float  # share of all images that is decided
    risk: float  # share of the decided images that is wrong


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """`points` from few decided images to all that can be; `at`: risk as text -> coverage."""

    points: tuple[Coverage, ...]
    at: dict[str, float]


@dataclass(frozen=True, slots=True)
class RocPoint:
    """Share of the frontals above a threshold, and share of the laterals."""

    false_positive_rate: float
    true_positive_rate: float


def calibration_of(p_lateral: Numbers, is_lateral: Mask) -> Calibration:
    """(n,) probabilities without NaN, (n,) labels -> calibration."""
    edges = np.arange(BIN_COUNT + 1) / BIN_COUNT
    if not p_lateral.size:
        empty = (_bin(n / BIN_COUNT, (n + 1) / BIN_COUNT, 0, 0, 0.0) for n in range(BIN_COUNT))
        return Calibration(tuple(empty), None, None)
    values = [np.ones(p_lateral.size), is_lateral, p_lateral]
    counts, laterals, sums = binned_statistic(p_lateral, values, "sum", edges).statistic
    ece = float(np.abs(laterals - sums).sum() / p_lateral.size)
    made = tuple(
        _bin(n / BIN_COUNT, (n + 1) / BIN_COUNT, int(counts[n]), int(laterals[n]), sums[n])
        for n in range(BIN_COUNT)
    )
    return Calibration(made, ece, float(brier_score_loss(is_lateral, p_lateral)))


def _bin(low: float, high: float, images: int, laterals: int, sum_p: float) -> Bin:
    if not images:
        return Bin(low, high, 0, 0, None, None, None)
    share = Share(laterals, images)
    interval = Interval(*share.interval)
    return Bin(low, high, images, laterals, float(sum_p / images), share.value, interval)


def risk_coverage_of(predictions: Predictions) -> RiskCoverage:
    """Decide the images in order of confidence. not_chest and unreadable ones never are."""
    possible = np.flatnonzero(predictions.is_readable & ~predictions.has_verdict(Verdict.NOT_CHEST))
    if not possible.size:
        return RiskCoverage((), {f"{risk:g}": 0.0 for risk in RISK_LEVELS})
    confidence = predictions.confidence[possible].round(9)  # 0.9 and 0.1 are equally certain
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), possible.size - 1)  # of ties
    wrong = np.cumsum(predictions.is_wrong[possible][order])[ends]
    decided = ends + 1
    risk, coverage = wrong / decided, decided / len(predictions)
    points = tuple(
        Coverage(int(decided[i]), int(wrong[i]), float(coverage[i]), float(risk[i]))
        for i in thinned_indices(len(ends))
    )
    at = {f"{limit:g}": float(coverage[risk <= limit].max(initial=0.0)) for limit in RISK_LEVELS}
    return RiskCoverage(points, at)


def roc_of(predictions: Predictions) -> tuple[RocPoint, ...]:
    """Points from (0, 0) to (1, 1); none where one of the views is missing."""
    readable = predictions.is_readable
    is_lateral = predictions.is_lateral[readable]
    if not is_lateral.any() or is_lateral.all():
        return ()
    false, true, _ = roc_curve(is_lateral, predictions.p_lateral[readable], drop_intermediate=False)
    return tuple(RocPoint(float(false[i]), float(true[i])) for i in thinned_indices(false.size))


def thinned_indices(count: int) -> list[int]:
    """The indices 0 .. count - 1, or MAX_CURVE_POINTS of them, spread evenly from end to end."""
    number = min(count, MAX_CURVE_POINTS)
    return sorted({round(place) for place in np.linspace(0, count - 1, number)})
