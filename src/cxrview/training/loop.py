"""Lesson, schedule, seed -> a trained net; the same every time on the same machine."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor
from torch.nn import functional

from cxrview.training.augment import augment
from cxrview.training.batches import EVERY, batches_of
from cxrview.training.groups import Lesson, Pictures
from cxrview.training.history import Pass, chosen_pass
from cxrview.training.memory import Memory, fingerprint_of
from cxrview.training.net import Net
from cxrview.training.recipe import Schedule

Report = Callable[[Pass, int], None]  # the pass that ended, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a training is watched and kept; nothing here changes what comes out on one device."""

    report: Report | None = None
    memory: Memory | None = None
    device: str = "cpu"


QUIETLY = Manner()


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """A net and how it came about."""

    net: Net
    history: tuple[Pass, ...]
    chosen: int  # number of the pass whose weights these are


def tensor_of(pictures: Pictures) -> Tensor:
    """(n, 64, 64) 0 .. 255 -> (n, 1, 64, 64) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255


class Course:
    """A net while it is taught: its weights, optimiser and dice, and what was seen so far."""

    def __init__(
        self, lesson: Lesson, held: Lesson | None, schedule: Schedule, seed: int,
        start: Net | None, device: str,
    ) -> None:  # fmt: skip
        self.schedule, self.held, self.device = schedule, held, torch.device(device)
        self.generator = Generator().manual_seed(seed)
        self.net = Net().initialise(self.generator)
        if start is not None:
            self.net.load_state_dict(start.state_dict())
        self.net.to(self.device)
        self.optimiser = torch.optim.RMSprop(
            self.net.parameters(), lr=schedule.peak_rate, alpha=schedule.decay
        )
        self.batches = batches_of(lesson, schedule, self.generator)
        self.given = tensor_of(lesson.pictures)
        self.wanted = torch.from_numpy(lesson.classes).float()
        self.history: list[Pass] = []
        self.best: dict[str, Tensor] = {}

    @property
    def is_over(self) -> bool:
        """Whether every pass was gone through."""
        return len(self.history) >= self.batches.passes

    def _rate(self, step: int) -> float:
        peak = self.schedule.peak_rate
        if not self.schedule.has_cosine:
            return peak
        steps = self.schedule.steps or self.batches.passes
        return peak * (1 + float(np.cos(np.pi * step / steps))) / 2

    def _learn(self, drawn: Tensor) -> tuple[float, int]:
        """One step -> the sum of its losses, and how many were judged rightly."""
        pictures = augment(self.given[drawn], self.schedule.augmentation, self.generator)
        wanted = self.wanted[drawn].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
            logits = self.net(pictures.to(self.device))
        loss = functional.binary_cross_entropy_with_logits(logits.float(), wanted)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self.optimiser.step()
        right = int(((logits.detach() > 0) == (wanted > 0)).sum())
        return float(loss.detach()) * len(drawn), right

    def go_through(self) -> Pass:
        """One pass; weights better than any before are set aside where the best are kept."""
        number, losses, right, seen = len(self.history), 0.0, 0, 0
        for place, drawn in enumerate(self.batches.of_pass(number)):
            at = number * EVERY + place if self.schedule.steps else number
            for group in self.optimiser.param_groups:
                group["lr"] = self._rate(at)
            loss, hits = self._learn(drawn)
            losses, right, seen = losses + loss, right + hits, seen + len(drawn)
        one = Pass(number + 1, losses / seen, right / seen, *self._validate())
        self.history.append(one)
        if self.schedule.keeps_best and chosen_pass(self.history, True) == one.number:
            self.best = deepcopy(self.net.state_dict())
        return one

    def _validate(self) -> tuple[float, float]:
        if self.held is None:
            return float("nan"), float("nan")
        said = torch.from_numpy(logits_of(self.net, self.held.pictures))
        wanted = torch.from_numpy(self.held.classes)
        loss = functional.binary_cross_entropy_with_logits(said, wanted.double())
        return float(loss), float(((said > 0) == wanted).double().mean())

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the course depends on."""
        return {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "best": self.best,
            "history": [
                (one.number, one.training_loss, one.training_accuracy, one.validation_loss,
                 one.validation_accuracy) for one in self.history
            ],
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.best = state["best"]
        self.history = [Pass(*values) for values in state["history"]]

    def result(self) -> Taught:
        """The chosen weights, on the processor."""
        if self.best:
            self.net.load_state_dict(self.best)
        self.net.eval().cpu()
        return Taught(
            self.net, tuple(self.history), chosen_pass(self.history, self.schedule.keeps_best)
        )


def teach(
    lesson: Lesson,
    schedule: Schedule,
    seed: int,
    start: Net | None = None,
    held: Lesson | None = None,
    manner: Manner = QUIETLY,
) -> Taught:
    """Train a net, or train `start` on, to tell the lesson's classes apart.

    held: pictures that are not learnt from, judged after each pass. With a memory, the state is
    kept after each pass, and a course that was broken off goes on to the same end.
    Raises WrongUse where the memory is of another course, UnusableOutput where it cannot be kept.
    """
    course = Course(lesson, held, schedule, seed, start, manner.device)
    kept = manner.memory
    mark = fingerprint_of(lesson, held, schedule, seed, start) if kept else ""
    if kept and (state := kept.recall(mark)):
        course.restore(state)
    while not course.is_over:
        one = course.go_through()
        if kept:
            kept.keep(mark, course.state())
        if manner.report:
            manner.report(one, course.batches.passes)
    return course.result()


def fit(lesson: Lesson, schedule: Schedule, seed: int, start: Net | None = None) -> Net:
    """`teach`, for the net alone."""
    return teach(lesson, schedule, seed, start).net


def logits_of(net: Net, pictures: Pictures, at_once: int = 256) -> npt.NDArray[np.float64]:
    """(n, 64, 64) -> (n,) logits of True."""
    device = next(net.parameters()).device
    starts = range(0, len(pictures), at_once)
    with torch.inference_mode():
        parts = [net(tensor_of(pictures[i : i + at_once]).to(device)) for i in starts]
    return np.concatenate([np.zeros(0), *(part.double().cpu().numpy() for part in parts)])


def predict(net: Net, pictures: Pictures) -> npt.NDArray[np.float64]:
    """(n, 64, 64) -> (n,) probabilities of True."""
    said: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits_of(net, pictures)))
    return said
