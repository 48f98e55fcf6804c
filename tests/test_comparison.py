"""Systems under one protocol: as large as published, taught within a budget, taken up again."""

import csv
import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.comparison import material as materials
from cxrview.comparison import run
from cxrview.comparison.autoencoder import Autoencoder, likeness
from cxrview.comparison.builders import parameters_at, seeded
from cxrview.comparison.classics import features, learn, logistic, nearest
from cxrview.comparison.cost import cost_of, milliseconds, multiply_adds
from cxrview.comparison.course import Course, binary_loss, fit
from cxrview.comparison.images import Group, lesson_of
from cxrview.comparison.known_nets import alexnet, vgg16
from cxrview.comparison.learners import Budget, NetLearner
from cxrview.comparison.material import Preparation, gate_material, split_of, view_material
from cxrview.comparison.measure import in_own_process, measure, wrong_views
from cxrview.comparison.result import Result, read_result, write_result
from cxrview.comparison.settings import Order, fingerprint
from cxrview.comparison.systems import BY_NAME, SYSTEMS, Task, chosen
from cxrview.comparison.tables import COLUMNS, HEADER, altered_cells, amount, cells, plain
from cxrview.errors import MissingInput, WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS
from cxrview.images import radiograph_of
from cxrview.model.layers import (
    CHANNELS,
    PAPER_NETWORK,
    AdaptivePool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Pool,
    multiply_add_count,
    parameter_count,
    summarize,
)
from cxrview.model.preprocess import PREPROCESSING, working_image
from cxrview.phantom.folder import write_folder
from cxrview.training.networks import Network
from makers_networks import bars, films

NETS = [system for system in SYSTEMS if isinstance(system.learner, NetLearner)]
PUBLISHED = [(s.name, s.published) for s in NETS if s.published]
GIVEN = (224, 224, CHANNELS)
BUDGET = Budget(passes=1, minutes=5, seed=0)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The tables and the nets


@pytest.mark.parametrize(("name", "millions"), PUBLISHED)
def test_nets_are_as_large_as_published(name, millions):
    built = parameters_at(BY_NAME[name].learner.build, 1000, 224)
    assert built == pytest.approx(1e6 * millions, rel=0.005)


@pytest.mark.parametrize(
    ("table", "count"), [(alexnet, 61_100_840), (vgg16, 138_357_544)], ids=["alexnet", "vgg16"]
)
def test_tables_and_modules_count_alike(table, count):
    assert parameter_count(table(1000), GIVEN) == count
    with torch.device("meta"):
        assert sum(p.numel() for p in Network(table(1000), GIVEN).parameters()) == count


ALEXNET_SHAPES = [(55, 55, 64), (27, 27, 64), (27, 27, 192), (13, 13, 192), (13, 13, 384)]


def test_the_known_tables_have_the_known_shapes():
    shapes = [line.output_shape for line in summarize(alexnet(1000), GIVEN)]
    assert shapes[:5] == ALEXNET_SHAPES
    assert shapes[-6] == (9216,)
    assert shapes[-1] == (1000,)
    assert (7, 7, 512) in [line.output_shape for line in summarize(vgg16(1), GIVEN)]


# (layer, given, output): strides, padding and overlap as Keras and torch count them
LAYERS = [
    (Conv("a", 8), (9, 7, 3), (7, 5, 8)),
    (Conv("a", 8, 5, stride=2, padding=2), (9, 8, 3), (5, 4, 8)),
    (Pool("a", "max"), (5, 4, 3), (2, 2, 3)),
    (Pool("a", "max", 3, stride=2), (9, 7, 3), (4, 3, 3)),
    (Pool("a", "average", 3, stride=1), (5, 4, 3), (3, 2, 3)),
    (AdaptivePool("a", 6), (3, 9, 3), (6, 6, 3)),
    (Dropout("a"), (5, 4, 3), (5, 4, 3)),
]


@pytest.mark.parametrize(("layer", "given", "output"), LAYERS)
def test_torch_makes_the_shapes_of_the_table(layer, given, output):
    table = (layer, Flatten("f"), Dense("d", 1, "sigmoid"))
    assert layer.output_shape(given) == output
    net = Network(table, given)
    assert net(torch.zeros(2, 1, *given[:2])).shape == (2,)
    assert sum(p.numel() for p in net.parameters()) == parameter_count(table, given)
    if given[0] == given[1]:
        assert multiply_adds(net, given[0]) == multiply_add_count(table, given)


