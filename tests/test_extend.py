"""Training a model further on its own verdicts: what it trains on, and the comparison."""

import csv
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.inference.view_classifier import ViewClassifier
from cxrview.metrics.classification import PairedTest, paired_test
from cxrview.model.card import card_from_json
from cxrview.model.classifier import Classifier, load
from cxrview.model.layers import ARCHITECTURES, LATERAL
from cxrview.rows import Row
from cxrview.training import extend
from cxrview.training.config import run_fingerprint
from cxrview.training.export import export, load_network
from cxrview.training.extend import extension_recipe
from cxrview.training.negatives import KINDS
from cxrview.training.recipe import NO_REAL_LATERAL, PRESETS, BatchShares
from cxrview.training.run import plain_card
from cxrview.training.verdicts import confident_verdicts
from cxrview.views import Thresholds, Verdict
from makers_model import old_model_bytes
from makers_networks import network, write_images


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


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Row("a.png", view=Verdict.LATERAL, p_lateral=1.0), ""),
        (Row("a.png", view=Verdict.LATERAL, p_lateral=1.0, rotation=0, inverted=False), ""),
        (Row("a.png", view=Verdict.UNCERTAIN, p_lateral=0.5), "not confident"),
        (Row("a.png", view=Verdict.NOT_CHEST, p_lateral=0.0), "not confident"),
        (Row("a.png", error="damaged: torn"), "unreadable"),
        (Row("a.png", view=Verdict.FRONTAL, rotation=90), "rotated or inverted"),
        (Row("a.png", view=Verdict.FRONTAL, inverted=True), "rotated or inverted"),
        (Row("gone.png", view=Verdict.FRONTAL), "not found"),
        (Row("a\0.png", view=Verdict.FRONTAL), "not found"),
        (Row("gone.zip::a.png", view=Verdict.FRONTAL), "not found"),
        (Row("b.zip::a.png", view=Verdict.FRONTAL), "in an archive or object storage"),
        (Row("s3://b/a.png", view=Verdict.FRONTAL), "in an archive or object storage"),
    ],
)
def test_only_confident_verdicts_on_upright_files_are_trained_on(tmp_path, row, reason):
    for name in ("a.png", "b.zip"):
        (tmp_path / name).write_bytes(b"")
    found = confident_verdicts([row], tmp_path)
    if reason:
        assert (found.labels, dict(found.left_out)) == ([], {reason: 1})
        assert found.text().endswith(f"0 of 1; left out: 1 {reason}")
    else:
        (label,) = found.labels
        assert (label.file, label.view) == (str(tmp_path / "a.png"), "lateral")
        assert found.text().endswith("1 of 1")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_is_trained_further_by_the_recipe_of_its_network(name):
    card = replace(plain_card(recipe_of(name), 0), network=name)
    recipe = extension_recipe(card, 12)
    assert (recipe.network, recipe.preprocessing) == (name, card.preprocessing[0])
    assert (recipe.main.steps, recipe.main.epochs, recipe.main.keep_best) == (12, 0, False)
    assert recipe.main.peak_learning_rate <= recipe_of(name).main.peak_learning_rate / 2
    assert recipe.has_gate == (name != "paper")


OWN_SCHEDULE = replace(
    PRESETS["default"].recipe.main, steps=9, batch=20, minutes=2.0, peak_learning_rate=1e-4
)
OWN_RECIPE = replace(
    PRESETS["default"].recipe, phantoms=40, negatives=50, ct_radiographs=60,
    shares=BatchShares(negatives=30), main=OWN_SCHEDULE,
)  # fmt: skip


def extended_card(card):
    return replace(card, recipe={"extended": "own@1", "was": card.recipe, "extension": {}})


@pytest.mark.parametrize(
    "change", [lambda card: card, extended_card, lambda card: extended_card(extended_card(card))]
)
def test_a_model_is_trained_further_by_the_recipe_in_its_card(change):
    card = change(card_from_json(plain_card(OWN_RECIPE, 0).to_json()))
    main = replace(OWN_SCHEDULE, steps=12, minutes=0.0)
    expected = replace(OWN_RECIPE, main=main, ct_radiographs=0)
    assert extension_recipe(card, 12) == expected


