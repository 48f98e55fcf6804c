"""A training run leaves a folder that says what it did, and resumes after an interruption."""

import csv
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cxrview
from cxrview import labels as labels_module
from cxrview.cli.main import app
from cxrview.engines.outcomes import Crashed
from cxrview.errors import CxrviewError, MissingInput, UnusableOutput, WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS
from cxrview.labels import Label, read_labels
from cxrview.model.classifier import load
from cxrview.model.layers import ARCHITECTURES
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find
from cxrview.training import crossval, dataset, run, trainer
from cxrview.training import export as export_module
from cxrview.training import recipe as recipes
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.config import TrainConfig, named_files
from cxrview.training.crossval import CrossValidation, CrossValidationPlan, cross_validate
from cxrview.training.image_list import ImageList
from cxrview.training.negatives import KINDS, is_scrambled
from cxrview.training.networks import Outputs
from cxrview.training.recipe import PRESETS, Precision, PseudoLabelConfig, SplitRecipe
from cxrview.training.results import fitted_temperature, thresholds_for
from cxrview.training.run import train
from cxrview.training.tables import robustness_csv
from cxrview.training.train_model import most_confident_views
from cxrview.views import Thresholds, View
from makers_networks import write_collection, write_images

PAPER, DEFAULT, OPEN = (PRESETS[name].recipe for name in ("paper", "default", "open"))
TINY_COUNTS = {"phantoms": 12, "phantom_side": 48, "ct_radiographs": 0, "negatives": 2 * KINDS}


def shortened(recipe, **main):
    """A recipe of a few steps on a few small images, with a small network, in single precision."""
    length = {"epochs": 3, "frontals": 0, "laterals": 0} if recipe.main.epochs else {"steps": 3}
    main = {**length, "batch": 8, "warmup_steps": 0, "precision": Precision.FLOAT32, **main}
    recipe = replace(recipe, main=replace(recipe.main, **main))
    return replace(recipe, network="multitask-small", **TINY_COUNTS) if recipe.has_gate else recipe


SHORT = replace(shortened(PAPER), split=SplitRecipe(training=0.5, validation=0.25))
RESUMABLE = shortened(DEFAULT, steps=5, batch=4)


class Stopped(Exception):
    """As if the process had been killed."""


def stopping_at(network, epoch):
    def on_epoch_end(name, metrics, epochs):
        if (name, metrics.epoch) == (network, epoch):
            raise Stopped

    return TrainCallbacks(on_epoch_end=on_epoch_end)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """labels.csv with 24 small files, negatives.csv with two."""
    folder = tmp_path_factory.mktemp("collection")
    write_collection(folder, 24)
    (folder / "other").mkdir()
    for name in ("x.png", "y.png"):
        Image.fromarray(np.eye(40, dtype=np.uint8) * 200).save(folder / "other" / name)
    (folder / "negatives.csv").write_text("file,kind\nother/x.png,line\nother/y.png,line\n")
    return folder


def config(collection, output, recipe=SHORT, **settings):
    return TrainConfig(
        labels=collection / "labels.csv", output=output, recipe=recipe, jobs=0, **settings
    )


def set_recipe(monkeypatch, name, recipe):
    monkeypatch.setitem(recipes.PRESETS, name, replace(PRESETS[name], recipe=recipe))


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_run_by_the_papers_recipe_leaves_everything_behind(collection, tmp_path, monkeypatch):
    set_recipe(monkeypatch, "paper", SHORT)
    output = tmp_path / "run"
    done = invoke("train", collection / "labels.csv", "--recipe", "paper", "-o", output,
                  "--jobs", 0, "--epochs", 2)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {path.name for path in output.iterdir()} == {
        "model.onnx", "card.json", "recipe.toml", "history.csv", "curves.png", "curves.svg",
        "report.html", "environment.json", "images.csv", "state",
    }  # fmt: skip
    assert {path.name for path in (output / "state").iterdir()} == {"started.json"}
    with (output / "history.csv").open() as table:
        history = list(csv.DictReader(table))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert all(row["validation_loss"] for row in history)
    with (output / "images.csv").open() as table:
        images = list(csv.DictReader(table))
    assert len(images) == 24
    card = json.loads((output / "card.json").read_text())
    tested = [row for row in images if row["split"] == "test"]
    correct = sum((float(row["p_lateral"]) > 0.5) == (row["view"] == "lateral") for row in tested)
    assert card["metrics"][0]["counted"] == f"{correct} of {len(tested)}"
    assert card["parameters"] == 105_761
    page = (output / "report.html").read_text()
    for words in ("image/svg+xml", "test images", "epochs = 2"):
        assert words in page
    assert json.loads((output / "environment.json").read_text())["device"] == "cpu"


