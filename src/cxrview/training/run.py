"""One training run: config -> a run folder with the model, its card, metrics and history."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from os.path import abspath
from pathlib import Path

import torch

from cxrview import __version__
from cxrview.csv_text import csv_table
from cxrview.engines.local import available_processors
from cxrview.filenames import is_utf8
from cxrview.labels import Label
from cxrview.model.card import Card
from cxrview.report.content import count_text
from cxrview.training.callbacks import TrainCallbacks, TrainContext
from cxrview.training.checkpoint import RunFolder, open_run
from cxrview.training.config import TrainConfig, environment, fingerprint_of, source_commit
from cxrview.training.crossval import CrossValidationPlan, cross_validate, plan_folds
from cxrview.training.data import (
    MAX_LISTED_FILES,
    Computed,
    TrainingData,
    find_inputs,
    load_data,
    permissive_licence,
)
from cxrview.training.image_list import ImageList, copies_in_other_parts
from cxrview.training.model_folder import REPORT_FILE, write_model
from cxrview.training.networks import Network
from cxrview.training.page import TrainingReport
from cxrview.training.recipe import NO_REAL_LATERAL, Recipe
from cxrview.training.recipe_file import recipe_text
from cxrview.training.results import (
    Evaluation,
    Measured,
    evaluate_folds,
    evaluate_model,
    part_names,
)
from cxrview.training.splitting import TRAINING, VALIDATION, check_nothing_held_out
from cxrview.training.tables import (
    crossval_csv,
    crossval_summary,
    images_csv,
    negatives_csv,
    robustness_csv,
    split_table,
)
from cxrview.training.train_model import predict_images, pseudo_label_images, train_model
from cxrview.training.trainer import TrainResult
from cxrview.views import Thresholds


def train(
    config: TrainConfig,
    callbacks: TrainCallbacks | None = None,
    labels: Sequence[Label] | None = None,
) -> Path:
    """Train, measure and export a model; returns the model file.

    labels: those of the config's table, where it was read already.
    A run that was interrupted resumes after its last completed epoch and ends with the same files.
    Raises WrongUse, MissingInput or UnusableOutput before any work where the config cannot be met.
    """
    callbacks = callbacks or TrainCallbacks()
    torch.set_num_threads(1)  # two threads on two busy cores were ten times slower; see Trainer
    inputs = find_inputs(config, labels)
    if config.labels and config.is_cross_validated:
        check_nothing_held_out(inputs.labels, config.labels)
    fingerprint = fingerprint_of(config, inputs.labels, inputs.unlabeled, inputs.negatives)
    folder = open_run(config.output, fingerprint)
    if folder.is_complete:
        callbacks.log(f"{folder.model} is complete already: nothing to do")
        return folder.model
    data = load_data(config, inputs, folder, callbacks)
    plan = plan_folds(config, data, folder.state) if config.is_cross_validated else None
    _warn_of_copies(data, plan.folds.tolist() if plan else part_names(data).tolist(), callbacks)
    evaluation = None
    if plan is not None:
        evaluation = _cross_validate(config, plan, folder, callbacks)
    context = TrainContext(callbacks, folder.state, config.device, available_processors())
    result, trained_on = _train_model(config, data, folder, context)
    callbacks.log("measuring the model, writing the report")
    recipe = config.recipe
    labeled, negatives = (
        predict_images(result.network, images, recipe)
        for images in (data.labeled, data.evaluation_negatives)
    )
    if evaluation is None:
        evaluation = evaluate_model(
            data, labeled.predictions({}), negatives.predictions({}), recipe
        )
    card = _make_card(config, evaluation, trained_on, data, folder.created)
    predictions = labeled.predictions(evaluation.temperatures)
    folder.write("images.csv", images_csv(data, predictions, card.has_gate))
    return _write_files(config, folder, result, card, data, evaluation.measured, callbacks)


def _warn_of_copies(data: TrainingData, parts: Sequence[object], callbacks: TrainCallbacks) -> None:
    """Log images with equal pixels in different parts or folds: they make metrics too good."""
    copies = copies_in_other_parts(data.labeled, parts)
    if copies:
        names = ", ".join(f"{name} ({other})" for name, other in copies[:MAX_LISTED_FILES])
        more = ", ..." if len(copies) > MAX_LISTED_FILES else ""
        callbacks.log(
            f"warning: {count_text(len(copies), 'image')} with the same pixels as an image in "
            f"another part of the split, so that the metrics may be too good: {names}{more}"
        )


def _cross_validate(
    config: TrainConfig, plan: CrossValidationPlan, folder: RunFolder, callbacks: TrainCallbacks
) -> Evaluation:
    """Cross-validate and write the tables."""
    data, by_source = plan.data, config.leave_source_out
    what = "each source by a model without it" if by_source else "cross-validated"
    callbacks.log(f"cross-validating in {int(plan.folds.max()) + 1} folds")
    result = cross_validate(plan, config.jobs, callbacks)
    evaluation = evaluate_folds(data, result, config.recipe, what)
    summary = crossval_summary(data, result, evaluation)
    folder.write("crossval.csv", crossval_csv(data, result, evaluation.temperatures))
    folder.write("robustness.csv", robustness_csv(data, result, evaluation))
    if result.negatives and len(data.evaluation_negatives):
        folder.write("negatives.csv", negatives_csv(data, result, evaluation))
    folder.write("summary.txt", summary)
    callbacks.log(summary)
    return evaluation


def _train_model(
    config: TrainConfig, data: TrainingData, folder: RunFolder, context: TrainContext
) -> tuple[TrainResult[Network], list[ImageList]]:
    """Train the final network; returns it and the real images that it was trained on."""
    recipe, log = config.recipe, context.callbacks.log
    training = data.part(TRAINING)
    sources, start = [training] if len(training) else [], None
    if pseudo := pseudo_label_images(data, training, recipe, config.seed, context):
        sources.append(pseudo.images)
        start = pseudo.start
        rows = [(abspath(label.file), label.view) for label in pseudo.images.labels]  # noqa: PTH100 - odd bytes
        table = [row for row in rows if is_utf8(row[0])]  # a label table cannot have other names
        folder.write("pseudo_labels.csv", csv_table(("file", "view"), table))
        laterals = int(pseudo.images.lateral.sum())
        log(f"pseudo-labels: {len(rows) - laterals:,} frontal, {laterals:,} lateral of "
            f"{count_text(len(data.unlabeled), 'image')} without labels")  # fmt: skip
    drawn = data.computed
    computed = " and the computed ones" if len(drawn.phantoms) or len(drawn.ct) else ""
    log(f"training on {count_text(sum(map(len, sources)), 'image')}{computed}")
    result = train_model(
        sources, data.computed, recipe, config.seed, context, data.part(VALIDATION), start
    )
    return result, sources


def plain_card(recipe: Recipe, seed: int) -> Card:
    """Return a card that says how to run a model and nothing about how good it is."""
    return Card(
        name="unnamed",
        purpose="frontal or lateral chest radiographs",
        licence="",
        created="",
        software=__version__,
        commit=source_commit(),
        seed=seed,
        network=recipe.network,
        preprocessing=(recipe.preprocessing,),
        has_gate=recipe.has_gate,
        thresholds=Thresholds(),
        parameters=recipe.architecture.parameters,
        averages_turns=recipe.averages_turns,
        recipe=asdict(recipe),
    )


def _licence_text(config: TrainConfig, trained_on: list[ImageList], computed: Computed) -> str:
    """Return the model's licence and, where licences choose the images, those that were used."""
    if not config.permissive_only:
        return config.licence
    names = {permissive_licence(label) for images in trained_on for label in images.labels}
    known = " or ".join(sorted(names - {""}))
    negatives = sum(map(len, computed.negatives))
    used = {
        "computed images": len(computed.phantoms) + len(computed.ct) + negatives,
        f"radiographs under {known}": known,
        "radiographs without a stated licence": "" in names,  # of pseudo-labels
    }
    text = " and on ".join(what for what, is_used in used.items() if is_used)
    return f"{config.licence}; trained on {text} alone"


