"""Training set, schedule, generator -> the batches of each epoch, as indices."""

from collections.abc import Iterator
from math import ceil

import numpy as np
import torch
from torch import Generator, Tensor

from cxrview.training.dataset import TrainingSet
from cxrview.training.recipe import Schedule

STEPS_PER_EPOCH = 100  # where batches are drawn without end, so many make an epoch


class BalancedSampler:
    """Batches in which each group has its share, drawn with replacement.

    Shares are exact on average and within one image in each batch; where the shares of one class
    add up to a whole number of images, that number is exact in each batch.
    """

    def __init__(self, training_set: TrainingSet, schedule: Schedule, generator: Generator) -> None:
        self.starts, self.sizes = training_set.starts[:-1], np.diff(training_set.starts)
        self.bounds = schedule.batch * np.cumsum([0.0, *training_set.shares])
        self.bounds[-1] = schedule.batch
        self.steps, self.generator = schedule.steps, generator

    @property
    def epochs(self) -> int:
        """Number of epochs; the last may be shorter."""
        return ceil(self.steps / STEPS_PER_EPOCH)

    def epoch(self, number: int) -> Iterator[Tensor]:
        """Yield the indices (batch,) of each batch of an epoch 0 .. epochs - 1."""
        for _ in range(min(STEPS_PER_EPOCH, self.steps - number * STEPS_PER_EPOCH)):
            offset = float(torch.rand((), generator=self.generator, dtype=torch.float64))
            counts = np.diff(np.floor(np.round(self.bounds, 9) + offset).astype(np.intp))
            yield torch.cat(
                [
                    torch.randint(size, (count,), generator=self.generator) + start
                    for start, size, count in zip(
                        self.starts.tolist(), self.sizes.tolist(), counts.tolist(), strict=True
                    )
                ]
            )


class EpochSampler:
    """All images in a new order each epoch; a class short of its number is repeated."""

    def __init__(self, training_set: TrainingSet, schedule: Schedule, generator: Generator) -> None:
        positive = torch.from_numpy(training_set.values[:, 0] > 0)
        self.classes = [torch.nonzero(positive == side).flatten() for side in (False, True)]
        wanted = (schedule.frontals, schedule.laterals)
        self.counts = [n or len(side) for n, side in zip(wanted, self.classes, strict=True)]
        self.batch, self.epochs, self.generator = schedule.batch, schedule.epochs, generator
        self.steps = self.epochs * ceil(sum(self.counts) / self.batch)

    def _permutation(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.generator)

    def _repeated(self, side: Tensor, count: int) -> Tensor:
        """`count` indices of one class, each as often as the others or once more."""
        rounds = [side[self._permutation(len(side))] for _ in range(ceil(count / len(side)))]
        return torch.cat(rounds)[:count]

    def epoch(self, number: int) -> Iterator[Tensor]:  # noqa: ARG002  one signature for both
        """Yield the indices (batch,) of each batch; the last may be smaller."""
        pairs = zip(self.classes, self.counts, strict=True)
        indices = torch.cat([self._repeated(side, count) for side, count in pairs])
        yield from torch.split(indices[self._permutation(len(indices))], self.batch)


def sampler_for(
    training_set: TrainingSet, schedule: Schedule, generator: Generator
) -> BalancedSampler | EpochSampler:
    """Return the sampler that the schedule asks for: by epochs or by steps."""
    sampler = EpochSampler if schedule.epochs else BalancedSampler
    return sampler(training_set, schedule, generator)
