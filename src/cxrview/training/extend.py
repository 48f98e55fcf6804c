"""A model, its confident verdicts, a person's labels -> the model trained further, and its gain.

The last experiment of Choe and Jo 2021, who saw no large gain.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from cxrview import __version__
from cxrview.csv_text import csv_table
from cxrview.engines.local import available_processors, engine_for
from cxrview.engines.outcomes import ObservedEngine
from cxrview.errors import WrongUse
from cxrview.evaluation.labelled_images import check_files
from cxrview.images import Mask
from cxrview.labels import SPLITS, Label, read_labels
from cxrview.metrics.classification import PairedTest, paired_test
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.card import Card
from cxrview.model.classifier import Classifier, load
from cxrview.report.content import Table, count_text
from cxrview.training.augment import MAX_COUNT
from cxrview.training.callbacks import TrainCallbacks, TrainContext
from cxrview.training.checkpoint import RunFolder, open_run
from cxrview.training.config import check_seed, environment, run_fingerprint, source_commit
from cxrview.training.data import Computed, draw_computed
from cxrview.training.export import load_network
from cxrview.training.image_cache import CacheFormat
from cxrview.training.image_list import ImageList, Problems, file_item, read_list, without_copies
from cxrview.training.model_folder import REPORT_FILE, write_model
from cxrview.training.negatives import KINDS
from cxrview.training.networks import Network, Predictions, weights_of
from cxrview.training.page import TrainingReport
from cxrview.training.recipe import DEFAULT_RECIPE, NO_REAL_LATERAL, PRESETS, Recipe, SplitRecipe
from cxrview.training.recipe_file import recipe_of, recipe_text
from cxrview.training.results import Measured, metric_of
from cxrview.training.splitting import TEST, TRAINING, split_at_random, split_from_column
from cxrview.training.train_model import predict_images, train_model
from cxrview.training.trainer import TrainResult
from cxrview.training.verdicts import (
    VERDICTS_FILE,
    Unlabeled,
    classify_unlabeled,
    confident_verdicts,
    find_unlabeled,
)

BY_A_PERSON = "by a person"  # who labeled images, in counts
EXTENDED_LICENCE = "; extended on images whose licences are not recorded"
HALF_SPLIT = SplitRecipe(training=0.5, validation=0.0)  # of labels: the other half measures


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendConfig:
    """What to train further, on what; raises WrongUse for values that make no sense.

    unlabeled: a folder, or the table that classify wrote with this model.
    labels: CSV with a person's labels; half of them, or the rows of its split that do not train,
    measure the gain.
    """

    model: str
    unlabeled: str
    output: Path
    labels: Path | None = None
    steps: int = 1500
    seed: int = 0
    jobs: int | None = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not 1 <= self.steps <= MAX_COUNT:
            raise WrongUse(f"--steps is {self.steps}: 1 to {MAX_COUNT:,}")


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """Held-out images before and after; no comparison where no person labeled any."""

    compared: PairedTest | None
    changed: int  # confident verdicts whose view the new model changes
    trained_on: dict[str, int]  # by view and by who labeled it
    measured: Measured  # the new model on the held-out images
    before: Predictions  # of the old model on them

    def text(self) -> str:
        """Return the gain as lines of text."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.trained_on.items())
        has_labels = any(name.endswith(BY_A_PERSON) for name in self.trained_on)
        why = "all labels trained" if has_labels else "no labels were given (--labels)"
        held = f"whether it helped was not measured: {why}"
        if self.compared:
            held = self.compared.text()
        return (
            f"trained on {counts}\n{held}\n"
            f"verdicts trained on that are now the other view: {self.changed:,}"
        )


MIN_PHANTOMS, MIN_NEGATIVES = 200, 10 * KINDS  # drawn for an extension, if the recipe has as many
EXTENSION_LEARNING_RATE = 5e-4  # at most; from the model's weights on


def _own_recipe(card: Card) -> Recipe:
    """Return the recipe of a model's first training; where its card holds none, of its network."""
    values = card.recipe
    while isinstance(values.get("was"), dict):  # it was extended before
        values = values["was"]
    try:
        recipe = recipe_of(values, "the model card") if values else None
    except WrongUse:  # of another version
        recipe = None
    if recipe and recipe.network == card.network:
        return recipe
    recipes = (preset.recipe for preset in PRESETS.values())
    return next((one for one in recipes if one.network == card.network), DEFAULT_RECIPE)


def extension_recipe(card: Card, steps: int) -> Recipe:
    """Return how a model is trained further: its own recipe, shorter, more slowly, without CT.

    Each phantom and negative is shown about as often as in the first training: of a shorter one,
    fewer are drawn.
    """
    recipe = _own_recipe(card)
    share = min(1.0, steps / recipe.main.steps) if recipe.main.steps else 1.0
    main = replace(
        recipe.main, steps=steps, epochs=0, minutes=0.0, keep_best=False, cosine_decay=True,
        peak_learning_rate=min(EXTENSION_LEARNING_RATE, recipe.main.peak_learning_rate),
    )  # fmt: skip
    return replace(
        recipe, network=card.network, preprocessing=card.preprocessing[0], main=main,
        ct_radiographs=0, phantoms=_part_of(recipe.phantoms, share, MIN_PHANTOMS),
        negatives=_part_of(recipe.negatives, share, MIN_NEGATIVES),
    )  # fmt: skip


