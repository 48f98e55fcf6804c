"""Workers that leak memory, hang, spawn threads or cannot be killed: replaced, left behind."""

import os
import signal
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from cxrview.engines import process
from cxrview.engines.local import WINDOW_PER_WORKER, LocalEngine
from cxrview.engines.outcomes import Crashed, Done, TimedOut
from cxrview.engines.process import Task, WorkerProcess
from cxrview.engines.worker import WorkerConfig
from cxrview.inference.classification import row_of
from cxrview.model.classifier import load
from cxrview.phantom.encodings import ENCODINGS
from cxrview.phantom.folder import FolderContents, folder_file
from cxrview.sources.find import item_of_bytes
from makers_engine import make_bad, make_patient
from test_engine import LIMIT, children_of, is_gone, outcomes
from waiting import HANGING, wait_until

MIB = 1 << 20


def test_a_worker_that_grows_is_replaced_between_items_and_no_item_is_blamed():
    engine = LocalEngine(1, growth_per_worker=100 * MIB)
    pids = [outcome.value for outcome in outcomes(engine, make_bad, ["leak"] * 60)]
    assert engine.restarts == len(set(pids)) - 1 >= 3  # 60 x 8 MiB in steps of 100
    assert [pid for before, pid in pairwise(pids) if pid != before] == list(dict.fromkeys(pids))[
        1:
    ]  # none comes back


def test_growth_need_not_be_watched():
    engine = LocalEngine(1, growth_per_worker=0)
    assert len(set(outcomes(engine, make_bad, ["leak"] * 30))) == 1
    assert engine.restarts == 0


@pytest.mark.parametrize(("deeds", "restarts"), [
    ([1, 2, 3], 0),
    (["raise", 1], 0),  # an exception costs no process
    (["exit", 1], 2),  # in company, then alone
    (["exit", 1, "abort", "hang"], 6),
])  # fmt: skip
def test_restarts_are_counted(deeds, restarts):
    engine = LocalEngine(2, seconds_per_item=LIMIT)
    outcomes(engine, make_bad, deeds)
    assert engine.restarts == restarts
    outcomes(engine, make_bad, [1])
    assert engine.restarts == 0


def test_thousands_pass_one_that_waits(tmp_path):
    """A file on a slow network: all others are done before it, up to the window."""
    pipe, count = str(tmp_path / "pipe"), 5000
    os.mkfifo(pipe)
    mapped = LocalEngine(2).map(make_patient, [pipe, *range(count)])
    assert [next(mapped)[0] for _ in range(count)] == list(range(1, count + 1))
    Path(pipe).write_bytes(b"at last")
    assert list(mapped) == [(0, Done(b"at last"))]


def test_the_window_is_wide_enough_for_every_worker():
    assert LocalEngine(8)._window == 8 * WINDOW_PER_WORKER


def real_work() -> list:
    """An image in every encoding that phantoms have."""
    contents = FolderContents(len(ENCODINGS), seed=3, side=128)
    files = (folder_file(number, contents) for number in range(contents.count))
    return [item_of_bytes(label.encoding, data) for label, data in files]


class Threads:
    """Classify, then count the threads of this process, and those of them that have worked.

    One more than the first may exist: ONNX Runtime starts it and never gives it anything to do.
    """

    def __call__(self):
        return partial(self.count, partial(row_of, classifier=load()))

    def count(self, classify, item):
        for _ in range(5):
            assert not classify(item).error
        stats = [path.read_text() for path in Path("/proc/self/task").glob("*/stat")]
        ticks = [sum(map(int, stat.rsplit(")", 1)[1].split()[11:13])) for stat in stats]
        return len(ticks) <= 2, sum(tick > 0 for tick in ticks)


def test_real_work_takes_one_thread_in_a_worker(monkeypatch):
    for name in process.ONE_THREAD_ENVIRONMENT:
        monkeypatch.setenv(name, "8")  # whatever the caller has set
    work = real_work()
    assert outcomes(LocalEngine(1), Threads(), work) == [Done((True, 1))] * len(work)


class Undying:
    """A process in an uninterruptible wait: signals are noted, and nothing comes of them."""

    returncode = None

    def __init__(self, real):
        self.real = real

    def kill(self):
        self.killed = True

    def wait(self, timeout):
        raise subprocess.TimeoutExpired("worker", timeout)


def test_a_process_that_cannot_be_killed_is_left_behind(monkeypatch):
    monkeypatch.setattr(process, "EXIT_TIMEOUT", 0.01)
    worker = WorkerProcess(WorkerConfig(make_bad))
    assert worker.receive() is None
    worker.send([Task(0, "hang")])
    real, worker._process = worker._process, Undying(worker._process)
    assert worker.end() == "SIGKILL"
    assert worker._process.killed
    real.kill()
    real.wait()


COMMAND = [sys.executable, "-m", "cxrview", "classify"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["at once", "at work"])
def test_an_interrupt_ends_all_processes_without_a_traceback(tmp_path, moment):
    """Ctrl-C reaches every process of the group, also those that are just being started."""
    folder = tmp_path / "images"
    folder.mkdir()
    (item, *_) = real_work()
    for number in range(1500):
        (folder / f"{number}.jpg").write_bytes(item.source.data)
    table = tmp_path / "views.csv"
    command = [*COMMAND, str(folder), "-o", str(table), "--jobs", "2"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    ) as run:
        if moment == "at once":
            wait_until(lambda: children_of(run.pid))
        else:
            wait_until(lambda: list(tmp_path.rglob("*.rows")))
        os.killpg(run.pid, signal.SIGINT)
        words = run.communicate(timeout=HANGING)[1].decode()
    # Python ends itself by the signal where it came while a library was imported; both are 130 in
    # a shell
    assert run.returncode in {128 + signal.SIGINT, -signal.SIGINT}, words
    assert "Traceback" not in words
    wait_until(lambda: not group(run.pid))


def group(pgid: int) -> list[int]:
    """Living processes of a group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            if os.getpgid(pid) == pgid and not is_gone(pid):
                found.append(pid)
        except ProcessLookupError:
            continue
    return found


def test_outcomes_tell_a_crash_from_a_hang():
    crashed, hung = outcomes(LocalEngine(2, seconds_per_item=LIMIT), make_bad, ["abort", "hang"])
    assert (crashed, hung) == (Crashed("SIGABRT"), TimedOut(LIMIT))
