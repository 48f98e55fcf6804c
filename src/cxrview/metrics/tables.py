"""Predictions -> named metrics with intervals: of all images, by group, and by perturbation."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.images import Mask, Numbers
from cxrview.labels import Label
from cxrview.metrics.bootstrap import (
    Interval,
    Resampling,
    auroc_statistic,
    percentile_interval,
    share_statistic,
)
from cxrview.metrics.classification import Share, auroc
from cxrview.metrics.predictions import DECISION_BOUNDARY, Predictions, is_sure_wrong
from cxrview.rows import Row
from cxrview.views import OUTCOMES, UNREADABLE, Thresholds, Verdict, View


@dataclass(frozen=True, slots=True)
class Metric:
    """A value in [0, 1] with its intervals; None where it is not defined."""

    name: str
    value: float | None
    bootstrap: Interval | None  # by patient
    wilson: Interval | None = None  # by image, of shares
    hits: int | None = None  # of shares
    total: int | None = None


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Images that have a source and a view in common."""

    name: str
    images: int
    failed: Metric  # wrong or refused, of the readable images
    wrong: Metric  # at one half, also if refused, of the readable images
    refused: Metric  # verdict not_chest, of the readable images
    sure_wrong: int
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class PerturbationResult:
    """Counts under one perturbation."""

    name: str
    images: int
    wrong_frontals: int  # at one half, also if refused
    wrong_laterals: int
    wrong: float
    interval: Interval  # of wrong, by Wilson
    uncertain: int
    not_chest: int
    refused: float  # share with the verdict not_chest
    refused_interval: Interval  # of refused, by Wilson
    failed: int  # wrong or refused
    sure_wrong: int


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """Answers to one question: right, wrong, or none because the model is not sure."""

    right: int
    wrong: int
    unsure: int
    share: float  # of the right ones among all
    interval: Interval  # of the share, by Wilson


@dataclass(frozen=True, slots=True)
class PoseResult:
    """Images of one source, or in one of eight poses: four rotations in two polarities."""

    name: str
    images: int
    rotation: AnswerCounts
    polarity: AnswerCounts


def overall_metrics(predictions: Predictions, resampling: Resampling) -> list[Metric]:
    """The metrics of all images: shares, then the area under the ROC curve."""
    everything = np.ones(len(predictions), dtype=bool)
    lateral, readable, correct = (
        predictions.is_lateral,
        predictions.is_readable,
        predictions.is_correct,
    )
    decided, decided_correctly = predictions.is_decided, predictions.is_decided_correctly
    shares = {
        "accuracy at one half": (correct, readable),
        "sensitivity at one half": (correct, lateral & readable),
        "specificity at one half": (correct, ~lateral & readable),
        "decided": (decided, everything),
        "accuracy of decided": (decided_correctly, decided),
        "laterals classified lateral": (decided_correctly, lateral),
        "frontals classified frontal": (decided_correctly, ~lateral),
        "uncertain": (predictions.has_verdict(Verdict.UNCERTAIN), everything),
        "not_chest": (predictions.has_verdict(Verdict.NOT_CHEST), everything),
        "unreadable": (~readable, everything),
        "sure wrong": (predictions.is_sure_wrong, everything),
    }
    metrics = _share_metrics(shares, predictions, resampling)
    return [*metrics, auroc_metric(predictions, resampling)]


def _share_metrics(
    shares: Mapping[str, tuple[Mask, Mask]], predictions: Predictions, resampling: Resampling
) -> list[Metric]:
    """shares: name -> hits and counted images, both (n,). Intervals by image and by patient."""
    if not shares:
        return []
    hits, counted = (np.stack(masks, axis=1) for masks in zip(*shares.values(), strict=True))
    statistic = share_statistic(predictions.patient_ids, hits, counted)
    patients = predictions.patient_count
    values = resampling.apply(statistic, patients, max(len(predictions), patients))
    return [
        _share_metric(name, Share(int((hit & count).sum()), int(count.sum())), values[:, column])
        for column, (name, (hit, count)) in enumerate(shares.items())
    ]


def _share_metric(name: str, share: Share, resampled: Numbers) -> Metric:
    if not share.total:
        return Metric(name, None, None, None, 0, 0)
    bootstrap, wilson = percentile_interval(resampled), Interval(*share.interval)
    return Metric(name, share.value, bootstrap, wilson, share.hits, share.total)


def auroc_metric(predictions: Predictions, resampling: Resampling) -> Metric:
    """Area under the ROC curve of P(lateral); no value where one of the views is missing."""
    name = "AUC of P(lateral)"
    readable = predictions.is_readable
    scores, lateral = predictions.p_lateral[readable], predictions.is_lateral[readable]
    if not lateral.any() or lateral.all():
        return Metric(name, None, None)
    patients, patient = np.unique(predictions.patient_ids[readable], return_inverse=True)
    statistic = auroc_statistic(patient, scores, lateral)
    values = resampling.apply(statistic, len(patients), len(scores))
    area = auroc(scores[lateral], scores[~lateral])
    return Metric(name, area, percentile_interval(values[:, 0]))


