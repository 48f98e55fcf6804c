"""Engines on this machine: one without processes, and one whose processes are disposable.

In a `LocalEngine` a crash or a hang costs one item. Items travel in small chunks and outcomes come
back one by one, so that the item a lost process was working on is always known. That item is tried
once more, alone in a fresh process, because an earlier item or a machine short of memory may have
caused the loss; then it is given up.

Libraries leak memory. A process that has grown is replaced between two items, and no item is
blamed.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cxrview.engines.outcomes import (
    Crashed,
    Engine,
    Item,
    Outcome,
    Result,
    TimedOut,
    attempt,
)
from cxrview.engines.process import Task, WorkerProcess
from cxrview.engines.worker import Reply, WorkerConfig
from cxrview.engines.worker_pool import WorkerPool

SECONDS_PER_ITEM = 60.0
BYTES_PER_WORKER = 4 << 30
SECONDS_PER_CHUNK = 0.1  # a round trip takes about 0.2 ms
MAX_CHUNK_ITEMS = 64
GROWTH_PER_WORKER = 512 << 20  # far more than one large image leaves behind in the heap

# For each worker: at 270 items a second a hanging item must not stop the other workers before its
# time is up, nor may the rows that wait for it (half a kilobyte each) fill the memory.
WINDOW_PER_WORKER = 16_384


def available_processors(root: Path = Path("/")) -> int:
    """Number of processors this process may use, by affinity mask and by the quota of its cgroup.

    A batch queue restricts the mask, a container the quota; 2.5 processors count as 3. root: of the
    file system.
    """
    known = os.cpu_count() or 1
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else known
    return max(1, min([count, *map(math.ceil, _cpu_quotas(root))]))


def _cpu_quotas(root: Path) -> Iterator[float]:
    """Processors that the cgroups of this process and their parents permit (v2 and v1)."""
    mount = root / "sys/fs/cgroup"
    for line in _read_words(root / "proc/self/cgroup", "\n"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":  # v2; in a container the path may be that of the host
            for folder in _folders_upwards(mount, path):
                yield from _parse_quota(_read_words(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for folder in [
                *_folders_upwards(mount / controllers, path),
                *_folders_upwards(mount / "cpu", path),
            ]:
                names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                yield from _parse_quota(
                    [word for name in names for word in _read_words(folder / name)]
                )


def _folders_upwards(mount: Path, path: str) -> list[Path]:
    """The folder of a cgroup below its mount, and those of its parents."""
    folder = mount / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]


def _parse_quota(words: Sequence[str]) -> Iterator[float]:
    """Processors of (microseconds in each period, period); none for `max` or -1."""
    if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
        yield int(words[0]) / int(words[1])


def _read_words(path: Path, separator: str | None = None) -> list[str]:
    """The words of a file of the kernel; none where it cannot be read."""
    try:
        return path.read_text().strip().split(separator)
    except (OSError, ValueError):
        return []


def engine_for(jobs: int | None = None) -> Engine:
    """0: this process; n: n worker processes; None: one for each available processor."""
    jobs = available_processors() if jobs is None else jobs
    return LocalEngine(jobs) if jobs else SerialEngine()


def unlimited_engine(jobs: int) -> Engine:
    """`jobs` worker processes without limits of time and memory, for training; 0: this process."""
    if not jobs:
        return SerialEngine()
    return LocalEngine(jobs, math.inf, bytes_per_worker=0, growth_per_worker=0)


class SerialEngine:
    """Works in this process, in order: for trusted files, debugging, and where no process starts.

    A crash or a hang in the function ends or stops the caller.
    """

    restarts = 0

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item, in order."""
        function = make_function()
        for index, item in enumerate(items):
            yield index, attempt(function, item)


