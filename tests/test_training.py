"""A training learns, repeats itself, and leaves a run folder that says what it did."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.labels import Label
from cxrview.model.classifier import load
from cxrview.training import kinds
from cxrview.training.augment import FULL, Augmentation, augment
from cxrview.comparison.images import Group, lesson_of, turned
from cxrview.training.loop import Manner, fit, predict, teach
from cxrview.training.order import Order, is_free
from cxrview.training.recipe import GateRecipe, Recipe, Schedule, ViewRecipe
from cxrview.training.run import Told, make_model
from cxrview.views import View
from makers_networks import bars, films, net

PLAIN = Augmentation(turn=5, shift=0.05, shear=0, zoom=0, black_fill=0)
SHORT = Schedule(steps=60, share=0.5, augmentation=PLAIN, batch=16)
TINY = Recipe(
    view=ViewRecipe(phantoms=16, start=replace(SHORT, steps=3), main=replace(SHORT, steps=6)),
    gate=GateRecipe(negatives=16, main=replace(SHORT, steps=6)),
)


QUIETLY = Told(tell=lambda text: None, watch=lambda name, one, count: None)
ON_PHANTOMS = {"phantom_frontals": 0.5, "phantom_laterals": 1.0}
RECIPES = {
    "default": TINY,
    "open": Recipe(view=replace(TINY.view, **ON_PHANTOMS), gate=replace(TINY.gate, **ON_PHANTOMS)),
}


def lesson(count=24, seed=0):
    def pictures(upright):
        made = (bars(upright, seed + i) for i in range(count))
        return np.stack([np.asarray(Image.fromarray(p).resize((64, 64))) for p in made])

    return lesson_of(Group(pictures(True), False, 1), Group(pictures(False), True, 1))


def test_a_net_learns_to_tell_two_things_apart():
    trained = fit(lesson(), SHORT, seed=0)
    unseen = lesson(seed=1000)
    said = predict(trained, unseen.pictures) > 0.5
    assert (said == unseen.classes).mean() > 0.9
    untaught = predict(net(0), unseen.pictures) > 0.5
    assert (untaught == unseen.classes).mean() < 0.9


def test_the_same_seed_makes_the_same_net():
    first, second, other = (fit(lesson(), replace(SHORT, steps=5), seed) for seed in (1, 1, 2))
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[name])
    assert any(
        not torch.equal(weights, other.state_dict()[name])
        for name, weights in first.state_dict().items()
    )


def test_progress_is_reported():
    told = []
    manner = Manner(report=lambda one, count: told.append((one, count)))
    teach(lesson(), replace(SHORT, steps=250), 0, held=lesson(seed=500), manner=manner)
    assert [(one.number, count) for one, count in told] == [(1, 3), (2, 3), (3, 3)]
    first, *_, last = (one for one, _ in told)
    assert last.training_loss < first.training_loss
    assert last.training_accuracy > first.training_accuracy
    assert last.validation_loss < first.validation_loss


@pytest.mark.parametrize("what", [FULL, PLAIN, Augmentation()], ids=["full", "plain", "paper"])
def test_augmented_pictures_keep_shape_and_range(what):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(64, 1, 64, 64, generator=generator)
    before = pictures.clone()
    altered = augment(pictures, what, generator)
    assert altered.shape == pictures.shape
    assert altered.min() >= 0
    assert altered.max() <= 1
    assert torch.equal(pictures, before)
    assert not torch.equal(altered, pictures)


@pytest.mark.parametrize(
    ("groups", "weights"),
    [
        ([(2, True, 0.5), (1, True, 0.5), (4, False, 1)], [0.25, 0.25, 0.5, *[0.25] * 4]),
        ([(2, True, 1), (0, True, 1), (3, True, 0), (1, False, 1)], [0.5, 0.5, 1]),
    ],
)
def test_shares_become_weights(groups, weights):
    made = [Group(np.zeros((n, 64, 64), np.uint8), side, share) for n, side, share in groups]
    np.testing.assert_allclose(lesson_of(*made).weights, weights)


def test_a_lesson_needs_both_classes():
    with pytest.raises(WrongUse, match="both"):
        lesson_of(Group(np.zeros((3, 64, 64), np.uint8), True, 1))


def test_turned_pictures_come_in_all_four_ways():
    picture = np.arange(64 * 64, dtype=np.uint32).astype(np.uint8).reshape(1, 64, 64)
    for quarter, one in enumerate(turned(picture)):
        np.testing.assert_array_equal(one, np.rot90(picture[0], quarter))


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("CC BY 4.0", True),
        ("CC BY 3.0", True),
        ("CC BY", True),
        ("CC0", True),
        ("CC BY 4.0 (Kermany et al.)", True),
        ("CC BY-SA", False),
        ("CC BY-NC 4.0", False),
        ("CC BY-NC-SA", False),
        ("CC BY-ND", False),
        ("listed as authorized for everyone", False),
        ("", False),
    ],
)
def test_which_licences_allow_any_use(licence, free):
    assert is_free(Label("x", View.FRONTAL, "p", licence=licence)) is free


@pytest.fixture
def collection(tmp_path):
    """labels.csv with 12 small files, others.csv with 2."""
    made = films(12)
    lines = ["file,view,patient,source,licence"]
    for label, grey in zip(made.labels, made.greys, strict=True):
        Image.fromarray(grey).save(tmp_path / label.file)
        licence = "CC BY-NC" if label.is_lateral else "CC BY"
        lines.append(f"{label.file},{label.view},{label.patient},made,{licence}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    for name in ("x.png", "y.png"):
        Image.fromarray(np.eye(40, dtype=np.uint8) * 200).save(tmp_path / name)
    (tmp_path / "others.csv").write_text("file,kind\nx.png,line\ny.png,line\n")
    return tmp_path


@pytest.mark.parametrize("kind", ["default", "open"])
def test_train_leaves_a_model_and_its_measurements(collection, monkeypatch, kind):
    made = replace(kinds.KINDS[kind], recipe=RECIPES[kind])
    monkeypatch.setitem(kinds.KINDS, kind, made)
    run = collection / "run"
    call = ["train", str(collection / "labels.csv"), "-o", str(run), "--recipe", kind]
    call += ["--others", str(collection / "others.csv"), "--folds", "2", "--name", "tiny"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    classifier = load(run / "model.onnx")
    card = classifier.card
    assert (card.name, card.seed) == ("tiny", 0)
    assert card.data["phantoms, frontal"] + card.data["phantoms, lateral"] == 16
    assert card.data.get("made, lateral", 0) == (4 if kind == "default" else 0)
    assert {metric.counted.split()[-1] for metric in card.metrics} == {"12", "8", "4"}
    with (run / "crossval.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == [f"{i}.png" for i in range(12)]
    with (run / "robustness.csv").open() as table:
        assert next(csv.DictReader(table))["alteration"] == "unaltered"
    assert (run / "others.csv").read_text().count("\n") == 3
    assert "gate: AUROC" in (run / "summary.txt").read_text()


def order(folder, **settings):
    return Order(
        labels=folder / "labels.csv", output=folder / "run", recipe=TINY, folds=0, **settings
    )


def test_films_kept_out_by_licence_measure_a_model_that_is_not_cross_validated(collection):
    given = replace(
        order(collection, only_free=True, others=collection / "others.csv"), recipe=RECIPES["open"]
    )
    card = load(make_model(given, QUIETLY)).card
    counted = {metric.name: metric.counted for metric in card.metrics}
    assert counted["accuracy, films kept out by licence"].endswith("of 4")  # the laterals
    assert counted["other pictures refused by the gate"].endswith("of 2")
    assert "frontals found, kept out by licence" not in counted


def test_the_same_seed_makes_the_same_file(collection):
    def model(name):
        again = replace(order(collection), output=collection / name)
        return make_model(again, QUIETLY).read_bytes()

    assert model("one") == model("two")


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda folder: (folder / "3.png").unlink(), MissingInput, r"1 of 12 .*\n  line 5: 3.png"),
        (lambda folder: (folder / "3.png").write_text("?"), WrongUse, "3.png"),
        (lambda folder: (folder / "run").write_text("x"), UnusableOutput, "run"),
        (lambda folder: (folder / "others.csv").unlink(), MissingInput, "others.csv"),
        (lambda folder: (folder / "others.csv").write_text("a\nb\n"), WrongUse, "no column"),
    ],
)
def test_bad_input_is_named_before_hours_of_work(collection, spoil, error, words):
    spoil(collection)
    with pytest.raises(error, match=words):
        make_model(order(collection, others=collection / "others.csv"), QUIETLY)


def test_a_folder_that_holds_something_is_not_written_into(collection):
    (collection / "run").mkdir()
    (collection / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(UnusableOutput, match="holds files"):
        make_model(order(collection), QUIETLY)


def test_an_unknown_recipe_is_wrong_use(collection):
    call = [
        "train",
        str(collection / "labels.csv"),
        "-o",
        str(collection / "r"),
        "--recipe",
        "best",
    ]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert "default, thorough, few, paper, open" in done.output
