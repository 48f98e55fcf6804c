"""Training a model further on its own verdicts: what it trains on, and the comparison."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.inference.view_classifier import ViewClassifier
from cxrview.metrics.classification import PairedTest, paired_test
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Row
from cxrview.training.export import export
from cxrview.training.extend import confident_labels
from cxrview.training.recipe import PRESETS
from cxrview.training.run import plain_card
from cxrview.views import Thresholds, Verdict
from makers_networks import networks, write_images


@pytest.mark.parametrize(
    ("corrected", "newly_wrong", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (3, 3, 1.0), (10, 2, 0.03857)],
)
def test_mcnemars_exact_test(corrected, newly_wrong, p):
    assert PairedTest(100, 9, 9, corrected, newly_wrong).p_value == pytest.approx(p, abs=1e-5)
    assert PairedTest(100, 9, 9, newly_wrong, corrected).p_value == pytest.approx(p, abs=1e-5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_what_changed_adds_up(pairs):
    before, after = np.array(pairs).T
    found = paired_test(before, after)
    assert found.before - found.corrected + found.newly_wrong == found.after
    assert found.images == len(pairs)


def test_answers_to_other_images_are_not_compared():
    with pytest.raises(ValueError, match="each image"):
        paired_test(np.zeros(3, bool), np.zeros(4, bool))


def test_only_confident_verdicts_on_files_are_trained_on(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    path = str(tmp_path / "a.png")
    rows = [
        Row(path, view=Verdict.LATERAL, p_lateral=1.0),
        Row(path, view=Verdict.UNCERTAIN, p_lateral=0.5),
        Row(path, view=Verdict.NOT_CHEST, p_lateral=0.0),
        Row(path, error="damaged: torn"),
        Row("images.zip::b.png", view=Verdict.FRONTAL, p_lateral=0.0),
    ]
    assert [(one.file, one.view) for one in confident_labels(rows)] == [(path, "lateral")]


def model_of(folder, gate, seed=0):
    """An untrained model that is confident about every image."""
    recipe = PRESETS["default" if gate else "paper"].recipe
    card = replace(plain_card(recipe, 0), thresholds=Thresholds(0.4999, 0.5, chest=0))
    content = export(networks(seed, gate), card)
    (folder / "model.onnx").write_bytes(content)
    return Classifier(content)


@pytest.fixture
def collection(tmp_path):
    """24 small files below images/, and labels.csv for all of them."""
    folder = tmp_path / "images"
    folder.mkdir()
    labels = write_images(folder, 24)
    lines = [f"images/{label.file},{label.view},{label.patient}" for label in labels]
    (tmp_path / "labels.csv").write_text("\n".join(["file,view,patient", *lines]))
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return tmp_path


def extended(folder, output="run", *more):
    call = [
        "extend",
        str(folder / "model.onnx"),
        str(folder / "images"),
        "-o",
        str(folder / output),
    ]
    return CliRunner().invoke(app, [*call, "--steps", "12", "--jobs", "0", *more])


@pytest.mark.slow
@pytest.mark.parametrize("gate", [True, False], ids=["gate", "no gate"])
def test_a_persons_labels_train_and_measure(collection, gate):
    old = model_of(collection, gate)
    done = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert done.exit_code == 0, done.output
    new = load(collection / "run" / "model.onnx")
    assert new.sha256 != old.sha256
    assert new.card.recipe["extended"] == old.label
    facts = json.loads((collection / "run" / "extension.json").read_text())
    trained_on = sum(n for who, n in facts["trained_on"].items() if who.endswith("a person"))
    assert not any(who.endswith("the model") for who in facts["trained_on"])
    assert trained_on + facts["paired"]["images"] == 24
    assert "held-out images" in done.output
    metric = new.card.metrics[0]
    assert metric.counted.endswith(f"of {facts['paired']['images']}")
    again = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert "complete already" in again.output
    twin = extended(collection, "twin", "--labels", str(collection / "labels.csv"))
    assert twin.exit_code == 0
    assert (collection / "twin" / "model.onnx").read_bytes() == new.content


def both_views(folder):
    """A seed with which the untrained model finds frontals and laterals."""
    for seed in range(40):
        classifier = model_of(folder, gate=False, seed=seed)
        said = {str(row) for row in said_of(classifier, folder)}
        if said == {"frontal", "lateral"}:
            return
    pytest.fail("no seed gives both views")


def said_of(classifier: Classifier, folder):
    judge = ViewClassifier(classifier)
    names = (f"{i}.png" for i in range(24))
    return [judge.classify(folder / "images" / name).view for name in names]


def test_without_labels_nothing_is_claimed(collection):
    both_views(collection)
    done = extended(collection)
    assert done.exit_code == 0, done.output
    assert "was not measured" in done.output
    facts = json.loads((collection / "run" / "extension.json").read_text())
    assert sum(facts["trained_on"].values()) == 24
    assert facts["paired"] is None
    assert (collection / "run" / "verdicts.csv").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--labels", "absent.csv"], "absent.csv: No such file"),
        (["--device", "abacus"], "no device"),
        (["--seed", "-1"], "'--seed'"),
        (["--steps", "0"], "'--steps'"),
        (["--steps", "9999999999999"], "--steps is 9999999999999"),
        (["--jobs", "-1"], "'--jobs'"),
        (["--labels", "."], "a folder"),
        (["-o", ""], "empty"),
    ],
)
def test_wrong_use_of_extend(collection, more, words):
    model_of(collection, gate=False)
    done = extended(collection, "run", *more)
    assert done.exit_code == 2
    assert words in done.output
    assert not (collection / "run").exists()
