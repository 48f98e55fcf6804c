"""Training on with a model's own verdicts: what it learns from, and the honest comparison."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from cxrview.cli.extending import sure_of
from cxrview.cli.main import app
from cxrview.errors import UnusableModel
from cxrview.inference.view_classifier import ViewClassifier
from cxrview.metrics.paired import Paired, paired
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Row
from cxrview.training.kinds import KINDS
from cxrview.training.model_file import Nets, classifier_of, plain_card
from cxrview.training.reload import net_of
from cxrview.views import Thresholds, Verdict
from makers_networks import films, net, nets


@pytest.mark.parametrize(
    ("mended", "spoilt", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (3, 3, 1.0), (10, 2, 0.03857)],
)
def test_mcnemars_exact_test(mended, spoilt, p):
    assert Paired(100, 9, 9, mended, spoilt).p_value == pytest.approx(p, abs=1e-5)
    assert Paired(100, 9, 9, spoilt, mended).p_value == pytest.approx(p, abs=1e-5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_what_changed_adds_up(pairs):
    before, after = np.array(pairs).T
    found = paired(before, after)
    assert found.before - found.mended + found.spoilt == found.after
    assert found.images == len(pairs)


def test_answers_to_other_images_are_not_compared():
    with pytest.raises(ValueError, match="each image"):
        paired(np.zeros(3, bool), np.zeros(4, bool))


def test_nets_come_back_from_the_file_as_they_went_in():
    made = nets()
    _, content = classifier_of(made, plain_card(KINDS["default"].recipe, 0))
    for prefix, was in (("view", made.view), ("gate", made.gate)):
        for name, weights in net_of(content, prefix).state_dict().items():
            assert torch.equal(weights, was.state_dict()[name])


def test_a_net_that_is_not_in_the_file():
    _, content = classifier_of(Nets(net(0), None), plain_card(KINDS["paper"].recipe, 0))
    with pytest.raises(UnusableModel, match="no gate net"):
        net_of(content, "gate")


def test_only_sure_verdicts_on_files_are_learnt_from(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    path = str(tmp_path / "a.png")
    rows = [
        Row(path, view=Verdict.LATERAL, p_lateral=1.0),
        Row(path, view=Verdict.UNCERTAIN, p_lateral=0.5),
        Row(path, view=Verdict.NOT_CHEST, p_lateral=0.0),
        Row(path, error="damaged: torn"),
        Row("films.zip::b.png", view=Verdict.FRONTAL, p_lateral=0.0),
    ]
    assert [(one.file, one.view) for one in sure_of(rows)] == [(path, "lateral")]


def model_of(folder, gate, seed=0):
    """An untaught model that is sure of everything it sees."""
    recipe = KINDS["default" if gate else "paper"].recipe
    card = replace(plain_card(recipe, 0), thresholds=Thresholds(0.4999, 0.5, chest=0))
    classifier, content = classifier_of(nets(seed) if gate else Nets(net(seed), None), card)
    (folder / "model.onnx").write_bytes(content)
    return classifier


@pytest.fixture
def collection(tmp_path):
    """24 small files below films/, and labels.csv for all of them."""
    made = films(24)
    (tmp_path / "films").mkdir()
    lines = ["file,view,patient"]
    for label, grey in zip(made.labels, made.greys, strict=True):
        Image.fromarray(grey).save(tmp_path / "films" / label.file)
        lines.append(f"films/{label.file},{label.view},{label.patient}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "films" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return tmp_path


def extended(folder, output="run", *more):
    call = ["extend", str(folder / "model.onnx"), str(folder / "films"), "-o", str(folder / output)]
    return CliRunner().invoke(app, [*call, "--steps", "120", *more])


@pytest.mark.parametrize("gate", [True, False], ids=["gate", "no gate"])
def test_a_persons_labels_teach_and_measure(collection, gate):
    old = model_of(collection, gate)
    done = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert done.exit_code == 0, done.output
    new = load(collection / "run" / "model.onnx")
    assert new.sha256 != old.sha256
    assert new.card.recipe["extended"] == old.label
    told = json.loads((collection / "run" / "extension.json").read_text())
    learnt = sum(n for who, n in told["learnt"].items() if who.endswith("a person"))
    assert not any(who.endswith("the model") for who in told["learnt"])  # all are spoken for
    assert learnt + told["paired"]["images"] == 24
    assert "held-out images" in done.output
    metric = new.card.metrics[0]
    assert metric.counted.endswith(f"of {told['paired']['images']}")
    again = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert "done already" in again.output
    twin = extended(collection, "twin", "--labels", str(collection / "labels.csv"))
    assert twin.exit_code == 0
    assert (collection / "twin" / "model.onnx").read_bytes() == new.content


def both_views(folder):
    """A seed with which the untaught model finds frontals and laterals."""
    for seed in range(40):
        classifier = model_of(folder, gate=False, seed=seed)
        said = {str(row) for row in said_of(classifier, folder)}
        if said == {"frontal", "lateral"}:
            return
    pytest.fail("no seed gives both views")


def said_of(classifier: Classifier, folder):
    judge = ViewClassifier(classifier)
    names = (f"{i}.png" for i in range(24))
    return [judge.classify(folder / "films" / name).view for name in names]


def test_without_labels_nothing_is_claimed(collection):
    both_views(collection)
    done = extended(collection)
    assert done.exit_code == 0, done.output
    assert "was not measured" in done.output
    told = json.loads((collection / "run" / "extension.json").read_text())
    assert sum(told["learnt"].values()) == 24
    assert told["paired"] is None
    assert (collection / "run" / "verdicts.csv").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--labels", "absent.csv"], "absent.csv: No such file"),
        (["--device", "abacus"], "no device"),
    ],
)
def test_wrong_use_of_extend(collection, more, words):
    model_of(collection, gate=False)
    done = extended(collection, "run", *more)
    assert done.exit_code == 2
    assert words in done.output
    assert not (collection / "run").exists()
