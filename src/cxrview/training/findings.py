"""A cross-validation -> thresholds, metrics with intervals, and the tables of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.evaluation.perturbations import UNALTERED
from cxrview.labels import Label
from cxrview.metrics.classification import Share, auroc
from cxrview.model.card import Metric
from cxrview.training.crossval import CrossValidation
from cxrview.views import Thresholds

EVEN = 0.5  # P(lateral) at which the two views part when no film may stay undecided
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What cross-validated models did; everything that is reported is counted here."""

    labels: Sequence[Label]
    lateral: Mask  # (n,), what the labels say
    result: CrossValidation
    thresholds: Thresholds

    def wrong(self, alteration: str = UNALTERED) -> Mask:
        """(n,): on the wrong side of one half."""
        return np.asarray((self.result.films[alteration][:, 0] > EVEN) != self.lateral)

    def refused(self, alteration: str = UNALTERED) -> Mask:
        """(n,): called not_chest at the threshold."""
        return np.asarray(self.result.films[alteration][:, 1] < self.thresholds.chest)

    def uncertain(self, alteration: str = UNALTERED) -> Mask:
        """(n,): between the thresholds for the views."""
        p = self.result.films[alteration][:, 0]
        return np.asarray((p > self.thresholds.frontal) & (p < self.thresholds.lateral))

    def others_refused(self) -> Share:
        """Pictures that are no chest films, each judged by every fold's model."""
        chest = self.result.others[:, :, 1]
        return Share(int((chest < self.thresholds.chest).sum()), chest.size)

    def gate_area(self) -> float:
        """AUROC of the gate: each fold's films against all others, the mean over folds."""
        areas = []
        for fold, others in enumerate(self.result.others[:, :, 1]):
            films = self.result.films[UNALTERED][self.result.folds == fold, 1]
            areas.append(auroc(films, others))
        return float(np.mean(areas))

    def by_source(self) -> dict[str, Share]:
        """Errors of each source and view."""
        wrong = self.wrong()
        kinds = [f"{label.source}, {label.view}" for label in self.labels]
        names = np.array(kinds)
        return {
            name: Share(int(wrong[names == name].sum()), int((names == name).sum()))
            for name in sorted(set(kinds))
        }


def thresholds_of(result: CrossValidation, counted: Mask, refused: float) -> Thresholds:
    """The gate's threshold leaves this share of the counted films below it."""
    chest = float(np.quantile(result.films[UNALTERED][counted, 1], refused))
    return Thresholds(chest=round(chest, 4))


def metric_of(name: str, share: Share) -> Metric:
    """A share under a name, with its interval."""
    low, high = share.interval
    return Metric(name, share.value, low, high, f"{share.hits} of {share.all}")


def metrics_of(findings: Findings) -> tuple[Metric, ...]:
    """What stands in the card."""
    wrong, lateral, n = findings.wrong(), findings.lateral, len(findings.lateral)
    metrics = [
        metric_of("accuracy, cross-validated", Share(int((~wrong).sum()), n)),
        metric_of("laterals found", Share(int((~wrong & lateral).sum()), int(lateral.sum()))),
        metric_of("frontals found", Share(int((~wrong & ~lateral).sum()), int((~lateral).sum()))),
        metric_of("chest films refused by the gate", Share(int(findings.refused().sum()), n)),
    ]
    if findings.result.others.shape[1]:
        metrics.append(metric_of("other pictures refused by the gate", findings.others_refused()))
    return tuple(metrics)
