"""The comparison: sizes as published, one split and budget for all systems, results that resume."""

import csv
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.comparison import measure as measuring
from cxrview.comparison import run
from cxrview.comparison.measure import (
    count_wrong_views,
    evaluate_gate,
    fit_network,
    measure,
    measure_in_own_process,
    prepare_images,
    resize_image,
    training_set_of,
)
from cxrview.comparison.results import (
    CSV_FORMATS,
    PartCounts,
    SystemResult,
    charts_of,
    comparison_csv,
    comparison_page,
    format_amount,
    markdown_page,
    perturbation_table,
    read_result,
    systems_table,
    write_result,
)
from cxrview.comparison.run import CompareOptions, fingerprint, held_out_mask, split_counts
from cxrview.comparison.systems import (
    BY_NAME,
    SYSTEMS,
    NetworkRecipe,
    SystemTask,
    systems_named,
)
from cxrview.engines.outcomes import Crashed, Raised
from cxrview.errors import WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS
from cxrview.images import radiograph_of
from cxrview.labels import Label, read_labels
from cxrview.model.preprocess import preprocess, working_image
from cxrview.phantom.folder import FolderContents, write_folder
from cxrview.report.content import BulletList, Page, Paragraph, Section, Table
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.trainer import Trainer
from cxrview.views import View

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = [system for system in SYSTEMS if isinstance(system.recipe, NetworkRecipe)]
PAPER = BY_NAME["paper"]
ROUNDS = 3  # epochs, where a test counts them
OPTIONS = CompareOptions(labels=Path("labels.csv"), output=Path("out"), systems=("paper",))


@pytest.fixture(autouse=True)
def _few_negatives(monkeypatch):
    monkeypatch.setattr(run, "NEGATIVES", 48)


# Images and split


def test_the_preprocessing_of_the_paper_at_64_pixels_is_that_of_classification():
    pixels = np.random.default_rng(0).integers(0, 255, (90, 70), np.uint8)
    radiograph = radiograph_of(pixels)
    expected = preprocess(radiograph, "paper").images["paper"]
    np.testing.assert_array_equal(resize_image(working_image(radiograph), 64), expected)


def labels_of(count, lateral):
    return [
        Label(f"{i}.png", View.LATERAL if lateral(i) else View.FRONTAL, f"patient {i // 2}")
        for i in range(count)
    ]


def test_no_patient_is_trained_on_and_held_out():
    labels = labels_of(40, lambda i: i % 3 == 0)
    is_held_out = held_out_mask(labels, OPTIONS)
    parts = [
        {label.patient for label, held in zip(labels, is_held_out, strict=True) if held == part}
        for part in (False, True)
    ]
    assert not parts[0] & parts[1]
    training, held_out = split_counts(labels, is_held_out)
    assert training.images + held_out.images == 40
    assert [training.patients, held_out.patients] == [len(part) for part in parts]


def test_what_the_column_split_does_not_train_on_is_held_out():
    parts = ("training", "test", "training", "validation")
    labels = [
        replace(label, split=parts[number // 2 % 4])
        for number, label in enumerate(labels_of(40, lambda i: i % 3 == 0))
    ]
    is_held_out = held_out_mask(labels, OPTIONS)
    assert is_held_out.tolist() == [label.split != "training" for label in labels]
    labels[1] = replace(labels[1], split="test")
    with pytest.raises(WrongUse, match="one patient's images belong in one part"):
        held_out_mask(labels, OPTIONS)


def test_a_split_that_lacks_a_view_is_refused():
    labels = labels_of(40, lambda i: False)
    with pytest.raises(WrongUse, match="one view only"):
        split_counts(labels, held_out_mask(labels, OPTIONS))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """A label table with 40 phantoms, and a table with two images that are no radiographs."""
    folder = tmp_path_factory.mktemp("phantoms") / "made"
    write_folder(folder, FolderContents(40, side=64))
    ramp = np.tile(np.arange(48, dtype=np.uint8), (40, 1))
    for name, pixels in (("ramp.png", ramp), ("columns.png", ramp % 7 * 30)):
        Image.fromarray(pixels).save(folder / name)
    (folder / "negatives.csv").write_text("file\nramp.png\ncolumns.png\n")
    return folder


def options(phantoms, output, *systems, **changes):
    given = {"epochs": 1, "jobs": 0, "negatives": phantoms / "negatives.csv"}
    return CompareOptions(
        labels=phantoms / "labels.csv", output=output, systems=systems, **given | changes
    )


@pytest.fixture(scope="module")
def images(phantoms, tmp_path_factory):
    """The phantoms as every system receives them; a copy in memory of what the run maps."""
    output = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "NEGATIVES", 48)
        asked = options(phantoms, output, "paper", "gate_net")
        config = run._train_config(asked, systems_named(asked.systems))
        inputs = run.find_inputs(config)
        with run._load_images(asked, config, inputs, TrainCallbacks()) as loaded:
            yield loaded


def empty_result(name, images, **changes):
    training, held_out = split_counts(images.data.labeled.labels, images.is_held_out)
    fields = {"epochs_planned": 1, "minutes_allowed": 5.0} | changes
    return SystemResult(
        system=name, fingerprint="f", measured="2026-01-01", machine="m", training=training,
        held_out=held_out, side=BY_NAME[name].side or 64, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "side"), [("paper", 64), ("vgg16", 96), ("nearest", 32)])
