"""Images -> features -> which images to label first, and why each. Measured in docs/datasets.md."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import numpy.typing as npt

from cxrview.engines.outcomes import Done, Engine, Outcome
from cxrview.errors import DecoderCrashed, UnreadableImage
from cxrview.images import FloatArray, Floats, exclusion_of
from cxrview.model.classifier import Classifier
from cxrview.model.preprocess import mirror_correlation, preprocess, shrink
from cxrview.readers.decode import decode
from cxrview.sources.find import Item

THUMBNAIL_SIDE = 32  # of a thumbnail


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """thumbnail: (32, 32) float32 in [0, 1], borders cut, equalised. error: why there is none."""

    thumbnail: Floats
    p_lateral: float = 0.0
    p_chest: float = 0.0
    error: str = ""


NO_THUMBNAIL = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.float32)


def thumbnail_of(image: Floats) -> Floats:
    """Return the (32, 32) means of a (64, 64) image."""
    height, width = image.shape
    return shrink(image, (0, 0, width, height), THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def extract_features(item: Item, classifier: Classifier | None) -> Features:
    """Return the features of an image; without a classifier, only whether it can be read."""
    try:
        with item.open() as stream:
            radiograph = decode(stream)
        if classifier is None:
            return Features(NO_THUMBNAIL)
        prediction = classifier.predict(radiograph)
        thumbnail = thumbnail_of(preprocess(radiograph, "film").images["film"])
    except UnreadableImage as error:
        return Features(NO_THUMBNAIL, error=error.text)
    p_chest = 1.0 if prediction.p_chest is None else prediction.p_chest
    if exclusion_of(radiograph.header):
        p_chest = 0.0
    return Features(thumbnail, prediction.p_lateral, p_chest)


def _make_extractor(classifier: Classifier | None, niceness: int) -> Callable[[Item], Features]:
    """Return what each worker creates once."""
    os.nice(niceness)
    return partial(extract_features, classifier=classifier)


def features_of(
    items: Iterable[Item], classifier: Classifier | None, engine: Engine, niceness: int = 0
) -> Iterator[tuple[int, Features]]:
    """Yield (index, features) of each item, in any order, also where a decoder crashes its worker.

    niceness: added to that of the processes of the engine, so that other work goes first.
    """
    for index, outcome in engine.map(partial(_make_extractor, classifier, niceness), items):
        yield index, _features_of_outcome(outcome)


def _features_of_outcome(outcome: Outcome) -> Features:
    if isinstance(outcome, Done):
        features: Features = outcome.value
        return features
    return Features(NO_THUMBNAIL, error=DecoderCrashed(str(outcome)).text)


KMEANS_ITERATIONS = 15  # of k-means; more do not change the images nearest to the centres

Indices = npt.NDArray[np.intp]


class DrawReason(StrEnum):
    """Why an image was drawn."""

    RANDOM = "random"
    TYPICAL = "typical"  # nearest to the centre of a cluster of similar images
    LIKELY_LATERAL = "likely_lateral"  # the highest P(lateral) of the model
    ASYMMETRIC = "asymmetric"  # the least similar to its mirror image


Selection = tuple[int, DrawReason]


def squared_distances(points: FloatArray, centres: FloatArray) -> npt.NDArray[np.float64]:
    """Return the squared distances (n, k) of points (n, d) and centres (k, d)."""
    products = points @ centres.T
    squares = (points**2).sum(axis=1)[:, None] - 2 * products + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squares, 0), np.float64)


def _initial_centres(points: FloatArray, count: int, rng: np.random.Generator) -> Indices:
    """k-means++ (Arthur and Vassilvitskii 2007): each centre is drawn far from those before."""
    chosen = [int(rng.integers(len(points)))]
    nearest = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < count:
        total = nearest.sum()
        # all remaining points equal a centre: draw any
        shares = nearest / total if total > 0 else None
        chosen.append(int(rng.choice(len(points), p=shares)))
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]])[:, 0])
    return np.array(chosen)


def typical_images(thumbnails: FloatArray, count: int, rng: np.random.Generator) -> list[int]:
    """Return the images nearest to the centres of `count` clusters; may contain one twice."""
    points = _reduce_thumbnails(thumbnails)
    centres = points[_initial_centres(points, count, rng)]
    for _ in range(KMEANS_ITERATIONS):
        cluster = squared_distances(points, centres).argmin(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, cluster, points)
        sizes = np.bincount(cluster, minlength=count)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return [int(index) for index in squared_distances(points, centres).argmin(axis=0)]


def _reduce_thumbnails(thumbnails: FloatArray) -> npt.NDArray[np.float64]:
    """Return (n, 32, 32) thumbnails reduced to (n, 256): 16 x 16 means of four."""
    half = THUMBNAIL_SIDE // 2
    blocks = thumbnails.reshape(len(thumbnails), half, 2, half, 2).astype(np.float64)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(len(thumbnails), -1))


def select_images(
    features: Sequence[Features], count: int, chest: float, rng: np.random.Generator
) -> list[Selection]:
    """Select min(count, n) of n readable images, in random order.

    A quarter have the highest P(lateral), a quarter are the least symmetric; both are limited to
    images whose P(chest) reaches `chest`, because other images are the least symmetric of all. The
    rest are typical images, and random ones where there are not enough of those.
    """
    count = min(count, len(features))
    if not count:
        return []
    thumbnails = np.stack([feature.thumbnail for feature in features])
    chests = [i for i, feature in enumerate(features) if feature.p_chest >= chest]
    likely = sorted(chests, key=lambda i: -features[i].p_lateral)
    evenness = mirror_correlation(thumbnails)
    chosen: dict[int, DrawReason] = {}
    _add_first(chosen, likely, count // 4, DrawReason.LIKELY_LATERAL)
    _add_first(chosen, sorted(chests, key=lambda i: evenness[i]), count // 4, DrawReason.ASYMMETRIC)
    left = count - len(chosen)
    _add_first(chosen, typical_images(thumbnails, left, rng), left, DrawReason.TYPICAL)
    rest = rng.permutation(len(features)).tolist()
    _add_first(chosen, rest, count - len(chosen), DrawReason.RANDOM)
    found = list(chosen.items())
    return [found[i] for i in rng.permutation(len(found))]


def _add_first(
    chosen: dict[int, DrawReason], order: Iterable[int], count: int, reason: DrawReason
) -> None:
    """Add the first `count` images of an order that have not been chosen yet."""
    for index in order:
        if not count:
            return
        if index not in chosen:
            chosen[index] = reason
            count -= 1
