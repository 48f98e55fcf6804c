"""Runs of `cxrview classify` with injected faults (kills, failing disks), and what they lose."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The command with chunks of about eight files. The disk fails at the N-th write, flush or rename.
CHILD = """
import os, pathlib, sys
from cxrview import atomic
from cxrview.cli.main import run
from cxrview.inference import chunks

assert chunks.TARGET_CHUNK_SIZE
chunks.TARGET_CHUNK_SIZE = 8
code, left = int(sys.argv.pop(1)), int(sys.argv.pop(1))


def failing(function):
    def failing_once(*arguments):
        global left
        left -= 1
        if code and not left:
            raise OSError(code, os.strerror(code))
        return function(*arguments)
    return failing_once


class Failing:
    def __init__(self, file):
        self.file, self.write = file, failing(file.write)

    def __getattr__(self, name):
        return getattr(self.file, name)


opened = atomic._open_temporary
atomic._open_temporary = lambda *paths: Failing(opened(*paths))
os.fsync = failing(os.fsync)
pathlib.Path.replace = failing(pathlib.Path.replace)
run()
"""
FULL_DISK, BAD_DISK = errno.ENOSPC, errno.EIO
WITHOUT_WORKERS = ("--jobs", "0")  # starts faster; for runs whose workers are not killed
FAULTS = ("parent", "worker", "full disk", "bad disk")
RAY_FAULTS = ("parent", "ray worker")  # for runs on a Ray cluster
POLL = 0.005  # seconds


@dataclass(slots=True)
class FaultReport:
    """Counts over all trials."""

    trials: int = 0
    faults: dict[str, int] = field(default_factory=dict)  # injected, by kind
    lost: int = 0  # rows
    duplicated: int = 0  # rows
    incomplete: int = 0  # tables that were neither absent nor complete after a fault
    differing: int = 0  # tables that differ at the end from that of an uninterrupted run
    tracebacks: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether no trial lost, duplicated or damaged anything."""
        bad = self.lost + self.duplicated + self.incomplete + self.differing
        return not (bad or self.tracebacks)


@dataclass(frozen=True, slots=True)
class Collection:
    """Files in `folder`, a model, and the table that an uninterrupted run over them writes."""

    folder: Path
    model: str
    expected: bytes
    seconds: float  # duration of the uninterrupted run
    options: tuple[str, ...] = ()


def command(collection: Collection, table: Path, code: int = 0, at: int = 0) -> list[str]:
    """Return the command line; its disk fails with `code` at the `at`-th access (0: never)."""
    words = ["classify", ".", "--model", collection.model, "-o", str(table), *collection.options]
    return [sys.executable, "-c", CHILD, str(code), str(at), *words]


def start(collection: Collection, words: list[str]) -> subprocess.Popen[str]:
    """Start a run without coverage measurement, which would take half of its time."""
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.Popen(
        words, cwd=collection.folder, stderr=subprocess.PIPE, text=True, env=environment
    )


def uninterrupted(
    folder: Path, model: str, table: Path, options: tuple[str, ...] = ()
) -> Collection:
    """Run once without a fault to obtain the expected table; RuntimeError if that fails."""
    before = time.monotonic()
    blank = Collection(folder, model, b"", 0.0, options)
    with start(blank, command(blank, table)) as process:
        messages = process.stderr.read()
    if process.returncode not in (0, 1):
        raise RuntimeError(messages)
    return Collection(folder, model, table.read_bytes(), time.monotonic() - before, options)


def run_with_fault(
    collection: Collection, table: Path, fault: str, rng: random.Random
) -> tuple[int, str]:
    """Run the command with one fault at a random moment; return exit status and messages."""
    code = {"full disk": FULL_DISK, "bad disk": BAD_DISK}.get(fault, 0)
    at = rng.randrange(1, 60) if code else 0
    words = command(collection, table, code, at)
    with start(collection, [*words, *WITHOUT_WORKERS] if code else words) as process:
        if not code:
            kill_later(process, fault, rng, collection.seconds * 1.1)
        messages = process.stderr.read()
    return process.returncode, messages


def kill_later(
    process: subprocess.Popen[str], fault: str, rng: random.Random, longest: float
) -> None:
    """Kill the run, or one of its workers, after a random time of at most `longest` seconds."""
    moment = time.monotonic() + rng.uniform(0, longest)
    while process.poll() is None and time.monotonic() < moment:
        time.sleep(POLL)
    while not (targets := targets_of(fault, process)) and process.poll() is None:
        time.sleep(POLL)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(targets), signal.SIGKILL)


def targets_of(fault: str, process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that this kind of fault may kill now."""
    if fault == "parent":
        return [process.pid]
    return children_of(process) if fault == "worker" else ray_workers()


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the living worker processes of a run."""
    try:
        task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(number) for number in task.read_text().split()]
    except OSError:
        return []


def ray_workers() -> list[int]:
    """Return the processes of Ray on this machine that are executing a task of cxrview."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::_process_chunk"):
                found.append(int(path.parent.name))
    return found


def random_faults(rng: random.Random, kinds: Sequence[str] = FAULTS) -> Iterator[str]:
    """Yield one to three faults."""
    for _ in range(rng.randint(1, 3)):
        yield rng.choice(kinds)


def trial(
    collection: Collection, table: Path, rng: random.Random, report: FaultReport,
    faults: Iterable[str] = (),
) -> None:  # fmt: skip
    """Run with the given or with random faults, then to the end, and count what is missing."""
    report.trials += 1
    for fault in faults or random_faults(rng):
        _, messages = run_with_fault(collection, table, fault, rng)
        report.faults[fault] = report.faults.get(fault, 0) + 1
        if "Traceback" in messages:
            report.tracebacks.append(messages)
        if table.exists() and table.read_bytes() != collection.expected:
            report.incomplete += 1
    with start(collection, [*command(collection, table), *WITHOUT_WORKERS]) as process:
        messages = process.stderr.read()
    if process.returncode not in (0, 1) or "Traceback" in messages:
        report.tracebacks.append(messages)
    table_bytes = table.read_bytes() if table.exists() else b""
    report.differing += table_bytes != collection.expected
    files, expected = names_in(table_bytes), names_in(collection.expected)
    report.duplicated += len(files) - len(set(files))
    report.lost += len(set(expected) - set(files))


def names_in(table: bytes) -> list[bytes]:
    """Return the first column of a CSV table without its header."""
    return [line.split(b",")[0] for line in table.split(b"\n")[1:-1]]
