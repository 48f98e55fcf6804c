"""Predictions and history of a run -> thresholds, the card's metrics, and tables."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cxrview.evaluation.perturbations import POSES, UNALTERED
from cxrview.images import Mask
from cxrview.labels import SPLITS
from cxrview.metrics.classification import Share
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.card import CardMetric
from cxrview.model.classifier import DEGREES_PER_TURN
from cxrview.model.layers import LATERAL, ROTATION
from cxrview.training.crossval import CrossValidation
from cxrview.training.data import TrainingData
from cxrview.training.image_list import ImageList
from cxrview.training.networks import Logits, Predictions, Temperatures
from cxrview.training.recipe import Recipe
from cxrview.training.splitting import TEST, TRAINING, VALIDATION
from cxrview.views import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Predictions (n, 2) on n labeled images that were not trained on.

    p_chest_of_negatives: (k, m), of m images that are no chest radiographs, by k models.
    """

    images: ImageList
    predictions: Predictions
    what: str  # on which images
    p_chest_of_negatives: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the card says of a model: its thresholds, and metrics on images it has not seen."""

    thresholds: Thresholds
    metrics: tuple[CardMetric, ...]
    measured: Measured
    temperatures: dict[str, float] = field(default_factory=dict)


def metric_of(name: str, hits: Mask) -> CardMetric:
    """How many of (n,) are true, as a share with its 95 % interval."""
    share = Share(int(hits.sum()), hits.size)
    low, high = share.interval
    return CardMetric(name, share.value, low, high, f"{share.hits} of {share.total}")


def _refused_metric(is_refused: Mask) -> CardMetric:
    """(k, m) of m images by k models: the mean share of the models.

    The interval is that of m images: the answers of several models on one are not independent.
    """
    models, images = is_refused.shape
    low, high = Share(round(is_refused.sum() / models), images).interval
    counted = f"{is_refused.sum()} of {is_refused.size}"
    counted += f", {images} images by {models} models" if models > 1 else ""
    return CardMetric("other images refused", float(is_refused.mean()), low, high, counted)


def group_names(images: ImageList) -> npt.NDArray[np.str_]:
    """(n,): source and view of each image, by which it is measured."""
    names = [f"{label.source or 'images'}, {label.view}" for label in images.labels]
    return np.array(names, np.str_)


# Images from elsewhere are less typical than held-out ones from here. Of 169 laterals computed from
# CT volumes that they were not trained with, models refused 1 or 2 at 0.3, at 0.5 up to 5.
MAX_CHEST_THRESHOLD = 0.3
CALIBRATION_RANGE = np.geomspace(1, 5, 81)  # temperatures; below 1 a model would become surer


def thresholds_for(
    p_chest: npt.NDArray[np.float64], groups: npt.NDArray[np.str_], refused_share: float
) -> Thresholds:
    """The threshold of P(chest) refuses at most this share of any group: the worst group decides.

    p_chest: (n,), n at least 1; groups: (n,), source and view of each image.
    """
    shares = [
        float(np.quantile(p_chest[groups == name], refused_share, method="lower"))
        for name in np.unique(groups)
    ]
    chest = min(*shares, MAX_CHEST_THRESHOLD)
    return Thresholds(chest=float(np.floor(chest * 1e4) / 1e4))


def fitted_temperature(logits: Logits, is_true: Mask) -> float:
    """Return what logits (n,) are divided by so that their cross-entropy is least, at least 1.

    Guo et al. 2017, On calibration of modern neural networks. Both classes count equally.
    """
    signed = np.where(is_true, logits, -logits)
    weights = np.where(is_true, 1 / max(1, is_true.sum()), 1 / max(1, (~is_true).sum()))
    losses = [(weights * np.logaddexp(0, -signed / t)).sum() for t in CALIBRATION_RANGE]
    return round(float(CALIBRATION_RANGE[int(np.argmin(losses))]), 3)


def temperatures_for(result: CrossValidation, lateral: Mask, usable: Mask) -> dict[str, float]:
    """Fit the temperature of either probability on held-out images under all perturbations.

    usable: (n,), images that may determine the model. P(chest) needs images that are none: there
    its temperature stays 1.
    """
    outputs = list(result.outputs.values())
    views = np.concatenate([one.of(LATERAL)[usable, 0] for one in outputs])
    return {LATERAL: fitted_temperature(views, np.tile(lateral[usable], len(outputs)))}


def evaluate(
    measured: Measured,
    thresholds: Thresholds,
    has_gate: bool,
    temperatures: Temperatures | None = None,
    more: tuple[CardMetric, ...] = (),
) -> Evaluation:
    """Accuracy, recall of either view and refusals, by source and view with the worst first."""
    predictions, what = measured.predictions, measured.what
    lateral, groups = measured.images.lateral, group_names(measured.images)
    correct = (predictions[:, 0] > DECISION_BOUNDARY) == lateral
    hits = {
        f"accuracy, {what}": correct,
        f"laterals found, {what}": correct[lateral],
        f"frontals found, {what}": correct[~lateral],
    }
    if has_gate:
        refused = predictions[:, 1] < thresholds.chest
        hits[f"laterals refused, {what}"] = refused[lateral]
        hits[f"frontals refused, {what}"] = refused[~lateral]
        correct = correct & ~refused
    by_group = [
        metric_of(f"right and not refused, {name}", correct[groups == name])
        for name in np.unique(groups)
    ]
    worst_first = sorted(by_group, key=lambda metric: metric.value)
    metrics = [metric_of(name, mask) for name, mask in hits.items() if mask.size]
    if has_gate and measured.p_chest_of_negatives.size:
        metrics.append(_refused_metric(measured.p_chest_of_negatives < thresholds.chest))
    every = (*metrics, *worst_first, *more)
    return Evaluation(thresholds, every, measured, dict(temperatures or {}))


def pose_of(perturbation: str) -> tuple[int, bool]:
    """How many quarter turns clockwise make the images upright, and whether they are inverted."""
    degrees, is_inverted = POSES.get(perturbation, (0, False))
    return degrees // DEGREES_PER_TURN, is_inverted


def pose_metrics(result: CrossValidation) -> tuple[CardMetric, ...]:
    """How often rotation and polarity are right, over all poses that were tried."""
    done = result.outputs
    tried = [(done[name], *pose_of(name)) for name in POSES if name in done]
    if ROTATION not in tried[0][0].architecture.outputs:
        return ()
    rotation = np.concatenate([one.rotation() == turns for one, turns, _ in tried])
    polarity = np.concatenate([one.inverted() == inverted for one, _, inverted in tried])
    return (
        metric_of("rotation right, cross-validated", rotation),
        metric_of("polarity right, cross-validated", polarity),
    )


def evaluate_folds(
    data: TrainingData, result: CrossValidation, recipe: Recipe, what: str
) -> Evaluation:
    """Temperatures and thresholds from the images that may be trained on, metrics on all.

    Blank images, whose P(chest) is 0 by rule, determine neither.
    """
    lateral, groups = data.labeled.lateral, group_names(data.labeled)
    usable, temperatures, thresholds = data.may_train & ~data.labeled.is_blank, {}, Thresholds()
    if usable.any():
        temperatures = temperatures_for(result, lateral, usable)
    predictions = result.outputs[UNALTERED].predictions(temperatures)
    if recipe.has_gate and usable.any():
        thresholds = thresholds_for(predictions[usable, 1], groups[usable], recipe.refused_share)
    negatives = [one.predictions(temperatures)[:, 1] for one in result.negatives]
    measured = Measured(data.labeled, predictions, what, np.array(negatives))
    return evaluate(measured, thresholds, recipe.has_gate, temperatures, pose_metrics(result))


def evaluate_model(
    data: TrainingData, predictions: Predictions, negatives: Predictions, recipe: Recipe
) -> Evaluation:
    """Thresholds and metrics of a model that was not cross-validated.

    Metrics are of the test images, if there are any, else of the validation images, else of the
    images excluded by their licence. Thresholds are of all images that were held out and may
    determine the model, else of those that it was trained on.
    """
    parts, usable = data.parts, data.may_train
    part = TEST if (parts == TEST).any() else VALIDATION
    held, what = parts == part, f"{SPLITS[part]} images"
    if part == VALIDATION and recipe.main.keep_best and (held & usable).any():
        what += ", which chose the epoch: optimistic"
    if not held.any() and not usable.all():
        held, what = ~usable, f"images {EXCLUDED} by licence"
    counted = (parts != TRAINING) & usable
    counted = counted if counted.any() else usable
    groups, thresholds = group_names(data.labeled), Thresholds()
    counted = counted & ~data.labeled.is_blank
    if recipe.has_gate and counted.any():
        thresholds = thresholds_for(predictions[counted, 1], groups[counted], recipe.refused_share)
    measured = Measured(data.labeled.select(held), predictions[held], what, negatives[:, 1][None])
    return evaluate(measured, thresholds, recipe.has_gate)


EXCLUDED = "excluded"  # the part of images that would train if their licence allowed it


def part_names(data: TrainingData) -> npt.NDArray[np.str_]:
    """(n,): training, validation, test or excluded, of each labeled image."""
    names = np.array([*SPLITS, EXCLUDED])
    excluded = (data.parts == TRAINING) & ~data.may_train
    return names[np.where(excluded, len(SPLITS), data.parts)]