def test_multiply_adds_of_the_papers_net():
    counts = {line.layer.name: line.multiply_adds for line in summarize(PAPER_NETWORK)}
    assert counts["conv2d_1"] == 62 * 62 * 9 * 3 * 16
    assert counts["dense_1"] == 128 * 64
    assert multiply_add_count(PAPER_NETWORK) == multiply_adds(Network(), 64) == sum(counts.values())


def test_dropout_drops_in_training_only():
    net = seeded(BY_NAME["alexnet"].learner.build, 1, 64, 0)
    picture = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert not torch.equal(net(picture), net(picture))
        net.eval()
        torch.testing.assert_close(net(picture), net(picture))


@pytest.mark.parametrize("name", ["paper", "alexnet", "resnet50", "densenet121"])
def test_nets_say_one_number_a_picture_and_begin_as_the_seed_says(name):
    build = BY_NAME[name].learner.build
    first, again = (seeded(build, 1, 64, 3).eval() for _ in range(2))
    pictures = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        assert first(pictures).shape == (2,)
        assert torch.equal(first(pictures), again(pictures))


def test_a_strided_resnet_is_counted_as_published():
    net = seeded(BY_NAME["resnet50"].learner.build, 1000, 64, 0)
    assert multiply_adds(net, 64) == pytest.approx(4.09e9 * (64 / 224) ** 2, rel=0.02)


def test_chesters_autoencoder_redraws():
    net = seeded(lambda *_: Autoencoder(), 1, 64, 0).eval()
    with torch.inference_mode():
        assert net(torch.rand(2, 1, 64, 64)).shape == (2, 1, 64, 64)
        assert (likeness(net, torch.rand(3, 1, 64, 64)) < 0).all()
    cost = cost_of(net, 64)
    assert cost.parameters == 16_115_872  # those of the released network
    assert cost.stored > 4 * cost.parameters  # the means of batch normalisation as well


# Preparations


@pytest.mark.parametrize("seed", [0, 1])
def test_the_squash_is_the_papers_at_64(seed):
    film = bars(True, seed)
    made = Preparation("squash", 64).of([film])[0]
    wanted = PREPROCESSING["paper"](working_image(radiograph_of(film))) * 255
    np.testing.assert_array_equal(made, np.round(wanted).astype(np.uint8))


@pytest.mark.parametrize(("way", "side"), [("squash", 96), ("thumbnail", 32), ("framed", 64)])
def test_preparations_keep_the_number(way, side):
    assert Preparation(way, side).of([bars(True, 0), bars(False, 1)]).shape == (2, side, side)
    assert Preparation(way, side).of([]).shape == (0, side, side)


def test_a_split_parts_no_patient_and_needs_both_views():
    split = split_of(films(40), [], seed=0)
    patients = [{label.patient for label in part.labels} for part in (split.taught, split.held)]
    assert not patients[0] & patients[1]
    with pytest.raises(WrongUse, match="one view only"):
        split_of(films(40).taken(~films(40).lateral), [], seed=0)


# The course and its budget


def lesson(count=24):
    pictures = [np.resize(bars(i % 2 == 0, i), (64, 64)) for i in range(count)]
    upright, lying = np.stack(pictures[::2]), np.stack(pictures[1::2])
    return lesson_of(Group(upright, False, 1), Group(lying, True, 1))


COURSE = Course(passes=3, minutes=1, rate=1e-3, share=0.5, augmentation=None)


