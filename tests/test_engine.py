"""An engine gives every item exactly one outcome, whatever the function does to its process."""

import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cxrview.engines import process
from cxrview.engines.local import ChunkSize, LocalEngine, SerialEngine, TaskQueue
from cxrview.engines.outcomes import Crashed, Done, Raised, TimedOut
from cxrview.engines.process import cause_of, early_worker
from cxrview.errors import WrongUse
from makers_engine import CrashOnce, make_bad, make_dead, make_late, make_well_behaved
from waiting import ends, wait_until

EARLY = """
import sys
sys.path[:] = {path!r}
from cxrview.engines import process
with process.early_worker("json"):
    print(process._early[0].process.pid, flush=True)
    sys.stdin.read()
"""
LIMIT = 1.0  # seconds for an item; others than the hanging ones take far less


def outcomes(engine, make_function, items):
    pairs = list(engine.map(make_function, items))
    assert sorted(index for index, _ in pairs) == list(range(len(items)))
    return [outcome for _, outcome in sorted(pairs, key=lambda pair: pair[0])]


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@pytest.mark.parametrize("engine", [SerialEngine(), LocalEngine(1), LocalEngine(2)])
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_every_engine_gives_the_same(engine, count):
    items = list(range(count))
    assert outcomes(engine, make_well_behaved, items) == [Done(item * 2) for item in items]


@pytest.mark.parametrize(("outcome", "text"), [
    (Raised("KeyError", "a.py:1"), "KeyError at a.py:1"),
    (Crashed("SIGKILL"), "its process died: SIGKILL"),
    (TimedOut(1.5), "not done within 1.5 s"),
])  # fmt: skip
def test_what_happened_to_an_item_is_said_in_words(outcome, text):
    assert f"{outcome}" == text


@pytest.mark.parametrize(("deed", "outcome"), [
    ("segfault", Crashed("SIGSEGV")),
    ("abort", Crashed("SIGABRT")),
    ("exit", Crashed("exit status 3")),
    ("sys.exit", Crashed("exit status 4")),
    ("hang", TimedOut(LIMIT)),
    ("hang in C", TimedOut(LIMIT)),
])  # fmt: skip
def test_only_the_item_at_work_is_blamed(deed, outcome):
    items = [1, 2, 3, deed, *range(4, 40)]
    expected = [outcome if item == deed else Done(item * 2) for item in items]
    assert outcomes(LocalEngine(2, seconds_per_item=LIMIT), make_bad, items) == expected


def test_several_crashes_in_a_row_are_attributed_to_their_items():
    items = ["exit", "exit", 1, "abort", "exit", 2]
    assert outcomes(LocalEngine(2), make_bad, items) == [
        Crashed("exit status 3"),
        Crashed("exit status 3"),
        Done(2),
        Crashed("SIGABRT"),
        Crashed("exit status 3"),
        Done(4),
    ]


def test_memory_is_limited():
    (outcome,) = outcomes(LocalEngine(1, bytes_per_worker=2 << 30), make_bad, ["eat"])
    assert outcome == Raised("MemoryError", outcome.where)


@pytest.mark.parametrize("engine", [SerialEngine(), LocalEngine(1)])
def test_an_exception_is_an_outcome_that_quotes_no_data(engine):
    (outcome,) = outcomes(engine, make_bad, ["raise"])
    assert outcome.kind == "KeyError"
    assert outcome.where.startswith("makers_engine.py:")
    assert "Doe" not in str(outcome)


def test_a_result_that_cannot_be_pickled_is_an_outcome():
    one, two = outcomes(LocalEngine(1), make_bad, ["unpicklable", 1])
    assert isinstance(one, Raised)
    assert two == Done(2)


def test_an_item_gets_a_second_chance_in_a_fresh_process(tmp_path):
    make = CrashOnce(tmp_path / "mark")
    items = ["a", "once", "b"]
    assert outcomes(LocalEngine(1), make, items) == [Done(item) for item in items]
    assert make.mark.exists()


def test_workers_are_silent_and_single_threaded(capfd):
    assert outcomes(LocalEngine(1), make_bad, ["chatter", "threads"]) == [
        Done("spoken"),
        Done("1"),
    ]
    assert capfd.readouterr() == ("", "")


def test_items_are_drawn_as_they_are_needed():
    drawn = []
    items = (drawn.append(n) or n for n in range(100_000))
    mapped = LocalEngine(1, window=50).map(make_well_behaved, items)
    next(mapped)
    mapped.close()
    assert len(drawn) <= 51


