"""benchmarks/few_labels.py: on which device it trains, and that its results record it."""

import json
from concurrent.futures import Future
from dataclasses import replace

import pytest

import few_labels
from cxrview.errors import WrongUse
from cxrview.phantom.folder import FolderContents, write_folder
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.checkpoint import RunFolder
from cxrview.training.config import TrainConfig
from cxrview.training.data import find_inputs, load_data
from few_labels import Trial, main, run_trial

TINY_RECIPE = replace(few_labels.QUICK_RECIPE, phantoms=4, negatives=16)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms") / "made"
    write_folder(folder, FolderContents(20, side=64))
    return folder / "labels.csv"


def test_a_trial_trains_on_the_device(labels, tmp_path, monkeypatch):
    def train_model(images, computed, recipe, seed, context):
        raise RuntimeError(context.device)

    monkeypatch.setattr(few_labels, "train_model", train_model)
    config = TrainConfig(labels=labels, output=tmp_path, recipe=TINY_RECIPE, jobs=0)
    folder = RunFolder(tmp_path, "2026-01-01")
    data = load_data(config, find_inputs(config), folder, TrainCallbacks())
    with pytest.raises(RuntimeError, match="meta"):
        next(run_trial(Trial(True, 2, 0), data, TINY_RECIPE, "meta"))


class Pool:
    """Instead of processes: notes what each would get."""

    submitted = ()

    def __init__(self, *arguments, **named):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        pass

    def submit(self, function, *arguments):
        Pool.submitted = arguments
        future = Future()
        future.set_result([])
        return future


@pytest.fixture
def benchmark(labels, tmp_path, monkeypatch):
    """Run the benchmark on a device without training; returns its folder."""

    def run(device):
        output = tmp_path / "few"
        words = [str(labels), "-o", str(output), "--quick", "--device", device]
        monkeypatch.setattr("sys.argv", ["few_labels.py", *words])
        main()
        return output

    monkeypatch.setattr(few_labels, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(few_labels, "load_data", lambda *_: None)
    return run


def test_the_results_record_the_device_that_the_trials_get(benchmark):
    settings = json.loads((benchmark("cpu") / "settings.json").read_text())
    assert settings["device"] == Pool.submitted[-1] == "cpu"


def test_a_device_that_is_not_there_is_refused(benchmark, tmp_path):
    with pytest.raises(WrongUse, match="no device 'abacus'"):
        benchmark("abacus")
    assert not (tmp_path / "few" / "settings.json").exists()
