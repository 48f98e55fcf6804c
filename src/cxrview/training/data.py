"""Label table, unlabeled images, phantoms, negatives -> preprocessed images by part of the split.

Everything is read once, into one cache of memory-mapped arrays below the run's folder. Files that
cannot be read are listed in problems.csv, and training goes on without them.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Engine, ObservedEngine
from cxrview.errors import MissingInput, WrongUse
from cxrview.evaluation.labelled_images import check_files, read_negative_table
from cxrview.images import Mask
from cxrview.labels import Label, read_labels
from cxrview.report.content import count_text
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.checkpoint import RunFolder
from cxrview.training.config import TrainConfig
from cxrview.training.image_cache import (
    OBLIQUE_TARGET,
    CacheFormat,
    ImageCache,
    check_space,
    ct_image,
    ct_negative_image,
    draw_images,
    negative_image,
    phantom_image,
)
from cxrview.training.image_list import (
    PROBLEMS_FILE,
    ImageList,
    Problems,
    file_item,
    read_list,
    unlabeled_names,
    without_copies,
)
from cxrview.training.negatives import is_scrambled
from cxrview.training.recipe import Recipe
from cxrview.training.splitting import (
    TRAINING,
    Parts,
    check_views,
    folds_by_source,
    has_split,
    split_labels,
)
from cxrview.views import View

# "CC BY 4.0" or, as SPDX writes it, "CC-BY-4.0"
PERMISSIVE_LICENCE = re.compile(r"(CC0|Public Domain|CC[ -]BY)([ -]\d\.\d)?($|[ (])", re.IGNORECASE)
RESTRICTION = re.compile(r"\b(NC|ND|SA|non-?commercial|no-?deriv\w*|share-?alike)\b", re.IGNORECASE)
MAX_LISTED_FILES = 5  # files in one message


def permissive_licence(label: Label) -> str:
    """Return CC0, Public Domain or CC BY, of any version; "" for every other licence."""
    found = PERMISSIVE_LICENCE.match(label.licence.strip())
    if RESTRICTION.search(label.licence):
        return ""
    name = found[1].upper().replace("-", " ") if found else ""
    return "Public Domain" if name == "PUBLIC DOMAIN" else name


def is_permissive(label: Label) -> bool:
    """Whether an image may be used by anyone for anything, with attribution at most."""
    return bool(permissive_licence(label))


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What the run was given; no image is opened yet."""

    labels: Sequence[Label]
    parts: Parts  # (n,) of the labels
    unlabeled: Sequence[Item]
    negatives: Sequence[Item]  # images that are no chest radiographs, to measure P(chest)


def find_inputs(config: TrainConfig, labels: Sequence[Label] | None = None) -> Inputs:
    """Read the tables, split the labels and list the images.

    labels: those of the table, where it was read already.
    Raises MissingInput for files that are not there, WrongUse for a table that cannot be used.
    """
    if labels is None:
        labels = read_labels(config.labels) if config.labels else []
    parts = _split_parts(config, labels)
    for volume in config.ct_volumes:
        if not Path(volume).exists():
            raise MissingInput(f"{volume}: no such file or folder")
    labeled = {os.path.realpath(config.folder / label.file) for label in labels}
    unlabeled = unlabeled_items(config.unlabeled, labeled)
    negatives = read_negative_table(config.negatives).items if config.negatives else []
    return Inputs(labels, parts, unlabeled, negatives)


def _split_parts(config: TrainConfig, labels: Sequence[Label]) -> Parts:
    if config.labels is None:
        if config.recipe.needs_both_views:
            raise WrongUse("without labels only a recipe with phantoms trains; this one has none")
        return np.zeros(0, np.intp)
    check_files(config.labels, ((label.line, label.file) for label in labels))
    if config.leave_source_out:
        folds_by_source(labels)
    parts = split_labels(labels, config.recipe, config.seed, config.labels)
    # Folds, or images excluded by their licence, measure the model: nothing else is held out for it
    is_measured = config.is_cross_validated or (config.permissive_only and not has_split(labels))
    return np.full(len(labels), TRAINING) if is_measured else parts