def _part_of(count: int, share: float, least: int) -> int:
    return max(min(count, least), round(share * count))


def split_for_extension(
    labels: Sequence[Label], table: Path, seed: int
) -> tuple[list[Label], list[Label]]:
    """Return the labels to train on and those to measure with; no patient is in both."""
    if not labels:
        return [], []
    if any(label.split for label in labels):
        parts = split_from_column(labels, table)
    else:
        parts = split_at_random(labels, HALF_SPLIT, seed)
    pairs = list(zip(labels, parts.tolist(), strict=True))
    return [one for one, p in pairs if p == TRAINING], [one for one, p in pairs if p != TRAINING]


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionData:
    """Images by what they serve for; none of `held_out` is in the other two."""

    labeled: ImageList  # by a person, to train on
    verdicts: ImageList  # by the model, to train on
    held_out: ImageList  # by a person, to measure with
    computed: Computed  # phantoms and negatives, as in the model's first training


def load_extension_data(
    config: ExtendConfig, recipe: Recipe, labels: list[Label], verdicts: list[Label],
    folder: RunFolder, callbacks: TrainCallbacks,
) -> ExtensionData:  # fmt: skip
    """Read all images; verdicts on files that a person labeled, or on copies, are left out.

    Raises WrongUse, before it reads any, where they cannot be trained on.
    """
    table = config.labels or Path()
    training, measuring = split_for_extension(labels, table, config.seed)
    known = {os.path.realpath(table.parent / label.file) for label in labels}
    others = [label for label in verdicts if os.path.realpath(label.file) not in known]
    _check_trainable([*training, *others], recipe)
    callbacks.log(f"reading {count_text(len(labels) + len(others), 'image')}")
    observe = partial(ObservedEngine, engine_for(config.jobs), callbacks.progress)
    engine, problems, lists = observe("reading images"), Problems(), []
    stored = CacheFormat((recipe.preprocessing,), recipe.has_gate)
    for name, part in (("labeled", training), ("verdicts", others), ("held-out", measuring)):
        items = [file_item(label.file, table.parent / label.file) for label in part]
        lists.append(read_list(folder.state / name, items, part, stored, engine, problems))
    problems.write(folder, callbacks.log)
    own, confident, held = lists
    confident = without_copies(without_copies(confident, own), held)
    computed = draw_computed(recipe, config.seed, (), stored, folder.state, observe)
    return ExtensionData(without_copies(own, held), confident, held, computed)


def _check_trainable(labels: Sequence[Label], recipe: Recipe) -> None:
    """Raise WrongUse where there is nothing to train on, or one view alone and no phantoms."""
    if not labels:
        raise WrongUse("nothing to train on: no verdict is confident and no label trains")
    views = {label.view for label in labels}
    if recipe.needs_both_views and len(views) == 1:
        raise WrongUse(
            f"all images to train on ({len(labels):,}) are {views.pop()} by the model's confident "
            "verdicts and your labels: this model needs images of both views (--labels)"
        )


def _fingerprint(
    config: ExtendConfig, old: Classifier, labels: Sequence[Label], unlabeled: Unlabeled
) -> str:
    folder = (config.labels or Path()).parent
    labeled = ((label, folder / label.file) for label in labels)
    asked = (old.sha256, config.steps, config.seed, config.device)
    return run_fingerprint(asked, (*labeled, *unlabeled.files))


def extend(config: ExtendConfig, callbacks: TrainCallbacks | None = None) -> Path:
    """Classify, train the network further, compare on held-out images; returns the model.

    Raises UnusableModel for a model of an earlier version that cannot be trained; WrongUse before
    any work where it cannot be done, and where the verdicts and labels lack a view.
    """
    callbacks = callbacks or TrainCallbacks()
    torch.set_num_threads(1)
    old = load(config.model)
    network = load_network(old.content, old.card)
    recipe = extension_recipe(old.card, config.steps)
    labels: list[Label] = []
    if config.labels is not None:
        labels = read_labels(config.labels)
        check_files(config.labels, ((label.line, label.file) for label in labels))
    unlabeled = find_unlabeled(config.unlabeled, old.label)
    folder = open_run(config.output, _fingerprint(config, old, labels, unlabeled))
    if folder.is_complete:
        callbacks.log(f"{folder.model} is complete already: nothing to do")
        return folder.model
    rows = classify_unlabeled(unlabeled, config.model, config.jobs, folder, callbacks)
    verdicts = confident_verdicts(rows, unlabeled.folder)
    callbacks.log(verdicts.text())
    try:
        data = load_extension_data(config, recipe, labels, verdicts.labels, folder, callbacks)
    except WrongUse:
        folder.discard([VERDICTS_FILE])
        raise
    lists = [images for images in (data.labeled, data.verdicts) if len(images)]
    context = TrainContext(callbacks, folder.state, config.device, available_processors())
    result = train_model(
        lists, data.computed, recipe, config.seed, context, start=weights_of(network)
    )
    callbacks.log("measuring the gain, writing the report")
    gain = _measure_gain(old.card, recipe, network, result.network, data)
    card = _extended_card(config, folder, old, recipe, gain, data)
    _write_files(config, folder, card, recipe, result, gain, data)
    callbacks.log(f"{gain.text()}\n{folder.model}\nreport: {folder.path / REPORT_FILE}")
    return folder.model


