"""ClassifyRun from Python: rows go to all sinks in order, and the model is loaded once."""

import contextlib
from pathlib import Path

import pytest

from cxrview.engines import worker_pool
from cxrview.engines.local import LocalEngine
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference import run
from cxrview.inference.chunks import Shard
from cxrview.inference.journal import join_table
from cxrview.inference.options import ClassifyOptions
from cxrview.inference.run import IMAGES_PER_WORKER, ClassifyRun, engine_of
from cxrview.inference.table_reader import read_rows
from cxrview.model.classifier import Classifier
from makers_engine import make_well_behaved
from makers_film import FILES, collection
from makers_model import model_bytes


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plain.onnx").write_bytes(model_bytes())
    collection(tmp_path / "images")

    def make(**more):
        return ClassifyOptions(**{"paths": ("images",), "model": "plain.onnx", "jobs": 0, **more})

    return make


@pytest.mark.parametrize("table", [None, Path("t.csv")])
def test_every_sink_receives_every_row_in_order(options, table):
    one, two, steps, messages = [], [], [], []

    @contextlib.contextmanager
    def progress(total, restarts):
        assert (total, restarts()) == (len(FILES), 0)
        yield lambda is_error, _is_new=True: steps.append(is_error)

    sinks = [lambda item, row: one.append((item.name, row)), lambda _, row: two.append(row)]
    run = ClassifyRun(options(table=table), sinks, progress, messages.append)
    summary = run.run()
    assert [name for name, _ in one] == [row.file for row in two]
    assert [row.file for row in two] == sorted(f"images/{name}" for name in FILES)
    assert (summary.rows, run.classified, len(steps)) == (len(FILES),) * 3
    assert sum(steps) == summary.unreadable == 3
    assert messages == []
    if table:
        assert list(read_rows(table)) == two
        again = ClassifyRun(options(table=table), sinks, log=messages.append)
        assert again.run() == summary
        assert again.classified == 0
        assert "up to date" in messages[0]


@pytest.mark.parametrize("table", [None, Path("t.csv")])
def test_the_model_is_loaded_once(options, table, monkeypatch):
    made = []
    real = Classifier.__init__
    monkeypatch.setattr(Classifier, "__init__", lambda *given: made.append(given) or real(*given))
    ClassifyRun(options(table=table, sheet=Path("s.png"))).run()
    assert len(made) == 1


def test_shards_make_the_same_table(options):
    ClassifyRun(options(table=Path("one.csv"))).run()
    for number in (1, 2):
        ClassifyRun(options(table=Path("two.csv"), shard=Shard(number, 2))).run()
    assert join_table(Path("two.csv")).rows == len(FILES)
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


@pytest.mark.parametrize(("more", "error"), [
    ({"jobs": -1}, WrongUse),
    ({"table": Path("t.xls")}, UnusableOutput),
    ({"sheet": Path("s.jpg")}, UnusableOutput),
    ({"ray_address": "auto"}, WrongUse),
    ({"shard": Shard(1, 2)}, WrongUse),
    ({"shard": Shard(1, 2), "table": Path("t.csv"), "sort_into": Path("x")}, WrongUse),
])  # fmt: skip
def test_options_that_contradict_each_other_are_refused(options, more, error):
    with pytest.raises(error):
        options(**more)


def test_a_machine_without_free_processes_is_wrong_use(monkeypatch):
    def refuse(config):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(worker_pool, "WorkerProcess", refuse)
    with pytest.raises(WrongUse, match="cannot start worker process 1: Too many open files"):
        list(LocalEngine(1).map(make_well_behaved, [1]))


@pytest.mark.parametrize(("jobs", "images", "workers"), [
    (4, 1, 1),
    (4, IMAGES_PER_WORKER, 1),
    (4, IMAGES_PER_WORKER + 1, 2),
    (4, 1000, 4),
    (0, 1000, 0),
])  # fmt: skip
def test_workers_are_started_where_they_pay(monkeypatch, jobs, images, workers):
    started = []
    monkeypatch.setattr(run, "engine_for", started.append)
    engine_of(ClassifyOptions(paths=("x",), jobs=jobs), images)
    assert started == [workers]