class LocalEngine:
    """`jobs` worker processes, with a time limit for each item and a memory limit for each process.

    seconds_per_item: `math.inf` for no limit, as for the fits of a cross-validation.
    bytes_per_worker, growth_per_worker: 0 for no limit.
    window: number of items that may be out of order; WINDOW_PER_WORKER each unless given.
    restarts: number of workers lost or replaced in the current or last `map`.
    """

    def __init__(
        self,
        jobs: int,
        seconds_per_item: float = SECONDS_PER_ITEM,
        bytes_per_worker: int = BYTES_PER_WORKER,
        window: int | None = None,
        growth_per_worker: int = GROWTH_PER_WORKER,
    ) -> None:
        window = WINDOW_PER_WORKER * jobs if window is None else window
        least = min(jobs, window)
        if least < 1 or not seconds_per_item > 0 or min(bytes_per_worker, growth_per_worker) < 0:
            raise ValueError(f"invalid limits: {jobs=}, {window=}, {seconds_per_item=}")
        self.restarts = 0
        self._jobs = jobs
        self._seconds = seconds_per_item
        self._config = (bytes_per_worker, growth_per_worker)
        self._window = window

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item in order of completion, at most `window` out of order.

        `make_function`, items and results are pickled. No process outlives the iterator. Raises
        WrongUse if the workers cannot start.
        """
        pool = WorkerPool(WorkerConfig(make_function, *self._config), self._jobs, self._seconds)
        self.restarts = 0
        try:
            for numbered in process_all(TaskQueue(items, self._window), pool):
                self.restarts = pool.lost_count
                yield numbered
        finally:
            self.restarts = pool.lost_count
            pool.close()


class TaskQueue:
    """Items as numbered tasks that are not done yet.

    window: no task is handed out that lies this far or farther behind the oldest unfinished one,
    which bounds the memory of a caller that restores the order.
    """

    def __init__(self, items: Iterable[Any], window: int) -> None:
        self.suspects: deque[Task] = deque()  # each waits for a fresh process of its own
        self._source = enumerate(items)
        self._waiting: deque[Task] = deque()
        self._window = window
        self._oldest = 0  # every index below is finished
        self._finished: set[int] = set()  # the finished indices above `_oldest`
        self._read = 0

    def available(self, count: int) -> int:
        """Number of ordinary tasks that can be handed out now, counted up to `count`."""
        while len(self._waiting) < count and self._read < self._oldest + self._window:
            try:
                index, item = next(self._source)
            except StopIteration:
                break
            self._waiting.append(Task(index, item))
            self._read = index + 1
        return min(count, len(self._waiting))

    def take(self, count: int) -> list[Task]:
        """Up to `count` ordinary tasks, the oldest first."""
        return [self._waiting.popleft() for _ in range(self.available(count))]

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Return tasks that a lost process had not started; they come next."""
        self._waiting.extendleft(reversed(list(tasks)))

    def finish(self, index: int) -> None:
        """Record that a task has its outcome."""
        self._finished.add(index)
        while self._oldest in self._finished:
            self._finished.remove(self._oldest)
            self._oldest += 1


def process_all(queue: TaskQueue, pool: WorkerPool) -> Iterator[tuple[int, Outcome]]:
    """(index, outcome) of every task of the queue, in order of completion."""
    chunk_size = ChunkSize()
    while assign(queue, pool, chunk_size.value()):
        for worker, event in pool.wait():
            if isinstance(event, Reply):
                chunk_size.observe(event.seconds)
                queue.finish(event.index)
                if event.is_last:
                    queue.put_back(worker.tasks)
                yield event.index, event.outcome
            else:
                yield from recover(queue, worker, event)


def assign(queue: TaskQueue, pool: WorkerPool, chunk_size: int) -> bool:
    """Send tasks to every idle worker and start workers for the rest; False once all is done."""
    idle = pool.idle()
    for worker in idle:
        if worker.is_fresh and queue.suspects:
            worker.send([queue.suspects.popleft()])
        elif tasks := queue.take(chunk_size):
            worker.send(tasks)
    wanted = len(queue.suspects)
    if all(worker.tasks for worker in idle):
        wanted += queue.available(pool.free_slots)
    pool.start_workers(wanted)
    return wanted > 0 or any(worker.tasks for worker in pool.workers)


def recover(
    queue: TaskQueue, worker: WorkerProcess, fault: Crashed | TimedOut
) -> Iterator[tuple[int, Outcome]]:
    """Retry or give up the task that a lost worker was working on; put its other tasks back."""
    current, *rest = worker.tasks
    queue.put_back(rest)
    if current.is_suspect:
        queue.finish(current.index)
        yield current.index, fault
    else:
        queue.suspects.append(Task(current.index, current.item, is_suspect=True))


class ChunkSize:
    """Number of items in a chunk, from a moving average of the seconds that an item takes."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def observe(self, seconds: float) -> None:
        """Take the duration of one item into account."""
        before = seconds if self._seconds is None else self._seconds
        self._seconds = 0.9 * before + 0.1 * seconds

    def value(self) -> int:
        """1 until an item has been timed, then as many as take SECONDS_PER_CHUNK."""
        if self._seconds is None:
            return 1
        return max(1, min(MAX_CHUNK_ITEMS, int(SECONDS_PER_CHUNK / max(self._seconds, 1e-6))))
