"""Lesson, schedule, seed -> a trained net; the same every time on the same machine."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor
from torch.nn import functional

from cxrview.training.augment import augment
from cxrview.training.groups import Lesson, Pictures
from cxrview.training.net import Net
from cxrview.training.recipe import Schedule

Report = Callable[[int, float], None]  # step, loss

EVERY = 100  # steps between two reports


def tensor_of(pictures: Pictures) -> Tensor:
    """(n, 64, 64) 0 .. 255 -> (n, 1, 64, 64) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255


class Balanced:
    """Endless batches with a fixed share of either class, drawn with replacement by weight."""

    def __init__(self, lesson: Lesson, schedule: Schedule, generator: Generator) -> None:
        chances, wanted = torch.from_numpy(lesson.weights), torch.from_numpy(lesson.classes)
        self.sides = [torch.where(wanted == side, chances, 0.0) for side in (False, True)]
        true = round(schedule.batch * schedule.share)
        self.counts, self.generator = (schedule.batch - true, true), generator

    def draw(self) -> Tensor:
        """(batch,) indices."""
        return torch.cat(
            [
                torch.multinomial(side, count, replacement=True, generator=self.generator)
                for side, count in zip(self.sides, self.counts, strict=True)
            ]
        )


def _cosine(schedule: Schedule, step: int) -> float:
    """The learning rate at a step: from its peak to zero."""
    return schedule.peak_rate * (1 + float(np.cos(np.pi * step / schedule.steps))) / 2


def _learn(net: Net, optimiser: torch.optim.Optimizer, pictures: Tensor, wanted: Tensor) -> float:
    """One step; bfloat16 where it is exact enough (the convolutions), float32 elsewhere."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(pictures)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), wanted)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    optimiser.step()
    return float(loss.detach())


def fit(
    lesson: Lesson,
    schedule: Schedule,
    seed: int,
    start: Net | None = None,
    report: Report | None = None,
) -> Net:
    """Train a net, or train `start` on, to tell the lesson's classes apart."""
    generator = Generator().manual_seed(seed)
    net = Net().initialise(generator)
    if start is not None:
        net.load_state_dict(start.state_dict())
    optimiser = torch.optim.RMSprop(net.parameters(), lr=schedule.peak_rate, alpha=schedule.decay)
    batches = Balanced(lesson, schedule, generator)
    given, wanted = tensor_of(lesson.pictures), torch.from_numpy(lesson.classes).float()
    mean = 0.0
    for step in range(schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = _cosine(schedule, step)
        drawn = batches.draw()
        batch = augment(given[drawn], schedule.augmentation, generator)
        mean += _learn(net, optimiser, batch, wanted[drawn]) / EVERY
        if report and (step + 1) % EVERY == 0:
            report(step + 1, mean)
            mean = 0.0
    net.eval()
    return net


def predict(net: Net, pictures: Pictures, at_once: int = 256) -> npt.NDArray[np.float64]:
    """(n, 64, 64) -> (n,) probabilities of True."""
    starts = range(0, len(pictures), at_once)
    with torch.inference_mode():
        parts = [torch.sigmoid(net(tensor_of(pictures[i : i + at_once]))) for i in starts]
    return np.concatenate([np.zeros(0), *(part.double().numpy() for part in parts)])
