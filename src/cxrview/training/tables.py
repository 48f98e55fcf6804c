"""Predictions and history of a run -> its tables, as CSV or text."""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields

import numpy as np

from cxrview.csv_text import csv_table
from cxrview.evaluation.perturbations import UNALTERED
from cxrview.labels import SPLITS
from cxrview.metrics.classification import auroc
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.metrics.tables import perturbation_result
from cxrview.model.layers import ROTATION
from cxrview.report.content import Table
from cxrview.training.callbacks import EpochMetrics
from cxrview.training.crossval import CrossValidation
from cxrview.training.data import TrainingData
from cxrview.training.networks import Outputs, Predictions, Temperatures
from cxrview.training.results import EXCLUDED, Evaluation, part_names, pose_of


def images_csv(data: TrainingData, predictions: Predictions, has_gate: bool) -> str:
    """One line per labeled image: its part of the split and the finished model's prediction.

    P(chest) is empty for a model that does not compute it.
    """
    lines = zip(data.labeled.labels, part_names(data), predictions, strict=True)
    return csv_table(
        (
            "file",
            "view",
            "patient",
            "source",
            "split",
            "rotation",
            "inverted",
            "p_lateral",
            "p_chest",
        ),
        (
            (
                one.file,
                one.view,
                one.patient,
                one.source,
                part,
                one.rotation,
                one.inverted,
                *_prediction_cells(p, c, has_gate),
            )
            for one, part, (p, c) in lines
        ),
    )


def _prediction_cells(p_lateral: float, p_chest: float, has_gate: bool) -> tuple[str, str]:
    return f"{p_lateral:.6f}", f"{p_chest:.6f}" if has_gate else ""


def split_table(data: TrainingData) -> Table:
    """How many frontals and laterals each part of the split has."""
    lateral, parts = data.labeled.lateral, part_names(data)
    rows = (
        (name, *(f"{int((mask & (parts == name)).sum()):,}" for mask in (~lateral, lateral)))
        for name in (*SPLITS, *([EXCLUDED] if EXCLUDED in parts else []))
    )
    return Table(("part", "frontal", "lateral"), tuple(rows))


def crossval_csv(data: TrainingData, result: CrossValidation, temperatures: Temperatures) -> str:
    """One line per image: what the model that was not trained on it predicts.

    Folds are counted from 1, as in messages.
    """
    outputs = result.outputs[UNALTERED]
    predictions, has_gate = outputs.predictions(temperatures), outputs.architecture.has_gate
    lines = zip(data.labeled.labels, result.folds, predictions, strict=True)
    return csv_table(
        ("file", "view", "source", "fold", "p_lateral", "p_chest"),
        (
            (one.file, one.view, one.source, fold + 1, *_prediction_cells(p, c, has_gate))
            for one, fold, (p, c) in lines
        ),
    )


def robustness_csv(data: TrainingData, result: CrossValidation, evaluation: Evaluation) -> str:
    """One line per perturbation."""
    header = ("perturbation", "errors", "share", "frontals_wrong", "laterals_wrong", "uncertain",
              "confident_wrong", "refused", "refused_share", "rotation_wrong", "polarity_wrong",
              "images")  # fmt: skip
    rows = []
    for name, outputs in result.outputs.items():
        predictions = outputs.predictions(evaluation.temperatures)
        one = perturbation_result(name, predictions, data.labeled.lateral, evaluation.thresholds)
        errors = one.wrong_frontals + one.wrong_laterals
        rows.append((name, errors, f"{one.wrong:.2%}", one.wrong_frontals, one.wrong_laterals,
                     one.uncertain, one.sure_wrong, one.not_chest,
                     f"{one.not_chest / one.images:.2%}", *_pose_errors(name, outputs),
                     one.images))  # fmt: skip
    return csv_table(header, rows)


def _pose_errors(name: str, outputs: Outputs) -> tuple[int | str, int | str]:
    """How many rotations and polarities are wrong; empty for a network without such outputs."""
    if ROTATION not in outputs.architecture.outputs:
        return "", ""
    turns, inverted = pose_of(name)
    rotation, polarity = outputs.rotation() != turns, outputs.inverted() != inverted
    return int(rotation.sum()), int(polarity.sum())


def negatives_csv(data: TrainingData, result: CrossValidation, evaluation: Evaluation) -> str:
    """One line per image that is no chest radiograph: by how many folds' models it is refused."""
    chest = np.array([one.predictions(evaluation.temperatures)[:, 1] for one in result.negatives])
    refused, highest = (chest < evaluation.thresholds.chest).sum(axis=0), chest.max(axis=0)
    names = [label.file.rsplit("/", 1)[-1] for label in data.evaluation_negatives.labels]
    return csv_table(
        ("file", "refused_by", "models", "highest_p_chest"),
        (
            (name, count, len(chest), f"{p:.4f}")
            for name, count, p in zip(names, refused, highest, strict=True)
        ),
    )


def _chest_auroc(
    data: TrainingData, result: CrossValidation, temperatures: Temperatures
) -> Iterator[str]:
    """The area under the curve of P(chest) for each view apart, the mean of the folds."""
    p_chest = result.outputs[UNALTERED].predictions(temperatures)[:, 1]
    lateral = data.labeled.lateral
    for view, mask in (("laterals", lateral), ("frontals", ~lateral)):
        areas = [
            auroc(p_chest[mask & (result.folds == fold)], others.predictions(temperatures)[:, 1])
            for fold, others in enumerate(result.negatives)
            if (mask & (result.folds == fold)).any()
        ]
        if areas:
            yield f"P(chest) of {view} against other images: AUROC {np.mean(areas):.4f}"


def crossval_summary(data: TrainingData, result: CrossValidation, evaluation: Evaluation) -> str:
    """Metrics, errors by name, AUROC of P(chest), temperatures, and the perturbations, as text."""
    labels = data.labeled.labels
    predictions = result.outputs[UNALTERED].predictions(evaluation.temperatures)
    wrong = (predictions[:, 0] > DECISION_BOUNDARY) != data.labeled.lateral
    lines = [
        f"{m.name}: {m.value:.2%} ({m.counted}; {m.low:.2%} - {m.high:.2%})"
        for m in evaluation.metrics
    ]
    lines.append(f"errors at P(lateral) 0.5: {int(wrong.sum())} of {len(wrong)}")
    for number in np.flatnonzero(wrong).tolist():
        p, chest = predictions[number]
        label = labels[number]
        lines.append(f"  {label.file}: {label.view}, p_lateral {p:.3f}, p_chest {chest:.3f}")
    if result.outputs[UNALTERED].architecture.has_gate and len(data.evaluation_negatives):
        lines += _chest_auroc(data, result, evaluation.temperatures)
    if result.outputs[UNALTERED].architecture.has_gate:
        lines.append(f"threshold of P(chest): {evaluation.thresholds.chest:g}")
    lines += [f"temperature of P({n}): {t:g}" for n, t in evaluation.temperatures.items()]
    return "\n".join([*lines, "", robustness_csv(data, result, evaluation)])


def history_csv(history: Iterable[EpochMetrics]) -> str:
    """One line per epoch; empty cells where nothing was held out."""
    rows = []
    for metrics in history:
        epoch, *values = astuple(metrics)
        rows.append((epoch, *("" if v != v else f"{v:.6g}" for v in values)))
    return csv_table([one.name for one in fields(EpochMetrics)], rows)
