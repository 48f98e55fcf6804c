"""Lesson, schedule, dice -> the batches of each pass."""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Generator, Tensor

from cxrview.training.groups import Lesson
from cxrview.training.recipe import Schedule

EVERY = 100  # steps that make a pass, where batches are drawn without end


class Balanced:
    """Batches with a fixed share of either class, drawn with replacement by weight."""

    def __init__(self, lesson: Lesson, schedule: Schedule, generator: Generator) -> None:
        chances, wanted = torch.from_numpy(lesson.weights), torch.from_numpy(lesson.classes)
        self.sides = [torch.where(wanted == side, chances, 0.0) for side in (False, True)]
        true = round(schedule.batch * schedule.share)
        self.counts, self.generator = (schedule.batch - true, true), generator
        self.steps = schedule.steps

    @property
    def passes(self) -> int:
        """How many there are; the last may be shorter."""
        return ceil(self.steps / EVERY)

    def of_pass(self, number: int) -> Iterator[Tensor]:
        """Indices (batch,) of each batch of a pass 0 .. passes - 1."""
        for _ in range(min(EVERY, self.steps - number * EVERY)):
            yield torch.cat(
                [
                    torch.multinomial(side, count, replacement=True, generator=self.generator)
                    for side, count in zip(self.sides, self.counts, strict=True)
                ]
            )


class Shuffled:
    """All pictures in a new order each pass; a class short of its number is gone through again."""

    def __init__(self, lesson: Lesson, schedule: Schedule, generator: Generator) -> None:
        wanted = torch.from_numpy(lesson.classes)
        self.sides = [torch.nonzero(wanted == side).flatten() for side in (False, True)]
        given = (schedule.frontals, schedule.laterals)
        self.counts = [n or len(side) for n, side in zip(given, self.sides, strict=True)]
        self.batch, self.passes, self.generator = schedule.batch, schedule.passes, generator

    def _order(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.generator)

    def _some(self, side: Tensor, count: int) -> Tensor:
        rounds = [side[self._order(len(side))] for _ in range(ceil(count / len(side)))]
        return torch.cat(rounds)[:count]

    def of_pass(self, number: int) -> Iterator[Tensor]:  # noqa: ARG002  one signature for both
        """Indices (batch,) of each batch; the last may be smaller."""
        pairs = zip(self.sides, self.counts, strict=True)
        everything = torch.cat([self._some(side, count) for side, count in pairs])
        shuffled = everything[self._order(len(everything))]
        yield from torch.split(shuffled, self.batch)


def batches_of(lesson: Lesson, schedule: Schedule, generator: Generator) -> Balanced | Shuffled:
    """As the schedule says."""
    return (Shuffled if schedule.passes else Balanced)(lesson, schedule, generator)
