"""Net, lesson, budget -> the net trained: passes over the pictures, or as many as time allows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, cos, pi

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from cxrview.comparison.images import Lesson
from cxrview.training.augment import Augmentation, augment

BATCH = 32
DECAY = 0.9  # of RMSProp's mean of squares
OPTIMISER = f"RMSProp, decay {DECAY}; the rate falls from its peak to zero as a cosine"

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]  # net, pictures, classes -> ()
Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one net is trained. Whichever ends first ends it: the passes or the minutes.

    Minutes are of processor time, on one core: a busy machine takes longer but gives as much.
    """

    passes: int
    minutes: float
    rate: float  # at the beginning
    share: float  # of True in each batch
    augmentation: Augmentation | None

    def __post_init__(self) -> None:
        if self.passes < 1 or self.minutes <= 0:
            raise ValueError("a training has at least one pass and some time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What was given."""

    seconds: float
    passes: float
    wanted: int
    steps: int = 0
    loss: float | None = None  # mean of the last pass, or of all steps if fewer

    @property
    def is_cut(self) -> bool:
        """The time was used up before the passes were."""
        return self.passes < self.wanted


def binary_loss(net: nn.Module, pictures: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy; the net in bfloat16 where that is exact enough."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(pictures)
    return functional.binary_cross_entropy_with_logits(logits.float(), classes)


class Batches:
    """Pictures (n, side, side) 0 .. 255 -> batches with a fixed share of True, augmented."""

    def __init__(self, lesson: Lesson, course: Course, generator: Generator) -> None:
        classes, weights = torch.from_numpy(lesson.classes), torch.from_numpy(lesson.weights)
        true = round(BATCH * course.share)
        self.kinds = [
            (torch.where(classes == kind, weights, 0.0), count)
            for kind, count in ((False, BATCH - true), (True, true))
            if count
        ]
        self.size = sum(int((chances > 0).sum()) for chances, _ in self.kinds)  # of a pass
        self.given, self.classes = torch.from_numpy(lesson.pictures), classes.float()
        self.augmentation, self.generator = course.augmentation, generator

    @property
    def steps(self) -> int:
        """Of one pass."""
        return ceil(self.size / BATCH)

    def draw(self) -> tuple[Tensor, Tensor]:
        """(BATCH, 1, side, side) in [0, 1] and (BATCH,), drawn with replacement by weight."""
        parts = [
            torch.multinomial(chances, count, replacement=True, generator=self.generator)
            for chances, count in self.kinds
        ]
        drawn = torch.cat(parts)
        pictures = self.given[drawn].float()[:, None] / 255
        if self.augmentation:
            pictures = augment(pictures, self.augmentation, self.generator)
        return pictures, self.classes[drawn]


def _progress(course: Course, steps: int, clock: Clock) -> Iterator[float]:
    """Before each step how much of the budget is gone, in [0, 1); ends when it is used up."""
    begun = clock()
    yield 0.0  # one step is always given
    for step in range(1, steps):
        spent = (clock() - begun) / (60 * course.minutes)
        if spent >= 1:
            return
        yield max(step / steps, spent)


def fit(
    net: nn.Module,
    lesson: Lesson,
    course: Course,
    loss_of: Loss,
    seed: int,
    clock: Clock = time.process_time,
) -> Training:
    """Train in place. The same for the same seed, unless the time runs out."""
    begun = clock()
    batches = Batches(lesson, course, Generator().manual_seed(seed))
    # one parameter at a time: all at once, RMSProp would hold VGG16's weights twice more
    optimiser = torch.optim.RMSprop(net.parameters(), lr=course.rate, alpha=DECAY, foreach=False)
    losses: list[float] = []
    net.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from torch's own dice
        for gone in _progress(course, course.passes * batches.steps, clock):
            for group in optimiser.param_groups:
                group["lr"] = course.rate * (1 + cos(pi * gone)) / 2
            loss = loss_of(net, *batches.draw())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
            losses.append(float(loss.detach()))
    net.eval()
    last = losses[-batches.steps :]
    return Training(
        seconds=clock() - begun,
        passes=len(losses) / batches.steps,
        wanted=course.passes,
        steps=len(losses),
        loss=sum(last) / len(last),
    )
