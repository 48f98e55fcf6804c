"""System, material, budget -> result. Runs in a process of its own, for large nets may end it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
from cxrview.evaluation.metrics import auroc

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


def _outcome(system: System, learned: Learned, material: Material) -> dict[str, object]:
    """The part of a result that tells how good it is."""
    if system.task is Task.VIEW:
        held = material.held.items()
        wrong = {name: wrong_views(learned.judge(p), material.lateral) for name, p in held}
        return {"wrong": wrong}
    films, others = (learned.judge(p) for p in (material.held["unaltered"], material.others))
    if not len(others):
        return {}
    line = float(np.quantile(films, REFUSED, method="lower"))
    refused = int((others < line).sum())
    return {"auroc": auroc(films, others), "others": len(others), "others_refused": refused}


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


def measure(
    name: str, material: Material, side: int, budget: Budget, fingerprint: str
) -> dict[str, object]:
    """Train and test one system -> the fields of a `Result`."""
    one_thread()
    system = BY_NAME[name]
    own_side = system.preparation(side).side
    learned = system.learner.learn(material.lesson, own_side, budget)
    return {
        "parameters": learned.cost.parameters,
        "multiply_adds": learned.cost.multiply_adds,
        "stored": learned.cost.stored,
        "seconds": learned.training.seconds,
        "passes": learned.training.passes,
        "passes_wanted": learned.training.wanted,
        "steps": learned.training.steps,
        "loss": learned.training.loss,
        "frontals": int((~material.lateral).sum()),
        "laterals": int(material.lateral.sum()),
        "milliseconds": _picture_time(learned, material),
        **_outcome(system, learned, material),
    }
