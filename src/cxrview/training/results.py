"""Predictions and history of a run -> thresholds, the card's metrics, tables and the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import numpy.typing as npt

from cxrview.evaluation.perturbations import UNALTERED
from cxrview.labels import SPLITS
from cxrview.metrics.classification import Share, auroc
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.metrics.tables import perturbation_result
from cxrview.model.card import Card, Metric
from cxrview.report.content import (
    BulletList,
    Charts,
    LineChart,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Series,
    Table,
    percent_text,
    table_of,
)
from cxrview.report.html import html_page
from cxrview.training.crossval import CrossValidation
from cxrview.training.data import TrainingData, csv_text
from cxrview.training.image_cache import Mask
from cxrview.training.networks import Network, Predictions
from cxrview.training.splitting import TEST, TRAINING, VALIDATION
from cxrview.training.trainer import EpochMetrics, TrainResult
from cxrview.views import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the card says of a model: its thresholds, and metrics on images it has not seen."""

    thresholds: Thresholds
    metrics: tuple[Metric, ...]


def metric_of(name: str, hits: Mask) -> Metric:
    """How many of (n,) are true, as a share with its 95 % interval."""
    share = Share(int(hits.sum()), hits.size)
    low, high = share.interval
    return Metric(name, share.value, low, high, f"{share.hits} of {share.total}")


def thresholds_for(predictions: Predictions, lateral: Mask, refused_share: float) -> Thresholds:
    """The gate's threshold refuses at most this share of either view: the stricter view decides.

    predictions: (n, 2), n at least 1; lateral: (n,), the labels.
    """
    views = [predictions[mask, 1] for mask in (lateral, ~lateral) if mask.any()]
    chest = min(float(np.quantile(view, refused_share, method="lower")) for view in views)
    return Thresholds(chest=np.floor(chest * 1e4) / 1e4)


def evaluate(
    predictions: Predictions,
    lateral: Mask,
    p_chest_of_negatives: npt.NDArray[np.float64],
    what: str,
    thresholds: Thresholds,
    has_gate: bool,
) -> Evaluation:
    """Accuracy, recall of either view and what the gate refuses; `what` says on which images."""
    correct = (predictions[:, 0] > DECISION_BOUNDARY) == lateral
    hits = {
        f"accuracy, {what}": correct,
        f"laterals found, {what}": correct[lateral],
        f"frontals found, {what}": correct[~lateral],
    }
    if has_gate:
        refused = predictions[:, 1] < thresholds.chest
        hits[f"chest radiographs refused by the gate, {what}"] = refused
        hits["other images refused by the gate"] = p_chest_of_negatives < thresholds.chest
    metrics = tuple(metric_of(name, mask) for name, mask in hits.items() if mask.size)
    return Evaluation(thresholds, metrics)


def evaluate_folds(
    data: TrainingData, result: CrossValidation, refused_share: float, has_gate: bool
) -> Evaluation:
    """Thresholds from the images that may be trained on, metrics on all."""
    predictions, lateral = result.predictions[UNALTERED], data.labeled.lateral
    thresholds, usable = Thresholds(), data.may_train
    if has_gate and usable.any():
        thresholds = thresholds_for(predictions[usable], lateral[usable], refused_share)
    negatives = result.negatives[:, :, 1].ravel()
    return evaluate(predictions, lateral, negatives, "cross-validated", thresholds, has_gate)


def evaluate_model(
    data: TrainingData,
    predictions: Predictions,
    negatives: Predictions,
    refused_share: float,
    has_gate: bool,
    chosen_by_validation: bool,
) -> Evaluation:
    """Thresholds and metrics of a model that was not cross-validated.

    Metrics are of the images excluded by their licence, if there are any, else of the test images,
    else of the validation images; thresholds of all that were not trained on, else of those.
    """
    lateral, parts, usable = data.labeled.lateral, data.parts, data.may_train
    measured, what, counted = ~usable, "images excluded by licence", usable
    if usable.all():
        part = TEST if (parts == TEST).any() else VALIDATION
        measured, what = parts == part, f"{SPLITS[part]} images"
        if part == VALIDATION and chosen_by_validation:
            what += ", which chose the epoch: optimistic"
        counted = parts != TRAINING if (parts != TRAINING).any() else usable
    thresholds = Thresholds()
    if has_gate and counted.any():
        thresholds = thresholds_for(predictions[counted], lateral[counted], refused_share)
    return evaluate(
        predictions[measured], lateral[measured], negatives[:, 1], what, thresholds, has_gate
    )


