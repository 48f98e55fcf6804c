"""Rows -> the few that a person should see: conflicts, doubts, strangers, then the least sure."""

import heapq

from cxrview.rows import Row
from cxrview.sources.find import Item
from cxrview.views import Agreement, Verdict

RANKS: dict[Verdict | None, int] = {
    Verdict.UNCERTAIN: 1,
    Verdict.NOT_CHEST: 2,
}  # after the conflicts, before the others
Key = tuple[int, float, int]


def interest(row: Row) -> tuple[int, float]:
    """Smaller is more interesting; within a rank, the nearer to 0.5 the more so."""
    surety = abs((row.p_lateral or 0.0) - 0.5)
    if row.agreement is Agreement.CONFLICT:
        return 0, surety
    return RANKS.get(row.view, 3), surety


class ReviewQueue:
    """The `size` most interesting of all rows that were shown to it, with their items."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[Key, Item, Row]] = []  # the least interesting on top
        self._seen = 0

    def add(self, item: Item, row: Row) -> None:
        """Take a row into account; one without a verdict has no picture to show."""
        if row.view is None or not self._size:
            return
        rank, surety = interest(row)
        self._seen += 1
        entry = ((-rank, -surety, -self._seen), item, row)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def chosen(self) -> list[tuple[Item, Row]]:
        """The most interesting first; among equals, as they came."""
        ordered = sorted(self._heap, key=lambda entry: entry[0], reverse=True)
        return [(item, row) for _, item, row in ordered]
