"""An image -> the features by which images are selected: a thumbnail and two probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import UnreadableImage
from cxrview.model.classifier import Classifier, load
from cxrview.model.preprocess import Floats, film, shrink, working_image
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
        thumbnail = thumbnail_of(film(working_image(radiograph)))
    except UnreadableImage as error:
        return Features(NO_THUMBNAIL, error=f"{error.code}: {' '.join(str(error).split())}")
    p_chest = 1.0 if prediction.p_chest is None else prediction.p_chest
    return Features(thumbnail, prediction.p_lateral, p_chest)


def _make_extractor(model: str | None) -> Callable[[Item], Features]:
    """Return what each worker creates once."""
    return partial(extract_features, classifier=None if model is None else load(model))


def features_of(items: Sequence[Item], model: str | None, engine: Engine) -> dict[int, Features]:
    """Return the features of each item by index, also where a decoder crashes its worker."""
    outcomes = engine.map(partial(_make_extractor, model), items)
    return {index: _features_of_outcome(outcome) for index, outcome in outcomes}


def _features_of_outcome(outcome: Any) -> Features:
    match outcome:
        case Done(value=Features() as features):
            return features
    return Features(
        NO_THUMBNAIL, error="decoder_crashed: the process that decoded it died or stalled"
    )