def test_log_card_and_table_agree_on_the_validation_accuracy(collection, tmp_path):
    split = SplitRecipe(training=0.5, validation=0.5)
    seen = []
    callbacks = TrainCallbacks(on_epoch_end=lambda _, metrics, __: seen.append(metrics))
    output = tmp_path / "run"
    train(config(collection, output, replace(shortened(DEFAULT), split=split)), callbacks)
    with (output / "images.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "validation"]
    correct = sum((float(row["p_lateral"]) > 0.5) == (row["view"] == "lateral") for row in rows)
    metric = load(output / "model.onnx").card.metrics[0]
    assert (metric.name, metric.counted) == ("accuracy, validation images", f"{correct} of 12")
    assert seen[-1].validation_accuracy == pytest.approx(correct / 12)


def test_a_run_shows_its_progress(collection, tmp_path):
    works, open_works = {}, []

    @contextmanager
    def progress(what, total):
        open_works.append(what)
        steps = []
        yield lambda is_error: steps.append(is_error)
        works.setdefault(what, []).append((len(steps), total))
        open_works.pop()

    recipe = shortened(DEFAULT)
    train(config(collection, tmp_path / "run", recipe, folds=2), TrainCallbacks(progress=progress))
    drawn = sum(not is_scrambled(number) for number in range(recipe.negatives))
    assert works["reading images"][0] == (24, 24)
    assert works["drawing phantoms"] == [(12, 12)]
    assert works["drawing negatives"] == [(drawn, drawn)]
    assert works["training folds"] == [(2, 2)]
    assert not open_works


@pytest.mark.slow
def test_a_blank_image_does_not_open_the_gate(tmp_path):
    """Its P(chest) is 0 by rule; the threshold follows the images that show something."""
    write_collection(tmp_path, 12)
    Image.new("L", (40, 50)).save(tmp_path / "1.png")
    card = load(train(config(tmp_path, tmp_path / "run", shortened(DEFAULT), folds=2))).card
    assert card.thresholds.chest > 0
    split = SplitRecipe(training=0.1, validation=0.9)
    recipe = replace(shortened(DEFAULT), split=split)
    assert load(train(config(tmp_path, tmp_path / "split", recipe))).card.thresholds.chest > 0


def test_a_model_without_a_gate_sorts_images(collection, tmp_path):
    model = train(config(collection, tmp_path / "run"))
    row = cxrview.load(model).classify(collection / "1.png")
    assert row.view in ("frontal", "lateral", "uncertain")
    assert row.p_chest is None
    Image.new("L", (40, 50)).save(tmp_path / "blank.png")
    assert cxrview.load(model).classify(tmp_path / "blank.png").view == "not_chest"
    done = invoke("classify", collection, "--model", model, "-o", tmp_path / "v.csv", "--jobs", 0)
    assert done.exit_code == 0
    assert "every image that is not blank counts" in cxrview.load(model).card.text()
    with (tmp_path / "run" / "images.csv").open() as table:
        assert {row["p_chest"] for row in csv.DictReader(table)} == {""}


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["default", "open"])
def test_a_cross_validation_leaves_its_tables(tmp_path, collection, monkeypatch, preset):
    set_recipe(monkeypatch, preset, shortened(PRESETS[preset].recipe))
    folder, output = tmp_path / "images", tmp_path / "run"
    folder.mkdir()
    labels = write_collection(folder, 12, licences=True)
    done = invoke("train", labels, "-o", output, "--recipe", preset, "--negatives",
                  collection / "negatives.csv", "--folds", 2, "--robustness", "--name", "tiny",
                  "--jobs", 0)  # fmt: skip
    assert done.exit_code == 0, done.output
    card = load(output / "model.onnx").card
    assert (card.name, card.seed) == ("tiny", 0)
    assert card.data["phantoms, frontal"] + card.data["phantoms, lateral"] == 12
    assert card.data.get("made, lateral", 0) == (4 if preset == "default" else 0)
    refused = next(one for one in card.metrics if one.name == "other images refused")
    assert refused.counted.endswith(" of 4, 2 images by 2 models")
    assert refused.high - refused.low > 0.6  # of two images, not of four
    counted = {
        metric.name: int(metric.counted.split()[-1]) for metric in card.metrics if metric != refused
    }
    assert counted["accuracy, cross-validated"] == 12
    assert counted["right and not refused, made, lateral"] == 4
    assert counted["rotation right, cross-validated"] == 8 * 12
    with (output / "crossval.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == [f"{i}.png" for i in range(12)]
    folds = [{i // 2 for i, row in enumerate(rows) if row["fold"] == fold} for fold in "12"]
    assert not folds[0] & folds[1]  # two images of each patient
    with (output / "robustness.csv").open() as table:
        perturbations = [row["perturbation"] for row in csv.DictReader(table)]
    assert perturbations == list(PERTURBATIONS)
    assert (output / "negatives.csv").read_text().count("\n") == 3
    summary = (output / "summary.txt").read_text()
    assert "P(chest) of laterals against other images: AUROC" in summary
    assert "\nthreshold of P(chest): 0." in summary
    assert "\ntemperature of P(lateral): " in summary


@pytest.mark.slow
def test_a_fold_is_predicted_by_its_own_model(tmp_path, collection):
    """The same in a worker process as in this one."""
    results = []
    for jobs in (0, 2):
        output = tmp_path / str(jobs)
        train(replace(config(collection, output, shortened(DEFAULT), folds=2), jobs=jobs))
        results.append((output / "crossval.csv").read_text())
    assert results[0] == results[1]


def test_a_fold_whose_process_dies_is_an_error(monkeypatch):
    engine = SimpleNamespace(restarts=0, map=lambda *_: [(0, Crashed("SIGKILL"))])
    monkeypatch.setattr(crossval, "unlimited_engine", lambda jobs: engine)
    plan = CrossValidationPlan(None, np.array([0, 1]), SHORT, 0, (), "cpu", Path())
    with pytest.raises(CxrviewError, match=r"^the training of fold 1 failed: its process died: "):
        cross_validate(plan, 1, TrainCallbacks())


def test_the_error_of_a_fold_says_what_to_do(collection, tmp_path):
    """Not only its class, as for errors that may name a patient."""
    output = tmp_path / "run"

    def damage(message):
        if "cross-validating" in message:
            (output / "state" / "fold-1.pt").write_bytes(b"torn")

    given = config(collection, output, shortened(DEFAULT), folds=2)
    with pytest.raises(CxrviewError, match=r"fold 1 failed: .* cannot be read: remove it"):
        train(given, TrainCallbacks(damage))


@pytest.mark.slow
def test_leaving_a_source_out_tests_each_source_with_a_model_without_it(
    tmp_path, collection, monkeypatch
):
    lines = (collection / "labels.csv").read_text().splitlines()
    header, rows = lines[0], [f"{collection}/{line}" for line in lines[1:]]
    rows[:8] = [row.replace(",made,", ",elsewhere,") for row in rows[:8]]
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]))
    seen = []
    original = crossval.train_model

    def spy(images, *rest, **named):
        seen.append({label.source for one in images for label in one.labels})
        return original(images, *rest, **named)

    monkeypatch.setattr(crossval, "train_model", spy)
    output = tmp_path / "run"
    train(config(tmp_path, output, shortened(DEFAULT), leave_source_out=True))
    assert seen == [{"made"}, {"elsewhere"}]
    with (output / "crossval.csv").open() as table:
        found = [(row["source"], row["fold"]) for row in csv.DictReader(table)]
    assert found == [("elsewhere", "1")] * 8 + [("made", "2")] * 16
    metrics = {metric.name: metric.counted for metric in load(output / "model.onnx").card.metrics}
    assert metrics["accuracy, each source by a model without it"].endswith("of 24")