class Clock:
    """Every look at it takes as long as was said."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def __call__(self):
        self.now += self.seconds
        return self.now


@pytest.mark.parametrize(
    ("seconds", "steps", "is_cut"),
    [(0.1, 9, False), (25, 3, True), (1000, 1, True)],  # one step is always given
)
def test_a_course_ends_with_its_passes_or_its_minutes(seconds, steps, is_cut):
    training = fit(Network(), lesson(90), COURSE, binary_loss, 0, Clock(seconds))
    assert (training.steps, training.is_cut) == (steps, is_cut)
    assert training.passes == pytest.approx(steps / 3)


def test_the_same_seed_teaches_the_same():
    nets = [seeded(BY_NAME["paper"].learner.build, 1, 64, 0) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        fit(net, lesson(), COURSE, binary_loss, seed)
    first, again, other = (net.state_dict()["layer_modules.dense_2.weight"] for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("passes", "minutes"), [(0, 1), (1, 0)])
def test_a_course_gives_something(passes, minutes):
    with pytest.raises(ValueError, match="at least one pass"):
        replace(COURSE, passes=passes, minutes=minutes)


@pytest.mark.parametrize(("make", "size"), [(nearest, 48 * 4096), (logistic, 4097)])
def test_classics_tell_what_they_have_seen(make, size):
    given = lesson()
    judge, cost, training = learn(make(), given)
    assert ((judge(given.pictures) > 0.5) == given.classes).mean() > 0.9
    assert (cost.parameters, cost.stored) == (size, 4 * size)
    assert not training.is_cut
    assert features(given.pictures).shape == (24, 4096)


def test_errors_are_counted_by_view():
    said, lateral = np.array([0.9, 0.1, 0.2, 0.5]), np.array([False, False, True, True])
    assert wrong_views(said, lateral) == (1, 2)


def test_the_middle_of_the_times_is_told():
    calls = []
    assert milliseconds(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4


# Systems, results, resuming


@pytest.mark.parametrize("names", [("paper", "alexnett"), ()])
def test_unknown_systems_are_told_with_those_known(names):
    with pytest.raises(WrongUse, match=r"known: paper, alexnet, .*autoencoder"):
        chosen(names)


def test_systems_come_in_the_tables_order():
    assert [system.name for system in chosen(("nearest", "paper"))] == ["paper", "nearest"]
    assert len(BY_NAME) == len(SYSTEMS)


def test_fingerprints_follow_the_settings_and_the_system():
    prints = {fingerprint({"seed": s}, BY_NAME[n]) for s in (0, 1) for n in ("paper", "vgg16")}
    assert len(prints) == 4


def test_a_process_that_dies_is_told():
    with pytest.raises(MemoryError, match="ended"):
        in_own_process(signal.raise_signal, signal.SIGKILL)


def test_a_process_passes_on_what_is_raised():
    with pytest.raises(ValueError, match="invalid literal"):
        in_own_process(int, "x")


def result(**fields):
    given = {"system": "paper", "fingerprint": "f", "measured": "d", "machine": "m", "side": 64}
    return Result(**given | fields)


def test_a_result_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "paper.json"
    written = result(wrong={"unaltered": (1, 2)}, frontals=9, laterals=3, passes=1, passes_wanted=1)
    write_result(written, path)
    assert read_result(path) == written
    assert (written.errors, written.accuracy.hits, written.accuracy.all) == (3, 9, 12)
    path.write_text("[]")
    assert read_result(path) is None
    assert read_result(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"passes": 10, "passes_wanted": 10}, ""),
        ({"passes": 2.0, "passes_wanted": 10, "minutes_given": 6.0},
         "stopped after 2 of 10 passes: 6 minutes used up"),
        ({"reason": "no memory"}, "failed: no memory"),
    ],
)  # fmt: skip
def test_remarks(fields, remark):
    assert result(**fields).remark == remark


@pytest.mark.parametrize(("number", "text"), [(12, "12"), (105_761, "106 k"), (1.37e9, "1.37 G")])
def test_amounts(number, text):
    assert amount(number) == text


def test_what_failed_is_a_row_too():
    row = cells(result(reason="no memory"))
    assert len(row) == len(HEADER)
    assert row[-1] == "failed: no memory"
    assert altered_cells([result(reason="x")]) == (["alteration"], [])
    assert plain(HEADER, [row]).count("\n") == 1


# Small measurements in this process


def test_a_view_system_is_judged_under_every_alteration():
    split = split_of(films(30), [], seed=0)
    material = view_material(split, Preparation("thumbnail", 32))
    found = measure("nearest", material, 64, BUDGET, "f")
    assert set(found.wrong) == set(PERTURBATIONS)
    assert found.frontals + found.laterals == len(split.held)
    assert found.side == 32
    assert found.milliseconds > 0
    assert found.auroc is None


@pytest.mark.parametrize("name", ["gate_net", "autoencoder"])
def test_a_gate_is_judged_on_others(name, monkeypatch):
    monkeypatch.setattr(materials, "NEGATIVES", 16)
    blank_pictures = [np.full((40, 40), level, np.uint8) for level in (0, 99)]
    split = split_of(films(30), blank_pictures, seed=0)
    material = gate_material(split, BY_NAME[name].preparation(64), seed=0)
    found = measure(name, material, 64, BUDGET, "f")
    assert found.others == 2
    assert 0 <= found.auroc <= 1
    assert found.errors is None
    alone = measure(name, replace(material, others=material.others[:0]), 64, BUDGET, "f")
    assert alone.auroc is None
    assert "no others" in run.told(alone)


def test_what_torch_cannot_hold_becomes_a_result(monkeypatch):
    def burst(*given):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nmore")

    monkeypatch.setattr(run, "in_own_process", burst)
    failed = run.try_out(BY_NAME["vgg16"], None, 64, BUDGET, "f")
    assert failed.reason == "DefaultCPUAllocator: can't allocate memory"
    assert "failed" in run.told(failed)


# The whole, on phantoms


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms") / "made"
    write_folder(folder, 40, side=64)
    return folder / "labels.csv"


NAMES = "paper,logistic"


def compared(phantoms, output, *more):
    given = ["compare", str(phantoms), "-o", str(output), "--passes", "1", *more]
    return CliRunner().invoke(app, given)


@pytest.fixture(scope="module")
def finished(phantoms, tmp_path_factory):
    output = tmp_path_factory.mktemp("comparison")
    done = compared(phantoms, output, "--systems", NAMES)
    assert done.exit_code == 0, done.output
    return output, done


def rows(path):
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def test_every_system_asked_for_has_its_row(finished):
    output, done = finished
    table = rows(output / "comparison.csv")
    assert [row["system"] for row in table] == NAMES.split(",")
    assert tuple(table[0]) == COLUMNS
    assert table[0]["parameters"] == "105761"
    robust = rows(output / "robustness.csv")
    assert len(robust) == 2 * len(PERTURBATIONS)
    for row in table:
        mine = [int(line["errors"]) for line in robust if line["system"] == row["system"]]
        assert sum(mine) == int(row["altered_errors"])
    assert "the paper's net" in done.stdout


def test_the_reports_hold_the_split_and_the_sources(finished):
    output, _ = finished
    settings = json.loads((output / "settings.json").read_text())
    split = settings["split"]
    assert split["taught"]["films"] + split["held_out"]["films"] == 40
    for name in ("comparison.md", "index.html"):
        text = (output / name).read_text()
        assert f"tested on {split['held_out']['films']}" in text
        assert "Choe and Jo 2021" in text


def test_a_second_run_does_only_what_is_missing(finished, phantoms):
    output, _ = finished
    kept = output / "systems" / "paper.json"
    before = kept.stat().st_mtime_ns
    (output / "systems" / "logistic.json").unlink()
    table = (output / "comparison.csv").read_text()
    again = compared(phantoms, output, "--systems", NAMES)
    assert again.exit_code == 0
    assert kept.stat().st_mtime_ns == before
    told = [line for line in again.stderr.splitlines() if ": " in line]
    for name in ("comparison.csv", "robustness.csv", "comparison.md", "index.html"):
        assert (output / name).is_file()
    assert [line.partition(":")[0] for line in told] == ["logistic"] * 2
    assert [r["errors"] for r in rows(output / "comparison.csv")] == [
        r["errors"] for r in csv.DictReader(table.splitlines())
    ]


def test_where_nothing_is_missing_nothing_is_read(finished, phantoms):
    output, _ = finished
    before = (output / "comparison.csv").read_bytes()
    again = compared(phantoms, output, "--systems", NAMES)
    assert again.exit_code == 0
    assert "reading" not in again.stderr
    assert (output / "comparison.csv").read_bytes() == before


def test_other_settings_are_another_comparison(finished, phantoms, monkeypatch):
    output, _ = finished
    asked = []

    def note(system, material, side, budget, print_of):
        asked.append(system.name)
        return replace(read_result(output / "systems" / "logistic.json"), fingerprint=print_of)

    monkeypatch.setattr(run, "try_out", note)
    for seed in (0, 1):
        order = Order(
            labels=phantoms,
            output=output,
            systems=("logistic",),
            budget=Budget(passes=1, minutes=10, seed=seed),
        )
        run.compare(order, lambda _: None)
    assert asked == ["logistic"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--systems", "lenet"], "no system 'lenet'; known: paper"),
        (["--others", "none.csv"], "none.csv"),
    ],
)
def test_wrong_use_is_told_before_any_work(phantoms, tmp_path, more, message):
    done = compared(phantoms, tmp_path / "new", *more)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_missing_library_is_told_with_its_cure():
    program = (
        "import sys; sys.modules['monai'] = None; from cxrview.cli.main import app; "
        "app(['compare', 'labels.csv', '-o', 'out'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "pip install 'cxrview[compare]'" in done.stderr


def test_others_are_named_by_a_column(tmp_path):
    path = tmp_path / "others.csv"
    path.write_text("file\na.png\n")
    assert run.negative_files(path) == [tmp_path / "a.png"]
    path.write_text("name\na.png\n")
    with pytest.raises(WrongUse, match="no column 'file'"):
        run.negative_files(path)
    with pytest.raises(MissingInput):
        run.negative_files(tmp_path / "none.csv")


def test_gates_are_compared_where_there_are_others():
    assert {system.name for system in SYSTEMS if system.task is Task.GATE} == {
        "gate_net", "autoencoder"
    }  # fmt: skip
