"""Answers and the error that is allowed -> thresholds, as far as the count of patients carries.

Each side is a fixed-sequence test (Angelopoulos and others, Learn then Test, 2021): walk a grid,
fixed beforehand, from the strictest threshold outwards and stop at the first failure; so many
thresholds looked at need no correction. The walk begins at the first threshold that calls enough
patients for no error at all to pass: that looks at how many are called, never at labels, and is
sound where a looser threshold does not err less.

Patients are counted, not images, for those of one patient are not independent: a patient with one
wrong image among those called counts as wrong, so the claim holds for patients and is the stricter.
"""

from dataclasses import dataclass

import numpy as np

from cxrview.metrics.binomial import carries, tries_needed, upper_bound
from cxrview.metrics.predictions import Answers, Mask
from cxrview.views import Verdict, View

DELTA = 0.05  # of a side's claim being wrong
# Distance of a threshold from 0 (frontal) or 1 (lateral), strictest first
GRID = (
    *(digit * 10.0**power for power in range(-6, -1) for digit in (1, 2, 5)),
    0.1, 0.2, 0.3, 0.4, 0.49,
)  # fmt: skip
EXAMPLE = 0.05  # fixed as well: what is shown where too few are called for any claim


@dataclass(frozen=True, slots=True)
class Called:
    """What one threshold calls, and how much of it is wrong."""

    threshold: float
    images: int
    wrong_images: int
    patients: int
    wrong_patients: int  # with one wrong image or more


@dataclass(frozen=True, slots=True)
class Side:
    """What can be claimed of one verdict. Without a threshold nothing can."""

    view: View
    threshold: float | None
    called: Called  # by that threshold; else by the one that failed, or at EXAMPLE
    bound: float  # of the error: what `called` by itself carries
    needed: int  # patients, with so many wrong, to carry what was asked for


@dataclass(frozen=True, slots=True)
class Bands:
    """frontal at P(lateral) <= a, lateral at >= b; between them uncertain."""

    max_error: float
    delta: float
    frontal: Side
    lateral: Side


def bands_of(answers: Answers, max_error: float, delta: float = DELTA) -> Bands:
    """Both sides; ValueError for an error outside 0 .. 1, both ends left out."""
    if not 0 < max_error < 1:
        raise ValueError(f"an error lies between 0 and 1, not at {max_error}")
    sides = (side_of(answers, view, max_error, delta) for view in (View.FRONTAL, View.LATERAL))
    return Bands(max_error, delta, *sides)


def side_of(answers: Answers, view: View, max_error: float, delta: float) -> Side:
    """Walk outwards; the last threshold that passed is the one."""
    fewest = tries_needed(0, max_error, delta)
    passed, shown = None, called_at(answers, view, EXAMPLE)
    for distance in GRID:
        seen = called_at(answers, view, distance)
        if seen.patients < fewest:
            continue
        if not carries(seen.wrong_patients, seen.patients, max_error, delta):
            shown = seen
            break
        passed = seen
    found = passed or shown
    return Side(
        view=view,
        threshold=passed.threshold if passed else None,
        called=found,
        bound=upper_bound(found.wrong_patients, found.patients, delta),
        needed=tries_needed(found.wrong_patients, max_error, delta),
    )


def called_at(answers: Answers, view: View, distance: float) -> Called:
    """What P(lateral) within `distance` of 0 (frontal) or 1 calls, if the gate lets it pass."""
    is_lateral = view is View.LATERAL
    threshold = round(1 - distance if is_lateral else distance, 6)
    with np.errstate(invalid="ignore"):
        p = answers.p_lateral
        reached = p >= threshold if is_lateral else p <= threshold
    called = np.asarray(reached & ~answers.said(Verdict.NOT_CHEST))
    wrong = np.asarray(called & (answers.lateral != is_lateral))
    return Called(
        threshold=threshold,
        images=int(called.sum()),
        wrong_images=int(wrong.sum()),
        patients=_patients(answers, called),
        wrong_patients=_patients(answers, wrong),
    )


def _patients(answers: Answers, where: Mask) -> int:
    return len(np.unique(answers.patient[where]))