@pytest.mark.parametrize("folds", [0, 2])
def test_copies_in_another_part_are_reported(tmp_path, folds):
    """The pixels of 0.png, training, are those of copy.png, test, of another patient."""
    write_collection(tmp_path, 24)
    shutil.copy(tmp_path / "0.png", tmp_path / "copy.png")
    header, *rows = (tmp_path / "labels.csv").read_text().splitlines()
    rows = [*rows, rows[0].replace("0.png", "copy.png").replace(",p0,", ",other,")]
    parts = ["training"] * 12 + ["validation"] * 6 + ["test"] * 7
    if not folds:
        rows = [f"{row},{part}" for row, part in zip(rows, parts, strict=True)]
        header = f"{header},split"
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]))
    messages = []
    given = config(tmp_path, tmp_path / "run", folds=folds)
    patients = [label.patient for label in read_labels(tmp_path / "labels.csv")]
    assert patients[-1] != patients[0]
    train(given, TrainCallbacks(messages.append))
    warnings = [message for message in messages if "same pixels" in message]
    is_apart = not folds or folds_apart(tmp_path / "run")
    assert [("1 image" in one, "copy.png (0.png)" in one) for one in warnings] == (
        [(True, True)] if is_apart else []
    )


def folds_apart(run):
    """Whether 0.png and copy.png are in different folds."""
    with (run / "crossval.csv").open() as table:
        folds = {row["file"]: row["fold"] for row in csv.DictReader(table)}
    return folds["0.png"] != folds["copy.png"]


def test_one_source_cannot_be_left_out(collection, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "cross_validate", lambda *_: pytest.fail("it trains"))
    with pytest.raises(WrongUse, match="two sources"):
        train(config(collection, tmp_path / "run", leave_source_out=True))
    assert not (tmp_path / "run").exists()