def _make_card(
    config: TrainConfig, evaluation: Evaluation, trained_on: list[ImageList], data: TrainingData,
    created: str,
) -> Card:  # fmt: skip
    computed = data.computed
    counts = Counter(
        f"{label.source or 'images'}, {label.view}"
        for images in (*trained_on, computed.phantoms, computed.ct)
        for label in images.labels
    )
    has_laterals = any(images.lateral.any() for images in trained_on)
    drawn = sum(map(len, computed.negatives))
    more = {
        "computed from CT, oblique": len(computed.obliques),
        "drawn, no chest radiograph": drawn,
    }
    return replace(
        plain_card(config.recipe, config.seed),
        name=config.name,
        purpose=config.purpose,
        licence=_licence_text(config, trained_on, computed),
        limits=(*config.limits, *([] if has_laterals else [NO_REAL_LATERAL])),
        created=created,
        data={**dict(sorted(counts.items())), **{name: n for name, n in more.items() if n}},
        thresholds=evaluation.thresholds,
        temperatures=evaluation.temperatures,
        metrics=evaluation.metrics,
    )


def _write_files(
    config: TrainConfig, folder: RunFolder, result: TrainResult[Network], card: Card,
    data: TrainingData, measured: Measured, callbacks: TrainCallbacks,
) -> Path:  # fmt: skip
    """Export the model and write everything beside it."""
    recipe = recipe_text(config.recipe, config.base)
    machine = environment(config.device) | result.settings.as_text()
    folder.write("recipe.toml", recipe)
    folder.write("environment.json", json.dumps(machine, indent=1))
    report = TrainingReport(
        card=card, images=split_table(data), measured=measured, result=result, recipe=recipe,
        environment=machine,
    )  # fmt: skip
    lists = (data.labeled, data.unlabeled, data.computed.phantoms)
    classifier = write_model(folder, report, next(images for images in lists if len(images)))
    page = folder.path / REPORT_FILE
    callbacks.log(f"{folder.model}  sha256 {classifier.sha256}\n{card.text()}\nreport      {page}")
    return folder.model
