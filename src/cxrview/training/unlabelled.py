"""Images that nobody labelled -> those that a net is sure of, as labels to learn from."""

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from cxrview.errors import MissingInput, UnreadableImage, WrongUse
from cxrview.labels import Label
from cxrview.model.symmetry import symmetry
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find
from cxrview.training.films import AT_ONCE, Films, Grey, grey_in, prepared
from cxrview.training.findings import EVEN
from cxrview.training.loop import predict
from cxrview.training.net import Net
from cxrview.training.recipe import SelfTeaching
from cxrview.views import View

GUESSED = "guessed"  # the source of such a label

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """n films without labels."""

    names: list[str]
    greys: list[Grey]


def items_beside(named: Sequence[str], labelled: Collection[str]) -> list[Item]:
    """What was named, without the files (real paths) that a person labelled.

    Raises MissingInput where that is nothing.
    """
    if not named:
        return []
    known = set(labelled)
    items = [
        item
        for item in find(named)
        if not (isinstance(item.source, FileSource) and os.path.realpath(item.name) in known)
    ]
    if not items:
        raise MissingInput(f"no images without labels in {', '.join(named)}")
    return items


def _look(item: Item) -> Grey | None:
    try:
        with item.open() as stream:
            return grey_in(stream)
    except UnreadableImage:
        return None


def read_strangers(items: Sequence[Item], jobs: int = 1) -> Strangers:
    """Those that can be read; how many cannot is logged. Raises WrongUse where none can."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        seen = list(pool.map(_look, items, chunksize=AT_ONCE))
    read = [(item.name, grey) for item, grey in zip(items, seen, strict=True) if grey is not None]
    if not read:
        raise WrongUse(f"none of {len(items):,} images without labels can be read")
    if len(read) < len(items):
        _log.warning("%d images without labels cannot be read", len(items) - len(read))
    return Strangers([name for name, _ in read], [grey for _, grey in read])


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) -> (n,) places in ascending order, 0 .. 1."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)


def _thumbnails(pictures: Grey) -> npt.NDArray[np.float32]:
    """(n, 64, 64) -> (n, 32, 32)."""
    halves = pictures.reshape(-1, 32, 2, 32, 2).astype(np.float32)
    return np.asarray(halves.mean(axis=(2, 4)), np.float32)


def surest(
    p_lateral: npt.NDArray[np.float64], evidence: npt.NDArray[np.float64], how: SelfTeaching
) -> Iterator[tuple[int, View]]:
    """(n,) probabilities, (n,) evidence for lateral -> the images to take at their word."""
    order = np.argsort(evidence, kind="stable")
    sides = (
        (View.FRONTAL, order, p_lateral < EVEN, how.frontals),
        (View.LATERAL, order[::-1], p_lateral > EVEN, how.laterals),
    )
    for view, ordered, called, share in sides:
        count = max(how.least, round(share * int(called.sum())))
        for index in ordered[called[ordered]][:count].tolist():
            yield index, view


def guesses(
    net: Net, strangers: Strangers, preparation: str, how: SelfTeaching, by_symmetry: bool
) -> Films:
    """The surest verdicts of a net, as labelled films.

    by_symmetry: those are the surest that are also least, or most, like their mirror image. This
    helps a net that has seen no real film: what misleads it is rarely asymmetric as well.
    """
    pictures = prepared(strangers.greys, preparation)
    said = predict(net, pictures)
    evidence = _ranks(said)
    if by_symmetry:
        evidence = evidence + _ranks(-symmetry(_thumbnails(pictures)))
    chosen = list(surest(said, evidence, how))
    labels = [
        Label(strangers.names[i], view, f"file {strangers.names[i]}", GUESSED) for i, view in chosen
    ]
    lateral = np.array([view is View.LATERAL for _, view in chosen], np.bool_)
    return Films(labels, [strangers.greys[i] for i, _ in chosen], lateral)