def _predict(network: Network, images: ImageList, card: Card, recipe: Recipe) -> Predictions:
    """(n, 2): what a model file with the temperatures of this card says."""
    return predict_images(network, images, recipe).predictions(card.temperatures)


def _wrong_mask(predictions: Predictions, images: ImageList) -> Mask:
    wrong: Mask = (predictions[:, 0] > DECISION_BOUNDARY) != images.lateral
    return wrong


def _measure_gain(
    card: Card, recipe: Recipe, before: Network, after: Network, data: ExtensionData
) -> Gain:
    """Compare both models on the held-out images and on the verdicts.

    card: of the model before, whose temperatures the extended model keeps.
    """
    counts = Counter(
        f"{label.view} {who}"
        for who, images in ((BY_A_PERSON, data.labeled), ("by the model", data.verdicts))
        for label in images.labels
    )
    held, verdicts = data.held_out, data.verdicts
    earlier, later = (_predict(network, held, card, recipe) for network in (before, after))
    wrong = [_wrong_mask(predictions, held) for predictions in (earlier, later)]
    changed = _wrong_mask(_predict(after, verdicts, card, recipe), verdicts)
    measured = Measured(held, later, "held-out labels, after the extension")
    compared = paired_test(*wrong) if len(held) else None
    return Gain(compared, int(changed.sum()), dict(sorted(counts.items())), measured, earlier)


def _images_csv(data: ExtensionData, gain: Gain) -> str:
    """One line per image that a person labeled: the part, and what either model says of it.

    Predictions are empty for images that were trained on.
    """
    rows: list[tuple[object, ...]] = [
        (one.file, one.view, one.patient, SPLITS[TRAINING], "", "") for one in data.labeled.labels
    ]
    held = zip(data.held_out.labels, gain.before, gain.measured.predictions, strict=True)
    rows += [
        (one.file, one.view, one.patient, SPLITS[TEST], f"{before[0]:.6f}", f"{after[0]:.6f}")
        for one, before, after in held
    ]
    header = ("file", "view", "patient", "split", "p_lateral_before", "p_lateral")
    return csv_table(header, rows)


def _extended_card(
    config: ExtendConfig, folder: RunFolder, old: Classifier, recipe: Recipe, gain: Gain,
    data: ExtensionData,
) -> Card:  # fmt: skip
    added = {f"extended, {name}": count for name, count in gain.trained_on.items()}
    measured = gain.measured
    wrong = _wrong_mask(measured.predictions, measured.images)
    metric = metric_of(f"accuracy, {measured.what}", ~wrong)
    has_laterals = any(images.lateral.any() for images in (data.labeled, data.verdicts))
    limits = (one for one in old.card.limits if not (has_laterals and one == NO_REAL_LATERAL))
    return replace(
        old.card,
        name=f"{old.card.name}+",
        averages_turns=recipe.averages_turns,
        licence=f"{old.card.licence.removesuffix(EXTENDED_LICENCE)}{EXTENDED_LICENCE}",
        limits=tuple(limits),
        created=folder.created,
        software=__version__,
        commit=source_commit(),
        seed=config.seed,
        data={**old.card.data, **added},
        recipe={
            "extended": old.label,
            "was": old.card.recipe,
            "extension": asdict(recipe),
        },
        metrics=(metric,) if len(measured.images) else (),
    )


def _write_files(
    config: ExtendConfig, folder: RunFolder, card: Card, recipe: Recipe,
    result: TrainResult[Network], gain: Gain, data: ExtensionData,
) -> None:  # fmt: skip
    """Write the gain, then the model and its report."""
    facts = {
        "trained_on": gain.trained_on,
        "changed": gain.changed,
        "paired": asdict(gain.compared) if gain.compared else None,
        "p": gain.compared.p_value if gain.compared else None,
    }
    folder.write("extension.json", json.dumps(facts, indent=1))
    if config.labels is not None:
        folder.write("images.csv", _images_csv(data, gain))
    rows = tuple((name, f"{count:,}") for name, count in gain.trained_on.items())
    held = ("held out, labelled by a person", f"{len(data.held_out):,}")
    report = TrainingReport(
        card=card, images=Table(("images", "number"), (*rows, held)), measured=gain.measured,
        result=result, recipe=recipe_text(recipe, "default"), introduction=gain.text().splitlines(),
        environment=environment(config.device) | result.settings.as_text(),
    )  # fmt: skip
    images = next(one for one in (data.labeled, data.verdicts) if len(one))
    write_model(folder, report, images)