def unlabeled_items(paths: Sequence[str], labeled: set[str]) -> list[Item]:
    """Return the images below the paths without the labeled files (real paths).

    Raises MissingInput where none remain.
    """
    if not paths:
        return []
    items = [
        item
        for item in find(paths)
        if not (isinstance(item.source, FileSource) and os.path.realpath(item.name) in labeled)
    ]
    if not items:
        raise MissingInput(f"no images without labels in {', '.join(paths)}")
    return items


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Computed images, the same for every training on a seed.

    phantoms, ct: chest radiographs with their views. obliques: computed from CT, neither view;
    their labels mean nothing. negatives: no chest radiographs.
    """

    phantoms: ImageList
    ct: ImageList
    obliques: ImageList
    negatives: Sequence[ImageCache]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """All images of a run.

    labeled: those that can be read; parts and may_train: (n,) of them. evaluation_negatives: real
    images that are no chest radiographs, never trained on.
    """

    labeled: ImageList
    parts: Parts
    may_train: Mask  # false for images that are excluded by their licence
    computed: Computed
    unlabeled: ImageList
    evaluation_negatives: ImageList

    def part(self, part: int) -> ImageList:
        """The images of one part of the split that may be used for training."""
        return self.labeled.select((self.parts == part) & self.may_train)


def load_data(
    config: TrainConfig,
    inputs: Inputs,
    folder: RunFolder,
    callbacks: TrainCallbacks,
    methods: tuple[str, ...] = (),
) -> TrainingData:
    """Decode and preprocess all images and draw the others, or open the cache.

    methods: of preprocessing; by default that of the recipe. Raises WrongUse where too few images
    can be read, UnusableOutput where the disk is full.
    """
    recipe, log = config.recipe, callbacks.log
    observe = partial(ObservedEngine, engine_for(config.jobs), callbacks.progress)
    engine = observe("reading images")
    methods = methods or (recipe.preprocessing,)
    plain = CacheFormat(methods)
    stored = CacheFormat(methods, recipe.negatives > 0 or config.robustness)
    read = len(inputs.labels) + len(inputs.unlabeled) + len(inputs.negatives)
    drawn = recipe.phantoms + recipe.negatives
    if config.ct_volumes:
        drawn += 2 * recipe.ct_radiographs
    check_space(folder.path, (read + drawn) * stored.bytes_per_image)
    log(f"reading {count_text(read, 'image')}")
    files = [file_item(label.file, config.folder / label.file) for label in inputs.labels]
    state, problems = folder.state, Problems()
    labeled = read_list(state / "labeled", files, inputs.labels, stored, engine, problems)
    unlabeled, evaluation = (
        read_list(state / name, items, unlabeled_names(items), kind, engine, problems)
        for name, items, kind in (
            ("unlabeled", inputs.unlabeled, stored),
            ("evaluation-negatives", inputs.negatives, plain),
        )
    )  # fmt: skip
    problems.write(folder, log)
    if labeled.cache.turned:
        turned = count_text(len(labeled.cache.turned), "image")
        log(f"turned upright, bone bright, as the label table says: {turned}")
    _check_enough(config, inputs, labeled, unlabeled)
    if drawn:
        log(f"computing {count_text(drawn, 'image')}: phantoms, negatives, radiographs from CT")
    computed = draw_computed(recipe, config.seed, config.ct_volumes, stored, state, observe)
    permissive = [is_permissive(label) for label in labeled.labels]
    return TrainingData(
        labeled=labeled,
        parts=inputs.parts[labeled.rows],
        may_train=np.array(permissive, np.bool_) | (not config.permissive_only),
        computed=computed,
        unlabeled=without_copies(unlabeled, labeled),
        evaluation_negatives=evaluation,
    )


def draw_computed(
    recipe: Recipe, seed: int, volumes: tuple[str, ...], stored: CacheFormat, state: Path,
    observe: Callable[[str], Engine],
) -> Computed:  # fmt: skip
    """Draw the recipe's phantoms, radiographs from CT and negatives into caches below `state`.

    observe: what is drawn, in words -> an engine that shows its progress.
    """
    plain = CacheFormat(stored.methods)
    # From CT first: a volume that cannot be read ends the run early
    count = recipe.ct_radiographs if volumes else 0
    ct, ct_negatives = (
        draw_images(
            state / name, function, range(number), plain, observe(what),
            seed=seed, side=recipe.ct_side, volumes=volumes,
        )
        for name, what, function, number in (
            ("ct", "computing radiographs from CT", ct_image, count),
            ("ct-negatives", "computing other images from CT", ct_negative_image,
             count if recipe.has_gate else 0),
        )
    )  # fmt: skip
    phantoms = draw_images(
        state / "phantoms", phantom_image, range(recipe.phantoms), stored,
        observe("drawing phantoms"), seed=seed, side=recipe.phantom_side,
    )  # fmt: skip
    numbers = [number for number in range(recipe.negatives) if not is_scrambled(number)]
    negatives = draw_images(
        state / "negatives", negative_image, numbers, plain, observe("drawing negatives"), seed=seed
    )
    from_ct = _drawn_list(ct, "computed from CT")
    return Computed(
        phantoms=_drawn_list(phantoms, "phantoms"),
        ct=from_ct.select(ct.lateral != OBLIQUE_TARGET),
        obliques=from_ct.select(ct.lateral == OBLIQUE_TARGET),
        negatives=(negatives, ct_negatives),
    )


def _drawn_list(cache: ImageCache, source: str) -> ImageList:
    """All images of a cache with labels; those of images that are neither view mean nothing."""
    views = [View.LATERAL if lateral == 1 else View.FRONTAL for lateral in cache.lateral.tolist()]
    names = [f"{source} {number}" for number in range(len(cache))]
    labels = [Label(name, view, name, source) for name, view in zip(names, views, strict=True)]
    return ImageList(labels, np.arange(len(cache)), cache)


def _check_enough(
    config: TrainConfig, inputs: Inputs, labeled: ImageList, unlabeled: ImageList
) -> None:
    """Raise WrongUse where a view cannot be trained, or nothing without labels can be read."""
    if inputs.unlabeled and not len(unlabeled):
        raise WrongUse(f"no image without labels can be read: {PROBLEMS_FILE} says why")
    errors = labeled.cache.errors
    if errors and config.recipe.needs_both_views:
        trains = (inputs.parts == TRAINING) & labeled.cache.is_read
        files = count_text(len(inputs.labels), "file")
        what = f"{config.labels}: {len(errors):,} of {files} cannot be read"
        check_views(inputs.labels, trains, what)