def test_phantoms_stand_for_a_view_that_no_label_has(tmp_path, collection):
    """A table of frontals alone trains where phantoms are drawn, and not where none are."""
    lines = (collection / "labels.csv").read_text().splitlines()
    frontals = [f"{collection}/{line}" for line in lines if ",frontal," in line]
    (tmp_path / "labels.csv").write_text("\n".join([lines[0], *frontals]))
    card = load(train(config(tmp_path, tmp_path / "run", shortened(DEFAULT)))).card
    assert card.data["phantoms, lateral"] > 0
    assert "made, lateral" not in card.data
    with pytest.raises(WrongUse, match="no lateral image to train on"):
        train(config(tmp_path, tmp_path / "paper", SHORT))


@pytest.mark.slow
def test_images_excluded_by_licence_measure_a_model_without_cross_validation(tmp_path, collection):
    write_collection(tmp_path, 12, licences=True)
    negatives = collection / "negatives.csv"
    given = config(
        tmp_path, tmp_path / "run", shortened(OPEN), permissive_only=True, negatives=negatives
    )
    counted = {metric.name: metric.counted for metric in load(train(given)).card.metrics}
    assert counted["accuracy, images excluded by licence"].endswith("of 4")  # the laterals
    assert counted["other images refused"].endswith("of 2")
    assert "frontals found, images excluded by licence" not in counted
    with (tmp_path / "run" / "images.csv").open() as table:
        parts = {row["view"]: row["split"] for row in csv.DictReader(table)}
    assert parts == {"frontal": "training", "lateral": "excluded"}
    assert len(read_labels(tmp_path / "run" / "images.csv")) == 12
    assert "excluded</" in (tmp_path / "run" / "report.html").read_text()


PARTS = ("training", "validation", "test")


def add_splits(table, count, parts=PARTS):
    """Add a column split to a label table: the parts in turn, two images of a patient in each."""
    header, *rows = table.read_text().splitlines()
    lines = [f"{row},{parts[i // 2 % len(parts)]}" for i, row in enumerate(rows[:count])]
    table.write_text("\n".join([f"{header},split", *lines]))


def test_images_that_a_table_holds_out_are_not_trained_on_by_licence_alone(tmp_path):
    """Every third image is a lateral that is not free; `training` says that it was trained on."""
    add_splits(write_collection(tmp_path, 24, licences=True), 24)
    recipe = shortened(OPEN)
    model = train(config(tmp_path, tmp_path / "run", recipe, permissive_only=True))
    with (tmp_path / "run" / "images.csv").open() as table:
        found = [row["split"] for row in csv.DictReader(table)]
    stated = [PARTS[i // 2 % 3] for i in range(24)]
    assert found == [
        "excluded" if i % 3 == 0 and part == "training" else part for i, part in enumerate(stated)
    ]
    card = load(model).card
    assert card.data["made, frontal"] == found.count("training")
    assert "made, lateral" not in card.data
    assert (card.metrics[0].name, card.metrics[0].counted[-4:]) == (
        "accuracy, test images", "of 8",
    )  # fmt: skip


@pytest.mark.parametrize("settings", [{"folds": 2}, {"leave_source_out": True}])
def test_folds_of_a_table_that_holds_images_out_are_refused(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(run, "cross_validate", lambda *_: pytest.fail("it trains"))
    table = write_collection(tmp_path, 12)
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows[:9], *(row.replace(",made,", ",else,") for row in rows[9:])]))
    add_splits(table, 12)
    with pytest.raises(WrongUse, match=r"line 4: 2.png is in validation, but .*remove the column"):
        train(config(tmp_path, tmp_path / "run", shortened(DEFAULT), **settings))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_table_that_holds_nothing_out_may_have_folds(tmp_path):
    add_splits(write_collection(tmp_path, 12), 12, ["training"])
    assert train(config(tmp_path, tmp_path / "run", shortened(DEFAULT), folds=2)).exists()


OPEN_LICENCE = "Apache-2.0; trained on computed images and on radiographs under CC BY"
NO_REAL_LATERAL = "it has seen no real lateral: its laterals are phantoms or computed from CT"


@pytest.mark.parametrize(
    ("laterals", "more", "licence", "has_lateral"),
    [
        ("CC BY-NC", [], f"{OPEN_LICENCE} alone", False),
        ("CC0", [], f"{OPEN_LICENCE} or CC0 alone", True),
        ("", ["--unlabelled", "more"],
         f"{OPEN_LICENCE} and on radiographs without a stated licence alone", True),
    ],
)  # fmt: skip
def test_the_card_of_free_images_states_what_it_was_trained_on(
    tmp_path, monkeypatch, few, laterals, more, licence, has_lateral
):
    set_recipe(monkeypatch, "open", replace(shortened(OPEN), pseudo_labels=few.pseudo_labels))
    table = write_collection(tmp_path, 12, licences=True)
    table.write_text(table.read_text().replace("CC BY-NC", laterals))
    (tmp_path / "more").mkdir()
    write_images(tmp_path / "more", 12, seed=99)
    monkeypatch.chdir(tmp_path)
    done = invoke("train", table, "--recipe", "open", "-o", tmp_path / "run", "--jobs", 0,
                  "--licence", "Apache-2.0", *more)  # fmt: skip
    assert done.exit_code == 0, done.output
    card = load(tmp_path / "run" / "model.onnx").card
    assert card.licence == licence
    assert (NO_REAL_LATERAL in card.limits) is not has_lateral


