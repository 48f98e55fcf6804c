"""The worker processes of one run: started when there is work, watched, replaced, dismissed."""

import selectors
import time
from collections.abc import Iterator

from cxrview.engines.outcomes import Crashed, TimedOut
from cxrview.engines.process import WorkerLost, WorkerProcess
from cxrview.engines.worker import Answer, Orders
from cxrview.errors import WrongUse

SECONDS_TO_START = 120.0  # cold network file systems take their time to load the libraries
FAILED_STARTS = 3  # in a row, until we believe that it will never work
FAREWELL = 0.2  # seconds for a worker to end by itself

Event = tuple[WorkerProcess, Answer | Crashed | TimedOut]


class WorkerPool:
    """Up to `size` workers, and the eyes on all of them. `seconds`: for one task."""

    def __init__(self, orders: Orders, size: int, seconds: float) -> None:
        self._orders = orders
        self._size = size
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self.workers: list[WorkerProcess] = []
        self.lost = 0  # workers that died, were ended, or ended themselves because they had grown

    def idle(self) -> list[WorkerProcess]:
        """Those that wait for tasks, the fresh ones last: they are kept for suspects."""
        free = (worker for worker in self.workers if worker.is_ready and not worker.tasks)
        return sorted(free, key=lambda worker: worker.is_fresh)

    @property
    def room(self) -> int:
        """How many more workers there may be."""
        return self._size - len(self.workers)

    def grow(self, wanted: int) -> None:
        """Have `wanted` workers on their way, as far as there is room."""
        coming = sum(not worker.is_ready for worker in self.workers)
        for _ in range(min(wanted - coming, self.room)):
            worker = WorkerProcess(self._orders)
            self.workers.append(worker)
            self._selector.register(worker, selectors.EVENT_READ)

    def listen(self) -> Iterator[Event]:
        """Wait for the next answers, losses and overdue tasks; the lost have left the crew.

        An answer that lies ready counts as in time, however late we come to read it.
        """
        ready = {key.fd for key, _ in self._selector.select(self._patience())}
        now = time.monotonic()
        speaking = [worker for worker in self.workers if worker.fileno() in ready]
        silent = [worker for worker in self.workers if worker.fileno() not in ready]
        overdue = [worker for worker in silent if self._deadline(worker) <= now]
        for worker in overdue:
            self._leave(worker)
            worker.kill()
            if worker.tasks:
                yield worker, TimedOut(self._seconds)
            else:
                self._note_failed_start(f"no answer in {SECONDS_TO_START:.0f} s")
        for worker in speaking:
            yield from self._hear(worker)

    def _hear(self, worker: WorkerProcess) -> Iterator[Event]:
        was_ready = worker.is_ready
        try:
            said = worker.hear()
        except WorkerLost:
            self._leave(worker)
            how = worker.end()
            if worker.tasks:
                yield worker, Crashed(how)
            elif not was_ready:
                self._note_failed_start(how)
            return
        if isinstance(said, Answer):
            if said.is_last:
                self._leave(worker)
                worker.end()
            yield worker, said
        elif said is not None:
            raise WrongUse(f"worker processes cannot begin: {said}")
        else:
            self._failed_starts = 0

    def _note_failed_start(self, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS:
            raise WrongUse(f"worker processes do not start: {how}")

    def _deadline(self, worker: WorkerProcess) -> float:
        if not worker.is_ready:
            return worker.since + SECONDS_TO_START
        return worker.since + self._seconds if worker.tasks else float("inf")

    def _patience(self) -> float | None:
        """Seconds until the first deadline; None where nobody has one."""
        first = min(map(self._deadline, self.workers), default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    def _leave(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker)
        self.workers.remove(worker)
        self.lost += 1

    def dismiss(self) -> None:
        """Let all end by themselves, and end those that do not."""
        self._selector.close()
        for worker in self.workers:
            worker.dismiss()
        deadline = time.monotonic() + FAREWELL
        late = [worker for worker in self.workers if not worker.ended(deadline)]
        for worker in late:
            worker.strike()
        for worker in late:
            worker.kill()
