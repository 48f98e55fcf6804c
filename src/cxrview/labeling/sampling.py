"""Candidates -> the images to label, and those that could not be read on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from cxrview.datasets.findings import Fault, Problem
from cxrview.engines.outcomes import Engine
from cxrview.labeling.active_learning import Reason, choose
from cxrview.labeling.candidates import Candidate
from cxrview.labeling.features import Impression, impressions_of
from cxrview.model.classifier import load


class How(StrEnum):
    """By which rule images are drawn."""

    RANDOM = "random"
    TYPICAL = "typical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What was asked for."""

    count: int
    seed: int = 0
    how: How = How.RANDOM
    model: str = "film"  # whose probabilities `typical` looks at
    pool: int = 5000  # `typical` looks at no more images than these, drawn at random


@dataclass(slots=True)
class Sample:
    """What was drawn, in order, and what could not be read."""

    chosen: list[tuple[Candidate, Reason]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def sample(candidates: Sequence[Candidate], draw: Draw, engine: Engine) -> Sample:
    """Draw without replacement; the same seed and files give the same sample.

    Images that cannot be read are passed over and named. Fewer come only where there are no more.
    """
    dice = np.random.default_rng(draw.seed)
    order = [candidates[i] for i in dice.permutation(len(candidates))]
    if draw.how is How.RANDOM:
        return _at_random(order, draw.count, engine)
    return _typical(order[: max(draw.pool, draw.count)], draw, dice, engine)


def _readable(
    candidates: Sequence[Candidate], model: str | None, engine: Engine, found: Sample
) -> list[tuple[Candidate, Impression]]:
    """Look at all; those that cannot be read are noted in `found`."""
    seen = impressions_of([candidate.item for candidate in candidates], model, engine)
    readable = []
    for index, candidate in enumerate(candidates):
        if error := seen[index].error:
            found.problems.append(Problem(Fault.UNREADABLE, candidate.item.name, error))
        else:
            readable.append((candidate, seen[index]))
    return readable


def _at_random(order: Sequence[Candidate], count: int, engine: Engine) -> Sample:
    """As many as needed are opened, no more."""
    found = Sample()
    start = 0
    while len(found.chosen) < count and start < len(order):
        stop = start + count - len(found.chosen)
        readable = _readable(order[start:stop], None, engine, found)
        found.chosen += [(candidate, Reason.RANDOM) for candidate, _ in readable]
        start = stop
    return found


def _typical(
    pool: Sequence[Candidate], draw: Draw, dice: np.random.Generator, engine: Engine
) -> Sample:
    found = Sample()
    chest = load(draw.model).thresholds.chest
    readable = _readable(pool, draw.model, engine, found)
    impressions = [impression for _, impression in readable]
    found.chosen = [
        (readable[index][0], reason)
        for index, reason in choose(impressions, draw.count, chest, dice)
    ]
    return found
