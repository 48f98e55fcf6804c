"""System, material, budget -> result. Runs in a process of its own, for large nets may end it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from cxrview.comparison.cost import milliseconds
from cxrview.comparison.learners import Budget, Learned, Numbers
from cxrview.comparison.material import Material
from cxrview.comparison.result import Result, Wrong
from cxrview.comparison.settings import machine
from cxrview.comparison.systems import BY_NAME, System, Task
from cxrview.metrics.classification import auroc

REFUSED = 0.01  # share of the held films at which a gate's refusals are counted

Given = ParamSpec("Given")
Made = TypeVar("Made")


def in_own_process(work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """Call a function elsewhere. Raises MemoryError if the process is ended, else what it raises.

    A net that is too large may have the system end the process rather than raise.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *given, **named).result()
        except BrokenProcessPool as error:
            raise MemoryError("its process was ended, most often for want of memory") from error


def one_thread() -> None:
    """For this process: two threads on two busy cores were ten times slower."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def wrong_views(said: Numbers, lateral: np.ndarray) -> Wrong:
    """P(lateral) (n,) at one half, and what they are -> frontals and laterals that are wrong."""
    wrong = (said > 0.5) != lateral
    return int((wrong & ~lateral).sum()), int((wrong & lateral).sum())


def _judged(result: Result, system: System, learned: Learned, material: Material) -> Result:
    """With how good it is."""
    if system.task is Task.VIEW:
        held = material.held.items()
        wrong = {name: wrong_views(learned.judge(p), material.lateral) for name, p in held}
        return replace(result, wrong=wrong)
    films, others = (learned.judge(p) for p in (material.held["unaltered"], material.others))
    if not len(others):
        return result
    line = float(np.quantile(films, REFUSED, method="lower"))
    refused = int((others < line).sum())
    area = auroc(films, others)
    return replace(result, auroc=area, others=len(others), others_refused=refused)


def _picture_time(learned: Learned, material: Material) -> float:
    one = material.held["unaltered"][:1]
    return milliseconds(lambda: learned.exact(one))


def blank(system: System, side: int, budget: Budget, fingerprint: str, reason: str = "") -> Result:
    """A result without findings."""
    return Result(
        system=system.name,
        fingerprint=fingerprint,
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        side=system.preparation(side).side,
        reason=reason,
        rate=system.learner.rate,
        passes_wanted=budget.passes,
        minutes_given=budget.minutes,
    )


def measure(name: str, material: Material, side: int, budget: Budget, print_of: str) -> Result:
    """Train and test one system."""
    one_thread()
    system = BY_NAME[name]
    empty = blank(system, side, budget, print_of)
    learned = system.learner.learn(material.lesson, empty.side, budget)
    cost, training = learned.cost, learned.training
    result = replace(
        empty,
        parameters=cost.parameters,
        multiply_adds=cost.multiply_adds,
        stored=cost.stored,
        milliseconds=_picture_time(learned, material),
        seconds=training.seconds,
        passes=training.passes,
        passes_wanted=training.wanted,
        steps=training.steps,
        loss=training.loss,
        frontals=int((~material.lateral).sum()),
        laterals=int(material.lateral.sum()),
    )
    return _judged(result, system, learned, material)
