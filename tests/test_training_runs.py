"""A run by the paper's recipe: its folder, its model without a gate, and going on after a stop."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cxrview
from cxrview.cli.main import app
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.training import kinds, run
from cxrview.training.kinds import KINDS
from cxrview.training.order import Order
from cxrview.training.recipe import SelfTeaching, Split
from cxrview.training.run import Told, make_model
from cxrview.training.unlabelled import surest
from makers_networks import films

SHORT = replace(
    KINDS["paper"].recipe,
    view=replace(
        KINDS["paper"].recipe.view,
        main=replace(KINDS["paper"].recipe.view.main, passes=3, frontals=0, laterals=0, batch=8),
    ),
    split=Split(training=0.5, validation=0.25),
)
TINY_DEFAULT = replace(
    KINDS["default"].recipe,
    view=replace(
        KINDS["default"].recipe.view,
        phantoms=16,
        start=replace(KINDS["default"].recipe.view.start, steps=210, batch=2),
        main=replace(KINDS["default"].recipe.view.main, steps=210, batch=4),
    ),
    gate=replace(
        KINDS["default"].recipe.gate,
        negatives=16,
        start_steps=110,
        main=replace(KINDS["default"].recipe.gate.main, steps=110, batch=2),
    ),
)


class Stopped(Exception):
    """As if the process had been killed."""


def unwatched(name, one, count):
    """Nobody looks."""


def stopping_at(net, number):
    def watch(name, one, count):
        if (name, one.number) == (net, number):
            raise Stopped

    return watch


def told(watch=unwatched):
    return Told(tell=lambda text: None, watch=watch)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """labels.csv with 24 small files."""
    folder = tmp_path_factory.mktemp("collection")
    made = films(24)
    lines = ["file,view,patient,source"]
    for label, grey in zip(made.labels, made.greys, strict=True):
        Image.fromarray(grey).save(folder / label.file)
        lines.append(f"{label.file},{label.view},{label.patient},made")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def order(collection, output, recipe=SHORT):
    return Order(labels=collection / "labels.csv", output=output, recipe=recipe)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "paper", replace(KINDS["paper"], recipe=SHORT))


def test_a_run_by_the_papers_recipe_leaves_everything_behind(collection, tmp_path, short):
    output = tmp_path / "run"
    call = ["train", str(collection / "labels.csv"), "--recipe", "paper", "-o", str(output)]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert {path.name for path in output.iterdir()} == {
        "model.onnx", "card.json", "recipe.toml", "history.csv", "curves.png", "curves.svg",
        "report.html", "environment.json", "images.csv", "state",
    }  # fmt: skip
    with (output / "history.csv").open() as table:
        history = list(csv.DictReader(table))
    assert [row["number"] for row in history] == ["1", "2", "3"]
    assert all(row["validation_loss"] for row in history)
    with (output / "images.csv").open() as table:
        images = list(csv.DictReader(table))
    assert len(images) == 24
    card = json.loads((output / "card.json").read_text())
    tested = [row for row in images if row["split"] == "test"]
    right = sum((float(row["p_lateral"]) > 0.5) == (row["view"] == "lateral") for row in tested)
    assert card["metrics"][0]["counted"] == f"{right} of {len(tested)}"
    assert card["parameters"] == 105_761
    page = (output / "report.html").read_text()
    assert "<svg" in page
    assert "test images" in page
    assert "passes = 3" in page
    assert json.loads((output / "environment.json").read_text())["device"] == "cpu"


def test_a_model_without_a_gate_sorts_films(collection, tmp_path):
    model = make_model(order(collection, tmp_path / "run"), told())
    row = cxrview.load(model).classify(collection / "1.png")
    assert row.view in ("frontal", "lateral", "uncertain")
    assert row.p_chest is None
    Image.new("L", (40, 50)).save(tmp_path / "blank.png")
    assert cxrview.load(model).classify(tmp_path / "blank.png").view == "not_chest"
    call = ["classify", str(collection), "--model", str(model), "-o", str(tmp_path / "v.csv")]
    assert CliRunner().invoke(app, call).exit_code == 0
    assert "no gate" in cxrview.load(model).card.text()


@pytest.mark.parametrize(
    ("recipe", "stops"),
    [
        (SHORT, [("view net", 1), ("view net", 2)]),
        (
            TINY_DEFAULT,
            [
                ("view net on phantoms", 2),
                ("gate on phantoms", 1),
                ("view net", 1),
                ("gate", 1),
                ("gate", 2),
            ],
        ),
    ],
    ids=["paper", "default"],
)
def test_a_run_that_is_stopped_and_begun_again_makes_the_same_files(
    collection, tmp_path, recipe, stops
):
    output = tmp_path / "broken"
    for stop in stops:
        with pytest.raises(Stopped):
            make_model(order(collection, output, recipe), told(stopping_at(*stop)))
        assert not (output / "model.onnx").exists()
    make_model(order(collection, output, recipe), told())
    make_model(order(collection, tmp_path / "whole", recipe), told())
    for name in ("model.onnx", "history.csv", "images.csv", "curves.svg", "report.html"):
        assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_that_is_done_is_not_done_again(collection, tmp_path, monkeypatch):
    model = make_model(order(collection, tmp_path / "run"), told())
    before = model.stat().st_mtime_ns
    monkeypatch.setattr(run, "gather", lambda *_: pytest.fail("it reads images again"))
    said = []
    make_model(order(collection, tmp_path / "run"), Told(said.append, unwatched))
    assert "done already" in said[0]
    assert model.stat().st_mtime_ns == before


def test_another_training_is_not_mixed_in(collection, tmp_path):
    with pytest.raises(Stopped):
        make_model(order(collection, tmp_path / "run"), told(stopping_at("view net", 1)))
    with pytest.raises(WrongUse, match="another training was begun here"):
        make_model(replace(order(collection, tmp_path / "run"), seed=1), told())
    (tmp_path / "run" / "state" / "begun.json").write_text("{")
    with pytest.raises(UnusableOutput, match=r"begun.json cannot be read"):
        make_model(order(collection, tmp_path / "run"), told())


def test_an_interrupted_command_says_how_to_go_on(collection, tmp_path, short, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cxrview.training.run.make_model", interrupt)
    call = ["train", str(collection / "labels.csv"), "--recipe", "paper", "-o", str(tmp_path / "r")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 130
    assert "goes on from the last pass" in done.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--device", "abacus"], "no device 'abacus'"),
        (["--recipe", "none.toml"], "none.toml: No such file"),
        (["--recipe", "nonsense"], "few, paper, open, or a file"),
    ],
)
def test_wrong_use_of_train(collection, tmp_path, more, words):
    call = ["train", str(collection / "labels.csv"), "-o", str(tmp_path / "run"), *more]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "run").exists()


def test_summary_prints_the_papers_table():
    done = CliRunner().invoke(app, ["summary"])
    lines = [line.split() for line in done.output.splitlines()]
    assert ["conv2d_1", "62,", "62,", "16", "448", "relu"] in lines
    assert ["dense_2", "1", "65", "sigmoid"] in lines
    assert lines[-1][-1] == "105,761"


@pytest.fixture
def few(monkeypatch):
    """The recipe for few labels with a very short lesson."""
    view = KINDS["few"].recipe.view
    tiny = replace(
        KINDS["few"].recipe,
        view=replace(
            view,
            phantoms=24,
            phantom_side=64,
            start=replace(view.start, steps=12),
            main=replace(view.main, steps=4, batch=8),
        ),
        pseudo=SelfTeaching(laterals=0.5, frontals=0.5, least=2),
    )
    monkeypatch.setitem(kinds.KINDS, "few", replace(KINDS["few"], recipe=tiny))
    return tiny


@pytest.mark.parametrize("labelled", [0, 6], ids=["no labels", "six labels"])
def test_images_without_labels_teach_as_well(collection, tmp_path, few, labelled):
    rows = (collection / "labels.csv").read_text().splitlines()[: labelled + 1]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows[:1] + [f"{collection}/{row}" for row in rows[1:]]))
    output = tmp_path / "run"
    call = ["train", "--unlabelled", str(collection), "-o", str(output)]
    done = CliRunner().invoke(app, [*call, str(table)] if labelled else call)
    assert done.exit_code == 0, done.output
    assert "recipe few" in done.output
    with (output / "guessed.csv").open() as guessed:
        guesses = list(csv.DictReader(guessed))
    own = {row.split(",")[0] for row in rows[1:]}
    names = [row["file"].rsplit("/", 1)[-1] for row in guesses]
    assert 0 < len(guesses) <= 24 - labelled
    assert not own & set(names)  # what a person labelled is not guessed
    card = json.loads((output / "card.json").read_text())
    learnt = {what: n for what, n in card["data"].items() if what.startswith("guessed")}
    assert sum(learnt.values()) == len(guesses)
    assert sum(n for what, n in card["data"].items() if what.startswith("made")) == labelled
    assert card["metrics"] == []
    assert any("guesses" in limit for limit in card["limits"])


def test_guessing_is_taken_up_where_it_was_broken_off(collection, tmp_path, few):
    def wanted(name):
        return Order(
            labels=None, output=tmp_path / name, recipe=few, base="few",
            unlabelled=(str(collection),),
        )  # fmt: skip

    with pytest.raises(Stopped):
        make_model(wanted("broken"), told(stopping_at("view net on phantoms", 1)))
    again, whole = (make_model(wanted(name), told()) for name in ("broken", "whole"))
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"labels": None}, WrongUse, "nothing to learn from"),
        ({"unlabelled": ("here",), "folds": 2}, WrongUse, "does not go with"),
        ({"unlabelled": ("nowhere",)}, MissingInput, "nowhere"),
        ({"labels": None, "unlabelled": ("here",), "recipe": SHORT}, WrongUse, "has none"),
    ],
)
def test_what_cannot_be_learnt_without_labels(
    collection, tmp_path, monkeypatch, given, error, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").symlink_to(collection)
    with pytest.raises(error, match=words):
        make_model(replace(order(collection, tmp_path / "run"), **given), told())


def test_a_folder_of_unreadable_files_teaches_nothing(collection, tmp_path, few):
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "1.png").write_text("?")
    junk = replace(order(collection, tmp_path / "run", few), unlabelled=(str(tmp_path / "junk"),))
    with pytest.raises(WrongUse, match="none of 1"):
        make_model(junk, told())


def test_a_full_disc_is_told_before_the_work(collection, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UnusableOutput, match="are free"):
        make_model(order(collection, tmp_path / "run"), told())


SIX = [0.1, 0.2, 0.3, 0.6, 0.7, 0.9]


@pytest.mark.parametrize(
    ("p_lateral", "how", "frontals", "laterals"),
    [
        (SIX, SelfTeaching(frontals=0.34, laterals=0.34, least=1), [0], [5]),
        (SIX, SelfTeaching(frontals=1, laterals=0.1, least=2), [0, 1, 2], [5, 4]),
        ([0.1, 0.2], SelfTeaching(frontals=0.5, laterals=0.5, least=9), [0, 1], []),
        ([0.5], SelfTeaching(), [], []),
    ],
)  # fmt: skip
def test_the_surest_of_each_called_view_are_taken(p_lateral, how, frontals, laterals):
    said = np.array(p_lateral)
    taken = list(surest(said, said, how))
    assert [index for index, view in taken if view == "frontal"] == frontals
    assert [index for index, view in taken if view == "lateral"] == laterals
