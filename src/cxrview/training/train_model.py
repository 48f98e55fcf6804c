"""Images, phantoms, recipe, seed -> the trained networks of one model: view network and gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.images import radiograph_of
from cxrview.labels import Label
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.preprocess import Floats, GrayImage, mirror_correlation, preprocess
from cxrview.training.data import ImageList, TrainingData
from cxrview.training.dataset import Group, TrainingSet, all_rows, binary_set
from cxrview.training.negatives import is_scrambled, scramble_negative
from cxrview.training.networks import (
    GATE_TARGET,
    VIEW_TARGET,
    ModelNetworks,
    Network,
    Predictions,
    Weights,
    network_from,
    predict,
    round_to_half,
)
from cxrview.training.recipe import GateRecipe, PseudoLabelConfig, Recipe, ViewRecipe
from cxrview.training.trainer import TrainContext, TrainResult, start_weights, train_network
from cxrview.views import View

VIEW_NETWORK, GATE_NETWORK = "view network", "gate"
VIEW_PRETRAINING, GATE_PRETRAINING = "view network on phantoms", "gate on phantoms"
VIEW_FOR_LABELS = "view network for pseudo-labels"
MIN_SOURCE_SIDE = 16  # pixels: smaller radiographs are not scrambled
PREDICT_BATCH = 1024  # images that are predicted together


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights of networks that know phantoms alone; None: random initial weights."""

    view: Weights | None = None
    gate: Weights | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """The networks of a model and how each was trained, by name."""

    networks: ModelNetworks
    results: dict[str, TrainResult[Network]] = field(default_factory=dict)


def view_set(
    images: ImageList, phantoms: ImageList, recipe: ViewRecipe, pseudo: ImageList | None = None
) -> TrainingSet:
    """Frontals (0) against laterals (1), real images and phantoms in the recipe's shares.

    Pseudo-labeled images count together as much as those that a person labeled, however few.
    """
    real = (1 - recipe.phantom_frontals, 1 - recipe.phantom_laterals)
    drawn = (recipe.phantom_frontals, recipe.phantom_laterals)
    sources = [(images, real), (phantoms, drawn)]
    if pseudo is not None:
        sources.insert(1, (pseudo, real))
    method, turns = recipe.preprocessing, recipe.rotate_laterals
    groups = []
    for source, (frontals, laterals) in sources:
        groups.append(source.group(method, View.FRONTAL, {VIEW_TARGET: 0}, frontals))
        groups.append(source.group(method, View.LATERAL, {VIEW_TARGET: 1}, laterals, turns))
    return binary_set(VIEW_TARGET, groups, recipe.main.positive_share)


def _view_groups(images: ImageList, method: str) -> tuple[Group, ...]:
    """The frontals (0) and the laterals (1) of a list, those that there are."""
    views = ((View.FRONTAL, 0.0), (View.LATERAL, 1.0))
    groups = (images.group(method, view, {VIEW_TARGET: value}) for view, value in views)
    return tuple(group for group in groups if len(group))


def scrambled_negatives(recipe: GateRecipe, seed: int, sources: Sequence[GrayImage]) -> Floats:
    """(m, 64, 64): those of the recipe's negatives that are made from radiographs (h, w) uint8."""
    numbers = [number for number in range(recipe.negatives) if is_scrambled(number)]
    usable = [source for source in sources if min(source.shape) >= MIN_SOURCE_SIDE]
    if not usable:
        return np.zeros((0, 64, 64), np.float32)
    method = recipe.preprocessing
    scrambled = (radiograph_of(scramble_negative(n, seed, usable)) for n in numbers)
    images = [preprocess(radiograph, method).images[method] for radiograph in scrambled]
    return np.array(images, np.float32).reshape(-1, 64, 64)


def gate_set(
    images: Sequence[ImageList], data: TrainingData, recipe: GateRecipe, seed: int
) -> TrainingSet:
    """Upright chest radiographs (1) against negatives (0).

    images: what may be trained on. Scrambled negatives are made from these and no others; from
    phantoms where there are none.
    """
    chest = {GATE_TARGET: 1.0}
    groups: list[Group] = []
    for view, share, phantoms in (
        (View.FRONTAL, 1 - recipe.laterals, recipe.phantom_frontals),
        (View.LATERAL, recipe.laterals, recipe.phantom_laterals),
    ):
        real = [source.group(recipe.preprocessing, view, chest) for source in images]
        total = max(1, sum(map(len, real)))
        weight = share * (1 - phantoms)
        groups += [replace(group, weight=weight * len(group) / total) for group in real]
        groups.append(data.phantoms.group(recipe.preprocessing, view, chest, share * phantoms))
    sources = [image for source in images for image in source.working_images()]
    scrambled = scrambled_negatives(recipe, seed, sources or data.phantoms.working_images())
    for negatives in (data.negatives.images[recipe.preprocessing], scrambled):
        groups.append(all_rows(negatives, {GATE_TARGET: 0.0}, len(negatives)))
    return binary_set(GATE_TARGET, groups, recipe.main.positive_share)


def pretrain(data: TrainingData, recipe: Recipe, seed: int, context: TrainContext) -> Pretrained:
    """Train both networks on phantoms alone, where the recipe says so."""
    phantoms, view, gate = data.phantoms, None, None
    if len(phantoms):
        schedule = recipe.view.pretraining
        groups = _view_groups(phantoms, recipe.view.preprocessing)
        on_phantoms = binary_set(VIEW_TARGET, groups, schedule.positive_share)
        view = train_network(VIEW_PRETRAINING, on_phantoms, schedule, seed, context=context)
    if len(phantoms) and recipe.gate is not None and recipe.gate.pretraining_steps:
        alone = replace(recipe.gate, phantom_frontals=1.0, phantom_laterals=1.0)
        schedule = replace(recipe.gate.main, steps=recipe.gate.pretraining_steps, epochs=0)
        training_set = gate_set((), data, alone, seed)
        gate = train_network(GATE_PRETRAINING, training_set, schedule, seed, context=context)
    return Pretrained(start_weights(view), start_weights(gate))


