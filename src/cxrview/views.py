"""Probabilities -> verdict, and what a DICOM header says about the view -> View, as tables."""

import re
from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """The projection of a chest radiograph."""

    FRONTAL = "frontal"
    LATERAL = "lateral"


class Verdict(StrEnum):
    """The result for an image."""

    FRONTAL = "frontal"
    LATERAL = "lateral"
    UNCERTAIN = "uncertain"
    NOT_CHEST = "not_chest"


UNREADABLE = "unreadable"  # stands for an image without a verdict where outcomes are counted
OUTCOMES = (*(verdict.value for verdict in Verdict), UNREADABLE)


class Agreement(StrEnum):
    """Whether verdict and header name the same view."""

    AGREE = "agree"
    CONFLICT = "conflict"
    ABSENT = "absent"  # one of the two is neither frontal nor lateral


@dataclass(frozen=True, slots=True)
class Thresholds:
    """P(lateral) at or under `frontal` is frontal, at or over `lateral` is lateral.

    P(chest radiograph) under `chest` is not_chest, whatever P(lateral) says. Rotation and polarity
    are stated where their probability is at least `pose`.
    """

    frontal: float = 0.05
    lateral: float = 0.95
    chest: float = 0.5
    pose: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.frontal < self.lateral <= 1:
            raise ValueError(f"thresholds out of order: {self.frontal} .. {self.lateral}")
        if not 0 <= self.chest <= 1:
            raise ValueError(
                f"the threshold for chest radiographs lies in 0..1, not at {self.chest}"
            )
        if not 0.5 <= self.pose <= 1:
            raise ValueError(
                f"the threshold of rotation and polarity lies in 0.5 .. 1: {self.pose}"
            )


SURE_VIEW = 0.98  # P of a view from which it needs no review; the usual threshold is 0.95
SURE_CHEST = 0.9  # P(chest) from which it needs none


def decide(p_lateral: float, p_chest: float | None, thresholds: Thresholds) -> Verdict:
    """Two probabilities in [0, 1] -> verdict. Thresholds are inclusive.

    p_chest is None where the model does not compute it: then every image counts as a chest
    radiograph.
    """
    if p_chest is not None and not p_chest >= thresholds.chest:
        return Verdict.NOT_CHEST
    if p_lateral <= thresholds.frontal:
        return Verdict.FRONTAL
    if p_lateral >= thresholds.lateral:
        return Verdict.LATERAL
    return Verdict.UNCERTAIN


def agreement(verdict: Verdict | None, header_view: View | None) -> Agreement:
    """Compare a verdict with the header's view. Only frontal and lateral agree or conflict."""
    if header_view is None or verdict not in (Verdict.FRONTAL, Verdict.LATERAL):
        return Agreement.ABSENT
    return Agreement.AGREE if verdict == header_view.value else Agreement.CONFLICT


# View Position (0018,5101) and spellings found in practice, upper case. A decubitus radiograph is
# taken with a frontal beam. Oblique, swimmer's and axial views are neither, and not listed.
VIEW_POSITIONS: dict[str, View] = {
    **dict.fromkeys(
        ("AP", "PA", "FRONTAL", "PORTABLE", "AP PORTABLE", "PORTABLE AP", "AP SUPINE", "AP ERECT",
         "PA ERECT", "SUPINE AP", "AP/PA", "A-P", "P-A", "ANTERO-POSTERIOR", "POSTERO-ANTERIOR",
         "LLD", "RLD", "AP LLD", "AP RLD", "PA LLD", "PA RLD"),
        View.FRONTAL,
    ),
    **dict.fromkeys(
        ("LL", "RL", "L", "LAT", "LATERAL", "LLAT", "RLAT", "L LAT", "R LAT", "LEFT LATERAL",
         "RIGHT LATERAL", "LARGE LATERAL", "XTABLE LATERAL", "CROSS TABLE LATERAL", "LM", "ML"),
        View.LATERAL,
    ),
}  # fmt: skip

# View Positions that are neither, and that may be printed: any other value may be a name.
OTHER_POSITIONS = frozenset(
    ("RAO", "LAO", "RPO", "LPO", "RLO", "LLO", "OBLIQUE", "OBL", "SWIMMERS", "AP AXIAL",
     "LORDOTIC", "AP LORDOTIC", "APICAL", "UNKNOWN", "NONE", "OTHER")
)  # fmt: skip
UNKNOWN_VALUE = "(unknown value)"  # is printed in its place