def test_prepared_images_have_the_side_and_range_of_the_system(images, name, side):
    prepared = prepare_images(images.held_out, BY_NAME[name].preprocessing, side, "inverted")
    assert prepared.shape == (len(images.held_out), side, side)
    assert 0 <= prepared.min() < prepared.max() <= 1


@pytest.mark.parametrize("side", [64, 96])
def test_perturbed_images_are_perturbed_before_they_are_prepared(images, side):
    plain, inverted = (
        prepare_images(images.held_out, "paper", side, name) for name in ("unaltered", "inverted")
    )
    assert np.abs(1 - plain - inverted).mean() < 0.01
    assert np.abs(plain - inverted).mean() > 0.1


@pytest.mark.parametrize("name", ["paper", "resnet50", "gate_net", "autoencoder"])
def test_held_out_images_are_never_trained_on(images, name):
    system = BY_NAME[name]
    training_set = training_set_of(system, system.recipe, images, 64)
    held_out = {image.tobytes() for method in ("paper", "framed")
                for image in images.held_out.images(method)}  # fmt: skip
    trained = [image.tobytes() for image in training_set.images(np.arange(len(training_set)))]
    assert not held_out & set(trained)
    positives = int((training_set.values > 0).sum())
    expected = (
        images.training.lateral.sum() if system.task is SystemTask.VIEW else len(images.training)
    )
    assert positives == expected


def test_an_autoencoder_is_trained_on_chest_radiographs_alone(images):
    system = BY_NAME["autoencoder"]
    training_set = training_set_of(system, system.recipe, images, 64)
    positive = [group.targets["chest"] == 1 for group in training_set.groups]
    assert sum(share for share, one in zip(training_set.shares, positive, strict=True) if one) == 1


# Budget


