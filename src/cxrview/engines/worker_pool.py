"""The worker processes of one run: started when there is work, watched, replaced, closed."""

import selectors
import time
from collections.abc import Iterator

from cxrview.engines.outcomes import Crashed, TimedOut
from cxrview.engines.process import WorkerLost, WorkerProcess
from cxrview.engines.worker import Reply, WorkerConfig
from cxrview.errors import WrongUse

START_TIMEOUT = 120.0  # loading the libraries from a cold network file system takes long
MAX_FAILED_STARTS = 3  # in a row, until the run is given up
CLOSE_TIMEOUT = 0.2  # seconds for a worker to end by itself

Event = tuple[WorkerProcess, Reply | Crashed | TimedOut]


class WorkerPool:
    """Up to `size` workers. `seconds`: time limit for one task, `math.inf` for none."""

    def __init__(self, config: WorkerConfig, size: int, seconds: float) -> None:
        self._config = config
        self._size = size
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self.workers: list[WorkerProcess] = []
        self.lost_count = 0  # workers that died, were killed, or ended because they had grown

    def idle(self) -> list[WorkerProcess]:
        """Workers that wait for tasks; fresh ones last, because suspect items need them."""
        free = (worker for worker in self.workers if worker.is_ready and not worker.tasks)
        return sorted(free, key=lambda worker: worker.is_fresh)

    @property
    def free_slots(self) -> int:
        """How many more workers may be started."""
        return self._size - len(self.workers)

    def start_workers(self, wanted: int) -> None:
        """Have `wanted` workers starting, as far as the size allows; raises WrongUse."""
        starting = sum(not worker.is_ready for worker in self.workers)
        for _ in range(min(wanted - starting, self.free_slots)):
            try:
                worker = WorkerProcess(self._config)
            except OSError as error:  # no more processes or descriptors
                count = len(self.workers) + 1
                raise WrongUse(f"cannot start worker process {count}: {error.strerror}") from error
            self.workers.append(worker)
            self._selector.register(worker, selectors.EVENT_READ)

    def wait(self) -> Iterator[Event]:
        """Wait for the next replies, losses and overdue tasks; lost workers have left the pool.

        A reply that is ready counts as in time, however late it is read. Raises WrongUse if the
        workers cannot start.
        """
        ready = {key.fd for key, _ in self._selector.select(self._seconds_to_wait())}
        now = time.monotonic()
        with_reply = [worker for worker in self.workers if worker.fileno() in ready]
        without = [worker for worker in self.workers if worker.fileno() not in ready]
        overdue = [worker for worker in without if self._deadline(worker) <= now]
        for worker in overdue:
            self._remove(worker)
            worker.kill()
            if worker.tasks:
                yield worker, TimedOut(self._seconds)
            else:
                self._count_failed_start(f"no reply in {START_TIMEOUT:.0f} s")
        for worker in with_reply:
            yield from self._receive(worker)

    def _receive(self, worker: WorkerProcess) -> Iterator[Event]:
        was_ready = worker.is_ready
        try:
            message = worker.receive()
        except WorkerLost:
            self._remove(worker)
            how = worker.end()
            if worker.tasks:
                yield worker, Crashed(how)
            elif not was_ready:
                self._count_failed_start(how)
            return
        if isinstance(message, Reply):
            if message.is_last:
                self._remove(worker)
                worker.end()
            yield worker, message
        elif message is not None:
            raise WrongUse(f"worker processes cannot start: {message}")
        else:
            self._failed_starts = 0

    def _count_failed_start(self, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WrongUse(f"worker processes do not start: {how}")

    def _deadline(self, worker: WorkerProcess) -> float:
        if not worker.is_ready:
            return worker.busy_since + START_TIMEOUT
        return worker.busy_since + self._seconds if worker.tasks else float("inf")

    def _seconds_to_wait(self) -> float | None:
        """Seconds until the first deadline; None where there is none."""
        first = min(map(self._deadline, self.workers), default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    def _remove(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker)
        self.workers.remove(worker)
        self.lost_count += 1

    def close(self) -> None:
        """Let all workers end by themselves, and kill those that do not."""
        self._selector.close()
        for worker in self.workers:
            worker.close()
        deadline = time.monotonic() + CLOSE_TIMEOUT
        late = [worker for worker in self.workers if not worker.wait(deadline)]
        for worker in late:
            worker.terminate()
        for worker in late:
            worker.kill()
