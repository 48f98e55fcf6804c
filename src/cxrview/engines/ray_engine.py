"""An engine on a Ray cluster: chunks of items as Ray tasks, each run by a disposable process.

Ray repeats a task when a node or one of Ray's own workers is lost. Tasks are pure, and the driver
takes each result once. Each task uses the worker pool of `LocalEngine`, so that a crash or a hang
costs one item and ends in the same outcome.
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
    TaskQueue,
    process_all,
)
from cxrview.engines.outcomes import Item, Outcome, Result
from cxrview.engines.worker import WorkerConfig
from cxrview.engines.worker_pool import WorkerPool
from cxrview.errors import WrongUse

# Items in a task: some seconds of work, and at most as many wait for a hanging one
CHUNK_ITEMS = 64
TASKS_AHEAD = 2  # submitted tasks for each processor
POLL_SECONDS = 0.5  # so that an interrupt is noticed
CONNECT_SECONDS = 10.0
UNLIMITED_RETRIES = -1

_POOLS: dict[bytes, WorkerPool] = {}  # of this Ray worker: one process that stays between tasks


def _process_chunk(
    config: bytes, seconds: float, folder: str, items: list[Any]
) -> list[tuple[int, Outcome]]:
    """One task: its items in one disposable process, file names relative to `folder`."""
    pool = _POOLS.get(config)
    if pool is None:
        with contextlib.suppress(OSError):  # this node lacks the folder: the rows will say so
            os.chdir(folder)
        for other in _POOLS.values():
            other.close()
        _POOLS.clear()
        pool = _POOLS[config] = WorkerPool(pickle.loads(config)[0], 1, seconds)  # noqa: S301 - our own
    return list(process_all(TaskQueue(items, len(items)), pool))


class RayEngine:
    """The cluster at `address` ("auto": the one of this machine), or a local one started here.

    jobs: tasks at a time; 0: as many as the cluster has processors. Limits as for `LocalEngine`.
    `map` raises WrongUse where there is no such cluster.
    """

    def __init__(
        self,
        jobs: int = 0,
        address: str = "",
        seconds_per_item: float = SECONDS_PER_ITEM,
        bytes_per_worker: int = BYTES_PER_WORKER,
    ) -> None:
        if jobs < 0 or not seconds_per_item > 0 or bytes_per_worker < 0:
            raise ValueError(f"invalid limits: {jobs=}, {seconds_per_item=}")
        self.restarts = 0  # Ray does not tell
        self._jobs, self._address = jobs, address
        self._seconds, self._bytes = seconds_per_item, bytes_per_worker

    def map(
        self, make_function: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each item in order of completion; reads `items` as needed."""
        # a pool is found by its configuration: another folder is another configuration
        worker = WorkerConfig(make_function, self._bytes, GROWTH_PER_WORKER)
        config = pickle.dumps((worker, str(Path.cwd())))
        with ray_connection(self._address, self._jobs):
            places = self._jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
            task = ray.remote(num_cpus=1, max_retries=UNLIMITED_RETRIES)(_process_chunk)
            pending: dict[Any, int] = {}  # submitted tasks, and the index of their first item
            try:
                yield from self._collect(
                    task, ray.put(config), split_into_chunks(items), pending, places
                )
            except RayError as error:
                lines = str(error).strip().splitlines()
                raise WrongUse(f"Ray: {lines[-1] if lines else type(error).__name__}") from error
            finally:
                for one in pending:
                    with contextlib.suppress(Exception):  # the cluster itself may be lost
                        ray.cancel(one, force=True)

    def _collect(
        self,
        task: Any,
        config: Any,
        chunks: Iterator[tuple[int, list[Any]]],
        pending: dict[Any, int],
        places: int,
    ) -> Iterator[tuple[int, Outcome]]:
        """Keep TASKS_AHEAD tasks submitted for each processor until nothing is left."""
        folder = str(Path.cwd())
        while True:
            for start, chunk in itertools.islice(chunks, TASKS_AHEAD * places - len(pending)):
                pending[task.remote(config, self._seconds, folder, chunk)] = start
            if not pending:
                return
            done, _ = ray.wait(list(pending), num_returns=1, timeout=POLL_SECONDS)
            for one in done:
                start, results = pending.pop(one), ray.get(one)
                yield from ((start + index, outcome) for index, outcome in results)


def split_into_chunks(items: Iterable[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Items -> (index of the first, up to CHUNK_ITEMS of them)."""
    source, start = iter(items), 0
    while chunk := list(itertools.islice(source, CHUNK_ITEMS)):
        yield start, chunk
        start += len(chunk)


def check_reachable(address: str) -> None:
    """Raise WrongUse if nothing listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return  # "auto", "local": Ray knows at once
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError, ValueError) as error:  # ValueError: not a possible host name
        raise WrongUse(f"no Ray cluster at {address}: {error}") from error


@contextlib.contextmanager
def ray_connection(address: str, jobs: int) -> Iterator[None]:
    """Connect to a cluster, or start a local one; a connection or cluster made here is ended."""
    if ray.is_initialized():
        yield
        return
    check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = {"num_cpus": jobs or None, "include_dashboard": False}
    try:
        ray.init(**({"address": address} if address else own), **quiet)
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise WrongUse(f"no Ray cluster at {address or 'this machine'}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()
