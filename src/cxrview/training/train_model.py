"""Images, computed images, recipe, seed -> the trained network of one model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.images import radiograph_of
from cxrview.labels import Label
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.layers import CHEST, INVERTED, LATERAL, ROTATION
from cxrview.model.preprocess import GrayImage, mirror_correlation, preprocess
from cxrview.report.content import count_text
from cxrview.training.callbacks import TrainContext
from cxrview.training.data import Computed, TrainingData
from cxrview.training.dataset import TargetGroup, TrainingSet, scaled_groups
from cxrview.training.image_cache import OBLIQUE_TARGET
from cxrview.training.image_list import ImageList
from cxrview.training.negatives import is_scrambled, scramble_negative
from cxrview.training.networks import (
    Network,
    Outputs,
    Weights,
    concatenated,
    outputs_of,
    round_to_half,
    sigmoid,
    weights_of,
)
from cxrview.training.recipe import PseudoLabelConfig, Recipe
from cxrview.training.trainer import TrainResult, train_network
from cxrview.views import View

NETWORK, NETWORK_FOR_LABELS = "network", "network for pseudo-labels"
MIN_SOURCE_SIDE = 16  # pixels: smaller radiographs are not scrambled
PREDICT_BATCH = 1024  # images that are predicted together


def chest_targets(lateral: float) -> Mapping[str, float]:
    """Return the targets of an upright chest radiograph with its bones bright."""
    return {CHEST: 1.0, ROTATION: 0.0, INVERTED: 0.0, LATERAL: lateral}


NEGATIVE_TARGETS = {CHEST: 0.0}  # it has no view, and none of its orientations is upright


def scrambled_negatives(
    count: int, method: str, seed: int, sources: Sequence[GrayImage]
) -> GrayImage:
    """(m, side, side) uint8: those of `count` negatives made from radiographs (h, w) uint8."""
    usable = [source for source in sources if min(source.shape) >= MIN_SOURCE_SIDE]
    numbers = [number for number in range(count) if is_scrambled(number)] if usable else []
    scrambled = (radiograph_of(scramble_negative(n, seed, usable)) for n in numbers)
    images = [preprocess(radiograph, method).images[method] * 255 for radiograph in scrambled]
    return np.asarray(np.round(images), np.uint8) if images else np.zeros((0, 1, 1), np.uint8)


def _view_groups(
    view: View, lateral: float, images: Sequence[ImageList], computed: Computed, recipe: Recipe
) -> list[TargetGroup]:
    """The images of one view; those of groups without images go to the others.

    images: what may be trained on; lists count equally, however long.
    """
    shares, targets = recipe.shares, chest_targets(lateral)
    real, phantoms, ct = (
        (shares.frontals, shares.phantom_frontals, shares.ct_frontals)
        if view is View.FRONTAL
        else (shares.laterals, shares.phantom_laterals, shares.ct_laterals)
    )
    make = partial(ImageList.group, method=recipe.preprocessing, view=view, targets=targets)
    labeled = scaled_groups([make(source) for source in images], real)
    drawn = [make(computed.phantoms, share=phantoms), make(computed.ct, share=ct)]
    groups = scaled_groups([*labeled, *drawn], real + phantoms + ct)
    if not groups:
        raise WrongUse(f"training needs {view} images: labels, phantoms or CT volumes")
    return groups


def chest_groups(
    images: Sequence[ImageList], computed: Computed, recipe: Recipe
) -> list[TargetGroup]:
    """Frontals and laterals; raises WrongUse where a view has no images."""
    return [
        group
        for view, lateral in ((View.FRONTAL, 0.0), (View.LATERAL, 1.0))
        for group in _view_groups(view, lateral, images, computed, recipe)
    ]


def _negative_groups(
    images: Sequence[ImageList], computed: Computed, recipe: Recipe, seed: int
) -> list[TargetGroup]:
    """Images that are no chest radiographs, each drawn equally often.

    Scrambled ones are made from the images to train on and no others; from phantoms where there
    are none.
    """
    method = recipe.preprocessing
    sources = [image for source in images for image in source.working_images()]
    sources = sources or computed.phantoms.working_images()
    scrambled = scrambled_negatives(recipe.negatives, method, seed, sources)
    arrays = [*(cache.images[method] for cache in computed.negatives), scrambled]
    groups = [
        TargetGroup(images=one, rows=np.arange(len(one)), targets=NEGATIVE_TARGETS, share=len(one))
        for one in arrays
    ]
    return scaled_groups(groups, recipe.shares.negatives)


def training_set(
    images: Sequence[ImageList], computed: Computed, recipe: Recipe, seed: int
) -> TrainingSet:
    """Frontals, laterals and, for a network that needs them, obliques and negatives.

    images: labeled lists that may be trained on. Raises WrongUse where a view has no images.
    """
    groups = chest_groups(images, computed, recipe)
    if recipe.has_gate:
        obliques = TargetGroup(
            images=computed.obliques.cache.images[recipe.preprocessing],
            rows=computed.obliques.rows,
            targets=chest_targets(OBLIQUE_TARGET),
            share=recipe.shares.ct_obliques,
        )
        groups += scaled_groups([obliques], obliques.share)
        groups += _negative_groups(images, computed, recipe, seed)
    return TrainingSet(tuple(groups), recipe.architecture.outputs)


def validation_set(images: ImageList, recipe: Recipe) -> TrainingSet | None:
    """Images that are not trained on, as a set; None where there are none."""
    groups = [
        images.group(recipe.preprocessing, view, chest_targets(lateral))
        for view, lateral in ((View.FRONTAL, 0.0), (View.LATERAL, 1.0))
    ]
    used = tuple(group for group in groups if len(group))
    return TrainingSet(used, recipe.architecture.outputs) if used else None


def train_model(
    images: Sequence[ImageList],
    computed: Computed,
    recipe: Recipe,
    seed: int,
    context: TrainContext,
    validation: ImageList | None = None,
    start: Weights | None = None,
    name: str = NETWORK,
) -> TrainResult[Network]:
    """Train the recipe's network; its weights are rounded to what the model file stores.

    images: labeled lists that may be trained on. validation: images that choose or only measure
    the epochs. start: weights to train further.
    """
    result = train_network(
        name,
        recipe.architecture,
        training_set(images, computed, recipe, seed),
        recipe.main,
        seed,
        start=start,
        validation=None if validation is None else validation_set(validation, recipe),
        context=context,
    )
    return replace(result, network=round_to_half(result.network))


PSEUDO_LABEL_SOURCE = "pseudo-labels"  # the source of such a label


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) -> (n,) ranks in ascending order, scaled to 0 .. 1."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)


THUMBNAIL_SIDE = 32  # pixels, of the images that are compared with their mirror images


def _thumbnails(images: GrayImage) -> npt.NDArray[np.float32]:
    """(n, side, side) -> (n, 32, 32): means of squares."""
    cell = images.shape[1] // THUMBNAIL_SIDE
    cells = images.reshape(-1, THUMBNAIL_SIDE, cell, THUMBNAIL_SIDE, cell)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)


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
    network: Network,
    unlabeled: ImageList,
    method: str,
    config: PseudoLabelConfig,
    *,
    by_symmetry: bool,
) -> ImageList:
    """Return the most confident predictions of a network as labeled images.

    Images that the network does not take for upright chest radiographs with bright bones are left
    out, since they would be trained as such.
    by_symmetry: confident are those that are also least, or most, similar to their mirror image.
    This helps a network that has seen no radiograph: what misleads it is rarely asymmetric as well.
    """
    outputs = _outputs_of_list(network, unlabeled, method, averages_turns=False)
    usual = outputs.is_upright_chest()
    unlabeled, logits = unlabeled.select(usual), outputs.of(LATERAL)[usual, 0]
    p_lateral = sigmoid(logits)
    evidence = _ranks(logits)
    if by_symmetry and len(unlabeled):
        evidence = evidence + _ranks(-mirror_correlation(_thumbnails(unlabeled.images(method))))
    chosen = list(most_confident_views(p_lateral, evidence, config))
    names = [unlabeled.labels[index].file for index, _ in chosen]
    labels = [
        Label(name, view, f"file {name}", PSEUDO_LABEL_SOURCE)
        for name, (_, view) in zip(names, chosen, strict=True)
    ]
    rows = unlabeled.rows[[index for index, _ in chosen]]
    return ImageList(labels, rows, unlabeled.cache)


@dataclass(frozen=True, slots=True, eq=False)
class PseudoLabels:
    """Images labeled by a first network, and its weights, from which the training goes on."""

    images: ImageList
    start: Weights


def pseudo_label_images(
    data: TrainingData, training: ImageList, recipe: Recipe, seed: int, context: TrainContext
) -> PseudoLabels | None:
    """Label the most confident of the unlabeled images; None where there are none.

    A network that was trained on the labeled and the computed images predicts. Raises WrongUse
    where there are neither, or there are no labeled images and it labels none.
    """
    if not len(data.unlabeled):
        return None
    images = [training] if len(training) else []
    first = train_model(images, data.computed, recipe, seed, context, name=NETWORK_FOR_LABELS)
    labeled = predicted_labels(
        first.network, data.unlabeled, recipe.preprocessing, recipe.pseudo_labels,
        by_symmetry=not len(training),
    )  # fmt: skip
    if not len(labeled) and not len(training):
        raise WrongUse(
            f"none of {count_text(len(data.unlabeled), 'image')} is taken for an upright chest "
            "radiograph with bright bones: without labels there is nothing to train on; name a "
            "label table as well (columns rotation and inverted say how images lie)"
        )
    return PseudoLabels(labeled, weights_of(first.network))


def predict_images(network: Network, images: ImageList, recipe: Recipe) -> Outputs:
    """Return what the model file of a recipe would say of cached images."""
    return _outputs_of_list(network, images, recipe.preprocessing, recipe.averages_turns)


def _outputs_of_list(
    network: Network, images: ImageList, method: str, averages_turns: bool
) -> Outputs:
    """Run the network on cached images, see `outputs_of`."""
    array, blank = images.cache.images[method], images.is_blank
    starts = range(0, max(1, len(images)), PREDICT_BATCH)
    batches = [slice(start, start + PREDICT_BATCH) for start in starts]
    return concatenated([
        outputs_of(network, array[images.rows[some]], blank[some], averages_turns=averages_turns)
        for some in batches
    ])  # fmt: skip
