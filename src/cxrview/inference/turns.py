"""Row -> the turn that makes its image upright, and what of that the model does not state."""

from dataclasses import dataclass

from cxrview.images import Turn
from cxrview.rows import Row
from cxrview.sources.find import Item
from cxrview.views import Verdict


@dataclass(frozen=True, slots=True)
class Waiting:
    """An image to be turned. unknown: as `unknown_pose`. version: of its file."""

    item: Item
    view: Verdict
    turn: Turn
    unknown: str
    version: str

    def has_made(self, change: str) -> bool:
        """Whether this turn has made a copy of which the index states `change`."""
        done, *notes = change.split("; ")
        unknown = [note for note in notes if note.endswith(" unknown")]
        return done == str(self.turn) and unknown == [self.unknown] * bool(self.unknown)


def turn_of(row: Row) -> Turn | str:
    """What makes the image of a row upright, or why it is left as it is, in words.

    Where only the rotation or only the polarity is known, that one is put right: a turn loses
    nothing and makes the copy easier to look at.
    """
    if row.view is Verdict.NOT_CHEST:
        return "not_chest"
    if not row.rotation and not row.inverted:
        return unknown_pose(row) or "upright already"
    if row.frame is not None:
        return "several frames or pages"
    return "a warning" if row.warning else Turn(row.rotation or 0, bool(row.inverted))


def unknown_pose(row: Row) -> str:
    """What the model does not state: rotation unknown, polarity unknown, both, or ""."""
    names = [
        name
        for name, value in (("rotation", row.rotation), ("polarity", row.inverted))
        if value is None
    ]
    return f"{' and '.join(names)} unknown" if names else ""
