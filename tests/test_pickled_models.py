"""Loaded models can be pickled, as joblib, Dask and data loaders do, and are verified after it."""

# What is unpickled was pickled here.
# ruff: noqa: S301

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import cxrview
from cxrview.errors import UnusableModel
from cxrview.model import classifier as classifier_module
from cxrview.model.classifier import SHIPPED_SHA256, load, load_pickled
from makers_film import png
from makers_model import model_bytes


@pytest.fixture(params=[*SHIPPED_SHA256, "file"])
def model(request, tmp_path):
    if request.param != "file":
        return request.param
    path = tmp_path / "plain.onnx"
    path.write_bytes(model_bytes())
    return path


def test_a_pickled_model_is_the_same(model):
    loaded = cxrview.load(model)
    restored = pickle.loads(pickle.dumps(loaded))
    assert restored.label == loaded.label
    assert restored.classify(png("frontal"), "a.png") == loaded.classify(png("frontal"), "a.png")
    assert pickle.loads(pickle.dumps(load(model))).sha256 == load(model).sha256


def test_a_model_file_may_be_gone_when_it_is_unpickled(tmp_path):
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    pickled = pickle.dumps(cxrview.load(tmp_path / "plain.onnx"))
    (tmp_path / "plain.onnx").unlink()
    assert pickle.loads(pickled).label.startswith("plain@")


def test_a_shipped_model_is_pickled_by_its_name():
    assert len(pickle.dumps(load("open"))) < 500


def test_another_shipped_model_of_that_name_is_refused(monkeypatch):
    pickled = pickle.dumps(load("open"))
    monkeypatch.setitem(classifier_module.SHIPPED_SHA256, "open", "0" * 64)
    with pytest.raises(UnusableModel, match="not the one installed"):
        pickle.loads(pickled)


def test_an_altered_model_file_is_refused():
    with pytest.raises(UnusableModel, match="SHA-256"):
        load_pickled(model_bytes(), "0" * 64)


def test_other_processes_classify_with_a_pickled_model():
    model = cxrview.load()
    images = [png("frontal"), png("lateral"), b"no image"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(model.classify, images))
    assert rows == [model.classify(image) for image in images]
