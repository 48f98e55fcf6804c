"""The far end of a worker process: chunks of items in, outcomes out, one by one.

It reads untrusted bytes through C libraries, so it may die at any time; whoever started it knows by
the order of its answers which item it had in hand.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from cxrview.engines.outcomes import Function, Outcome, attempt, raised

TRIM_EVERY = 64  # items; it takes a millisecond


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told before its first item."""

    make_function: Callable[[], Function]
    bytes_of_memory: int  # of address space; 0 for no limit
    bytes_of_growth: int = 0  # resident, since its function was made; 0 for no limit


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome, how long it took, and when it was reached on the clock all processes share."""

    index: int
    outcome: Outcome
    seconds: float
    finished: float  # time.monotonic()
    is_last: bool = False  # the worker has grown and ends itself: what it has left is not begun


def serve(work: int, lifeline: int) -> None:
    """Two inherited file descriptors -> never returns. Ends when the other end of either closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent acts
    die_with_parent(lifeline)
    connection = Connection(work)
    with contextlib.suppress(EOFError, ConnectionError):
        function, most = begin(connection)
        is_last, done = False, 0
        while function and not is_last:
            for index, item in connection.recv():
                done += 1
                if not done % TRIM_EVERY:
                    trim_heap()
                begun = time.monotonic()
                outcome = attempt(function, item)
                is_last = resident_bytes() > most
                answer(connection, index, outcome, begun, is_last=is_last)
                if is_last:
                    break
    os._exit(0)  # the libraries' own farewells take longer than many an image


def begin(connection: Connection) -> tuple[Function | None, float]:
    """Read the orders, make the function; answer None, or why it cannot be made.

    With it comes how many bytes may be resident before this process is to be replaced.
    """
    try:
        orders: Orders = connection.recv()
        limit(orders.bytes_of_memory)
        function = orders.make_function()
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return None, 0.0
    connection.send(None)
    growth = orders.bytes_of_growth
    return function, resident_bytes() + growth if growth else float("inf")


def trim_heap() -> None:
    """Give back what freed pictures have left in the heap, where the C library can (glibc)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
    """Of this process, now; 0 where the system does not say (macOS)."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - at every item
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def answer(
    connection: Connection, index: int, outcome: Outcome, begun: float, *, is_last: bool
) -> None:
    """Send one outcome; one that cannot be sent is replaced by the reason."""
    finished = time.monotonic()
    try:
        connection.send(Answer(index, outcome, finished - begun, finished, is_last))
    except ConnectionError:
        raise
    except Exception as error:
        connection.send(Answer(index, raised(error), finished - begun, finished, is_last))


def limit(bytes_of_memory: int) -> None:
    """Cap the address space and leave no core dumps: they would hold pictures of patients."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bytes_of_memory:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = bytes_of_memory if most == resource.RLIM_INFINITY else min(bytes_of_memory, most)
        with contextlib.suppress(OSError, ValueError):  # macOS knows the limit and refuses it
            resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def die_with_parent(lifeline: int) -> None:
    """Nothing is ever written to this pipe; when its only writer ends, the kernel sends SIGIO.

    The default action of SIGIO is to end the process, so this works inside a decoder that hangs and
    never gives the interpreter back, where a watching thread would not get its turn.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if not has_writer(lifeline):
        os._exit(0)  # the parent ended before we had asked to be told


def has_writer(lifeline: int) -> bool:
    """Whether the other end of a silent pipe is still held open."""
    os.set_blocking(lifeline, False)
    try:
        return bool(os.read(lifeline, 1))
    except BlockingIOError:
        return True