def images_csv(data: TrainingData, predictions: Predictions) -> str:
    """One line per labeled image: its part of the split and the finished model's prediction."""
    lines = zip(data.labeled.labels, data.parts, predictions, strict=True)
    return csv_text(
        ("file", "view", "patient", "source", "split", "p_lateral", "p_chest"),
        (
            (one.file, one.view, one.patient, one.source, SPLITS[part], f"{p:.6f}", f"{c:.6f}")
            for one, part, (p, c) in lines
        ),
    )


def split_counts(data: TrainingData) -> Sequence[tuple[str, int, int]]:
    """Part of the split, frontals, laterals."""
    lateral = data.labeled.lateral
    masks = {name: data.parts == part for part, name in enumerate(SPLITS)}
    return [
        (name, int((m & ~lateral).sum()), int((m & lateral).sum())) for name, m in masks.items()
    ]


def crossval_csv(data: TrainingData, result: CrossValidation) -> str:
    """One line per image: what the model that was not trained on it predicts."""
    lines = zip(data.labeled.labels, result.folds, result.predictions[UNALTERED], strict=True)
    return csv_text(
        ("file", "view", "source", "fold", "p_lateral", "p_chest"),
        (
            (one.file, one.view, one.source, fold, f"{p:.6f}", f"{c:.6f}")
            for one, fold, (p, c) in lines
        ),
    )


def robustness_csv(data: TrainingData, result: CrossValidation, thresholds: Thresholds) -> str:
    """One line per perturbation."""
    header = ("perturbation", "errors", "share", "frontals_wrong", "laterals_wrong", "uncertain",
              "refused", "refused_share", "images")  # fmt: skip
    rows = []
    for name, predictions in result.predictions.items():
        one = perturbation_result(name, predictions, data.labeled.lateral, thresholds)
        errors = one.wrong_frontals + one.wrong_laterals
        refused = f"{one.not_chest / one.images:.2%}"
        rows.append((name, errors, f"{one.wrong:.2%}", one.wrong_frontals, one.wrong_laterals,
                     one.uncertain, one.not_chest, refused, one.images))  # fmt: skip
    return csv_text(header, rows)


def negatives_csv(data: TrainingData, result: CrossValidation, thresholds: Thresholds) -> str:
    """One line per image that is no chest radiograph: by how many folds' models it is refused."""
    chest = result.negatives[:, :, 1]
    refused, highest = (chest < thresholds.chest).sum(axis=0), chest.max(axis=0)
    names = [label.file.rsplit("/", 1)[-1] for label in data.evaluation_negatives.labels]
    return csv_text(
        ("file", "refused_by", "models", "highest_p_chest"),
        (
            (name, count, len(chest), f"{p:.4f}")
            for name, count, p in zip(names, refused, highest, strict=True)
        ),
    )


def crossval_summary(data: TrainingData, result: CrossValidation, evaluation: Evaluation) -> str:
    """Errors by name and by source, the gate's AUROC, and the perturbations, as text."""
    labels, predictions = data.labeled.labels, result.predictions[UNALTERED]
    wrong = (predictions[:, 0] > DECISION_BOUNDARY) != data.labeled.lateral
    lines = [f"{m.name}: {m.value:.2%} ({m.counted})" for m in evaluation.metrics]
    lines.append(f"{int(wrong.sum())} errors of {len(wrong)} at P(lateral) 0.5")
    for number in np.flatnonzero(wrong).tolist():
        p, chest = predictions[number]
        label = labels[number]
        lines.append(f"  {label.file}: {label.view}, p_lateral {p:.3f}, p_chest {chest:.3f}")
    groups = np.array([f"{label.source}, {label.view}" for label in labels])
    for name in np.unique(groups).tolist():
        metric = metric_of(name, wrong[groups == name])
        lines.append(f"{name}: {metric.counted} wrong ({metric.low:.2%} - {metric.high:.2%})")
    if result.negatives.shape[1]:
        folds = [predictions[result.folds == fold, 1] for fold in range(len(result.negatives))]
        pairs = zip(folds, result.negatives[:, :, 1], strict=True)
        area = np.mean([auroc(chest, others) for chest, others in pairs if chest.size])
        lines.append(f"gate: AUROC {area:.4f}, threshold {evaluation.thresholds.chest:g}")
    return "\n".join([*lines, "", robustness_csv(data, result, evaluation.thresholds)])


