"""Items -> outcomes on a Ray cluster: chunks as tasks, each worked off by a disposable process.

Ray does a task again where a node or one of Ray's own workers is lost; tasks are pure, and the
driver takes each result once. Inside a task stands what `LocalEngine` has, so that a crash or a
hang costs one item and ends in the same outcome.
"""

import contextlib
import itertools
import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from cxrview.engines.local import (
    BYTES_PER_WORKER,
    GROWTH_PER_WORKER,
    SECONDS_PER_ITEM,
    work_off,
)
from cxrview.engines.outcomes import Item, Outcome, Result
from cxrview.engines.task_queue import TaskQueue
from cxrview.engines.worker import Orders
from cxrview.engines.worker_pool import WorkerPool
from cxrview.errors import WrongUse

CHUNK = 64  # items in a task: some seconds of work, and at most so many wait for a hanging one
AHEAD = 2  # tasks that are out for each place of work
SECONDS_TO_LOOK = 0.5  # so that an interruption is heard
SECONDS_TO_KNOCK = 10.0
FOREVER = -1

_CREWS: dict[bytes, WorkerPool] = {}  # of this Ray worker: one process that stays between its tasks


def _work(
    orders: bytes, seconds: float, folder: str, items: list[Any]
) -> list[tuple[int, Outcome]]:
    """One task: its items, in one disposable process, their names relative to `folder`."""
    crew = _CREWS.get(orders)
    if crew is None:
        with contextlib.suppress(OSError):  # this node has no such folder: its rows will say so
            os.chdir(folder)
        for other in _CREWS.values():
            other.dismiss()
        _CREWS.clear()
        crew = _CREWS[orders] = WorkerPool(pickle.loads(orders)[0], 1, seconds)  # noqa: S301 - our own
    return list(work_off(TaskQueue(items, len(items)), crew))


class RayEngine:
    """A cluster by its address ("auto": the one that this machine is in), or one begun here.

    jobs: tasks at a time; 0: as many as the cluster has processors. Limits as of `LocalEngine`.
    Raises WrongUse where there is no such cluster.
    """

    def __init__(
        self,
        jobs: int = 0,
        address: str = "",
        seconds_per_item: float = SECONDS_PER_ITEM,
        bytes_per_worker: int = BYTES_PER_WORKER,
    ) -> None:
        if jobs < 0 or seconds_per_item <= 0 or bytes_per_worker < 0:
            raise ValueError(f"not an engine: {jobs=}, {seconds_per_item=}")
        self.restarts = 0  # Ray keeps them to itself
        self._jobs, self._address = jobs, address
        self._seconds, self._bytes = seconds_per_item, bytes_per_worker

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item, as their chunks are done; items are drawn as needed."""
        # crews are known by their orders: another folder is other orders
        orders = pickle.dumps(
            (Orders(make_function, self._bytes, GROWTH_PER_WORKER), str(Path.cwd()))
        )
        with joined(self._address, self._jobs):
            places = self._jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
            task = ray.remote(num_cpus=1, max_retries=FOREVER)(_work)
            out: dict[Any, int] = {}  # tasks that are out, and where their items begin
            try:
                yield from self._work_off(task, ray.put(orders), chunked(items), out, places)
            except RayError as error:
                words = str(error).strip().splitlines()
                raise WrongUse(f"Ray: {words[-1] if words else type(error).__name__}") from error
            finally:
                for one in out:
                    with contextlib.suppress(Exception):  # the cluster may be what was lost
                        ray.cancel(one, force=True)

    def _work_off(
        self,
        task: Any,
        orders: Any,
        chunks: Iterator[tuple[int, list[Any]]],
        out: dict[Any, int],
        places: int,
    ) -> Iterator[tuple[int, Outcome]]:
        """Keep AHEAD tasks out for each place, until nothing is left."""
        folder = str(Path.cwd())
        while True:
            for start, chunk in itertools.islice(chunks, AHEAD * places - len(out)):
                out[task.remote(orders, self._seconds, folder, chunk)] = start
            if not out:
                return
            done, _ = ray.wait(list(out), num_returns=1, timeout=SECONDS_TO_LOOK)
            for one in done:
                start, results = out.pop(one), ray.get(one)
                yield from ((start + index, outcome) for index, outcome in results)


def chunked(items: Iterable[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Items -> (number of the first, up to CHUNK of them)."""
    source, start = iter(items), 0
    while chunk := list(itertools.islice(source, CHUNK)):
        yield start, chunk
        start += len(chunk)


def knock(address: str) -> None:
    """Raises WrongUse if nothing listens at host:port: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return  # "auto", "local": Ray knows at once
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_KNOCK).close()
    except (OSError, OverflowError) as error:
        raise WrongUse(f"no Ray cluster at {address}: {error}") from error


@contextlib.contextmanager
def joined(address: str, jobs: int) -> Iterator[None]:
    """A connection to a cluster, left as it was found; one that is begun here ends with it."""
    if ray.is_initialized():
        yield
        return
    knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = {"num_cpus": jobs or None, "include_dashboard": False}
    try:
        ray.init(**({"address": address} if address else own), **quiet)
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        words = str(error).strip().splitlines()
        raise WrongUse(f"no Ray cluster at {address or 'this machine'}: "
                       f"{words[0] if words else type(error).__name__}") from error  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()
