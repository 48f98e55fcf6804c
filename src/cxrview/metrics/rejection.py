"""Rows of images that are no chest radiographs -> how many of each kind are rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.filenames import escape_name
from cxrview.images import Numbers
from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.classification import Share, auroc
from cxrview.metrics.predictions import SURE, Predictions
from cxrview.rows import Row
from cxrview.views import Verdict, View

KIND_NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class KindResult:
    """The readable negatives of one kind; rejected: with the verdict not_chest."""

    kind: str
    images: int
    rejected: int
    share: float  # of rejected
    interval: Interval  # of the share, by Wilson


@dataclass(frozen=True, slots=True)
class AcceptedNegative:
    """A negative that is taken for a chest radiograph."""

    file: str
    kind: str
    verdict: Verdict
    p_lateral: float
    p_chest: float | None


@dataclass(frozen=True, slots=True)
class ChestAuroc:
    """How well P(chest) separates the chest radiographs of one view from the negatives."""

    view: View
    auroc: float


@dataclass(frozen=True, slots=True)
class NegativesResult:
    """Images that are no chest radiographs: all, by kind (the worst first), and the accepted."""

    overall: KindResult
    unreadable: int
    kinds: tuple[KindResult, ...]
    aurocs: tuple[ChestAuroc, ...]  # none for a model without P(chest)
    sure: int  # of the accepted: P of one view at least SURE
    accepted: tuple[AcceptedNegative, ...]  # the highest P(chest) first


def negatives_result(
    rows: Sequence[Row], kinds: Sequence[str], predictions: Predictions
) -> NegativesResult:
    """rows, kinds: (m,), of the negatives. predictions: of the chest radiographs."""
    pairs = [
        (row, kind or KIND_NOT_STATED)
        for row, kind in zip(rows, kinds, strict=True)
        if row.view is not None
    ]
    names = sorted({kind for _, kind in pairs})
    results = [_kind_result(name, [row for row, kind in pairs if kind == name]) for name in names]
    accepted = [
        AcceptedNegative(escape_name(row.file), kind, row.view, row.p_lateral, row.p_chest)
        for row, kind in pairs
        if row.view not in (None, Verdict.NOT_CHEST) and row.p_lateral is not None
    ]
    return NegativesResult(
        overall=_kind_result("all", [row for row, _ in pairs]),
        unreadable=len(rows) - len(pairs),
        kinds=tuple(sorted(results, key=lambda one: (one.share, one.interval.low))),
        aurocs=_aurocs([row for row, _ in pairs], predictions),
        sure=sum(max(one.p_lateral, 1 - one.p_lateral) >= SURE for one in accepted),
        accepted=tuple(sorted(accepted, key=lambda one: -(one.p_chest or 0.0))),
    )


def _kind_result(kind: str, rows: Sequence[Row]) -> KindResult:
    share = Share(sum(row.view is Verdict.NOT_CHEST for row in rows), len(rows))
    value = share.value if rows else 0.0
    return KindResult(kind, share.total, share.hits, value, Interval(*share.interval))


def _aurocs(negatives: Sequence[Row], predictions: Predictions) -> tuple[ChestAuroc, ...]:
    """One value for each view of which there are images; none without P(chest)."""
    others = _chest_scores(negatives)
    found = []
    for view, mask in (
        (View.FRONTAL, ~predictions.is_lateral),
        (View.LATERAL, predictions.is_lateral),
    ):
        chest = _chest_scores([predictions.rows[index] for index in np.flatnonzero(mask).tolist()])
        if chest.size and others.size:
            found.append(ChestAuroc(view, auroc(chest, others)))
    return tuple(found)


def _chest_scores(rows: Sequence[Row]) -> Numbers:
    return np.array([row.p_chest for row in rows if row.p_chest is not None], np.float64)
