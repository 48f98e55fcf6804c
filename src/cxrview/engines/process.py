"""One worker process as its parent sees it: tasks go in, replies or the cause of death come out."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

from cxrview.engines.worker import Reply, WorkerConfig

# Not started by multiprocessing, whose children import the caller's main script again and so demand
# `if __name__ == "__main__"` of every script or notebook that calls us.
WORKER_PROGRAM = (
    "import sys; sys.path[:] = {path!r}; from cxrview.engines.worker import serve; "
    "serve({work}, {lifeline}, {modules!r})"
)
# A worker is one thread: as many workers as processors, each with as many threads as processors,
# would compete with each other.
ONE_THREAD_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
     "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)  # fmt: skip
EXIT_TIMEOUT = 1.0  # seconds until a process that has closed its pipe is gone
KILL_TIMEOUT = 1.0  # seconds until a killed process is gone; see `WorkerProcess.kill`
# Descriptors below belong to stdin, stdout and stderr, also where they are closed
FIRST_FREE_DESCRIPTOR = 3


class WorkerLost(Exception):
    """The process has died or is about to."""


@dataclass(frozen=True, slots=True)
class Task:
    """One item and its index in the input."""

    index: int
    item: Any
    is_suspect: bool = False  # a process was lost while it worked on this item


class Interpreter:
    """A Python interpreter that runs `serve`, with the pipes to it.

    modules: names of modules to import at once; see `early_worker`.
    """

    def __init__(self, *modules: str) -> None:
        self.connection, far_end = Pipe()
        lifeline, self.lifeline = os.pipe()
        with far_end:
            try:
                self.process = _start_program(far_end.fileno(), lifeline, modules)
            finally:
                os.close(lifeline)


_early: list[Interpreter] = []  # started, and not used by a worker yet


@contextlib.contextmanager
def early_worker(*modules: str) -> Iterator[None]:
    """Start the interpreter of the first worker inside at once; it imports `modules` meanwhile.

    So both processes load their libraries at the same time. It ends if no worker was needed.
    """
    with contextlib.suppress(OSError):  # the start of the worker will report it
        _early.append(Interpreter(*modules))
    try:
        yield
    finally:
        while _early:
            unused = _early.pop()
            unused.connection.close()
            os.close(unused.lifeline)
            unused.process.kill()
            unused.process.wait()


class WorkerProcess:
    """A disposable process. `tasks`: sent and not answered yet, in order."""

    def __init__(self, config: WorkerConfig) -> None:
        self.tasks: deque[Task] = deque()
        self.is_ready = False  # its function has been made
        self.is_fresh = True  # it has had no task yet
        self.busy_since = time.monotonic()  # when it was started or last began an item
        interpreter = _early.pop() if _early else Interpreter()
        self._connection = interpreter.connection
        self._lifeline = interpreter.lifeline
        self._process = interpreter.process
        with contextlib.suppress(ConnectionError):  # the next `receive` will find it lost
            self._connection.send(config)

    def fileno(self) -> int:
        """Descriptor for a selector: readable when there is a reply or the process has ended."""
        return self._connection.fileno()

    def send(self, tasks: list[Task]) -> None:
        """Send a chunk. Only to a worker without tasks, which is sure to be receiving."""
        self.tasks.extend(tasks)
        self.is_fresh = False
        self.busy_since = time.monotonic()
        with contextlib.suppress(ConnectionError):
            self._connection.send([(task.index, task.item) for task in tasks])

    def receive(self) -> Reply | str | None:
        """The next reply; the first time None, or the reason why the function cannot be made.

        Raises WorkerLost if the process has ended.
        """
        try:
            message: Reply | str | None = self._connection.recv()
        except (EOFError, ConnectionError):
            raise WorkerLost from None
        if isinstance(message, Reply):
            self.tasks.popleft()
            self.busy_since = message.finished_at
        self.is_ready = True
        return message

    def end(self) -> str:
        """Make sure that the process is dead; return what it died of, if it was dead before."""
        if not self.wait(time.monotonic() + EXIT_TIMEOUT):
            self.kill()
        return cause_of(self._process.returncode)

    def kill(self) -> None:
        """Kill the process at once.

        The kernel cannot end a process that waits for a lost network file system before that
        answers. Such a process is left behind, so that the run does not wait with it.
        """
        self._process.kill()
        if not self.wait(time.monotonic() + KILL_TIMEOUT):
            self._process.returncode = -signal.SIGKILL  # as it will be
            self._close_pipes()

    def terminate(self) -> None:
        """Send SIGKILL without waiting. `kill` must follow."""
        self._process.kill()

    def close(self) -> None:
        """Close the pipe: the process ends when it next receives. `end` or `kill` must follow."""
        self._connection.close()

    def wait(self, deadline: float) -> bool:
        """Whether the process ends by itself before `deadline` (time.monotonic())."""
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        self._close_pipes()
        return True

    def _close_pipes(self) -> None:
        self._connection.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def _start_program(work: int, lifeline: int, modules: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start an interpreter that serves at these two descriptors; all other output is discarded.

    Where the caller has closed stdin, stdout or stderr, a pipe may have got a number that the child
    needs for /dev/null: it is passed on under a higher one.
    """
    with contextlib.ExitStack() as stack:
        passed = []
        for descriptor in (work, lifeline):
            passed.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR))
            stack.callback(os.close, passed[-1])
        program = WORKER_PROGRAM.format(
            path=sys.path, work=passed[0], lifeline=passed[1], modules=modules
        )
        return subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-c", program],
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # C libraries write to both
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD_ENVIRONMENT},
        )


def cause_of(status: int) -> str:
    """Return code of a process -> "SIGSEGV" or "exit status 3"."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
