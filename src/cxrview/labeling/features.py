"""An image -> what the choice of images looks at: a thumbnail and two probabilities."""

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

SIDE = 32  # of a thumbnail


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """thumbnail: (32, 32) float32 in [0, 1], borders cut, equalised. error: why there is none."""

    thumbnail: Floats
    p_lateral: float = 0.0
    p_chest: float = 0.0
    error: str = ""


NOTHING = np.zeros((SIDE, SIDE), np.float32)


def thumbnail_of(picture: Floats) -> Floats:
    """(64, 64) -> (32, 32): means of four."""
    height, width = picture.shape
    return shrink(picture, (0, 0, width, height), SIDE, SIDE)


def look(item: Item, classifier: Classifier | None) -> Impression:
    """Decode one image and look at it; without a classifier, only see whether it can be read."""
    try:
        with item.open() as stream:
            radiograph = decode(stream)
        if classifier is None:
            return Impression(NOTHING)
        judgement = classifier.predict(radiograph)
        thumbnail = thumbnail_of(film(working_image(radiograph)))
    except UnreadableImage as error:
        return Impression(NOTHING, error=f"{error.code}: {' '.join(str(error).split())}")
    p_chest = 1.0 if judgement.p_chest is None else judgement.p_chest
    return Impression(thumbnail, judgement.p_lateral, p_chest)


def _looker(model: str | None) -> Callable[[Item], Impression]:
    """What each worker makes once."""
    return partial(look, classifier=None if model is None else load(model))


def impressions_of(
    items: Sequence[Item], model: str | None, engine: Engine
) -> dict[int, Impression]:
    """Items -> their impressions by index, whatever decoders do."""
    outcomes = engine.map(partial(_looker, model), items)
    return {index: _impression(outcome) for index, outcome in outcomes}


def _impression(outcome: Any) -> Impression:
    match outcome:
        case Done(value=Impression() as impression):
            return impression
    return Impression(NOTHING, error="decoder_crashed: the process that decoded it died or stalled")