@pytest.mark.parametrize(
    ("steps", "phantoms", "negatives"),
    [(5400, 4000, 16000), (9000, 4000, 16000), (1350, 1000, 4000), (1, 200, 10 * KINDS)],
)
def test_a_shorter_training_draws_fewer_images(steps, phantoms, negatives):
    main = replace(OWN_SCHEDULE, steps=5400)
    own = replace(OWN_RECIPE, phantoms=4000, negatives=16000, main=main)
    found = extension_recipe(card_from_json(plain_card(own, 0).to_json()), steps)
    assert (found.phantoms, found.negatives) == (phantoms, negatives)


@pytest.mark.parametrize("recipe", [{}, {"waves": 3}, {"phantoms": "many"}, {"network": "paper"}])
def test_a_card_without_a_usable_recipe_has_that_of_its_network(recipe):
    card = replace(plain_card(OWN_RECIPE, 0), recipe=recipe)
    assert extension_recipe(card, 12).phantoms == extend.DEFAULT_RECIPE.phantoms


def recipe_of(name):
    return PRESETS["paper" if name == "paper" else "default"].recipe


def model_of(folder, name, seed=0):
    """An untrained model that is confident about every image, and sure of no pose."""
    thresholds = Thresholds(0.4999, 0.5, chest=0, pose=1)
    limits = ("small", NO_REAL_LATERAL)
    card = replace(
        plain_card(recipe_of(name), 0), network=name, thresholds=thresholds, licence="CC0",
        limits=limits, temperatures={LATERAL: 2.0},
    )  # fmt: skip
    content = export(network(seed, name), card)
    (folder / "model.onnx").write_bytes(content)
    return Classifier(content)


@pytest.fixture(autouse=True)
def _few_computed_images(monkeypatch):
    few = replace(PRESETS["default"].recipe, phantoms=8, negatives=64)
    monkeypatch.setitem(PRESETS, "default", replace(PRESETS["default"], recipe=few))
    monkeypatch.setattr(extend, "DEFAULT_RECIPE", few)


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


def extended(folder, output="run", *more, place=None):
    call = [
        "extend",
        str(folder / "model.onnx"),
        place or str(folder / "images"),
        "-o",
        str(folder / output),
    ]
    return CliRunner().invoke(app, [*call, "--steps", "12", "--jobs", "0", *more])


def weights_of(classifier):
    return load_network(classifier.content, classifier.card).state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["multitask", "multitask-small", "paper"])
def test_a_persons_labels_train_and_measure(collection, name):
    old = model_of(collection, name)
    done = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert done.exit_code == 0, done.output
    new = load(collection / "run" / "model.onnx")
    assert new.sha256 != old.sha256
    assert new.card.recipe["extended"] == old.label
    assert (new.card.network, new.card.thresholds) == (name, old.card.thresholds)
    assert new.card.limits == ("small",)
    assert new.card.licence == f"CC0{extend.EXTENDED_LICENCE}"
    before, after = weights_of(old), weights_of(new)
    for key in before:
        if before[key].ndim > 1 or key.endswith("running_mean"):
            assert not torch.equal(before[key], after[key]), key
    facts = json.loads((collection / "run" / "extension.json").read_text())
    trained_on = sum(n for who, n in facts["trained_on"].items() if who.endswith("a person"))
    assert not any(who.endswith("the model") for who in facts["trained_on"])
    assert trained_on + facts["paired"]["images"] == 24
    assert "held-out images" in done.output
    page = (collection / "run" / "report.html").read_text()
    for line in ("trained on ", "held-out images: ", "verdicts trained on "):
        assert f"<p>{line}" in page  # each is a paragraph
    metric = new.card.metrics[0]
    assert metric.counted.endswith(f"of {facts['paired']['images']}")
    held = check_images_table(collection / "run", old, new)
    assert len(held) == facts["paired"]["images"]
    again = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert "complete already" in again.output
    twin = extended(collection, "twin", "--labels", str(collection / "labels.csv"))
    assert twin.exit_code == 0
    assert (collection / "twin" / "model.onnx").read_bytes() == new.content


