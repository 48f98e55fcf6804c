"""Rotation and polarity in eight poses: counted against the pose and the label table."""

import json
from dataclasses import replace

from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.evaluation.perturbations import PERTURBATIONS, POSES
from cxrview.evaluation.robustness import pose_results
from cxrview.labels import Label, read_labels
from cxrview.metrics.predictions import predictions_of
from cxrview.metrics.tables import source_poses
from cxrview.model.classifier import Prediction
from cxrview.training.export import export
from cxrview.training.recipe import DEFAULT_RECIPE
from cxrview.training.run import plain_card
from cxrview.views import Thresholds, View
from makers_networks import network, write_collection
from makers_row import a_failure, a_row


def predicted(label, answer):
    """The label with a prediction under each perturbation; `answer`: pose -> its answers."""
    return label, {
        name: Prediction(0.0, 1.0, *(answer(*POSES[name]) if name in POSES else (None, None)))
        for name in PERTURBATIONS
    }


UPRIGHT = Label("a.png", View.FRONTAL, "p")
TURNED = Label("b.png", View.LATERAL, "q", rotation=270, inverted=True)


def test_all_eight_poses_are_counted():
    poses = pose_results([predicted(UPRIGHT, lambda degrees, inverted: (degrees, inverted))])
    assert {one.name for one in poses} == set(POSES)
    assert len(set(POSES.values())) == 8
    assert {(one.rotation.right, one.polarity.right) for one in poses} == {(1, 1)}


def test_the_label_table_says_how_an_image_lies():
    poses = pose_results([
        predicted(TURNED, lambda degrees, inverted: ((270 + degrees) % 360, not inverted))
    ])  # fmt: skip
    assert {(one.rotation.right, one.polarity.right) for one in poses} == {(1, 1)}


def test_the_worst_pose_comes_first():
    def answer(degrees, inverted):
        return (None if (degrees, inverted) == (90, True) else degrees), inverted

    worst = pose_results([predicted(UPRIGHT, answer), predicted(UPRIGHT, lambda *pose: pose)])[0]
    assert worst.name == "inverted, rotated by 90"
    assert (worst.rotation.right, worst.rotation.unsure, worst.polarity.right) == (1, 1, 2)


def test_a_model_without_these_answers_has_no_poses():
    assert pose_results([predicted(UPRIGHT, lambda *_: (None, None))]) == ()
    assert pose_results([]) == ()


def test_rotation_and_polarity_of_a_label_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("file,view,rotation,inverted\na,PA,90,True\nd,PA,0,1\nb,LL,,\nc,LL,180.0,0\n")
    found = [(one.rotation, one.inverted) for one in read_labels(table)]
    assert found == [(90, True), (0, True), (0, False), (180, False)]


def test_a_multi_task_model_is_evaluated_in_all_poses(tmp_path):
    """An untrained network that always answers: each answer is right or wrong, none is missing."""
    card = replace(plain_card(DEFAULT_RECIPE, 0), thresholds=Thresholds(chest=0.0, pose=0.5))
    (tmp_path / "model.onnx").write_bytes(export(network(0, DEFAULT_RECIPE.network), card))
    words = ["evaluate", str(tmp_path / "model.onnx"), str(write_collection(tmp_path, 6))]
    options = ["-o", str(tmp_path / "out"), "--jobs", "0", "--resamples", "100"]
    result = CliRunner().invoke(app, [*words, *options])
    assert result.exit_code == 0, result.stderr
    poses = json.loads((tmp_path / "out/report.json").read_text())["poses"]
    assert {one["name"] for one in poses} == set(POSES)
    assert {one["polarity"]["right"] + one["polarity"]["wrong"] for one in poses} == {6}
    assert "Rotation and polarity in eight poses" in result.stdout
    assert "Rotation and polarity by source" in result.stdout


def test_images_as_they_are_are_counted_by_source():
    def pair(source, answers, view="frontal", **label):
        file = f"{source} {answers} {view} {label}"
        row = a_row(file, view, rotation=answers[0], inverted=answers[1])
        return Label(file, View.FRONTAL, "p", source, **label), row

    pairs = [
        pair("good", (90, True), rotation=90, inverted=True),
        pair("good", (0, False)),
        pair("bad", (None, True), rotation=90),
        pair("bad", (180, False), rotation=90),
        pair("bad", (None, None), "not_chest"),
        (Label("e", View.FRONTAL, "p", "bad"), a_failure("e")),
    ]
    bad, good = source_poses(predictions_of(pairs))
    assert (bad.name, bad.images, good.name, good.images) == ("bad", 2, "good", 2)
    counts = [(one.right, one.wrong, one.unsure) for one in (bad.rotation, bad.polarity)]
    assert counts == [(0, 1, 1), (1, 1, 0)]
    assert (good.rotation.right, good.polarity.right) == (2, 2)
    assert source_poses(predictions_of([pair("none", (None, None))])) == ()