def test_a_card_claims_no_licence_of_its_own(tmp_path, monkeypatch):
    """The licence of the model is the user's to state, as is that of CT volumes."""
    for recipe, more in (("open", "; trained on "), ("default", "")):
        set_recipe(monkeypatch, recipe, shortened(PRESETS[recipe].recipe))
        output = tmp_path / recipe
        done = invoke("train", write_collection(tmp_path, 12), "--recipe", recipe, "-o", output,
                      "--jobs", 0)  # fmt: skip
        assert done.exit_code == 0, done.output
        card = load(output / "model.onnx").card
        assert card.licence.startswith(f"that of the images it was trained on{more}")
        assert NO_REAL_LATERAL not in card.limits


@pytest.mark.slow
def test_the_same_seed_makes_the_same_file(collection, tmp_path):
    first, again, other = (
        train(config(collection, tmp_path / name, shortened(DEFAULT), seed=seed)).read_bytes()
        for name, seed in (("one", 1), ("two", 1), ("three", 2))
    )
    assert first == again
    assert first != other


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [SHORT, RESUMABLE], ids=["paper", "default"])
def test_a_run_that_is_interrupted_and_resumed_makes_the_same_files(
    collection, tmp_path, monkeypatch, recipe
):
    monkeypatch.setattr(dataset, "STEPS_PER_EPOCH", 2)
    output = tmp_path / "interrupted"
    for epoch in (1, 2):
        with pytest.raises(Stopped):
            train(config(collection, output, recipe), stopping_at("network", epoch))
        assert not (output / "model.onnx").exists()
    train(config(collection, output, recipe))
    train(config(collection, tmp_path / "whole", recipe))
    for name in ("model.onnx", "history.csv", "images.csv", "curves.svg", "report.html"):
        assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_fold_that_was_trained_before_an_interruption_is_not_trained_again(
    collection, tmp_path, monkeypatch
):
    monkeypatch.setattr(dataset, "STEPS_PER_EPOCH", 2)
    epochs = []
    original = trainer.Trainer.run_epoch
    monkeypatch.setattr(
        trainer.Trainer, "run_epoch", lambda self: epochs.append(1) or original(self)
    )

    def stop(message):
        if "fold 1 is trained" in message:
            raise Stopped

    asked = partial(config, collection, recipe=RESUMABLE, folds=2)
    with pytest.raises(Stopped):
        train(asked(tmp_path / "interrupted"), TrainCallbacks(stop))
    of_one = len(epochs)
    train(asked(tmp_path / "interrupted"))
    assert len(epochs) == 3 * of_one  # two folds and the model of all images
    train(asked(tmp_path / "whole"))
    for name in ("model.onnx", "crossval.csv", "summary.txt"):
        files = [tmp_path / folder / name for folder in ("interrupted", "whole")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_complete_run_is_not_repeated(collection, tmp_path, monkeypatch):
    model = train(config(collection, tmp_path / "run"))
    before = model.stat().st_mtime_ns
    monkeypatch.setattr(run, "load_data", lambda *_: pytest.fail("it reads images again"))
    messages = []
    train(config(collection, tmp_path / "run"), TrainCallbacks(messages.append))
    assert "complete already" in messages[0]
    assert model.stat().st_mtime_ns == before


def test_another_training_is_not_mixed_in(collection, tmp_path):
    with pytest.raises(Stopped):
        train(config(collection, tmp_path / "run"), stopping_at("network", 1))
    with pytest.raises(WrongUse, match="another training was started here"):
        train(config(collection, tmp_path / "run", seed=1))
    (tmp_path / "run" / "state" / "started.json").write_text("{")
    with pytest.raises(UnusableOutput, match=r"started.json cannot be read"):
        train(config(collection, tmp_path / "run"))


def test_an_interrupted_command_says_how_to_resume(collection, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cxrview.training.run.train", interrupt)
    done = invoke("train", collection / "labels.csv", "--recipe", "paper", "-o", tmp_path / "r")
    assert done.exit_code == 130
    assert "resumes after the last completed epoch" in done.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--device", "abacus"], "no device 'abacus'"),
        (["--device", "meta"], "no device 'meta'"),
        (["--device", ""], "no device ''"),
        (["--recipe", "none.toml"], "none.toml: No such file"),
        (["--recipe", "nonsense"], "default, thorough, few, paper, open, or a file"),
        (["--recipe", "default", "--epochs", "3"], "counts steps"),
        (["--seed", "-1"], "'--seed'"),
        (["--seed", "4294967296"], "'--seed'"),
        (["--folds", "-3"], "'--folds'"),
        (["--folds", "1"], "--folds is 1: 0, or at least 2"),
        (["--jobs", "-1"], "'--jobs'"),
        (["--epochs", "0"], "'--epochs'"),
        (["--name", ""], "--name is empty"),
        (["--name", "a\nb"], "control characters"),
        (["--folds", "2", "--leave-one-source-out"], "two ways to hold images out"),
        (["--ct", "nowhere.nii"], "nowhere.nii"),
        (["--negatives", "none.csv"], "none.csv: No such file"),
        (["--unlabelled", "nowhere"], "nowhere"),
        (["--unlabelled", ".", "--folds", "2"], "does not go with"),
        (["-o", ""], "empty"),
    ],
)
def test_wrong_use_of_train(collection, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    done = invoke("train", collection / "labels.csv", "-o", tmp_path / "run", *more)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert words in done.output
    assert not (tmp_path / "run").exists()


def test_train_without_images_is_wrong_use(tmp_path):
    done = invoke("train", "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert "nothing to train on" in done.output


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda folder: (folder / "3.png").unlink(), MissingInput, r"1 of 12 .*\n  line 5: 3.png"),
        (lambda folder: (folder / "run").write_text("x"), UnusableOutput, "run"),
        (lambda folder: (folder / "negatives.csv").unlink(), MissingInput, "negatives.csv"),
        (lambda folder: (folder / "negatives.csv").write_text("a\nb\n"), WrongUse, "no column"),
    ],
)
def test_bad_input_is_named_before_any_work(tmp_path, change, error, words):
    write_collection(tmp_path, 12)
    (tmp_path / "negatives.csv").write_text("file\n1.png\n")
    change(tmp_path)
    with pytest.raises(error, match=words):
        train(config(tmp_path, tmp_path / "run", negatives=tmp_path / "negatives.csv"))


