"""Labels beside the rows that judge the same files -> masks that everything is counted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.labels import Label
from cxrview.rows import Row
from cxrview.views import Verdict

Mask = npt.NDArray[np.bool_]  # (n,)
Numbers = npt.NDArray[np.float64]

EVEN = 0.5  # P(lateral) at which the views part when no film may stay undecided


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """n labelled images and what was said of each; all masks are (n,)."""

    labels: Sequence[Label]
    rows: Sequence[Row]
    lateral: Mask  # by the label
    p_lateral: Numbers  # (n,); NaN where the image could not be read
    patient: npt.NDArray[np.intp]  # (n,), 0 .. number of patients - 1

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self.patient.max()) + 1 if len(self) else 0

    @property
    def readable(self) -> Mask:
        """There is a probability."""
        return ~np.isnan(self.p_lateral)

    @property
    def wrong(self) -> Mask:
        """Readable, and on the wrong side of one half, whatever the verdict."""
        return np.asarray(self.readable & ((self.p_lateral > EVEN) != self.lateral))

    @property
    def right(self) -> Mask:
        """Readable, and on the right side of one half."""
        return np.asarray(self.readable & ~self.wrong)

    @property
    def sureness(self) -> Numbers:
        """(n,): distance of P(lateral) from one half; NaN where unreadable."""
        return np.abs(self.p_lateral - EVEN)

    def said(self, verdict: Verdict) -> Mask:
        """Where this is the verdict."""
        return np.array([row.view is verdict for row in self.rows], dtype=bool)

    @property
    def decided(self) -> Mask:
        """Called frontal or lateral."""
        return np.asarray(self.said(Verdict.FRONTAL) | self.said(Verdict.LATERAL))

    @property
    def decided_right(self) -> Mask:
        """Called what the label says."""
        called_lateral = self.said(Verdict.LATERAL)
        return np.asarray(self.decided & (called_lateral == self.lateral))


def answers_of(pairs: Sequence[tuple[Label, Row]]) -> Answers:
    """Label and row of each image -> what is counted on."""
    labels, rows = [label for label, _ in pairs], [row for _, row in pairs]
    _, patient = np.unique([label.patient for label in labels], return_inverse=True)
    p = [float("nan") if row.p_lateral is None else row.p_lateral for row in rows]
    return Answers(
        labels=labels,
        rows=rows,
        lateral=np.array([label.is_lateral for label in labels], dtype=bool),
        p_lateral=np.array(p, dtype=np.float64),
        patient=patient.reshape(-1),
    )
