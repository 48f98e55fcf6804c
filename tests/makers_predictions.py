"""Predictions and reports from short lists of probabilities."""

import numpy as np

from cxrview.evaluation.results import (
    CaseReason,
    CollectionSummary,
    EvaluatedModel,
    EvaluationReport,
    JoinSummary,
    Provenance,
    ReviewCase,
)
from cxrview.labels import Label
from cxrview.metrics.bootstrap import Resampling
from cxrview.metrics.curves import calibration_of, risk_coverage_of, roc_of
from cxrview.metrics.predictions import Predictions, predictions_of
from cxrview.metrics.rejection import negatives_result
from cxrview.metrics.selective import selective_thresholds
from cxrview.metrics.tables import (
    PoseResult,
    confusion_matrix,
    count_answers,
    group_metrics,
    overall_metrics,
    perturbation_result,
)
from cxrview.rows import Row
from cxrview.views import Thresholds, View, decide

QUICK = Resampling(resamples=200, seed=3)


def predicted_row(file: str, p: float | None, chest: float = 1.0) -> Row:
    """The row that the default thresholds give; unreadable without a probability."""
    if p is None:
        return Row(file, error="damaged: torn")
    return Row(file, view=decide(p, chest, Thresholds()), p_lateral=p, p_chest=chest)


def predictions(frontals=(), laterals=(), patients=None, chest=1.0) -> Predictions:
    """From P(lateral) of frontal and of lateral images; by default each has its own patient."""
    p = [*frontals, *laterals]
    views = [View.FRONTAL] * len(frontals) + [View.LATERAL] * len(laterals)
    people = patients if patients is not None else range(len(p))
    return predictions_of([
        (Label(f"{n}.png", view, f"p{who}", "s"), predicted_row(f"{n}.png", value, chest))
        for n, (value, view, who) in enumerate(zip(p, views, people, strict=True))
    ])  # fmt: skip


def report_of(some: Predictions, names=("a.png", "b.png"), text="t") -> EvaluationReport:
    """A whole report; `text` stands wherever text comes from outside."""
    read = some.is_readable
    perturbed = perturbation_result(
        text, np.array([[0.1, 1.0], [0.9, 0.1]]), np.array([0, 1]) > 0, Thresholds()
    )
    answers = count_answers([90, None], [90, 0])
    negatives = [predicted_row(f"{text}.png", 0.99), predicted_row("n.png", 0.5, chest=0.1)]
    groups = tuple(group_metrics(some, [text] * len(some), QUICK))
    return EvaluationReport(
        provenance=Provenance("1", "2026-01-01", text, "ab", 3, 200),
        model=EvaluatedModel(text, text, None, Thresholds(), (text,)),
        collection=CollectionSummary(text, text, text, text, {text: 3}, is_complete=False),
        join=JoinSummary(
            9, len(some), some.patient_count, False, names, names, names, names, is_by_ending=True
        ),
        confusion_matrix=confusion_matrix(some),
        metrics=tuple(overall_metrics(some, QUICK)),
        views=groups,
        sources=groups,
        original_views=groups,
        calibration=calibration_of(some.p_lateral[read], some.is_lateral[read]),
        roc=roc_of(some),
        risk_coverage=risk_coverage_of(some),
        selective=selective_thresholds(some, 0.001),
        negatives=negatives_result(negatives, [text, ""], some),
        robustness=(perturbed,),
        source_poses=(PoseResult(text, 2, answers, answers),),
        poses=(PoseResult(text, 2, answers, answers),),
        review_cases=tuple(
            ReviewCase(name, View.LATERAL, None, None, None, CaseReason.UNREADABLE)
            for name in names
        ),
    )