def test_negatives_are_known_by_their_names_in_the_table(tmp_path, monkeypatch):
    """The current folder and the spelling of the path to the table do not matter."""
    (tmp_path / "neg").mkdir()
    monkeypatch.chdir(tmp_path / "neg")
    for table in (Path("neg.csv"), tmp_path / "neg/neg.csv", Path("../neg/neg.csv")):
        items = [Item(name, FileSource("")) for name in ("a.png", "b/c.png")]
        names, paths = zip(*named_files(table, items), strict=True)
        assert names == ("a.png", "b/c.png")
        assert [path.resolve() for path in paths] == [tmp_path / "neg" / name for name in names]
    assert named_files(None, []) == []


def test_a_folder_that_holds_other_files_is_not_written_into(collection, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(UnusableOutput, match="holds files"):
        train(config(collection, tmp_path / "run"))


def test_a_full_disk_is_reported_before_the_work(collection, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UnusableOutput, match="are free"):
        train(config(collection, tmp_path / "run"))


def test_summary_prints_the_papers_table():
    lines = [line.split() for line in invoke("summary").output.splitlines()]
    assert ["conv2d_1", "62,", "62,", "16", "448", "relu"] in lines
    assert ["dense_2", "1", "65", "sigmoid"] in lines
    assert lines[-1][-1] == "105,761"


# Thresholds


def test_the_worst_group_sets_the_threshold_of_p_chest():
    chest = np.concatenate([np.linspace(0.5, 1, 1000), np.linspace(0.2, 0.6, 200)])
    groups = np.array(["a, frontal"] * 1000 + ["b, lateral"] * 200)
    threshold = thresholds_for(chest, groups, 0.02).chest
    for name in ("a, frontal", "b, lateral"):
        assert (chest[groups == name] < threshold).mean() <= 0.02
    assert 0.2 < threshold < 0.25  # those of b decide, though they are few


@pytest.mark.parametrize(("count", "refused"), [(45, 0), (100, 0), (101, 1), (250, 2)])
def test_at_most_the_share_of_a_group_is_refused(count, refused):
    chest = np.linspace(0.1, 0.4, count)
    threshold = thresholds_for(chest, np.array(["one"] * count), 0.01).chest
    assert (chest < threshold).sum() == refused


def test_the_threshold_is_limited():
    assert thresholds_for(np.full(9, 0.99), np.array(["one"] * 9), 0.01).chest == 0.3


def perturbed_rows(outputs):
    """The lines of robustness.csv for one lateral and three frontals under one perturbation."""
    labels = [
        Label(f"{n}.png", View.LATERAL if n == 0 else View.FRONTAL, f"p{n}") for n in range(4)
    ]
    data = SimpleNamespace(labeled=ImageList(labels, np.arange(4), None))
    found = CrossValidation(np.zeros(4, np.intp), outputs, [])
    evaluation = SimpleNamespace(temperatures={}, thresholds=Thresholds(chest=0.5))
    return list(csv.DictReader(robustness_csv(data, found, evaluation).splitlines()))


def test_the_table_of_perturbations_counts_confident_errors_refusals_and_poses():
    # P(chest), rotation, inverted, P(lateral) as logits; the last two are refused
    logits = np.array([
        [5, 0, 9, 0, 0, -5, -9],  # a lateral, confidently frontal, turned by 90 degrees
        [5, 9, 0, 0, 0, 5, -9],
        [-5, 0, 9, 0, 0, -5, 9],
        [-5, 9, 0, 0, 0, -5, -9],
    ], float)  # fmt: skip
    outputs = Outputs(ARCHITECTURES["multitask"], logits, np.zeros(4, np.bool_))
    upright, turned = perturbed_rows({"unaltered": outputs, "rotated by 90": outputs})
    counts = ("errors", "frontals_wrong", "laterals_wrong", "uncertain", "confident_wrong",
              "refused", "polarity_wrong")  # fmt: skip
    assert [upright[name] for name in counts] == ["2", "1", "1", "0", "1", "2", "1"]
    assert (upright["rotation_wrong"], turned["rotation_wrong"]) == ("2", "2")


# Calibration


@pytest.mark.parametrize(("factor", "expected"), [(3.0, 3.0), (1.0, 1.0), (0.3, 1.0)])
def test_the_temperature_undoes_overconfidence_and_adds_none(factor, expected):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 40_000)
    is_true = rng.random(40_000) < 1 / (1 + np.exp(-logits))
    assert fitted_temperature(logits * factor, is_true) == pytest.approx(expected, rel=0.06)


