"""Items -> numbered tasks, handed out in chunks; none is lost, none runs far ahead."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """One item and its place in the input."""

    index: int
    item: Any
    is_suspect: bool = False  # a process was lost with it in hand


class TaskQueue:
    """What is still to be done.

    window: no task is handed out that lies this far or farther behind the oldest unsettled one, so
    that whoever restores the order needs no more room than that.
    """

    def __init__(self, items: Iterable[Any], window: int) -> None:
        self.suspects: deque[Task] = deque()  # each waits for a fresh process of its own
        self._source = enumerate(items)
        self._waiting: deque[Task] = deque()
        self._window = window
        self._oldest = 0  # every index below is settled
        self._settled: set[int] = set()  # those above
        self._drawn = 0

    def available(self, count: int) -> int:
        """How many ordinary tasks can be handed out now, counted up to `count`."""
        while len(self._waiting) < count and self._drawn < self._oldest + self._window:
            try:
                index, item = next(self._source)
            except StopIteration:
                break
            self._waiting.append(Task(index, item))
            self._drawn = index + 1
        return min(count, len(self._waiting))

    def take(self, count: int) -> list[Task]:
        """Up to `count` ordinary tasks, the oldest first."""
        return [self._waiting.popleft() for _ in range(self.available(count))]

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Tasks that a lost process had not begun: they are next."""
        self._waiting.extendleft(reversed(list(tasks)))

    def settle(self, index: int) -> None:
        """Note that a task has its outcome."""
        self._settled.add(index)
        while self._oldest in self._settled:
            self._settled.remove(self._oldest)
            self._oldest += 1
