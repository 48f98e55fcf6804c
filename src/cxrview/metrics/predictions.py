"""Labels and the rows of the same files -> the arrays that all metrics are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.images import Mask, Numbers
from cxrview.labels import Label
from cxrview.rows import Row
from cxrview.views import Verdict

DECISION_BOUNDARY = 0.5  # P(lateral) that separates the views where no image may stay undecided
SURE = 0.95  # probability of the wrong view from which on an answer is a sure wrong one


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """n labelled images with their predictions; all masks are (n,)."""

    labels: Sequence[Label]
    rows: Sequence[Row]
    is_lateral: Mask  # by the label
    p_lateral: Numbers  # (n,); NaN where the image is unreadable
    patient_ids: npt.NDArray[np.intp]  # (n,), 0 .. number of patients - 1

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def patient_count(self) -> int:
        """Number of different patients."""
        return int(self.patient_ids.max()) + 1 if len(self) else 0

    @property
    def is_readable(self) -> Mask:
        """Images that have a probability."""
        return ~np.isnan(self.p_lateral)

    @property
    def is_wrong(self) -> Mask:
        """Readable, and P(lateral) on the wrong side of one half, whatever the verdict."""
        return np.asarray(
            self.is_readable & ((self.p_lateral > DECISION_BOUNDARY) != self.is_lateral)
        )

    @property
    def is_sure_wrong(self) -> Mask:
        """The probability of the wrong view is at least SURE, and the verdict is not not_chest."""
        sure = is_sure_wrong(self.p_lateral, self.is_lateral)
        return np.asarray(sure & ~self.has_verdict(Verdict.NOT_CHEST))

    @property
    def is_correct(self) -> Mask:
        """Readable, and P(lateral) on the right side of one half."""
        return np.asarray(self.is_readable & ~self.is_wrong)

    @property
    def confidence(self) -> Numbers:
        """(n,): distance of P(lateral) from one half; NaN where unreadable."""
        return np.abs(self.p_lateral - DECISION_BOUNDARY)

    def has_verdict(self, verdict: Verdict) -> Mask:
        """Images with this verdict."""
        return np.array([row.view is verdict for row in self.rows], dtype=bool)

    @property
    def is_decided(self) -> Mask:
        """Classified as frontal or lateral."""
        return np.asarray(self.has_verdict(Verdict.FRONTAL) | self.has_verdict(Verdict.LATERAL))

    @property
    def is_decided_correctly(self) -> Mask:
        """Classified as the label says."""
        return np.asarray(self.is_decided & (self.has_verdict(Verdict.LATERAL) == self.is_lateral))


def is_sure_wrong(p_lateral: Numbers, is_lateral: Mask) -> Mask:
    """(n,) P(lateral), NaN where unreadable, and labels -> (n,): the wrong view has P >= SURE."""
    with np.errstate(invalid="ignore"):
        return np.where(is_lateral, p_lateral <= round(1 - SURE, 6), p_lateral >= SURE)


def predictions_of(pairs: Sequence[tuple[Label, Row]]) -> Predictions:
    """Label and row of each image -> predictions, in the same order."""
    labels, rows = [label for label, _ in pairs], [row for _, row in pairs]
    _, patient = np.unique([label.patient for label in labels], return_inverse=True)
    p = [float("nan") if row.p_lateral is None else row.p_lateral for row in rows]
    return Predictions(
        labels=labels,
        rows=rows,
        is_lateral=np.array([label.is_lateral for label in labels], dtype=bool),
        p_lateral=np.array(p, dtype=np.float64),
        patient_ids=patient.reshape(-1),
    )
