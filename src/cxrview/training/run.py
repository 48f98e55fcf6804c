"""One training run: config -> a run folder with the model, its card, metrics and history."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from cxrview import __version__
from cxrview.labels import Label
from cxrview.model.card import Card
from cxrview.model.layers import PAPER_NETWORK, parameter_count
from cxrview.report.charts import draw_sheet
from cxrview.training.checkpoint import RunFolder, open_run
from cxrview.training.config import TrainConfig, environment, fingerprint_of, source_commit
from cxrview.training.crossval import CrossValidationPlan, cross_validate, plan_folds
from cxrview.training.data import ImageList, TrainingData, csv_text, find_inputs, load_data
from cxrview.training.export import CHECK_IMAGE_COUNT, export_checked
from cxrview.training.networks import Predictions
from cxrview.training.recipe import Recipe
from cxrview.training.recipe_file import recipe_text
from cxrview.training.results import (
    Evaluation,
    crossval_csv,
    crossval_summary,
    evaluate_folds,
    evaluate_model,
    history_csv,
    images_csv,
    negatives_csv,
    robustness_csv,
    run_page,
    split_counts,
    training_charts,
)
from cxrview.training.splitting import TRAINING, VALIDATION
from cxrview.training.train_model import (
    VIEW_NETWORK,
    Pretrained,
    TrainedModel,
    predict_images,
    pretrain,
    pseudo_label_images,
    train_networks,
)
from cxrview.training.trainer import TrainCallbacks, TrainContext
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
    torch.set_num_threads(1)  # two threads on two busy cores were ten times slower
    inputs = find_inputs(config, labels)
    fingerprint = fingerprint_of(config, inputs.labels, inputs.unlabeled, inputs.negatives)
    folder = open_run(config.output, fingerprint)
    if folder.is_complete:
        callbacks.log(f"{folder.model} is complete already: nothing to do")
        return folder.model
    data = load_data(config, inputs, folder, callbacks.log)
    context = TrainContext(callbacks, folder.state, config.device)
    plan = plan_folds(config, data) if config.folds else None
    pretrained = pretrain(data, config.recipe, config.seed, context)
    evaluation = None
    if plan is not None:
        plan = replace(plan, pretrained=pretrained)
        evaluation = _cross_validate(config, plan, folder, callbacks)
    model, trained_on = _train_model(config, data, pretrained, folder, context)
    predictions, negatives = (
        predict_images(model.networks, images, config.recipe.preprocessing)
        for images in (data.labeled, data.evaluation_negatives)
    )
    if evaluation is None:
        recipe = config.recipe
        evaluation = evaluate_model(
            data, predictions, negatives, recipe.refused_share, recipe.gate is not None,
            recipe.view.main.keep_best,
        )  # fmt: skip
    card = _make_card(config, evaluation, trained_on, data.phantoms, folder.created)
    return _write_files(config, folder, model, card, data, predictions, callbacks)


def _cross_validate(
    config: TrainConfig, plan: CrossValidationPlan, folder: RunFolder, callbacks: TrainCallbacks
) -> Evaluation:
    """Cross-validate and write the tables."""
    recipe, data = config.recipe, plan.data
    callbacks.log(f"cross-validating in {config.folds} folds")
    result = cross_validate(plan, config.jobs)
    evaluation = evaluate_folds(data, result, recipe.refused_share, recipe.gate is not None)
    summary = crossval_summary(data, result, evaluation)
    folder.write("crossval.csv", crossval_csv(data, result))
    folder.write("robustness.csv", robustness_csv(data, result, evaluation.thresholds))
    folder.write("negatives.csv", negatives_csv(data, result, evaluation.thresholds))
    folder.write("summary.txt", summary)
    callbacks.log(summary)
    return evaluation


def _train_model(
    config: TrainConfig, data: TrainingData, pretrained: Pretrained, folder: RunFolder,
    context: TrainContext,
) -> tuple[TrainedModel, list[ImageList]]:  # fmt: skip
    """Train the final networks; returns them and the real images that they were trained on."""
    recipe, log = config.recipe, context.callbacks.log
    training = data.part(TRAINING)
    pseudo = pseudo_label_images(data, training, pretrained, recipe, config.seed, context)
    sources = [training]
    if pseudo is not None:
        sources.append(pseudo)
        rows = [(label.file, label.view) for label in pseudo.labels]
        folder.write("pseudo_labels.csv", csv_text(("file", "view"), rows))
        laterals = int(pseudo.lateral.sum())
        log(f"pseudo-labels: {len(pseudo) - laterals:,} frontal, {laterals:,} lateral of "
            f"{len(data.unlabeled):,} images without labels")  # fmt: skip
    log(f"training on {sum(map(len, sources)):,} images")
    model = train_networks(
        training, data, pretrained, recipe, config.seed, context, data.part(VALIDATION), pseudo
    )
    return model, sources


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
        view_preprocessing=recipe.view.preprocessing,
        gate_preprocessing=recipe.gate.preprocessing if recipe.gate else "",
        thresholds=Thresholds(),
        parameters=(2 if recipe.gate else 1) * parameter_count(PAPER_NETWORK),
        recipe=asdict(recipe),
    )


def _make_card(
    config: TrainConfig, evaluation: Evaluation, trained_on: list[ImageList], phantoms: ImageList,
    created: str,
) -> Card:  # fmt: skip
    counts = Counter(
        f"{label.source or 'images'}, {label.view}"
        for images in (*trained_on, phantoms)
        for label in images.labels
    )
    return replace(
        plain_card(config.recipe, config.seed),
        name=config.name,
        purpose=config.purpose,
        licence=config.licence,
        limits=config.limits,
        created=created,
        data=dict(sorted(counts.items())),
        thresholds=evaluation.thresholds,
        metrics=evaluation.metrics,
    )


def _write_files(
    config: TrainConfig, folder: RunFolder, model: TrainedModel, card: Card, data: TrainingData,
    predictions: Predictions, callbacks: TrainCallbacks,
) -> Path:  # fmt: skip
    """Export the model and write everything beside it; the model file comes last."""
    view, gate = config.recipe.view.preprocessing, config.recipe.preprocessing[-1]
    some = next((images for images in (data.labeled, data.unlabeled) if len(images)), data.phantoms)
    rows = some.rows[:CHECK_IMAGE_COUNT]
    images = some.cache.images
    classifier = export_checked(model.networks, card, images[view][rows], images[gate][rows])
    write_history(folder, model)
    recipe, machine = recipe_text(config.recipe, config.base), environment(config.device)
    folder.write("recipe.toml", recipe)
    folder.write("environment.json", json.dumps(machine, indent=1))
    folder.write("images.csv", images_csv(data, predictions))
    folder.write("card.json", card.to_json())
    page = run_page(card, split_counts(data), model.results, recipe, machine)
    folder.write("report.html", page)
    path = folder.write(folder.model.name, classifier.content)
    folder.remove_state()
    callbacks.log(f"{path}  sha256 {classifier.sha256}\n{card.text()}")
    return path


def write_history(folder: RunFolder, model: TrainedModel) -> None:
    """Write history and curves of each network."""
    for name, result in model.results.items():
        suffix = "" if name == VIEW_NETWORK else f"-{name.replace(' ', '-')}"
        folder.write(f"history{suffix}.csv", history_csv(result.history))
        for kind in ("png", "svg"):
            content = draw_sheet(training_charts(result), f"Training of the {name}", kind)
            folder.write(f"curves{suffix}.{kind}", content)