def test_replies_that_wait_for_a_slow_consumer_are_in_time():
    mapped = LocalEngine(1, seconds_per_item=LIMIT).map(make_well_behaved, range(30))
    outcomes = []
    for _, outcome in mapped:
        outcomes.append(outcome)
        if len(outcomes) in (1, 2):
            signal.sigtimedwait([], 1.5 * LIMIT)  # the consumer's own work
    assert outcomes == [Done(2 * n) for n in range(30)]


def test_nothing_outlives_the_iterator():
    mapped = LocalEngine(2, seconds_per_item=math.inf).map(make_bad, ["pid", "hang", "pid"])
    _, outcome = next(mapped)
    assert ends(mapped.close)
    assert is_gone(outcome.value)


def test_long_tasks_need_no_time_limit():
    """As for the fits of a cross-validation."""
    engine = LocalEngine(2, seconds_per_item=math.inf, bytes_per_worker=0, growth_per_worker=0)
    assert outcomes(engine, make_well_behaved, [1, 2, 3]) == [Done(2), Done(4), Done(6)]


PARENT = """
import sys
sys.path[:] = {path!r}
from makers_engine import make_bad
from cxrview.engines.local import LocalEngine
for _, outcome in LocalEngine(2).map(make_bad, ["pid", {deed!r}, "pid", "pid", {deed!r}]):
    print(outcome.value, flush=True)
"""


@pytest.mark.parametrize("deed", ["hang", "hang in C"])
@pytest.mark.parametrize("farewell", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(deed, farewell):
    program = PARENT.format(path=sys.path, deed=deed)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        pids = {int(parent.stdout.readline())}
        parent.send_signal(farewell)
        pids |= {int(line) for line in parent.stdout}
    assert pids
    wait_until(lambda: all(map(is_gone, pids)))
    assert not children_of(parent.pid)


def children_of(pid: int) -> list[str]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            found += [line for line in status.read_text().splitlines() if line == f"PPid:\t{pid}"]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_an_interpreter_that_was_started_early_becomes_the_first_worker():
    with early_worker("makers_engine"):
        pid = process._early[0].process.pid
        assert outcomes(LocalEngine(1), make_bad, ["pid", "exit", "pid"])[0] == Done(pid)
        assert not process._early


def test_an_early_interpreter_without_its_module_is_replaced():
    with early_worker("no_such_module"):
        assert outcomes(LocalEngine(1), make_well_behaved, [1, 2]) == [Done(2), Done(4)]


def test_an_early_interpreter_without_work_ends():
    with early_worker("makers_engine"):
        pid = process._early[0].process.pid
    assert is_gone(pid)


def test_an_early_interpreter_ends_with_its_parent():
    program = [sys.executable, "-c", EARLY.format(path=sys.path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: is_gone(pid))


@pytest.mark.parametrize(("make_function", "words"), [
    (make_late, "no weights"),
    (make_dead, "exit status 9"),
])  # fmt: skip
def test_workers_that_cannot_start_are_wrong_use(make_function, words):
    with pytest.raises(WrongUse, match=words):
        list(LocalEngine(1).map(make_function, [1, 2]))


@pytest.mark.parametrize("limits", [
    {"jobs": 0}, {"jobs": 1, "window": 0}, {"jobs": 1, "seconds_per_item": 0},
])  # fmt: skip
def test_invalid_limits_are_refused(limits):
    with pytest.raises(ValueError, match="invalid limits"):
        LocalEngine(**limits)


@pytest.mark.parametrize(("seconds", "chunk"), [(None, 1), (1.0, 1), (0.01, 10), (0.0, 64)])
def test_chunks_take_about_a_tenth_of_a_second(seconds, chunk):
    size = ChunkSize()
    if seconds is not None:
        size.observe(seconds)
    assert size.value() in (chunk, chunk - 1)


def test_no_task_runs_farther_ahead_than_the_window():
    queue = TaskQueue("abcdefgh", window=3)
    assert [task.index for task in queue.take(8)] == [0, 1, 2]
    queue.finish(1)
    assert queue.take(8) == []
    queue.finish(0)
    assert [task.index for task in queue.take(8)] == [3, 4]


def test_what_is_put_back_comes_first():
    queue = TaskQueue("abcd", window=9)
    first, *rest = queue.take(3)
    queue.put_back(rest)
    assert [task.index for task in (first, *queue.take(8))] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit status 0"), (-11, "SIGSEGV"), (-99, "signal 99")]
)
def test_causes(status, words):
    assert cause_of(status) == words