def group_metrics(
    predictions: Predictions, names: Sequence[str], resampling: Resampling
) -> list[GroupMetrics]:
    """names: (n,), the group of each image. The worst group comes first, "" is left out.

    Worst: the largest share of images that are wrong or refused; of equal ones, the group whose
    interval reaches further.
    """
    member = np.array(names)
    masks = {name: np.asarray(member == name) for name in sorted(set(names) - {""})}
    refused = predictions.has_verdict(Verdict.NOT_CHEST)
    kinds = {
        "failed": predictions.is_wrong | refused,
        "wrong": predictions.is_wrong,
        "refused": refused,
    }
    shares = {
        f"{name}: {kind}": (hits, predictions.is_readable & mask)
        for name, mask in masks.items()
        for kind, hits in kinds.items()
    }
    metrics = iter(_share_metrics(shares, predictions, resampling))
    groups = [
        GroupMetrics(
            name=name,
            images=int(mask.sum()),
            failed=next(metrics),
            wrong=next(metrics),
            refused=next(metrics),
            sure_wrong=int((predictions.is_sure_wrong & mask).sum()),
            outcomes=outcome_counts(predictions, mask),
        )
        for name, mask in masks.items()
    ]
    return sorted(groups, key=lambda one: _goodness(one.failed.value, one.failed.wilson))


def _goodness(value: float | None, interval: Interval | None) -> tuple[float, float]:
    """Sorting key of an error share: the worst first, those without a value last."""
    return (1.0, 0.0) if value is None or interval is None else (-value, -interval.high)


def outcome_counts(predictions: Predictions, where: Mask) -> dict[str, int]:
    """Each verdict, and unreadable -> number of the images selected by `where` (n,)."""
    counts = Counter(
        row.view.value if row.view else UNREADABLE
        for row, is_selected in zip(predictions.rows, where, strict=True)
        if is_selected
    )
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def confusion_matrix(predictions: Predictions) -> dict[str, dict[str, int]]:
    """Label -> outcome -> number of images."""
    masks = {View.FRONTAL: ~predictions.is_lateral, View.LATERAL: predictions.is_lateral}
    return {view.value: outcome_counts(predictions, mask) for view, mask in masks.items()}


def perturbation_result(
    name: str, probabilities: Numbers, is_lateral: Mask, thresholds: Thresholds
) -> PerturbationResult:
    """probabilities: (n, 2), P(lateral) and P(chest); is_lateral: (n,), by the labels."""
    p_lateral, p_chest = probabilities[:, 0], probabilities[:, 1]
    wrong = (p_lateral > DECISION_BOUNDARY) != is_lateral
    not_chest = p_chest < thresholds.chest
    uncertain = (p_lateral > thresholds.frontal) & (p_lateral < thresholds.lateral) & ~not_chest
    share, refused = (Share(int(mask.sum()), len(probabilities)) for mask in (wrong, not_chest))
    return PerturbationResult(
        name=name,
        images=len(probabilities),
        wrong_frontals=int((wrong & ~is_lateral).sum()),
        wrong_laterals=int((wrong & is_lateral).sum()),
        wrong=share.value,
        interval=Interval(*share.interval),
        uncertain=int(uncertain.sum()),
        not_chest=refused.hits,
        refused=refused.value,
        refused_interval=Interval(*refused.interval),
        failed=int((wrong | not_chest).sum()),
        sure_wrong=int((is_sure_wrong(p_lateral, is_lateral) & ~not_chest).sum()),
    )


def count_answers(
    answers: Sequence[int | bool | None], truth: Sequence[int | bool]
) -> AnswerCounts:
    """answers, truth: (n,), n at least 1; None where the model is not sure."""
    right = sum(answer == true for answer, true in zip(answers, truth, strict=True))
    unsure = sum(answer is None for answer in answers)
    share = Share(right, len(truth))
    interval = Interval(*share.interval)
    return AnswerCounts(right, len(truth) - right - unsure, unsure, share.value, interval)


def source_poses(predictions: Predictions) -> tuple[PoseResult, ...]:
    """The answers for the images as they are, by source, the fewest right ones first.

    Images without a verdict or with not_chest are left out. Empty if the model gives no answers.
    """
    groups: dict[str, list[tuple[Label, Row]]] = defaultdict(list)
    for label, row in zip(predictions.labels, predictions.rows, strict=True):
        if row.view not in (None, Verdict.NOT_CHEST):
            groups[label.source].append((label, row))
    some = [row for pairs in groups.values() for _, row in pairs]
    if all(row.rotation is None and row.inverted is None for row in some):
        return ()
    results = (
        PoseResult(
            name=source or "no source named",
            images=len(pairs),
            rotation=count_answers(
                [row.rotation for _, row in pairs], [label.rotation for label, _ in pairs]
            ),
            polarity=count_answers(
                [row.inverted for _, row in pairs], [label.inverted for label, _ in pairs]
            ),
        )
        for source, pairs in groups.items()
    )
    return tuple(sorted(results, key=lambda one: min(one.rotation.share, one.polarity.share)))
