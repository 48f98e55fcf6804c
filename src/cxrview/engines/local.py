"""Items -> outcomes by disposable processes on this machine: a crash or a hang costs one item.

Items travel in small chunks and outcomes come back one by one, so a lost process leaves no doubt
which item it had in hand. That item is tried once more, alone in a fresh process, since the fault
may lie in what came before it or in a machine short of memory; then it is given up.

Libraries leak, and a process that has read a million strange files is not what it was: one that has
grown is replaced between two items, and no item is blamed for it.
"""

from collections.abc import Callable, Iterable, Iterator

from cxrview.engines.outcomes import Crashed, Item, Outcome, Result, TimedOut
from cxrview.engines.process import WorkerProcess
from cxrview.engines.task_queue import Task, TaskQueue
from cxrview.engines.worker import Answer, Orders
from cxrview.engines.worker_pool import WorkerPool

SECONDS_PER_ITEM = 60.0
BYTES_PER_WORKER = 4 << 30
SECONDS_PER_CHUNK = 0.1  # a round trip is about 0.2 ms
LARGEST_CHUNK = 64
GROWTH_PER_WORKER = 512 << 20  # what one large picture leaves behind in the heap is far less

# For each worker: a hanging item must not stop the others before its time is up, at 270 items a
# second, nor fill the memory of whoever restores the order, at half a kilobyte a row.
WINDOW = 16_384


class LocalEngine:
    """`jobs` processes; limits for each item in seconds, for each process in bytes (0: none).

    window: how many items may be out of order; WINDOW for each worker unless given.
    restarts: how many workers of the present or last `map` were lost or replaced.
    """

    def __init__(
        self,
        jobs: int,
        seconds_per_item: float = SECONDS_PER_ITEM,
        bytes_per_worker: int = BYTES_PER_WORKER,
        window: int | None = None,
        growth_per_worker: int = GROWTH_PER_WORKER,
    ) -> None:
        window = WINDOW * jobs if window is None else window
        least = min(jobs, window)
        if least < 1 or seconds_per_item <= 0 or min(bytes_per_worker, growth_per_worker) < 0:
            raise ValueError(f"not an engine: {jobs=}, {window=}, {seconds_per_item=}")
        self.restarts = 0
        self._jobs = jobs
        self._seconds = seconds_per_item
        self._bytes = bytes_per_worker
        self._growth = growth_per_worker
        self._window = window

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item as they come, at most `window` out of order.

        `make_function`, items and results are pickled. No process outlives the iterator.
        """
        orders = Orders(make_function, self._bytes, self._growth)
        crew = WorkerPool(orders, self._jobs, self._seconds)
        self.restarts = 0
        try:
            for numbered in work_off(TaskQueue(items, self._window), crew):
                self.restarts = crew.lost
                yield numbered
        finally:
            self.restarts = crew.lost
            crew.dismiss()


def work_off(backlog: TaskQueue, crew: WorkerPool) -> Iterator[tuple[int, Outcome]]:
    """Hand out, listen, hand out again, until nothing is left."""
    pace = Pace()
    while hand_out(backlog, crew, pace.chunk()):
        for worker, event in crew.listen():
            if isinstance(event, Answer):
                pace.note(event.seconds)
                backlog.settle(event.index)
                if event.is_last:
                    backlog.put_back(worker.tasks)
                yield event.index, event.outcome
            else:
                yield from recover(backlog, worker, event)


def hand_out(backlog: TaskQueue, crew: WorkerPool, chunk: int) -> bool:
    """Give every idle worker tasks, call in new ones for the rest; False once all is done."""
    idle = crew.idle()
    for worker in idle:
        if worker.is_fresh and backlog.suspects:
            worker.give([backlog.suspects.popleft()])
        elif tasks := backlog.take(chunk):
            worker.give(tasks)
    wanted = len(backlog.suspects)
    if all(worker.tasks for worker in idle):
        wanted += backlog.available(crew.room)
    crew.grow(wanted)
    return wanted > 0 or any(worker.tasks for worker in crew.workers)


def recover(
    backlog: TaskQueue, worker: WorkerProcess, fault: Crashed | TimedOut
) -> Iterator[tuple[int, Outcome]]:
    """What a lost worker had in hand is tried again or given up; the rest is put back."""
    culprit, *rest = worker.tasks
    backlog.put_back(rest)
    if culprit.is_suspect:
        backlog.settle(culprit.index)
        yield culprit.index, fault
    else:
        backlog.suspects.append(Task(culprit.index, culprit.item, is_suspect=True))


class Pace:
    """How long items take, and so how many of them make a chunk."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def note(self, seconds: float) -> None:
        """One item took this long."""
        before = seconds if self._seconds is None else self._seconds
        self._seconds = 0.9 * before + 0.1 * seconds

    def chunk(self) -> int:
        """One until something is known: the first items show how long they take."""
        if self._seconds is None:
            return 1
        return max(1, min(LARGEST_CHUNK, int(SECONDS_PER_CHUNK / max(self._seconds, 1e-6))))