def train_networks(
    images: ImageList,
    data: TrainingData,
    pretrained: Pretrained,
    recipe: Recipe,
    seed: int,
    context: TrainContext,
    validation: ImageList | None = None,
    pseudo: ImageList | None = None,
) -> TrainedModel:
    """Train the networks of a model on `images` and pseudo-labeled images.

    validation: images that choose or only measure the view network's epochs.
    """
    view_recipe = recipe.view
    held = None
    if validation is not None and len(validation):
        groups = _view_groups(validation, view_recipe.preprocessing)
        held = TrainingSet(groups, (VIEW_TARGET,), tuple(1 / len(groups) for _ in groups))
    view = train_network(
        VIEW_NETWORK,
        view_set(images, data.phantoms, view_recipe, pseudo),
        view_recipe.main,
        seed,
        start=pretrained.view,
        validation=held,
        context=context,
    )
    if recipe.gate is None:
        return TrainedModel(ModelNetworks(round_to_half(view.network), None), {VIEW_NETWORK: view})
    sources = [images] if pseudo is None else [images, pseudo]
    gate = train_network(
        GATE_NETWORK,
        gate_set(sources, data, recipe.gate, seed),
        recipe.gate.main,
        seed,
        start=pretrained.gate,
        context=context,
    )
    networks = ModelNetworks(round_to_half(view.network), round_to_half(gate.network))
    return TrainedModel(networks, {VIEW_NETWORK: view, GATE_NETWORK: gate})


PSEUDO_LABEL_SOURCE = "pseudo-labels"  # the source of such a label


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) -> (n,) ranks in ascending order, scaled to 0 .. 1."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)


def _halve_images(images: Floats) -> Floats:
    """(n, 64, 64) -> (n, 32, 32): means of four pixels."""
    return np.asarray(images.reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4)), np.float32)


def most_confident_views(
    p_lateral: npt.NDArray[np.float64],
    evidence: npt.NDArray[np.float64],
    config: PseudoLabelConfig,
) -> Iterator[tuple[int, View]]:
    """Yield index and view of the images to label.

    p_lateral: (n,) probabilities; evidence: (n,), the higher the more likely lateral.
    """
    order = np.argsort(evidence, kind="stable")
    for view, ordered, predicted, share in (
        (View.FRONTAL, order, p_lateral < DECISION_BOUNDARY, config.frontals),
        (View.LATERAL, order[::-1], p_lateral > DECISION_BOUNDARY, config.laterals),
    ):
        count = max(config.minimum, round(share * int(predicted.sum())))
        for index in ordered[predicted[ordered]][:count].tolist():
            yield index, view


def predicted_labels(
    weights: Weights,
    unlabeled: ImageList,
    method: str,
    config: PseudoLabelConfig,
    *,
    by_symmetry: bool,
) -> ImageList:
    """Return the most confident predictions of a view network as labeled images.

    by_symmetry: confident are those that are also least, or most, similar to their mirror image.
    This helps a network that has seen no radiograph: what misleads it is rarely asymmetric as well.
    """
    images = unlabeled.images(method)
    p_lateral = predict(network_from(weights), images)
    evidence = _ranks(p_lateral)
    if by_symmetry:
        evidence = evidence + _ranks(-mirror_correlation(_halve_images(images)))
    chosen = list(most_confident_views(p_lateral, evidence, config))
    names = [unlabeled.labels[index].file for index, _ in chosen]
    labels = [
        Label(name, view, f"file {name}", PSEUDO_LABEL_SOURCE)
        for name, (_, view) in zip(names, chosen, strict=True)
    ]
    rows = unlabeled.rows[[index for index, _ in chosen]]
    return ImageList(labels, rows, unlabeled.cache)


def pseudo_label_images(
    data: TrainingData,
    training: ImageList,
    pretrained: Pretrained,
    recipe: Recipe,
    seed: int,
    context: TrainContext,
) -> ImageList | None:
    """Label the most confident of the unlabeled images; None where there are none.

    A network that was trained on the labeled images predicts; without any, one that knows phantoms
    alone. Raises WrongUse where there is neither.
    """
    if not len(data.unlabeled):
        return None
    weights = pretrained.view
    if len(training):
        first = train_network(
            VIEW_FOR_LABELS,
            view_set(training, data.phantoms, recipe.view),
            recipe.view.main,
            seed,
            start=weights,
            context=context,
        )
        weights = start_weights(first)
    if weights is None:
        raise WrongUse("without labels a training starts on phantoms, and this recipe has none")
    return predicted_labels(
        weights, data.unlabeled, recipe.view.preprocessing, recipe.pseudo_labels,
        by_symmetry=not len(training),
    )  # fmt: skip


def predict_images(
    networks: ModelNetworks, images: ImageList, methods: Sequence[str]
) -> Predictions:
    """(n, 2): P(lateral) and P(chest) of cached images, as the model file would answer.

    methods: the preprocessing of the view network first, that of the gate last.
    """
    view, gate = methods[0], methods[-1]
    parts = [np.zeros((0, 2))]
    for start in range(0, len(images), PREDICT_BATCH):
        rows = images.rows[start : start + PREDICT_BATCH]
        arrays = images.cache.images
        parts.append(
            networks.predict(arrays[view][rows], arrays[gate][rows], images.cache.is_blank[rows])
        )
    return np.concatenate(parts)
