"""Groups of images -> the set that a network is trained on, and the batches of each epoch."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, nan

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from cxrview.errors import WrongUse
from cxrview.images import Floats
from cxrview.model.preprocess import GrayImage
from cxrview.training.recipe import Schedule

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TargetGroup:
    """Images with the same targets, drawn equally often.

    images: (m, h, w), uint8 (0 .. 255 stands for 0 .. 1) or float32 in [0, 1], perhaps
    memory-mapped; rows: (n,) which of them belong.
    targets: values by the target's name; one that is absent is unknown and adds no loss.
    share: of a batch, relative to the other groups.
    """

    images: GrayImage | Floats
    rows: Rows
    targets: Mapping[str, float]
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: Rows) -> Floats:
        """(b,) indices below len(self) -> (b, h, w) float32 in [0, 1]."""
        return as_floats(self.images[self.rows[indices]])


def as_floats(images: GrayImage | Floats) -> Floats:
    """Images of uint8 or float32 -> copies of float32 in [0, 1]."""
    floats: Floats = np.array(images, np.float32)
    return floats / np.float32(255) if images.dtype == np.uint8 else floats


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Groups one after another; an index counts through all of them.

    targets: the names of the network's targets, in order.
    """

    groups: tuple[TargetGroup, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return sum(map(len, self.groups))

    @property
    def starts(self) -> Rows:
        """(groups + 1,): the index at which each group starts, and the end."""
        return np.cumsum([0, *map(len, self.groups)])

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """(groups,): of a batch; they sum to 1."""
        shares = np.array([group.share for group in self.groups])
        scaled: npt.NDArray[np.float64] = shares / shares.sum()
        return scaled

    def images(self, indices: Rows) -> Floats:
        """(b,) -> (b, h, w) float32 in [0, 1]."""
        starts = self.starts
        group_of = np.searchsorted(starts, indices, side="right") - 1
        taken = np.empty((len(indices), *self.groups[0].images.shape[1:]), np.float32)
        for number in np.unique(group_of).tolist():
            chosen = group_of == number
            taken[chosen] = self.groups[number].take(indices[chosen] - starts[number])
        return taken

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """(n, targets) float32; NaN where unknown."""
        rows = [[group.targets.get(name, nan) for name in self.targets] for group in self.groups]
        return np.repeat(np.array(rows, np.float32), list(map(len, self.groups)), axis=0)

    def digest(self) -> str:
        """SHA-256 of all images, targets and shares."""
        digest = hashlib.sha256(repr((self.targets, self.shares.tolist())).encode())
        for group in self.groups:
            digest.update(repr(sorted(group.targets.items())).encode())
            for row in group.rows:
                digest.update(group.images[row].tobytes())
        return digest.hexdigest()


def scaled_groups(groups: Sequence[TargetGroup], total: float) -> list[TargetGroup]:
    """Return the groups that have images and a share, their shares scaled to sum to `total`."""
    used = [group for group in groups if len(group) and group.share > 0]
    scale = total / sum(group.share for group in used) if used else 0.0
    return [replace(group, share=group.share * scale) for group in used]


def binary_set(
    target: str, groups: Sequence[TargetGroup], positive_share: float = 0.5
) -> TrainingSet:
    """Groups of two classes -> a set in whose batches positives have this share.

    Empty groups and those without a share are left out. Raises WrongUse where a class has no
    images.
    """
    sides = [
        scaled_groups([group for group in groups if group.targets[target] == side], share)
        for side, share in ((0, 1 - positive_share), (1, positive_share))
    ]
    if not all(sides):
        raise WrongUse(f"training {target!r} needs images of both classes")
    return TrainingSet((*sides[0], *sides[1]), (target,))


STEPS_PER_EPOCH = 100  # where batches are drawn without end, so many make an epoch


class BalancedSampler:
    """Batches in which each group has its share, drawn with replacement.

    Shares are exact on average and within one image in each batch; where the shares of the first
    groups add up to a whole number of images, that number is exact in each batch.
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
        positive = torch.from_numpy(training_set.values[:, -1] > 0)
        self.classes = [torch.nonzero(positive == side).flatten() for side in (False, True)]
        wanted = (schedule.frontals, schedule.laterals)
        self.counts = [n or len(side) for n, side in zip(wanted, self.classes, strict=True)]
        self.batch, self.epochs, self.generator = schedule.batch, schedule.epochs, generator
        self.steps = self.epochs * ceil(sum(self.counts) / self.batch)

    def _permutation(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.generator)

    def _repeat_class(self, side: Tensor, count: int) -> Tensor:
        """`count` indices of one class, each as often as the others or once more."""
        rounds = [side[self._permutation(len(side))] for _ in range(ceil(count / len(side)))]
        return torch.cat(rounds)[:count]

    def epoch(self, number: int) -> Iterator[Tensor]:  # noqa: ARG002  one signature for both
        """Yield the indices (batch,) of each batch; the last may be smaller."""
        pairs = zip(self.classes, self.counts, strict=True)
        indices = torch.cat([self._repeat_class(side, count) for side, count in pairs])
        yield from torch.split(indices[self._permutation(len(indices))], self.batch)


def sampler_for(
    training_set: TrainingSet, schedule: Schedule, generator: Generator
) -> BalancedSampler | EpochSampler:
    """Return the sampler that the schedule asks for: by epochs or by steps."""
    sampler = EpochSampler if schedule.epochs else BalancedSampler
    return sampler(training_set, schedule, generator)
