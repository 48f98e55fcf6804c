"""Answers -> named figures with their intervals, of all images and of each group of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.metrics.bootstrap import Interval, Resampling, area, interval_of, shares
from cxrview.metrics.classification import Share, auroc
from cxrview.metrics.predictions import Answers, Mask, Numbers
from cxrview.views import Verdict, View

UNREADABLE = "unreadable"
ANSWERS = (*(verdict.value for verdict in Verdict), UNREADABLE)


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """What a share is counted on: hits among counted, both (n,)."""

    name: str
    hits: Mask
    counted: Mask


@dataclass(frozen=True, slots=True)
class Figure:
    """A value in [0, 1], None where it is not defined, and what it stands on."""

    name: str
    value: float | None
    bootstrap: Interval | None  # by patient
    wilson: Interval | None = None  # where it is a share of images
    hits: int | None = None
    all: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The images that share a source, or a view as their source calls it."""

    name: str
    frontals: int
    laterals: int
    wrong: Figure  # at one half, of those that could be read
    answers: dict[str, int]


def tallies_of(answers: Answers) -> list[OutcomeCount]:
    """What is reported of all images."""
    everything = np.ones(len(answers), dtype=bool)
    frontal, readable = ~answers.lateral, answers.readable
    return [
        OutcomeCount("accuracy at one half", answers.right, readable),
        OutcomeCount("sensitivity at one half", answers.right, answers.lateral & readable),
        OutcomeCount("specificity at one half", answers.right, frontal & readable),
        OutcomeCount("decided", answers.decided, everything),
        OutcomeCount("accuracy of decided", answers.decided_right, answers.decided),
        OutcomeCount("laterals called lateral", answers.decided_right, answers.lateral),
        OutcomeCount("frontals called frontal", answers.decided_right, frontal),
        OutcomeCount("uncertain", answers.said(Verdict.UNCERTAIN), everything),
        OutcomeCount("refused as no chest film", answers.said(Verdict.NOT_CHEST), everything),
        OutcomeCount("unreadable", ~readable, everything),
    ]


def measured(
    tallies: Sequence[OutcomeCount], answers: Answers, resampling: Resampling
) -> list[Figure]:
    """Each tally's share, by Wilson's interval and by patients drawn again."""
    if not tallies:
        return []
    hits, counted = (
        np.stack([getattr(tally, part) for tally in tallies], axis=1)
        for part in ("hits", "counted")
    )
    statistic = shares(answers.patient, hits, counted)
    values = resampling.apply(statistic, answers.patients, max(len(answers), answers.patients))
    return [_figure(tally, values[:, column]) for column, tally in enumerate(tallies)]


def _figure(tally: OutcomeCount, resampled: Numbers) -> Figure:
    share = Share(int((tally.hits & tally.counted).sum()), int(tally.counted.sum()))
    if not share.all:
        return Figure(tally.name, None, None, None, 0, 0)
    return Figure(
        name=tally.name,
        value=share.value,
        bootstrap=interval_of(resampled),
        wilson=Interval(*share.interval),
        hits=share.hits,
        all=share.all,
    )


def area_of(answers: Answers, resampling: Resampling) -> Figure:
    """The area under the ROC curve of P(lateral); no value where one view is missing."""
    name = "AUC of P(lateral)"
    read = answers.readable
    scores, lateral = answers.p_lateral[read], answers.lateral[read]
    if not lateral.any() or lateral.all():
        return Figure(name, None, None)
    patients, patient = np.unique(answers.patient[read], return_inverse=True)
    values = resampling.apply(area(patient, scores, lateral), len(patients), len(scores))
    return Figure(name, auroc(scores[lateral], scores[~lateral]), interval_of(values[:, 0]))


def groups_of(answers: Answers, names: Sequence[str], resampling: Resampling) -> list[Group]:
    """names: (n,), the group of each image; in the order of the alphabet, none named left out."""
    member = np.array(names)
    chosen = sorted(set(names) - {""})
    inside = [np.asarray(member == name) for name in chosen]
    tallies = [
        OutcomeCount(name, answers.wrong, answers.readable & group)
        for name, group in zip(chosen, inside, strict=True)
    ]
    figures = measured(tallies, answers, resampling)
    return [
        Group(
            name=figure.name,
            frontals=int((group & ~answers.lateral).sum()),
            laterals=int((group & answers.lateral).sum()),
            wrong=figure,
            answers=answer_counts(answers, group),
        )
        for figure, group in zip(figures, inside, strict=True)
    ]


def answer_counts(answers: Answers, where: Mask) -> dict[str, int]:
    """Each verdict, and unreadable -> how many images of `where` (n,) got it."""
    counts = Counter(
        row.view.value if row.view else UNREADABLE
        for row, is_in in zip(answers.rows, where, strict=True)
        if is_in
    )
    return {answer: counts[answer] for answer in ANSWERS}


def confusion_of(answers: Answers) -> dict[str, dict[str, int]]:
    """Label -> answer -> images."""
    kinds = {View.FRONTAL: ~answers.lateral, View.LATERAL: answers.lateral}
    return {view.value: answer_counts(answers, where) for view, where in kinds.items()}
