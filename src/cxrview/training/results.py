"""Predictions on held-out images -> thresholds, the card's metrics, and the tables of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.evaluation.perturbations import UNALTERED
from cxrview.labels import SPLITS, Label
from cxrview.metrics.classification import Share, auroc
from cxrview.metrics.tables import perturbation_result
from cxrview.model.card import Metric
from cxrview.training.crossval import CrossValidation
from cxrview.training.data import TrainingData, csv_text
from cxrview.training.image_cache import Mask
from cxrview.training.networks import HALF, Predictions
from cxrview.training.splitting import TEST, TRAINING, VALIDATION
from cxrview.views import Thresholds


def metric_of(name: str, share: Share) -> Metric:
    """A share under a name, with its 95 % interval."""
    low, high = share.interval
    return Metric(name, share.value, low, high, f"{share.hits} of {share.total}")


def share_of(hits: Mask) -> Share:
    """(n,) -> how many are true."""
    return Share(int(hits.sum()), hits.size)


def thresholds_for(predictions: Predictions, lateral: Mask, refused_share: float) -> Thresholds:
    """The gate's threshold refuses at most this share of either view: the stricter view decides.

    predictions: (n, 2), n at least 1; lateral: (n,), the labels.
    """
    views = [predictions[mask, 1] for mask in (lateral, ~lateral) if mask.any()]
    chest = min(float(np.quantile(view, refused_share, method="lower")) for view in views)
    return Thresholds(chest=np.floor(chest * 1e4) / 1e4)


def metrics_on(
    what: str, predictions: Predictions, lateral: Mask, thresholds: Thresholds, has_gate: bool
) -> tuple[Metric, ...]:
    """Accuracy, recall of either view and refusals on labeled images; `what` says on which."""
    correct = (predictions[:, 0] > HALF) == lateral
    hits = {"accuracy": correct, "laterals found": correct[lateral],
            "frontals found": correct[~lateral]}  # fmt: skip
    if has_gate:
        hits["chest radiographs refused by the gate"] = predictions[:, 1] < thresholds.chest
    return tuple(
        metric_of(f"{name}, {what}", share_of(mask)) for name, mask in hits.items() if mask.size
    )


def negatives_metric(p_chest: np.ndarray, thresholds: Thresholds) -> tuple[Metric, ...]:
    """How many images that are no chest radiographs the gate refuses; nothing for no images."""
    share = share_of(p_chest < thresholds.chest)
    return (metric_of("other images refused by the gate", share),) if share.total else ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the card says of a model: its thresholds, and metrics on images it has not seen."""

    thresholds: Thresholds
    metrics: tuple[Metric, ...]


def cross_validated(
    data: TrainingData, result: CrossValidation, refused_share: float, has_gate: bool
) -> Evaluation:
    """Thresholds from the images that may be trained on, metrics on all."""
    predictions, lateral, usable = (
        result.predictions[UNALTERED],
        data.labeled.lateral,
        data.may_train,
    )
    thresholds = thresholds_for(predictions[usable], lateral[usable], refused_share)
    metrics = metrics_on("cross-validated", predictions, lateral, thresholds, has_gate)
    return Evaluation(
        thresholds, metrics + negatives_metric(result.negatives[:, :, 1].ravel(), thresholds)
    )


def excluded_by_license(
    data: TrainingData, predictions: Predictions, negatives: Predictions, refused_share: float,
    has_gate: bool,
) -> Evaluation:  # fmt: skip
    """Thresholds from the images trained on, metrics on those that their licence excludes."""
    lateral, usable = data.labeled.lateral, data.may_train
    thresholds = Thresholds()
    if has_gate and usable.any():
        thresholds = thresholds_for(predictions[usable], lateral[usable], refused_share)
    metrics = metrics_on(
        "images excluded by licence", predictions[~usable], lateral[~usable], thresholds, has_gate
    )
    return Evaluation(thresholds, metrics + negatives_metric(negatives[:, 1], thresholds))


def held_out(
    data: TrainingData, predictions: Predictions, refused_share: float, has_gate: bool,
    chosen_by_validation: bool,
) -> Evaluation:  # fmt: skip
    """Thresholds from all held-out images, metrics on the test images or, if none, validation."""
    lateral, parts = data.labeled.lateral, data.parts
    outside = parts != TRAINING
    thresholds = Thresholds()
    if has_gate and len(parts):
        counted = outside if outside.any() else ~outside
        thresholds = thresholds_for(predictions[counted], lateral[counted], refused_share)
    measured = next((part for part in (TEST, VALIDATION) if (parts == part).any()), None)
    if measured is None:
        return Evaluation(thresholds, ())
    what = f"{SPLITS[measured]} images"
    if measured == VALIDATION and chosen_by_validation:
        what += ", which chose the epoch: optimistic"
    taken = parts == measured
    metrics = metrics_on(what, predictions[taken], lateral[taken], thresholds, has_gate)
    return Evaluation(thresholds, metrics)


