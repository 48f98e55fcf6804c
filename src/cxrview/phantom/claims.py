"""What a phantom's DICOM header claims about its view: the truth, nothing, or, rarely, a lie.

Of every twenty DICOM files fourteen are labelled rightly, four not at all and two wrongly, in an
order that the seed decides: conflicts to be found, and their number known beforehand.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cxrview.phantom.draw import Phantom
from cxrview.phantom.projection import LATERALS, Projection
from cxrview.views import View


class Truth(StrEnum):
    """How a header's claim stands to the picture."""

    RIGHT = "right"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class HeaderClaim:
    """View Position (0018,5101), Patient Orientation (0020,0020), and what they amount to."""

    truth: Truth
    view_position: str = ""
    patient_orientation: str = ""
    view: View | None = None


# (how, View Position is there, Patient Orientation is there): a quota, dealt anew in each twenty
QUOTA = (
    *[(Truth.RIGHT, True, True)] * 8,
    *[(Truth.RIGHT, True, False)] * 4,
    *[(Truth.RIGHT, False, True)] * 2,
    *[(Truth.ABSENT, False, False)] * 4,
    *[(Truth.WRONG, True, True)] * 2,
)
EXCHANGED = {  # the slip of a hand at the console
    Projection.PA: Projection.LL,
    Projection.AP: Projection.RL,
    Projection.LL: Projection.PA,
    Projection.RL: Projection.AP,
}
QUOTA_KEY = 1  # keeps this draw apart from the drawing of the phantoms, which use one key


def claim_of(phantom: Phantom, seed: int, number: int) -> HeaderClaim:
    """The claim of DICOM file `number` (0, 1, ...) of a seed."""
    deal, place = divmod(number, len(QUOTA))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(deal, QUOTA_KEY)))
    truth, has_position, has_orientation = QUOTA[rng.permutation(len(QUOTA))[place]]
    if truth is Truth.ABSENT:
        return HeaderClaim(truth)
    is_wrong = truth is Truth.WRONG
    projection = EXCHANGED[phantom.projection] if is_wrong else phantom.projection
    return HeaderClaim(
        truth,
        projection.value if has_position else "",
        orientation(projection, phantom.mirrored) if has_orientation else "",
        projection.view,
    )


def orientation(projection: Projection, mirrored: bool) -> str:
    r"""Directions of a row and of a column: L\F for a frontal as hung, A\F for a lateral."""
    rows = "AP" if projection in LATERALS else "LR"
    return f"{rows[mirrored]}\\F"
