"""The program of a worker process: chunks of items in, one reply for each item out.

It reads untrusted bytes through C libraries, so it may die at any time. The parent knows from the
order of the replies which item it was working on.
"""

import contextlib
import ctypes
import fcntl
import importlib
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from cxrview.engines.outcomes import Function, Outcome, attempt, raised_outcome

ITEMS_PER_TRIM = 64  # items; trimming the heap takes a millisecond


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker receives before its first item."""

    make_function: Callable[[], Function]
    bytes_of_memory: int = 0  # limit of the address space; 0 for none
    bytes_of_growth: int = 0  # resident, since the function was made; 0 for no limit


@dataclass(frozen=True, slots=True)
class Reply:
    """One outcome, how long it took, and when it was reached on the clock all processes share."""

    index: int
    outcome: Outcome
    seconds: float
    finished_at: float  # time.monotonic()
    is_last: bool = False  # the worker has grown and ends; it has not started its other tasks


def serve(work: int, lifeline: int, modules: tuple[str, ...] = ()) -> None:
    """Serve at two inherited file descriptors until the other end of either closes.

    modules: to import before anything is received. Never returns.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent acts
    die_with_parent(lifeline)
    connection = Connection(work)
    for module in modules:
        importlib.import_module(module)
    with contextlib.suppress(EOFError, ConnectionError):
        function, max_bytes = prepare(connection)
        is_last, done = False, 0
        while function and not is_last:
            for index, item in connection.recv():
                done += 1
                if not done % ITEMS_PER_TRIM:
                    trim_heap()
                started = time.monotonic()
                outcome = attempt(function, item)
                is_last = resident_bytes() > max_bytes
                reply(connection, index, outcome, started, is_last=is_last)
                if is_last:
                    break
    os._exit(0)  # the exit handlers of the libraries take longer than many images


def prepare(connection: Connection) -> tuple[Function | None, float]:
    """Receive the configuration and make the function; send None, or the reason why it fails.

    The second value is the number of resident bytes beyond which this process must be replaced.
    """
    try:
        config: WorkerConfig = connection.recv()
        limit_memory(config.bytes_of_memory)
        function = config.make_function()
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return None, 0.0
    connection.send(None)
    growth = config.bytes_of_growth
    return function, resident_bytes() + growth if growth else float("inf")


def trim_heap() -> None:
    """Return the memory of freed images to the system, where the C library can (glibc)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell (macOS)."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - at every item
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def reply(
    connection: Connection, index: int, outcome: Outcome, started: float, *, is_last: bool
) -> None:
    """Send one outcome; one that cannot be pickled is replaced by the reason."""
    finished_at = time.monotonic()
    try:
        connection.send(Reply(index, outcome, finished_at - started, finished_at, is_last))
    except ConnectionError:
        raise
    except Exception as error:
        connection.send(
            Reply(index, raised_outcome(error), finished_at - started, finished_at, is_last)
        )


def limit_memory(bytes_of_memory: int) -> None:
    """Limit the address space, and forbid core dumps: they would hold images of patients."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bytes_of_memory:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = bytes_of_memory if most == resource.RLIM_INFINITY else min(bytes_of_memory, most)
        with contextlib.suppress(OSError, ValueError):  # macOS knows the limit and refuses it
            resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def die_with_parent(lifeline: int) -> None:
    """Let the kernel send SIGIO when the only writer of this pipe, the parent, has ended.

    Nothing is ever written to the pipe. The default action of SIGIO ends the process, so this works
    inside a decoder that hangs and never returns to the interpreter, where a watching thread would
    not run.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if not has_writer(lifeline):
        os._exit(0)  # the parent ended before the signal was requested


def has_writer(lifeline: int) -> bool:
    """Whether the other end of a silent pipe is still open."""
    os.set_blocking(lifeline, False)
    try:
        return bool(os.read(lifeline, 1))
    except BlockingIOError:
        return True