def images_csv(data: TrainingData, predictions: Predictions) -> str:
    """One line per labeled image: its part of the split and the finished model's prediction."""
    return csv_text(
        ("file", "view", "patient", "source", "split", "p_lateral", "p_chest"),
        (
            (
                label.file,
                label.view,
                label.patient,
                label.source,
                SPLITS[part],
                f"{p:.6f}",
                f"{c:.6f}",
            )
            for label, part, (p, c) in zip(
                data.labeled.labels, data.parts, predictions, strict=True
            )
        ),
    )


def split_counts(data: TrainingData) -> Sequence[tuple[str, int, int]]:
    """Part of the split, frontals, laterals."""
    lateral = data.labeled.lateral
    return [
        (name, int(((data.parts == i) & ~lateral).sum()), int(((data.parts == i) & lateral).sum()))
        for i, name in enumerate(SPLITS)
    ]


def crossval_csv(labels: Sequence[Label], result: CrossValidation) -> str:
    """One line per image: what the model that was not trained on it predicts."""
    return csv_text(
        ("file", "view", "source", "fold", "p_lateral", "p_chest"),
        (
            (label.file, label.view, label.source, fold, f"{p:.6f}", f"{c:.6f}")
            for label, fold, (p, c) in zip(
                labels, result.folds, result.predictions[UNALTERED], strict=True
            )
        ),
    )


def robustness_csv(lateral: Mask, result: CrossValidation, thresholds: Thresholds) -> str:
    """One line per perturbation."""
    lines = [
        perturbation_result(name, predictions, lateral, thresholds)
        for name, predictions in result.predictions.items()
    ]
    return csv_text(
        ("perturbation", "errors", "share", "frontals_wrong", "laterals_wrong", "uncertain",
         "refused", "refused_share", "images"),
        (
            (one.name, one.wrong_frontals + one.wrong_laterals, f"{one.wrong:.2%}",
             one.wrong_frontals, one.wrong_laterals, one.uncertain, one.not_chest,
             f"{one.not_chest / one.images:.2%}", one.images)
            for one in lines
        ),
    )  # fmt: skip


def negatives_csv(names: Sequence[str], result: CrossValidation, thresholds: Thresholds) -> str:
    """One line per image that is no chest radiograph: by how many folds' models it is refused."""
    chest = result.negatives[:, :, 1]
    refused = (chest < thresholds.chest).sum(axis=0)
    return csv_text(
        ("file", "refused_by", "models", "highest_p_chest"),
        (
            (name, count, len(chest), f"{highest:.4f}")
            for name, count, highest in zip(names, refused, chest.max(axis=0), strict=True)
        ),
    )


def crossval_summary(
    data: TrainingData, result: CrossValidation, thresholds: Thresholds, has_gate: bool
) -> str:
    """Errors by name and by source, and the gate, as text."""
    labels, lateral, predictions = data.labeled.labels, data.labeled.lateral, result.predictions
    unaltered = predictions[UNALTERED]
    wrong = (unaltered[:, 0] > HALF) != lateral
    overall = perturbation_result(UNALTERED, unaltered, lateral, thresholds)
    lines = [
        f"{int(wrong.sum())} errors of {len(wrong)} (uncertain ones assigned at P(lateral) 0.5); "
        f"{overall.uncertain} uncertain; {overall.not_chest} refused",
    ]
    for number in np.flatnonzero(wrong).tolist():
        label, (p, chest) = labels[number], unaltered[number]
        lines.append(f"  {label.file}: {label.view}, p_lateral {p:.3f}, p_chest {chest:.3f}")
    groups = np.array([f"{label.source}, {label.view}" for label in labels])
    for name in np.unique(groups).tolist():
        share = share_of(wrong[groups == name])
        low, high = share.interval
        lines.append(f"{name}: {share.hits} of {share.total} wrong ({low:.2%} - {high:.2%})")
    if has_gate and result.negatives.shape[1]:
        lines.append(_gate_line(result, thresholds))
    return "\n".join([*lines, "", robustness_csv(lateral, result, thresholds)])


def _gate_line(result: CrossValidation, thresholds: Thresholds) -> str:
    """AUROC of each fold's images against the other images, the mean over folds."""
    chest, areas = result.predictions[UNALTERED][:, 1], []
    for fold, others in enumerate(result.negatives[:, :, 1]):
        if (result.folds == fold).any():
            areas.append(auroc(chest[result.folds == fold], others))
    refused = share_of(result.negatives[:, :, 1] < thresholds.chest)
    return (
        f"gate: AUROC {np.mean(areas):.4f}, threshold {thresholds.chest:g}, "
        f"{refused.value:.2%} of other images refused"
    )
