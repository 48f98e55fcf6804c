"""Lesson, side, budget -> a system that has learned: what it says, what it costs, what it got."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxrview.comparison.autoencoder import autoencoder_net, likeness, redrawing_loss
from cxrview.comparison.builders import Build, seeded
from cxrview.comparison.classics import learn
from cxrview.comparison.cost import Cost, cost_of
from cxrview.comparison.course import Course, Loss, Training, binary_loss, fit
from cxrview.comparison.images import Lesson, Pictures
from cxrview.training.augment import Augmentation

Numbers = npt.NDArray[np.float64]
Judge = Callable[[Pictures], Numbers]  # (n, side, side) 0 .. 255 -> (n,) P(True), or a score

AT_ONCE = 64
PAPERS = Augmentation(black_fill=0)  # turn, shift, shear, zoom, mirror; borders repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What each system is given at most."""

    passes: int
    minutes: float
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A trained system. `judge` may compute in bfloat16; `exact`, in float32, is what is timed."""

    judge: Judge
    exact: Judge
    cost: Cost
    training: Training


def probability(net: nn.Module, pictures: Tensor) -> Tensor:
    """(n, 1, side, side) -> (n,) P(True)."""
    return torch.sigmoid(net(pictures).float())


Score = Callable[[nn.Module, Tensor], Tensor]


def _judge(net: nn.Module, score: Score, is_exact: bool) -> Judge:
    def judge(pictures: Pictures) -> Numbers:
        said = [np.zeros(0)]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=not is_exact):
            for start in range(0, len(pictures), AT_ONCE):
                part = torch.from_numpy(pictures[start : start + AT_ONCE]).float()[:, None] / 255
                said.append(score(net, part).double().numpy())
        return np.concatenate(said)

    return judge


@dataclass(frozen=True, slots=True, kw_only=True)
class NetLearner:
    """A net, and in what its training differs from the others'."""

    build: Build
    rate: float = 1e-3
    share: float = 0.5  # of True in each batch
    augmentation: Augmentation | None = PAPERS
    loss: Loss = binary_loss
    score: Score = probability

    def learn(self, lesson: Lesson, side: int, budget: Budget) -> Learned:
        """Build, train, count."""
        net = seeded(self.build, 1, side, budget.seed)
        course = Course(
            passes=budget.passes,
            minutes=budget.minutes,
            rate=self.rate,
            share=self.share,
            augmentation=self.augmentation,
        )
        training = fit(net, lesson, course, self.loss, budget.seed)
        quick, exact = (_judge(net, self.score, is_exact) for is_exact in (False, True))
        return Learned(quick, exact, cost_of(net, side), training)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicLearner:
    """Something of scikit-learn's on the values of the pixels."""

    make: Callable[[], Any]
    rate: float | None = None  # there is none

    def learn(self, lesson: Lesson, side: int, budget: Budget) -> Learned:  # noqa: ARG002
        """One look at all pictures; no budget is needed."""
        judge, cost, training = learn(self.make(), lesson)
        return Learned(judge, judge, cost, training)


CHESTER = NetLearner(
    build=autoencoder_net, share=1.0, augmentation=None, loss=redrawing_loss, score=likeness
)
