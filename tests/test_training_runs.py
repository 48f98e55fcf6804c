"""A training run leaves a folder that says what it did, and resumes after an interruption."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cxrview
from cxrview import labels as labels_module
from cxrview.cli.main import app
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.model.classifier import load
from cxrview.training import dataset, run
from cxrview.training import export as export_module
from cxrview.training import recipe as recipes
from cxrview.training.config import TrainConfig
from cxrview.training.recipe import PRESETS, PseudoLabelConfig, SplitRecipe
from cxrview.training.results import thresholds_for
from cxrview.training.run import train
from cxrview.training.train_model import most_confident_views
from cxrview.training.trainer import TrainCallbacks
from makers_networks import write_collection

PAPER, DEFAULT, OPEN = (PRESETS[name].recipe for name in ("paper", "default", "open"))


def shortened(recipe, **view):
    """A recipe with a few steps for everything."""
    short = {"steps": 3, "batch": 8}
    gate = recipe.gate and replace(
        recipe.gate, negatives=16, pretraining_steps=0, main=replace(recipe.gate.main, **short)
    )
    pretraining = replace(recipe.view.pretraining, **short)
    main = replace(recipe.view.main, **({"epochs": 3, "batch": 8, "frontals": 0, "laterals": 0}
                                        if recipe.view.main.epochs else short))  # fmt: skip
    phantoms = min(recipe.view.phantoms, 12)
    tiny = {
        "phantoms": phantoms,
        "phantom_side": 48,
        "pretraining": pretraining,
        "main": main,
    }
    return replace(recipe, view=replace(recipe.view, **tiny | view), gate=gate)


SHORT = replace(shortened(PAPER), split=SplitRecipe(training=0.5, validation=0.25))
RESUMABLE = replace(
    shortened(
        DEFAULT,
        pretraining=replace(DEFAULT.view.pretraining, steps=5, batch=2),
        main=replace(DEFAULT.view.main, steps=5, batch=4),
    ),
    gate=replace(
        DEFAULT.gate,
        negatives=16,
        pretraining_steps=3,
        main=replace(DEFAULT.gate.main, steps=3, batch=2),
    ),
)


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


@pytest.mark.parametrize("spelling", ["--epochs", "--passes"])
def test_a_run_by_the_papers_recipe_leaves_everything_behind(
    collection, tmp_path, monkeypatch, spelling
):
    set_recipe(monkeypatch, "paper", SHORT)
    output = tmp_path / "run"
    done = invoke("train", collection / "labels.csv", "--recipe", "paper", "-o", output,
                  "--jobs", 0, spelling, 2)  # fmt: skip
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


def test_a_model_without_a_gate_sorts_images(collection, tmp_path):
    model = train(config(collection, tmp_path / "run"))
    row = cxrview.load(model).classify(collection / "1.png")
    assert row.view in ("frontal", "lateral", "uncertain")
    assert row.p_chest is None
    Image.new("L", (40, 50)).save(tmp_path / "blank.png")
    assert cxrview.load(model).classify(tmp_path / "blank.png").view == "not_chest"
    done = invoke("classify", collection, "--model", model, "-o", tmp_path / "v.csv", "--jobs", 0)
    assert done.exit_code == 0
    assert "no gate" in cxrview.load(model).card.text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "names"),
    [("default", ("--negatives", "--robustness")), ("open", ("--others", "--disturbed"))],
)
def test_a_cross_validation_leaves_its_tables(tmp_path, collection, monkeypatch, preset, names):
    set_recipe(monkeypatch, preset, shortened(PRESETS[preset].recipe))
    folder, output = tmp_path / "images", tmp_path / "run"
    folder.mkdir()
    labels = write_collection(folder, 12, licences=True)
    negatives, robustness = names
    done = invoke("train", labels, "-o", output, "--recipe", preset, negatives,
                  collection / "negatives.csv", "--folds", 2, robustness, "--name", "tiny",
                  "--jobs", 0)  # fmt: skip
    assert done.exit_code == 0, done.output
    card = load(output / "model.onnx").card
    assert (card.name, card.seed) == ("tiny", 0)
    assert card.data["phantoms, frontal"] + card.data["phantoms, lateral"] == 12
    assert card.data.get("made, lateral", 0) == (4 if preset == "default" else 0)
    assert {metric.counted.split()[-1] for metric in card.metrics} == {"12", "8", "4"}
    with (output / "crossval.csv").open() as table:
        assert [row["file"] for row in csv.DictReader(table)] == [f"{i}.png" for i in range(12)]
    with (output / "robustness.csv").open() as table:
        perturbations = [row["perturbation"] for row in csv.DictReader(table)]
    assert perturbations[0] == "unaltered"
    assert len(perturbations) > 10
    assert (output / "negatives.csv").read_text().count("\n") == 3
    assert "gate: AUROC" in (output / "summary.txt").read_text()


@pytest.mark.slow
def test_a_fold_is_predicted_by_its_own_model(tmp_path, collection):
    """The same in a worker process as in this one."""
    results = []
    for jobs in (0, 2):
        output = tmp_path / str(jobs)
        train(replace(config(collection, output, shortened(DEFAULT), folds=2), jobs=jobs))
        results.append((output / "crossval.csv").read_text())
    assert results[0] == results[1]


@pytest.mark.slow
def test_images_excluded_by_licence_measure_a_model_without_cross_validation(tmp_path, collection):
    write_collection(tmp_path, 12, licences=True)
    negatives = collection / "negatives.csv"
    given = config(
        tmp_path, tmp_path / "run", shortened(OPEN), permissive_only=True, negatives=negatives
    )
    counted = {metric.name: metric.counted for metric in load(train(given)).card.metrics}
    assert counted["accuracy, images excluded by licence"].endswith("of 4")  # the laterals
    assert counted["other images refused by the gate"].endswith("of 2")
    assert "frontals found, images excluded by licence" not in counted


@pytest.mark.slow
def test_the_same_seed_makes_the_same_file(collection, tmp_path):
    first, again, other = (
        train(config(collection, tmp_path / name, shortened(DEFAULT), seed=seed)).read_bytes()
        for name, seed in (("one", 1), ("two", 1), ("three", 2))
    )
    assert first == again
    assert first != other


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "stops"),
    [
        (SHORT, [("view network", 1), ("view network", 2)]),
        (
            RESUMABLE,
            [
                ("view network on phantoms", 2),
                ("gate on phantoms", 1),
                ("view network", 1),
                ("gate", 1),
                ("gate", 2),
            ],
        ),
    ],
    ids=["paper", "default"],
)
def test_a_run_that_is_interrupted_and_resumed_makes_the_same_files(
    collection, tmp_path, monkeypatch, recipe, stops
):
    monkeypatch.setattr(dataset, "STEPS_PER_EPOCH", 2)
    output = tmp_path / "interrupted"
    for stop in stops:
        with pytest.raises(Stopped):
            train(config(collection, output, recipe), stopping_at(*stop))
        assert not (output / "model.onnx").exists()
    train(config(collection, output, recipe))
    train(config(collection, tmp_path / "whole", recipe))
    for name in ("model.onnx", "history.csv", "images.csv", "curves.svg", "report.html"):
        assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


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
        train(config(collection, tmp_path / "run"), stopping_at("view network", 1))
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


def test_a_gate_without_negatives_is_refused_in_words(collection, tmp_path):
    short = shortened(DEFAULT)
    recipe = replace(short, gate=replace(short.gate, negatives=0))
    with pytest.raises(WrongUse, match="both classes"):
        train(config(collection, tmp_path / "run", recipe))


def test_summary_prints_the_papers_table():
    lines = [line.split() for line in invoke("summary").output.splitlines()]
    assert ["conv2d_1", "62,", "62,", "16", "448", "relu"] in lines
    assert ["dense_2", "1", "65", "sigmoid"] in lines
    assert lines[-1][-1] == "105,761"


# Thresholds


def test_the_gates_threshold_refuses_at_most_the_share_of_either_view():
    chest = np.concatenate([np.linspace(0.5, 1, 1000), np.linspace(0.2, 1, 50)])
    predictions, lateral = np.stack([chest, chest], 1), np.arange(1050) >= 1000
    threshold = thresholds_for(predictions, lateral, 0.02).chest
    for view in (lateral, ~lateral):
        assert (chest[view] < threshold).mean() <= 0.02
    assert 0.15 < threshold < 0.25  # the laterals decide


# Pseudo-labels


@pytest.fixture
def few(monkeypatch):
    """The recipe for few labels with few steps."""
    pseudo = PseudoLabelConfig(laterals=0.5, frontals=0.5, minimum=2)
    tiny = replace(shortened(PRESETS["few"].recipe), pseudo_labels=pseudo)
    set_recipe(monkeypatch, "few", tiny)
    return tiny


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [0, 6], ids=["no labels", "six labels"])
def test_images_without_labels_train_as_well(collection, tmp_path, few, labelled):
    rows = (collection / "labels.csv").read_text().splitlines()[: labelled + 1]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows[:1] + [f"{collection}/{row}" for row in rows[1:]]))
    output = tmp_path / "run"
    words = ["train", "--unlabelled", collection, "-o", output, "--jobs", 0]
    done = invoke(*words, table) if labelled else invoke(*words)
    assert done.exit_code == 0, done.output
    assert "recipe few" in done.output
    with (output / "pseudo_labels.csv").open() as file:
        pseudo = list(csv.DictReader(file))
    labelled_names = {row.split(",")[0] for row in rows[1:]}
    names = [row["file"].rsplit("/", 1)[-1] for row in pseudo]
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
        train(given("interrupted"), stopping_at("view network on phantoms", 1))
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
    with pytest.raises(WrongUse, match="none of 1"):
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
