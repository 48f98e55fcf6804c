"""What every engine promises: exactly one outcome for each item, whatever happens to a process.

`Engine.map(make_function, items)` calls `make_function` once in each worker, applies the function
that it returns to every item, and yields (index of the item, outcome) in order of completion.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The function returned `value`."""

    value: Result


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised. Neither field quotes the message: it could name a patient."""

    kind: str  # class of the exception
    where: str  # `file.py:line` that raised it

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}"


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process died while it worked on the item, in both attempts."""

    how: str  # "SIGSEGV", "exit status 3"

    def __str__(self) -> str:
        return f"its process died: {self.how}"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The item took longer than allowed, in both attempts."""

    seconds: float  # the limit

    def __str__(self) -> str:
        return f"not done within {self.seconds:g} s"


Failure = Raised | Crashed | TimedOut  # str() of one is for messages
Outcome = Done[Any] | Failure
Function = Callable[[Any], Any]


class Engine(Protocol):
    """Applies a function to many items.

    restarts: number of worker processes lost or replaced in the current or last `map`, as far as
    the engine knows.
    """

    restarts: int

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item, in any order; reads `items` only as it needs them."""
        ...


@dataclass(slots=True)
class ObservedEngine:
    """An engine that shows the progress of its work.

    progress: what is done and number of items -> a context whose value is called after each item;
    argument: whether the item failed.
    """

    engine: Engine
    progress: Callable[[str, int], AbstractContextManager[Callable[..., object]]]
    what: str  # it does, in words
    restarts: int = 0

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield what the engine below yields; each outcome is a step of the progress."""
        listed = list(items)
        with self.progress(self.what, len(listed)) as step:
            for row, outcome in self.engine.map(make_function, listed):
                self.restarts = self.engine.restarts
                step(not isinstance(outcome, Done))
                yield row, outcome


def in_order(numbered: Iterable[tuple[int, Value]]) -> Iterator[Value]:
    """(index, value) in any order -> values by index; holds those that come too early."""
    early: dict[int, Value] = {}
    expected = 0
    for index, value in numbered:
        early[index] = value
        while expected in early:
            yield early.pop(expected)
            expected += 1


def attempt(function: Callable[[Item], Result], item: Item) -> Done[Result] | Raised:
    """Call the function; an exception becomes an outcome. Outermost level of a worker."""
    try:
        return Done(function(item))
    except Exception as error:
        return raised_outcome(error)


def raised_outcome(error: Exception) -> Raised:
    """Exception -> its class and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f"{PurePath(last.filename).name}:{last.lineno}" if last else ""
    return Raised(type(error).__name__, where)
