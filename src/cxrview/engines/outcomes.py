"""Items -> outcomes: what every engine promises. An engine knows nothing of X-rays.

Engine.map(make_function, items) calls `make_function` once in each place of work, applies the
function that it returns to every item, and yields (index of the item, outcome) as they come.
Every item yields exactly one outcome, whatever its function does.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The function returned."""

    value: Result


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised. Neither field quotes the data: a message could name a patient."""

    kind: str  # the exception's class
    where: str  # `file.py:line` that raised it


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process died with the item in hand, twice."""

    how: str  # "SIGSEGV", "exit status 3"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The item took longer than allowed, twice."""

    seconds: float  # that were allowed


Outcome = Done[Any] | Raised | Crashed | TimedOut
Function = Callable[[Any], Any]


class Engine(Protocol):
    """Whatever can apply a function to many items.

    restarts: how many of its processes were lost or replaced in the present or last `map`, as far
    as it knows.
    """

    restarts: int

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item, in any order; items are drawn as they are needed."""
        ...


def attempt(function: Callable[[Item], Result], item: Item) -> Done[Result] | Raised:
    """Call the function; whatever it raises is an outcome too. The outermost door of a worker."""
    try:
        return Done(function(item))
    except Exception as error:
        return raised(error)


def raised(error: Exception) -> Raised:
    """Exception -> its class and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f"{PurePath(last.filename).name}:{last.lineno}" if last else ""
    return Raised(type(error).__name__, where)