def test_both_classes_count_equally_for_the_temperature():
    """A few overconfident laterals among many frontals raise it."""
    logits = np.concatenate([np.full(1000, -4.0), [8.0, 8.0, -8.0]])
    is_true = np.arange(1003) >= 1000
    assert fitted_temperature(logits, is_true) > 2


# Pseudo-labels


@pytest.fixture
def few(monkeypatch):
    """The recipe for few labels with few steps; its network takes all images for upright chests."""
    monkeypatch.setattr(Outputs, "is_upright_chest", lambda outputs: ~outputs.is_blank)
    pseudo = PseudoLabelConfig(laterals=0.5, frontals=0.5, minimum=2)
    tiny = replace(shortened(PRESETS["few"].recipe), pseudo_labels=pseudo)
    set_recipe(monkeypatch, "few", tiny)
    return tiny


def test_names_that_are_not_utf_8_are_escaped_or_left_out(collection, tmp_path, few):
    folder = tmp_path / "images"
    shutil.copytree(collection, folder)
    for number in range(8):
        name = os.fsencode(folder / f"{number}.png")
        os.rename(name, name.replace(b".png", b"\xff.png"))  # noqa: PTH104 - odd bytes
    torn = os.path.join(os.fsencode(folder), b"\xfftorn.png")  # noqa: PTH118
    with open(torn, "wb") as file:  # noqa: PTH123
        file.write(b"\x89PNG\r\n\x1a\n torn")
    given = config(collection, tmp_path / "run", few, unlabeled=(str(folder),))
    train(replace(given, labels=None))
    assert "\\xfftorn.png" in (tmp_path / "run" / "problems.csv").read_text("utf-8")
    pseudo = (tmp_path / "run" / "pseudo_labels.csv").read_text("utf-8")
    assert "xff" not in pseudo
    assert pseudo.count("\n") > 1


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [0, 6], ids=["no labels", "six labels"])
def test_images_without_labels_train_as_well(collection, tmp_path, few, labelled, monkeypatch):
    rows = (collection / "labels.csv").read_text().splitlines()[: labelled + 1]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows[:1] + [f"{collection}/{row}" for row in rows[1:]]))
    output = tmp_path / "run"
    monkeypatch.chdir(collection.parent)
    words = ["train", "--unlabelled", collection.name, "-o", output, "--jobs", 0]
    done = invoke(*words, table) if labelled else invoke(*words)
    assert done.exit_code == 0, done.output
    assert "recipe few" in done.output
    with (output / "pseudo_labels.csv").open() as file:
        pseudo = list(csv.DictReader(file))
    labelled_names = {row.split(",")[0] for row in rows[1:]}
    names = [row["file"].rsplit("/", 1)[-1] for row in pseudo]
    assert read_labels(output / "pseudo_labels.csv")
    assert all((output / row["file"]).exists() for row in pseudo)  # it serves as a label table
    assert 0 < len(pseudo) <= 26 - labelled
    assert not labelled_names & set(names)
    card = json.loads((output / "card.json").read_text())
    trained = {what: n for what, n in card["data"].items() if what.startswith("pseudo-labels")}
    assert sum(trained.values()) == len(pseudo)
    assert sum(n for what, n in card["data"].items() if what.startswith("made")) == labelled
    assert card["metrics"] == []
    assert any("pseudo-labels" in limit for limit in card["limits"])