def check_images_table(run, old, new):
    """The table's probabilities are those of the model files; returns the rows that measured."""
    with (run / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    held = [row for row in rows if row["split"] == "test"]
    assert all(row["p_lateral"] == "" for row in rows if row["split"] == "training")
    for column, model in (("p_lateral_before", old), ("p_lateral", new)):
        classifier = ViewClassifier(model)
        for row in held:
            found = classifier.classify(run.parent / row["file"]).p_lateral
            assert float(row[column]) == pytest.approx(found, abs=2e-5)
    return held


def both_views(folder):
    """A seed with which the untrained model finds frontals and laterals."""
    for seed in range(40):
        classifier = model_of(folder, "paper", seed=seed)
        if {str(view) for view in views_of(classifier, folder)} == {"frontal", "lateral"}:
            return
    pytest.fail("no seed gives both views")


def views_of(classifier: Classifier, folder):
    model = ViewClassifier(classifier)
    names = (f"{i}.png" for i in range(24))
    return [model.classify(folder / "images" / name).view for name in names]


def test_without_labels_no_gain_is_stated(collection):
    both_views(collection)
    done = extended(collection)
    assert done.exit_code == 0, done.output
    assert "was not measured" in done.output
    facts = json.loads((collection / "run" / "extension.json").read_text())
    assert sum(facts["trained_on"].values()) == 24
    assert facts["paired"] is None
    assert (collection / "run" / "verdicts.csv").exists()


def test_a_changed_archive_makes_another_run(tmp_path):
    archive = tmp_path / "images.zip"
    archive.write_bytes(b"PK")
    files = [("a", f"{archive}::a.png")]
    before = run_fingerprint((), files)
    assert run_fingerprint((), files) == before
    touch(archive)
    assert run_fingerprint((), files) != before


def touch(path):
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


@pytest.mark.parametrize("is_complete", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda folder: shutil.copy(folder / "1.png", folder / "new.png"),
        lambda folder: (folder / "1.png").unlink(),
        lambda folder: touch(folder / "1.png"),  # the number of images stays the same
    ],
    ids=["added", "removed", "replaced"],
)
def test_a_run_on_other_images_is_refused(collection, monkeypatch, is_complete, change):
    both_views(collection)
    with monkeypatch.context() as patch:
        if not is_complete:  # ends after the images were read

            def interrupt(*args, **options):
                raise KeyboardInterrupt

            patch.setattr(extend, "train_model", interrupt)
        done = extended(collection)
        assert (done.exit_code == 0) is is_complete
    change(collection / "images")
    again = extended(collection)
    assert again.exit_code == 2, again.output
    assert "another training was started here" in " ".join(again.output.split())


@pytest.fixture
def table(collection, monkeypatch):
    """The table that classify wrote beside images/, where it was started."""
    both_views(collection)
    monkeypatch.chdir(collection)
    call = ["classify", "images", "--model", "model.onnx", "-o", "views.csv", "--jobs", "0"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 1, done.output  # torn.png
    return collection / "views.csv"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: touch(folder / "images" / "1.png"),
        lambda folder: (folder / "views.csv").write_text(
            (folder / "views.csv").read_text().replace(",lateral,", ",frontal,", 1)
        ),
    ],
    ids=["image", "verdict"],
)
def test_a_run_on_a_table_that_has_changed_is_refused(collection, table, change):
    assert extended(collection, place=str(table)).exit_code == 0
    assert "complete already" in extended(collection, place=str(table)).output
    change(collection)
    again = extended(collection, place=str(table))
    assert again.exit_code == 2, again.output
    assert "another training was started here" in " ".join(again.output.split())


def test_names_in_a_table_may_be_relative_to_its_folder(collection, table, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = extended(collection, place=str(table))
    assert done.exit_code == 0, done.output
    assert "to train on: 24 of 25; left out: 1 unreadable" in " ".join(done.output.split())


def test_a_table_whose_images_are_elsewhere_is_refused(collection, table):
    (collection / "images").rename(collection / "moved")
    done = extended(collection, place=str(table))
    assert done.exit_code == 2
    assert "none of 24 images is there" in done.output
    assert not (collection / "run").exists()


def test_verdicts_of_another_model_are_refused(collection, table):
    model_of(collection, "paper", seed=99)
    done = extended(collection, place=str(table))
    assert done.exit_code == 2
    assert "views.csv holds verdicts of another model (unnamed@" in " ".join(done.output.split())
    assert not (collection / "run").exists()


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
    model_of(collection, "paper")
    done = extended(collection, "run", *more)
    assert done.exit_code == 2
    assert words in done.output
    assert not (collection / "run").exists()


def test_a_model_of_two_networks_is_refused(collection):
    (collection / "model.onnx").write_bytes(old_model_bytes())
    done = extended(collection, "run", "--labels", str(collection / "labels.csv"))
    assert done.exit_code == 2
    assert "earlier version: it classifies, but cannot be trained further" in " ".join(
        done.output.split()
    )
    assert not (collection / "run").exists()
