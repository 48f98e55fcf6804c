"""One worker process as its owner sees it: chunks in, answers and the cause of death out."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from multiprocessing import Pipe

from cxrview.engines.task_queue import Task
from cxrview.engines.worker import Answer, Orders

# Started by hand and not by multiprocessing, whose children import the caller's main script again
# and so demand `if __name__ == "__main__"` of everyone who calls us from a script or a notebook.
BEGIN = "import sys; sys.path[:] = {path!r}; from cxrview.engines.worker import serve; serve{ends}"
# A worker is one thread: as many workers as processors, each with as many threads as processors,
# would spend their time waiting for each other.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
     "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)  # fmt: skip
PATIENCE = 1.0  # seconds for a process that has closed its end to be gone
BURIAL = 1.0  # seconds for one that was killed; see `kill`


class WorkerLost(Exception):
    """The process died, or is about to."""


class WorkerProcess:
    """A disposable process. `tasks` are those that it has and has not answered, in order."""

    def __init__(self, orders: Orders) -> None:
        self.tasks: deque[Task] = deque()
        self.is_ready = False  # its function is made
        self.is_fresh = True  # it has had no task yet
        self.since = time.monotonic()  # when it was started or last took something in hand
        self._work, work = Pipe()
        lifeline, self._lifeline = os.pipe()
        self._process = start(work.fileno(), lifeline)
        work.close()
        os.close(lifeline)
        with contextlib.suppress(ConnectionError):  # it will be found lost at the first look
            self._work.send(orders)

    def fileno(self) -> int:
        """What a selector watches: readable when there is an answer, or nobody left to give one."""
        return self._work.fileno()

    def give(self, tasks: list[Task]) -> None:
        """Hand over a chunk. Only for a worker without tasks: it is then sure to be listening."""
        self.tasks.extend(tasks)
        self.is_fresh = False
        self.since = time.monotonic()
        with contextlib.suppress(ConnectionError):
            self._work.send([(task.index, task.item) for task in tasks])

    def hear(self) -> Answer | str | None:
        """The next answer; before the first, None once it is ready or the reason why it is not."""
        try:
            said: Answer | str | None = self._work.recv()
        except (EOFError, ConnectionError):
            raise WorkerLost from None
        if isinstance(said, Answer):
            self.tasks.popleft()
            self.since = said.finished
        self.is_ready = True
        return said

    def end(self) -> str:
        """Make sure that it is dead; say what it died of, if it was before."""
        if not self.ended(time.monotonic() + PATIENCE):
            self.kill()
        return cause_of(self._process.returncode)

    def kill(self) -> None:
        """End it at once.

        The kernel cannot end a process that waits for a lost network file system before that
        answers. It is left behind, so that nobody has to wait with it.
        """
        self._process.kill()
        if not self.ended(time.monotonic() + BURIAL):
            self._process.returncode = -signal.SIGKILL  # as it will be
            self._close()

    def strike(self) -> None:
        """Let it be ended, without waiting for that. `kill` must follow."""
        self._process.kill()

    def dismiss(self) -> None:
        """Ask it to end: it does when it next listens. `end` or `kill` must follow."""
        self._work.close()

    def ended(self, deadline: float) -> bool:
        """Whether it ends by itself before `deadline` (time.monotonic())."""
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        self._close()
        return True

    def _close(self) -> None:
        self._work.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def start(work: int, lifeline: int) -> subprocess.Popen[bytes]:
    """Start an interpreter that serves at these two descriptors, and is silent on all others."""
    program = BEGIN.format(path=sys.path, ends=(work, lifeline))
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", program],
        pass_fds=(work, lifeline),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # C libraries chatter on both
        stderr=subprocess.DEVNULL,
        env={**os.environ, **ONE_THREAD},
    )


def cause_of(status: int) -> str:
    """Return code of a process -> "SIGSEGV" or "exit status 3"."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