@pytest.mark.slow
def test_pseudo_labeling_resumes_where_it_was_interrupted(collection, tmp_path, few):
    def given(name):
        return TrainConfig(
            labels=None, output=tmp_path / name, recipe=few, base="few",
            unlabeled=(str(collection),), jobs=0,
        )  # fmt: skip

    with pytest.raises(Stopped):
        train(given("interrupted"), stopping_at("network for pseudo-labels", 1))
    again, whole = (train(given(name)) for name in ("interrupted", "whole"))
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"labels": None}, WrongUse, "nothing to train on"),
        ({"unlabeled": ("here",), "folds": 2}, WrongUse, "does not go with"),
        ({"unlabeled": ("nowhere",)}, MissingInput, "nowhere"),
        ({"labels": None, "unlabeled": ("here",), "recipe": SHORT}, WrongUse, "has none"),
    ],
)
def test_what_cannot_be_trained_without_labels(
    collection, tmp_path, monkeypatch, settings, error, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").symlink_to(collection)
    with pytest.raises(error, match=words):
        train(replace(config(collection, tmp_path / "run"), **settings))


def test_a_folder_of_unreadable_files_is_refused(collection, tmp_path, few):
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "1.png").write_text("?")
    with pytest.raises(WrongUse, match="no image without labels can be read"):
        train(config(collection, tmp_path / "run", few, unlabeled=(str(tmp_path / "junk"),)))


SIX = [0.1, 0.2, 0.3, 0.6, 0.7, 0.9]


@pytest.mark.parametrize(
    ("p_lateral", "pseudo", "frontals", "laterals"),
    [
        (SIX, PseudoLabelConfig(frontals=0.34, laterals=0.34, minimum=1), [0], [5]),
        (SIX, PseudoLabelConfig(frontals=1, laterals=0.1, minimum=2), [0, 1, 2], [5, 4]),
        ([0.1, 0.2], PseudoLabelConfig(frontals=0.5, laterals=0.5, minimum=9), [0, 1], []),
        ([0.5], PseudoLabelConfig(), [], []),
    ],
)  # fmt: skip
def test_the_most_confident_of_each_predicted_view_are_labeled(
    p_lateral, pseudo, frontals, laterals
):
    values = np.array(p_lateral)
    taken = list(most_confident_views(values, values, pseudo))
    assert [index for index, view in taken if view == "frontal"] == frontals
    assert [index for index, view in taken if view == "lateral"] == laterals


def test_images_that_do_not_fit_the_targets_become_no_pseudo_labels(
    collection, tmp_path, few, monkeypatch
):
    monkeypatch.setattr(Outputs, "is_upright_chest", lambda one: np.arange(len(one.logits)) < 5)
    given = config(collection, tmp_path / "run", few, unlabeled=(str(collection),))
    train(replace(given, labels=None))
    with (tmp_path / "run" / "pseudo_labels.csv").open() as file:
        named = [row["file"] for row in csv.DictReader(file)]
    assert named
    assert set(named) <= {item.name for item in find([str(collection)])[:5]}


@pytest.mark.parametrize("labelled", [False, True])
def test_images_that_are_no_radiographs_train_nothing_without_labels(
    collection, tmp_path, few, monkeypatch, labelled
):
    monkeypatch.setattr(Outputs, "is_upright_chest", lambda one: np.zeros(len(one.logits), bool))
    (tmp_path / "more").mkdir()
    write_images(tmp_path / "more", 6, seed=99)
    given = config(collection, tmp_path / "run", few, unlabeled=(str(tmp_path / "more"),))
    if labelled:
        assert "made, frontal" in load(train(given)).card.data
        return
    for _ in range(2):  # also where it is repeated
        with pytest.raises(WrongUse, match="none of 6 images is taken for an upright chest"):
            train(replace(given, labels=None))


def test_labels_are_read_once_and_the_model_is_exported_once(collection, tmp_path, monkeypatch):
    set_recipe(monkeypatch, "few", shortened(PRESETS["few"].recipe))
    calls = []

    def counted(module, name):
        original = getattr(module, name)

        def count(*given, **named):
            calls.append(name)
            return original(*given, **named)

        monkeypatch.setattr(module, name, count)

    counted(labels_module, "read_table")
    counted(export_module, "export")
    done = invoke("train", collection / "labels.csv", "-o", tmp_path / "run", "--jobs", 0)
    assert done.exit_code == 0, done.output
    assert calls == ["read_table", "export"]