# View Code Sequence (0054,0220), DICOM PS3.16 CID 4010: SNOMED CT codes and the legacy SRT ones.
VIEW_CODES: dict[str, View] = {
    **dict.fromkeys(
        ("399348003", "R-10206",  # antero-posterior
         "272479007", "R-10214", "R-40888",  # postero-anterior
         "399033003", "R-10202"),  # frontal
        View.FRONTAL,
    ),
    **dict.fromkeys(
        ("399067008", "R-102CD",  # lateral
         "399173006", "R-10236",  # left lateral
         "399198007", "R-10232",  # right lateral
         "399352003", "R-10228",  # latero-medial
         "399260004", "R-10224",  # medio-lateral
         "30730003", "G-A145"),  # sagittal
        View.LATERAL,
    ),
}  # fmt: skip

# View Position -> code of CID 4010, where both say the same: value, coding scheme, meaning.
POSITION_CODES: dict[str, tuple[str, str, str]] = {
    "PA": ("272479007", "SCT", "postero-anterior"),
    "AP": ("399348003", "SCT", "antero-posterior"),
    "LL": ("399173006", "SCT", "left lateral"),
    "RL": ("399198007", "SCT", "right lateral"),
}
_POSITIONS = {code: position for position, (code, *_) in POSITION_CODES.items()} | {
    "R-10206": "AP",
    "R-10214": "PA",
    "R-40888": "PA",
    "R-10236": "LL",
    "R-10232": "RL",
}
# For views of which no more is known.
GENERAL_CODES: dict[View, tuple[str, str, str]] = {
    View.FRONTAL: ("399033003", "SCT", "frontal"),
    View.LATERAL: ("399067008", "SCT", "lateral"),
}

# Words of a Series Description (0008,103E) and of other free texts, upper case, without full stops.
_DESCRIBED_VIEWS = {
    View.FRONTAL: frozenset(("AP", "PA", "FRONTAL", "FRONTALE", "FRENTE")),
    View.LATERAL: frozenset(
        ("LAT", "LATERAL", "LATERALE", "LL", "RL", "LLAT", "RLAT", "SEITLICH", "PROFIL", "PERFIL")
    ),
}
_OTHER_VIEW_WORDS = frozenset(("DECUBITUS", "DECUB", "OBLIQUE", "OBL", "LORDOTIC"))

# Patient Orientation (0020,0020): the direction of a row, then of a column. One of the two runs
# along the body (H, F); the other runs across it (L, R: frontal) or through it (A, P: lateral).
_ACROSS = {"L": View.FRONTAL, "R": View.FRONTAL, "A": View.LATERAL, "P": View.LATERAL}
_ALONG = frozenset("HF")


def view_of_position(text: str) -> View | None:
    """View Position (0018,5101), any spelling -> View; None where it is neither."""
    return VIEW_POSITIONS.get(" ".join(text.upper().replace("_", " ").split()))


def view_of_code(code: str) -> View | None:
    """Code Value of a View Code Sequence item -> View; None for obliques and unknown codes."""
    return VIEW_CODES.get(code.strip().upper())


def position_of_code(code: str) -> str:
    """Code Value of a View Code Sequence item -> the View Position that says the same, or ""."""
    return _POSITIONS.get(code.strip().upper(), "")


def view_of_description(text: str) -> View | None:
    """A free text -> the only view that it names: "CHEST PA" is frontal, "CHEST PA/LAT" None."""
    words = frozenset(re.split("[^A-Z]+", text.upper().replace(".", "")))
    named = [view for view, known in _DESCRIBED_VIEWS.items() if words & known]
    return named[0] if len(named) == 1 and not words & _OTHER_VIEW_WORDS else None


def view_of_orientation(text: str) -> View | None:
    r"""Patient Orientation (0020,0020) such as `L\F`, or `H\L` lying -> View; None if unclear."""
    initials = [part.strip().upper()[:1] for part in text.split("\\")]
    if len(initials) != 2:
        return None
    first, second = initials
    if second in _ALONG:
        return _ACROSS.get(first)
    if first in _ALONG:
        return _ACROSS.get(second)
    return None
