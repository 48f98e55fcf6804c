"""Answers and reports from short lists of numbers."""

import numpy as np

from cxrview.labels import Label
from cxrview.metrics.bootstrap import Resampling
from cxrview.metrics.calibration import calibration_of
from cxrview.metrics.curves import risk_coverage_of, roc_of
from cxrview.metrics.predictions import Answers, answers_of
from cxrview.metrics.robustness import altered_of
from cxrview.metrics.selective import bands_of
from cxrview.metrics.tables import area_of, confusion_of, groups_of, measured, tallies_of
from cxrview.report.evaluation_report import Doubtful, Joining, Judge, Making, Report
from cxrview.rows import Row
from cxrview.views import Thresholds, View, decide

QUICK = Resampling(resamples=200, seed=3)


def judged_row(file: str, p: float | None, chest: float = 1.0) -> Row:
    """The row that the default thresholds would give; unreadable without a probability."""
    if p is None:
        return Row(file, error="damaged: torn")
    return Row(file, view=decide(p, chest, Thresholds()), p_lateral=p, p_chest=chest)


def answers(frontals=(), laterals=(), patients=None, chest=1.0, source="s") -> Answers:
    """P(lateral) of frontal and of lateral images; every image of its own patient unless said."""
    p = [*frontals, *laterals]
    views = [View.FRONTAL] * len(frontals) + [View.LATERAL] * len(laterals)
    people = patients if patients is not None else range(len(p))
    return answers_of([
        (Label(f"{n}.png", view, f"p{who}", source), judged_row(f"{n}.png", value, chest))
        for n, (value, view, who) in enumerate(zip(p, views, people, strict=True))
    ])  # fmt: skip


def report_of(some: Answers, names=("a.png", "b.png"), text="t") -> Report:
    """A whole report; `text` stands wherever text comes from outside."""
    read = some.readable
    altered = altered_of(
        text, np.array([[0.1, 1.0], [0.9, 0.1]]), np.array([0, 1]) > 0, Thresholds()
    )
    groups = tuple(groups_of(some, [text] * len(some), QUICK))
    return Report(
        making=Making("1", "2026-01-01", text, "ab", 3, 200),
        judge=Judge(text, text, None, Thresholds(), (text,)),
        joining=Joining(9, len(some), some.patients, False, names, names, names, names, True),
        confusion=confusion_of(some),
        figures=(*measured(tallies_of(some), some, QUICK), area_of(some, QUICK)),
        sources=groups,
        original_views=groups,
        calibration=calibration_of(some.p_lateral[read], some.lateral[read]),
        roc=roc_of(some),
        risk_coverage=risk_coverage_of(some),
        bands=bands_of(some, 0.001),
        robustness=(altered,),
        doubtful=tuple(Doubtful(name, View.LATERAL, None, None, None, text) for name in names),
    )