MIN_SHOWN_LOSS = 1e-7  # shown; a network that is certain of everything reaches 1e-20


def history_csv(history: Iterable[EpochMetrics]) -> str:
    """One line per epoch; empty cells where nothing was held out."""
    rows = []
    for metrics in history:
        epoch, *values = astuple(metrics)
        rows.append((epoch, *("" if v != v else f"{v:.6g}" for v in values)))
    return csv_text([field.name for field in fields(EpochMetrics)], rows)


def training_charts(result: TrainResult[Network]) -> tuple[LineChart, LineChart]:
    """The paper's figure: loss and accuracy by epoch, the chosen epoch marked."""
    history, chosen = result.history, result.chosen_epoch
    epochs = [metrics.epoch for metrics in history]
    charts = []
    for what, limits in (("loss", (MIN_SHOWN_LOSS, None)), ("accuracy", (None, None))):
        values = {
            part: [getattr(metrics, f"{part}_{what}") for metrics in history]
            for part in ("training", "validation")
        }
        charts.append(
            LineChart(
                title=what.capitalize(),
                x_label="epoch",
                y_label=what,
                series=tuple(
                    Series(part, epochs, y) for part, y in values.items() if any(v == v for v in y)
                ),
                y_limits=limits,
                is_log=what == "loss",
                markers=((chosen, f"chosen: epoch {chosen}"),),
            )
        )
    return charts[0], charts[1]


def chosen_epoch_text(result: TrainResult[Network]) -> str:
    """The metrics of the chosen epoch as a sentence."""
    metrics = result.history[result.chosen_epoch - 1]
    text = (
        f"epoch {metrics.epoch:,} of {len(result.history):,}: training loss "
        f"{metrics.training_loss:.4g}, accuracy {metrics.training_accuracy:.2%}"
    )
    if metrics.validation_loss != metrics.validation_loss:
        return text
    loss, accuracy = metrics.validation_loss, metrics.validation_accuracy
    return f"{text}; validation loss {loss:.4g}, accuracy {accuracy:.2%}"


def run_page(
    card: Card,
    image_counts: Sequence[tuple[str, int, int]],
    results: Mapping[str, TrainResult[Network]],
    recipe: str,
    environment: Mapping[str, str],
) -> str:
    """Return one HTML page. counts: part of the split, frontals, laterals."""
    metrics = table_of(
        card.metrics,
        {
            "metric": lambda m: m.name,
            "share": lambda m: percent_text(m.value),
            "95 % interval": lambda m: f"{percent_text(m.low)} to {percent_text(m.high)}",
            "counted": lambda m: m.counted,
        },
    )
    nothing = Paragraph("No labeled images were held out: nothing was measured.", is_warning=True)
    images = tuple(
        (part, f"{frontals:,}", f"{laterals:,}") for part, frontals, laterals in image_counts
    )
    sections = [
        Section("Metrics", (metrics if card.metrics else nothing,)),
        Section("Images", (Table(("part", "frontal", "lateral"), images),)),
    ]
    sections += [
        Section(
            f"Training of the {name}",
            (Paragraph(chosen_epoch_text(one)), Charts(training_charts(one))),
        )
        for name, one in results.items()
    ]
    machine = tuple(environment.items())
    sections += [
        Section("Limits", (BulletList(card.limits),)),
        Section("Model card", (Preformatted(card.text()),)),
        Section("Recipe", (Preformatted(recipe),)),
        Section("Environment", (Table(("item", "value"), machine, is_text=True),)),
    ]
    return html_page(Page(f"Training of {card.name}", tuple(sections), (Paragraph(card.purpose),)))
