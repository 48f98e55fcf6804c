"""Runs of `cxrview classify` that are killed or run out of disk, and what is left of them."""

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

# The command, with chunks of some eight files; the N-th time that something is written, flushed or
# renamed, the disk may fail.
CHILD = """
import os, pathlib, sys
from cxrview import atomic
from cxrview.cli.main import run
from cxrview.inference import chunks

chunks.EXPECTED = 8
code, left = int(sys.argv.pop(1)), int(sys.argv.pop(1))


def failing(function):
    def failing_now_and_then(*given):
        global left
        left -= 1
        if code and not left:
            raise OSError(code, os.strerror(code))
        return function(*given)
    return failing_now_and_then


class Failing:
    def __init__(self, file):
        self.file, self.write = file, failing(file.write)

    def __getattr__(self, name):
        return getattr(self.file, name)


opened = atomic._opened
atomic._opened = lambda path: Failing(opened(path))
os.fsync = failing(os.fsync)
pathlib.Path.replace = failing(pathlib.Path.replace)
run()
"""
FULL_DISC, BAD_DISC = errno.ENOSPC, errno.EIO
ALONE = ("--jobs", "0")  # without workers, where none is to be killed: quicker to start
WAYS = ("parent", "worker", "full disc", "bad disc")
RAY_WAYS = ("parent", "ray worker")  # in a run on a Ray cluster


@dataclass(slots=True)
class Findings:
    """What trials came to."""

    trials: int = 0
    blows: dict[str, int] = field(default_factory=dict)
    lost: int = 0  # rows
    doubled: int = 0
    torn: int = 0  # tables that were neither absent nor whole after a blow
    differing: int = 0  # tables at the end that are not, byte for byte, the undisturbed one
    untold: list[str] = field(default_factory=list)  # tracebacks

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, torn or untold."""
        return not (self.lost or self.doubled or self.torn or self.differing or self.untold)


@dataclass(frozen=True, slots=True)
class Collection:
    """Files to classify in `folder`, by a model; and the table that an undisturbed run makes."""

    folder: Path
    model: str
    wanted: bytes
    seconds: float  # that it took
    more: tuple[str, ...] = ()


def command(collection: Collection, table: Path, code: int = 0, at: int = 0) -> list[str]:
    """The run, with a disk that fails with `code` the `at`-th time (0: never)."""
    words = ["classify", ".", "--model", collection.model, "-o", str(table), *collection.more]
    return [sys.executable, "-c", CHILD, str(code), str(at), *words]


def start(collection: Collection, words: list[str]) -> subprocess.Popen[str]:
    # Not under a coverage that watches this process: it would take half of the time.
    around = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.Popen(
        words, cwd=collection.folder, stderr=subprocess.PIPE, text=True, env=around
    )


def undisturbed(folder: Path, model: str, table: Path, more: tuple[str, ...] = ()) -> Collection:
    """Run once, to know what is wanted."""
    before = time.monotonic()
    blank = Collection(folder, model, b"", 0.0, more)
    with start(blank, command(blank, table)) as process:
        said = process.stderr.read()
    if process.returncode not in (0, 1):
        raise RuntimeError(said)
    return Collection(folder, model, table.read_bytes(), time.monotonic() - before, more)


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """Workers that live now."""
    try:
        task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(number) for number in task.read_text().split()]
    except OSError:
        return []


def strike(collection: Collection, table: Path, way: str, dice: random.Random) -> tuple[int, str]:
    """One run with one blow -> its exit status and what it said."""
    code = {"full disc": FULL_DISC, "bad disc": BAD_DISC}.get(way, 0)
    at = dice.randrange(1, 60) if code else 0
    words = command(collection, table, code, at)
    with start(collection, [*words, *ALONE] if code else words) as process:
        if not code:
            moment = time.monotonic() + dice.uniform(0, collection.seconds * 1.1)
            while process.poll() is None and time.monotonic() < moment:
                time.sleep(0.005)
            while not (targets := targets_of(way, process)) and process.poll() is None:
                time.sleep(0.005)
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice.choice(targets), signal.SIGKILL)
        said = process.stderr.read()
    return process.returncode, said


def targets_of(way: str, process: subprocess.Popen[str]) -> list[int]:
    """Processes that may be killed now."""
    if way == "parent":
        return [process.pid]
    return children_of(process) if way == "worker" else ray_workers()


def ray_workers() -> list[int]:
    """Ray's own processes, anywhere on this machine, that have a task of ours in hand."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if place.read_bytes().startswith(b"ray::_work"):
                found.append(int(place.parent.name))
    return found


def blows_by(dice: random.Random, ways: Sequence[str] = WAYS) -> Iterator[str]:
    """One to three."""
    for _ in range(dice.randint(1, 3)):
        yield dice.choice(ways)


def trial(
    collection: Collection, table: Path, dice: random.Random, findings: Findings,
    ways: Iterable[str] = (),
) -> None:  # fmt: skip
    """Blows, one to three as the dice fall unless said, then a run that ends, and the count."""
    findings.trials += 1
    for way in ways or blows_by(dice):
        _, said = strike(collection, table, way, dice)
        findings.blows[way] = findings.blows.get(way, 0) + 1
        if "Traceback" in said:
            findings.untold.append(said)
        if table.exists() and table.read_bytes() != collection.wanted:
            findings.torn += 1
    last = [*command(collection, table), *ALONE]
    with start(collection, last) as process:
        said = process.stderr.read()
    if process.returncode not in (0, 1) or "Traceback" in said:
        findings.untold.append(said)
    got = table.read_bytes() if table.exists() else b""
    findings.differing += got != collection.wanted
    names, due = (data.split(b"\n")[1:-1] for data in (got, collection.wanted))
    files = [line.split(b",")[0] for line in names]
    findings.doubled += len(files) - len(set(files))
    findings.lost += len({line.split(b",")[0] for line in due} - set(files))
