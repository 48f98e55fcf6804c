"""Items -> outcomes in this process, one after the other: no protection, no start-up time."""

from collections.abc import Callable, Iterable, Iterator

from cxrview.engines.outcomes import Item, Outcome, Result, attempt


class SerialEngine:
    """For trusted images, for debugging, and where processes cannot be started."""

    restarts = 0

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item, in order."""
        function = make_function()
        for index, item in enumerate(items):
            yield index, attempt(function, item)
