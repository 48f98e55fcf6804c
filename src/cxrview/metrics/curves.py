"""Answers -> curves: what can be decided at which error, and the ROC of P(lateral)."""

from dataclasses import dataclass

import numpy as np

from cxrview.metrics.predictions import Answers, Numbers
from cxrview.views import Verdict

POINTS = 200  # of a curve at most: more cannot be seen
RISKS = (0.0, 0.001, 0.005, 0.01, 0.02)  # that the table of coverages is made for


@dataclass(frozen=True, slots=True)
class Coverage:
    """The surest images decided, the others not."""

    decided: int
    wrong: int
    coverage: float  # share of all images
    risk: float  # share of the decided that is wrong


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """points: from few decided to all that can be. at: most that is decided at each of RISKS."""

    points: tuple[Coverage, ...]
    at: dict[str, float]  # risk as text -> coverage


@dataclass(frozen=True, slots=True)
class RocPoint:
    """Shares of the frontals taken for lateral, and of the laterals found."""

    false_laterals: float
    laterals_found: float


def risk_coverage_of(answers: Answers) -> RiskCoverage:
    """The surest first. What the gate refuses or nobody can read is never decided."""
    able = np.flatnonzero(answers.readable & ~answers.said(Verdict.NOT_CHEST))
    if not able.size:
        return RiskCoverage((), {f"{risk:g}": 0.0 for risk in RISKS})
    sureness = answers.sureness[able].round(9)  # 0.9 and 0.1 are equally sure
    order = np.argsort(-sureness, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(sureness[order])), able.size - 1)  # of equal ones
    wrong = np.cumsum(answers.wrong[able][order])[ends]
    decided = ends + 1
    risk, coverage = wrong / decided, decided / len(answers)
    kept = thinned(len(ends))
    points = tuple(
        Coverage(int(decided[i]), int(wrong[i]), float(coverage[i]), float(risk[i])) for i in kept
    )
    at = {f"{most:g}": float(coverage[risk <= most].max(initial=0.0)) for most in RISKS}
    return RiskCoverage(points, at)


def roc_of(answers: Answers) -> tuple[RocPoint, ...]:
    """From (0, 0) to (1, 1); nothing where one view is missing."""
    read = answers.readable
    p, lateral = answers.p_lateral[read], answers.lateral[read]
    if not lateral.any() or lateral.all():
        return ()
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)
    found = _risen(lateral[order].cumsum()[ends] / lateral.sum())
    false = _risen((~lateral[order]).cumsum()[ends] / (~lateral).sum())
    return tuple(RocPoint(float(false[i]), float(found[i])) for i in thinned(found.size))


def _risen(shares: Numbers) -> Numbers:
    return np.concatenate([[0.0], shares])


def thinned(count: int, most: int = POINTS) -> list[int]:
    """0 .. count - 1, or `most` of them spread evenly with both ends."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
