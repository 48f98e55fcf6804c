"""What a model says of altered films -> one line an alteration."""

from dataclasses import dataclass

from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.classification import Share
from cxrview.metrics.predictions import EVEN, Mask, Numbers
from cxrview.views import Thresholds


@dataclass(frozen=True, slots=True)
class Altered:
    """Counts of one alteration."""

    name: str
    films: int
    wrong_frontals: int  # at one half, whatever the gate says
    wrong_laterals: int
    wrong: float
    interval: Interval  # Wilson's, of wrong
    uncertain: int
    refused: int


def altered_of(name: str, said: Numbers, lateral: Mask, thresholds: Thresholds) -> Altered:
    """said: (n, 2), P(lateral) and P(chest film); lateral: (n,), by the labels."""
    p, chest = said[:, 0], said[:, 1]
    wrong = (p > EVEN) != lateral
    refused = chest < thresholds.chest
    between = (p > thresholds.frontal) & (p < thresholds.lateral) & ~refused
    share = Share(int(wrong.sum()), len(said))
    return Altered(
        name=name,
        films=len(said),
        wrong_frontals=int((wrong & ~lateral).sum()),
        wrong_laterals=int((wrong & lateral).sum()),
        wrong=share.value,
        interval=Interval(*share.interval),
        uncertain=int(between.sum()),
        refused=int(refused.sum()),
    )
