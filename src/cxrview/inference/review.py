"""Row -> why a person should look at its image, defined once for all outputs."""

import heapq
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from cxrview.atomic import translate_os_errors
from cxrview.csv_text import csv_line
from cxrview.filenames import escaped_values
from cxrview.rows import Row
from cxrview.sources.find import Item
from cxrview.views import SURE_CHEST, SURE_VIEW, Agreement, Verdict


class ReviewReason(StrEnum):
    """Why an image needs a look, the most urgent first."""

    CONFLICT = "conflict"  # with the header
    UNCERTAIN = "uncertain"
    NOT_CHEST = "not_chest"
    ERROR = "error"  # it could not be read
    WARNING = "warning"  # its pixels are doubtful
    NEAR_THRESHOLD = "near_threshold"  # the verdict is close to another one


REASONS = tuple(ReviewReason)
_OF_VERDICT: dict[str, ReviewReason] = {
    Verdict.UNCERTAIN.value: ReviewReason.UNCERTAIN,
    Verdict.NOT_CHEST.value: ReviewReason.NOT_CHEST,
}


def reason_of(
    view: str | None,
    agreement: str,
    p_lateral: float | None,
    p_chest: float | None,
    warning: str,
    exclusion: str,
) -> ReviewReason | None:
    """Values of a row -> the most urgent reason to review it, None if there is none.

    view: "" or None for an image without a verdict. p_chest: None or NaN if it is not computed.
    exclusion: the column `reason`. An image that its header excludes, as an MR or a US, needs no
    look: in a hospital's tree these would bury all others, and no network has decided about them.
    """
    if not view:
        return ReviewReason.ERROR
    if exclusion:
        return None
    if agreement == Agreement.CONFLICT:
        return ReviewReason.CONFLICT
    if reason := _OF_VERDICT.get(view):
        return reason
    if warning:
        return ReviewReason.WARNING
    p = p_lateral or 0.0
    is_near = max(p, 1 - p) < SURE_VIEW or (p_chest is not None and p_chest < SURE_CHEST)
    return ReviewReason.NEAR_THRESHOLD if is_near else None


def review_reason(row: Row) -> ReviewReason | None:
    """The most urgent reason to review the image of a row, None if there is none."""
    return reason_of(row.view, row.agreement, row.p_lateral, row.p_chest, row.warning, row.reason)


def is_sure(row: Row) -> bool:
    """Whether a verdict frontal or lateral is sure enough to correct a header by it.

    P of the view is at least SURE_VIEW, P(chest) at least SURE_CHEST where the model computes it,
    and there is no warning.
    """
    p = row.p_lateral or 0.0
    return (
        row.view in (Verdict.FRONTAL, Verdict.LATERAL)
        and max(p, 1 - p) >= SURE_VIEW
        and (row.p_chest is None or row.p_chest >= SURE_CHEST)
        and not row.warning
    )


class ReviewQueue:
    """The `size` rows that most deserve review, with their items."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[tuple[int, float, int], Item, Row]] = []  # least important on top
        self._count = 0
        self.needed = 0  # images that need a look, of those with a verdict

    def add(self, item: Item, row: Row) -> None:
        """Take a row into account; one without a verdict has no image to show."""
        if row.view is None or not self._size:
            return
        rank, confidence = review_rank(row)
        self.needed += rank < len(REASONS)
        self._count += 1
        entry = ((-rank, -confidence, -self._count), item, row)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def chosen(self) -> list[tuple[Item, Row]]:
        """The most important first; among equals, in the order of the input."""
        ordered = sorted(self._heap, key=lambda entry: entry[0], reverse=True)
        return [(item, row) for _, item, row in ordered]


def review_rank(row: Row) -> tuple[int, float]:
    """(urgency, distance of P(lateral) from 0.5): smaller values are to be reviewed first."""
    reason = review_reason(row)
    urgency = REASONS.index(reason) if reason else len(REASONS)
    return urgency, abs((row.p_lateral or 0.0) - 0.5)


class ReviewList:
    """Writes the rows that need a look as CSV: the columns of the table, and `why`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """path: where the open file will be."""
        self._path, self._file = path, file
        self._has_header = False

    def add(self, _item: Item, row: Row) -> None:
        """Write a row if its image needs a look. Raises UnusableOutput."""
        values = escaped_values(row)
        if not self._has_header:
            self._has_header = True
            file, *others = values
            self._write_line([file, "why", *others])
        if reason := review_reason(row):
            file, *others = values.values()
            self._write_line([file, reason.value, *others])

    def _write_line(self, values: list[str | float | None]) -> None:
        with translate_os_errors(self._path):
            self._file.write(csv_line(values).encode())