class Clock:
    """A clock on which the time between two readings is always the same."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def __call__(self):
        self.now += self.seconds
        return self.now


@pytest.mark.parametrize(
    ("seconds", "steps", "remark"),
    [
        (0.1, ROUNDS, ""),
        (31, 2, "stopped after 2 of 3 epochs: 1 minutes used up"),
        (1000, 1, "stopped after 1 of 3 epochs: 1 minutes used up"),  # always one step
    ],
)
def test_training_ends_with_its_epochs_or_its_minutes(images, seconds, steps, remark):
    empty = empty_result("paper", images, epochs_planned=ROUNDS, minutes_allowed=1.0)
    trained, _ = fit_network(PAPER, PAPER.recipe, images, empty, Clock(seconds))
    assert len(images.training) == 32  # one batch an epoch
    assert (trained.steps, trained.epochs) == (steps, steps)
    assert trained.remark == remark


def test_a_network_is_trained_and_tested_on_the_device_and_timed_on_the_processor(
    images, phantoms, tmp_path, monkeypatch
):
    def on_processor(*arguments, device, **named):  # "meta" stores no values
        assert device == "meta"
        return Trainer(*arguments, **named)

    monkeypatch.setattr(measuring, "Trainer", on_processor)
    asked = options(phantoms, tmp_path, "paper", device="meta")
    split = split_counts(images.data.labeled.labels, images.is_held_out)
    empty = run._empty_result(asked, {}, PAPER, split)
    trained, score = fit_network(PAPER, PAPER.recipe, images, empty, Clock(0.1))
    assert trained.milliseconds > 0
    (network,) = score.args
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}


def test_the_same_seed_trains_the_same_network(images):
    empty = empty_result("paper", images, epochs_planned=ROUNDS)
    same, again, other = (
        fit_network(PAPER, PAPER.recipe, replace(images, seed=seed), empty, Clock(0.1))[1]
        for seed in (1, 1, 2)
    )
    batch = images.held_out.images("paper")
    assert np.array_equal(same(batch), again(batch))
    assert not np.array_equal(same(batch), other(batch))


# Measurements


def test_errors_are_counted_by_view():
    p_lateral, lateral = np.array([0.9, 0.1, 0.2, 0.5]), np.array([False, False, True, True])
    assert count_wrong_views(p_lateral, lateral) == (1, 2)


@pytest.mark.parametrize(("name", "size"), [("nearest", 2 * 32 * 1024), ("logistic", 1025)])
def test_a_view_system_is_tested_under_every_perturbation(images, name, size):
    result = measure(empty_result(name, images), images)
    assert result.reason == ""
    assert set(result.wrong) == set(PERTURBATIONS)
    assert (result.parameters, result.stored) == (size, 4 * size)
    assert result.milliseconds > 0
    assert result.remark == ""
    assert result.auroc is None
    assert result.errors < result.held_out.images / 2
    assert result.errors + result.accuracy.hits == result.held_out.images


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gate_net", "autoencoder"])
def test_a_gate_is_tested_on_negatives(images, name):
    result = measure(empty_result(name, images), images)
    assert result.negatives == 2
    assert 0 <= result.auroc <= 1
    assert result.errors is None


def test_refusals_of_a_gate_are_counted_where_one_percent_of_radiographs_is_refused(images):
    count = len(images.held_out)

    def score(batch):  # the negatives come second and are fewer
        return np.arange(count) + 1.0 if len(batch) == count else np.array([0.5, 0.25])

    empty = empty_result("gate_net", images)
    tested = evaluate_gate(empty, score, images)
    assert tested.negatives_refused == 2
    assert tested.auroc == 1


def test_a_gate_without_negatives_is_trained_and_not_tested(images):
    without = images.data.evaluation_negatives.select(np.zeros(2, np.bool_))
    alone = replace(images, data=replace(images.data, evaluation_negatives=without))
    result = measure(empty_result("gate_net", images), alone)
    assert result.steps == 3  # ceil(80 / 32): of 32 chest radiographs and 48 negatives
    assert result.auroc is None
    assert "no negatives to test on" in result.summary


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("can't allocate memory\nmore"), "can't allocate memory"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_lack_of_memory_becomes_a_result(images, monkeypatch, error, reason):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(measuring, "fit_network", fail)
    failed = measure(empty_result("paper", images), images)
    assert failed.reason == reason
    assert failed.summary == f"paper: failed: {reason}"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Crashed("SIGKILL"), "its process died: SIGKILL"),
        (Raised("ValueError", "a.py:1"), "ValueError at a.py:1"),
    ],
)
def test_a_process_that_dies_becomes_a_result(images, monkeypatch, outcome, reason):
    class Engine:
        def map(self, make_function, items):
            yield from ((index, outcome) for index, _ in enumerate(items))

    monkeypatch.setattr(measuring, "unlimited_engine", lambda jobs: Engine())
    failed = measure_in_own_process(empty_result("paper", images), images, jobs=1)
    assert failed.reason == reason


# Systems, results, tables


@pytest.mark.parametrize("names", [("paper", "alexnett"), ()])
def test_unknown_systems_are_refused_with_the_known_names(names):
    with pytest.raises(WrongUse, match=r"known: paper, alexnet, .*autoencoder"):
        systems_named(names)


def test_systems_come_in_the_order_of_the_table():
    assert [system.name for system in systems_named(("nearest", "paper"))] == ["paper", "nearest"]
    assert len(BY_NAME) == len(SYSTEMS) == 10


def test_fingerprints_depend_on_the_settings_and_the_system():
    prints = {fingerprint({"seed": s}, BY_NAME[n]) for s in (0, 1) for n in ("paper", "vgg16")}
    assert len(prints) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"epochs": 2},
        {"minutes": 3.0},
        {"side": 96},
        {"negatives": None},
        {"device": "cuda"},
    ],
)
def test_every_setting_that_matters_is_in_the_fingerprint(phantoms, tmp_path, changes):
    before, after = (
        run.decisive_settings(asked, run.find_inputs(run._train_config(asked, [PAPER])))
        for asked in (options(phantoms, tmp_path, "paper", **some) for some in ({}, changes))
    )
    assert fingerprint(before, PAPER) != fingerprint(after, PAPER)


def result(**changes):
    counts = PartCounts(images=12, laterals=3, patients=9)
    fields = {
        "system": "paper", "fingerprint": "f", "measured": "d", "machine": "m", "side": 64,
        "training": counts, "held_out": counts, "epochs_planned": 10, "minutes_allowed": 6.0,
    }  # fmt: skip
    return SystemResult(**fields | changes)


def test_a_result_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "paper.json"
    written = result(wrong={"unaltered": (1, 2)}, epochs=10.0)
    write_result(written, path)
    assert read_result(path) == written
    assert (written.errors, written.accuracy.hits, written.accuracy.total) == (3, 9, 12)


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"system": "paper", "other": 1}'])
def test_a_file_of_another_version_counts_as_no_result(tmp_path, text):
    path = tmp_path / "paper.json"
    assert read_result(path) is None
    path.write_text(text)
    assert read_result(path) is None


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"epochs": 10.0}, ""),
        ({"epochs": 2.0}, "stopped after 2 of 10 epochs: 6 minutes used up"),
        ({"reason": "no memory"}, "failed: no memory"),
    ],
)
def test_remarks(fields, remark):
    assert result(**fields).remark == remark


@pytest.mark.parametrize(("number", "text"), [(12, "12"), (105_761, "106 k"), (1.37e9, "1.37 G")])
def test_amounts(number, text):
    assert format_amount(number) == text


def test_a_system_that_failed_has_a_row():
    failed = result(reason="no memory")
    assert systems_table([failed]).rows == (
        ("the paper's network", "0.106 M", "failed: no memory"),
    )
    assert perturbation_table([failed]).rows == ()
    row = next(csv.DictReader(comparison_csv([failed]).splitlines()))
    assert (row["system"], row["errors"], row["remark"]) == ("paper", "", "failed: no memory")


def test_the_tables_show_what_was_measured():
    measured = result(
        wrong={"unaltered": (1, 2), "inverted": (4, 1)}, epochs=10.0, parameters=105_761,
        stored=423_044, milliseconds=1.4567, seconds=33.2,
    )  # fmt: skip
    table = systems_table([measured])
    row = dict(zip(table.header, table.rows[0], strict=True))
    assert "AUROC" not in row
    assert row["as built"] == "106 k"
    wrong = [row[f"{what} wrong"] for what in ("laterals", "frontals", "perturbed")]
    assert wrong == ["2 of 3", "1 of 9", "8 of 24"]
    assert measured.summary.startswith("paper: 3 errors in 12 images, 33 s.")
    one = replace(measured, wrong={"unaltered": (0, 1)})
    assert one.summary.startswith("paper: 1 error in 12 images, ")
    assert row["accuracy (95 % interval)"].startswith("75.0% (")
    assert perturbation_table([measured]).rows == (("unaltered", "3"), ("inverted", "5"))
    line = next(csv.DictReader(comparison_csv([measured]).splitlines()))
    assert (line["ms_per_image"], line["epochs"], line["perturbed_images"]) == (
        "1.457", "10.00", "24",
    )  # fmt: skip


def test_the_charts_show_errors_by_view_with_the_fewest_on_top():
    results = [
        result(wrong={"unaltered": (3, 2), "blur": (4, 0)}),
        result(system="vgg16", wrong={"unaltered": (0, 1), "blur": (5, 5)}),
        result(system="lenet", reason="no memory"),
    ]
    (block,) = charts_of(results)
    unaltered, perturbed = block.charts
    assert [(bar.name, bar.parts, bar.text) for bar in unaltered.bars] == [
        ("vgg16", (("frontal", 0), ("lateral", 1)), "1"),
        ("paper", (("frontal", 3), ("lateral", 2)), "5"),
    ]
    assert [bar.text for bar in perturbed.bars] == ["11", "9"]
    assert not list(charts_of(results[2:]))


def test_markdown_has_the_blocks_of_the_page():
    blocks = (Table(("a", "b"), (("1", "x|y"),)), BulletList(("one", "two")))
    page = Page("Title", (Section("Part", blocks),), (Paragraph("Text."),))
    assert markdown_page(page) == (
        "# Title\n\nText.\n\n## Part\n\n| a | b |\n| --- | --- |\n| 1 | x\\|y |\n\n- one\n- two\n"
    )


# The command, on phantoms

NAMES = "paper,logistic"


def compare(phantoms, output, *more):
    words = ["compare", str(phantoms / "labels.csv"), "-o", str(output), "--epochs", "1"]
    return CliRunner().invoke(app, [*words, "--jobs", "0", "--device", "cpu", *more])


@pytest.fixture(scope="module")
def finished(phantoms, tmp_path_factory):
    output = tmp_path_factory.mktemp("comparison")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "NEGATIVES", 48)  # before that of each test
        done = compare(phantoms, output, "--systems", NAMES)
    assert done.exit_code == 0, done.output
    return output, done


def rows(path):
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.slow
def test_every_chosen_system_has_its_row(finished):
    output, done = finished
    table = rows(output / "comparison.csv")
    assert [row["system"] for row in table] == NAMES.split(",")
    assert tuple(table[0]) == tuple(CSV_FORMATS)
    assert table[0]["parameters"] == "105761"
    robust = rows(output / "robustness.csv")
    assert len(robust) == 2 * len(PERTURBATIONS)
    for row in table:
        errors = [int(line["errors"]) for line in robust if line["system"] == row["system"]]
        assert sum(errors) == int(row["perturbed_errors"])
    assert "the paper's network" in done.stdout


@pytest.mark.slow
def test_the_reports_contain_the_split_and_the_sources(finished):
    output, _ = finished
    settings = json.loads((output / "settings.json").read_text())
    split = settings["split"]
    assert settings["decisive"]["device"] == "cpu"
    assert split["training"]["images"] + split["held_out"]["images"] == 40
    for name in ("comparison.md", "index.html"):
        text = (output / name).read_text()
        assert f"tested on {split['held_out']['images']}" in text
        assert "Choe and Jo 2021" in text
        assert "on the device cpu" in text


@pytest.mark.slow
def test_no_image_is_left_in_the_output(finished):
    output, _ = finished
    assert {path.name for path in output.iterdir()} == {
        "systems", "comparison.csv", "robustness.csv", "comparison.md", "index.html",
        "settings.json",
    }  # fmt: skip


@pytest.mark.slow
def test_a_second_run_does_only_what_is_missing(finished, phantoms):
    output, _ = finished
    saved = output / "systems" / "paper.json"
    before, table = saved.stat().st_mtime_ns, rows(output / "comparison.csv")
    (output / "systems" / "logistic.json").unlink()
    again = compare(phantoms, output, "--systems", NAMES)
    assert again.exit_code == 0
    assert saved.stat().st_mtime_ns == before
    starts = [line.partition(":")[0] for line in again.stderr.splitlines()]
    assert [name for name in starts if name in NAMES.split(",")] == ["logistic"] * 2
    errors = [row["errors"] for row in rows(output / "comparison.csv")]
    assert errors == [row["errors"] for row in table]


@pytest.mark.slow
def test_where_nothing_is_missing_nothing_is_read(finished, phantoms):
    output, _ = finished
    before = (output / "comparison.csv").read_bytes()
    again = compare(phantoms, output, "--systems", NAMES, "--epochs", "1")
    assert again.exit_code == 0
    assert "reading" not in again.stderr
    assert (output / "comparison.csv").read_bytes() == before


@pytest.mark.slow
def test_other_settings_and_failures_are_measured_again(finished, phantoms, tmp_path, monkeypatch):
    measured = []

    def note(empty, images, jobs):
        measured.append(images.seed)
        return replace(empty, reason="no memory" if len(measured) == 2 else "", epochs=1.0)

    monkeypatch.setattr(run, "measure_in_own_process", note)
    steps = []

    @contextmanager
    def progress(what, total):
        yield lambda is_error=False: steps.append((total, is_error)) if "systems" in what else None

    for seed in (0, 1, 1, 1):  # measured, failed, measured, complete
        asked = options(phantoms, tmp_path, "nearest", seed=seed)
        run.compare(asked, TrainCallbacks(progress=progress))
    assert measured == [0, 1, 1]
    assert steps == [(1, False), (1, True), (1, False)]


@pytest.mark.slow
def test_an_interrupted_run_has_the_tables_of_the_finished_systems(phantoms, tmp_path, monkeypatch):
    def interrupt(empty, images, jobs):
        if empty.system == "logistic":
            raise KeyboardInterrupt
        return replace(empty, epochs=1.0)

    monkeypatch.setattr(run, "measure_in_own_process", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.compare(options(phantoms, tmp_path, "nearest", "logistic"))
    assert [row["system"] for row in rows(tmp_path / "comparison.csv")] == ["nearest"]
    assert not (tmp_path / "state").exists()


@pytest.fixture
def measured(monkeypatch):
    """The systems that were measured, in order; measuring itself is left out."""
    names = []

    def note(empty, images, jobs):
        names.append(empty.system)
        return replace(empty, epochs=1.0, wrong={"unaltered": (0, 0)})

    monkeypatch.setattr(run, "measure_in_own_process", note)
    return names


@pytest.fixture
def own_phantoms(phantoms, tmp_path):
    return Path(shutil.copytree(phantoms, tmp_path / "phantoms"))


def systems_in_tables(output):
    return [row["system"] for row in rows(output / "comparison.csv")]


@pytest.mark.slow
def test_systems_of_earlier_runs_stay_in_the_tables(measured, phantoms, tmp_path):
    for name, expected in (
        ("nearest", ["nearest"]),
        ("logistic", ["nearest", "logistic"]),
        ("logistic", ["nearest", "logistic"]),  # nothing is missing
    ):
        run.compare(options(phantoms, tmp_path, name))
        assert systems_in_tables(tmp_path) == expected
    assert measured == ["nearest", "logistic"]
    run.compare(options(phantoms, tmp_path, "logistic", seed=1))  # another comparison
    assert systems_in_tables(tmp_path) == ["logistic"]


@pytest.mark.slow
def test_results_of_images_that_have_changed_are_measured_again(measured, own_phantoms, tmp_path):
    label = read_labels(own_phantoms / "labels.csv")[0]
    image, output = own_phantoms / label.file, tmp_path / "out"
    whole = image.read_bytes()
    image.write_bytes(b"no image")
    run.compare(options(own_phantoms, output, "nearest"))
    assert [row["file"] for row in rows(output / "problems.csv")] == [label.file]
    image.write_bytes(whole)
    run.compare(options(own_phantoms, output, "nearest", "logistic"))
    assert measured == ["nearest", "nearest", "logistic"]
    assert len({row["images"] for row in rows(output / "comparison.csv")}) == 1
    assert not (output / "problems.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("names", [("logistic",), ("nearest", "logistic")])
def test_results_of_another_split_are_not_mixed_in(measured, phantoms, tmp_path, names):
    run.compare(options(phantoms, tmp_path, "nearest"))
    path = tmp_path / "systems" / "nearest.json"  # as if an image could not be read that day
    values = json.loads(path.read_text())
    values["held_out"]["laterals"] -= 1
    path.write_text(json.dumps(values))
    run.compare(options(phantoms, tmp_path, *names))
    assert systems_in_tables(tmp_path) == [*names]
    assert measured == ["nearest", *names]


def test_the_report_states_where_and_when_each_system_was_measured():
    results = [result(), result(system="vgg16"), result(system="alexnet", machine="n")]
    settings = {
        "decisive": {"epochs": 1, "minutes": 1.0, "batch": 2, "optimizer": "o", "seed": 0,
                     "device": "cpu"},
        "libraries": {"torch": "2"},
    }  # fmt: skip
    *_, one = comparison_page(results[:2], settings).introduction
    assert one.text == "d; m; torch 2."
    *_, several = comparison_page(results, settings).introduction
    assert several.text == "paper, vgg16: d; m. alexnet: d; n. Last run with torch 2."


@pytest.mark.parametrize("device", ["abacus", "meta", ""])
def test_a_device_that_is_not_there_is_refused(phantoms, tmp_path, device):
    done = compare(phantoms, tmp_path / "out", "--systems", "nearest", "--device", device)
    assert done.exit_code == 2
    assert f"no device '{device}'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_folder_of_a_training_run_is_refused_and_unchanged(phantoms, tmp_path):
    checkpoint = tmp_path / "state" / "view-network.pt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"checkpoint")
    done = compare(phantoms, tmp_path, "--systems", "nearest")
    assert done.exit_code == 2
    assert "name a new folder" in done.stderr
    assert checkpoint.read_bytes() == b"checkpoint"


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_that_the_next_one_uses(phantoms, tmp_path):
    for name in ("systems", "state/labeled"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "state" / "labeled" / "index.json").write_text("{}")  # of another table
    done = compare(phantoms, tmp_path, "--systems", "nearest")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_an_unreadable_image_is_listed_and_left_out(phantoms, tmp_path):
    lines = (phantoms / "labels.csv").read_text().splitlines()
    header, broken = lines[0].split(","), tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    fields = {"file": str(broken), "view": "frontal", "patient": "another"}
    lines.insert(1, ",".join(fields.get(name, "") for name in header))
    table = phantoms / "with_broken.csv"
    table.write_text("\n".join(lines) + "\n")
    words = ["compare", str(table), "-o", str(tmp_path / "out"), "--systems", "nearest"]
    done = CliRunner().invoke(app, [*words, "--jobs", "0"])
    assert done.exit_code == 0, done.output
    assert [row["file"] for row in rows(tmp_path / "out" / "problems.csv")] == [str(broken)]
    labels = read_labels(table)
    is_held_out = held_out_mask(labels, OPTIONS)  # as if all could be read
    training, held_out = split_counts(labels[1:], is_held_out[1:])
    split = json.loads((tmp_path / "out" / "settings.json").read_text())["split"]
    assert split == {"training": asdict(training), "held_out": asdict(held_out)}


@pytest.mark.slow
def test_a_system_is_measured_in_a_process_of_its_own(phantoms, tmp_path):
    words = ["compare", str(phantoms / "labels.csv"), "-o", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(app, [*words, "--systems", "nearest"])
    assert done.exit_code == 0, done.output
    assert rows(tmp_path / "comparison.csv")[0]["remark"] == ""


@pytest.mark.parametrize("words", [
    ["--systems", "lenet"],
    ["--systems", ","],
    ["--epochs", "0"],
    ["--epochs", "1000000000"],
    ["--minutes", "0"],
    ["--minutes", "-1"],
    ["--minutes", "nan"],
    ["--minutes", "inf"],
    ["--minutes", "1e300"],
    ["--side", "63"],
    ["--side", "100000"],
    ["--seed", "-1"],
    ["--seed", "99999999999"],
    ["--jobs", "-1"],
    ["--negatives", "none.csv"],
    ["--negatives", ""],
    ["--output", ""],
    ["--output", "/dev/null/below"],
])  # fmt: skip
def test_an_impossible_option_is_refused_before_any_work(phantoms, tmp_path, words):
    done = compare(phantoms, tmp_path / "new", *words)
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr.strip()
    assert "Traceback" not in done.output
    assert not (tmp_path / "new").exists()


def test_negatives_that_are_not_there_are_refused(phantoms, tmp_path):
    table = tmp_path / "negatives.csv"
    table.write_text(f"file\n{phantoms / 'ramp.png'}\ngone.png\n")
    done = compare(phantoms, tmp_path / "new", "--systems", "gate_net", "--negatives", str(table))
    assert done.exit_code == 2
    assert "not there: 1 of 2 files line 3: gone.png" in " ".join(done.stderr.split())
    assert not (tmp_path / "new").exists()


def test_an_unknown_system_is_reported_with_the_known_ones(phantoms, tmp_path):
    done = compare(phantoms, tmp_path / "new", "--systems", "lenet")
    assert "no system 'lenet'; known: paper" in done.stderr


def test_a_missing_library_is_reported_with_its_installation():
    program = (
        "import sys; sys.modules['monai'] = None; from cxrview.cli.main import app; "
        "app(['compare', 'labels.csv', '-o', 'out'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "[compare]" in done.stderr


def test_gates_are_compared_where_there_are_negatives():
    assert {system.name for system in SYSTEMS if system.task is SystemTask.GATE} == {
        "gate_net", "autoencoder"
    }  # fmt: skip
