"""`cxrview evaluate` as it is used: with a model, with a table, and wrongly."""

import csv
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.evaluation.perturbations import PERTURBATIONS
from cxrview.rows import COLUMNS
from makers_film import png
from makers_model import model_bytes

IMAGES = {  # file: (label, verdict of the plain model)
    "f1.png": ("frontal", "frontal"),
    "f2.png": ("frontal", "frontal"),
    "sub/f3.png": ("frontal", "lateral"),
    "f<4>.png": ("frontal", "uncertain"),
    "l1.png": ("lateral", "lateral"),
    "l2.png": ("lateral", "not_chest"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a model, labelled images and the table of their verdicts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    (tmp_path / "images/sub").mkdir(parents=True)
    lines = ["file,view,patient,source,original_view"]
    for number, (name, (view, seen)) in enumerate(IMAGES.items()):
        (tmp_path / "images" / name).write_bytes(png(seen))
        lines.append(f"{name},{view},Doe^Jane{number % 4},src{number % 2},{view[0]}")
    (tmp_path / "images/labels.csv").write_text("\n".join(lines))
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def evaluate(*words, source="plain.onnx", labels="images/labels.csv"):
    return run("evaluate", source, labels, "--jobs", 0, "--resamples", 100, *words)


def report_in(folder):
    text = (folder / "report.json").read_text()
    return json.loads(text, object_hook=lambda values: SimpleNamespace(**values))


def truncate(place, name="f2.png"):
    (place / "images" / name).write_bytes(png("frontal")[:100])


def test_a_model_on_labelled_images(place):
    result = evaluate("-o", "out")
    assert result.exit_code == 0
    report = report_in(place / "out")
    assert list(vars(report.confusion_matrix.frontal).values()) == [2, 1, 1, 0, 0]
    assert report.confusion_matrix.lateral.not_chest == 1
    names = {f"{name}, {view}" for name in PERTURBATIONS for view in ("frontal", "lateral")}
    assert {line.name for line in report.robustness} == names
    failed = [line.failed / line.images for line in report.robustness]
    assert failed == sorted(failed, reverse=True)
    assert {line.images for line in report.robustness} == {4, 2}
    assert [group.name for group in report.original_views] == ["l, lateral", "f, frontal"]
    assert report.sources[0].name == "src1, lateral"  # refused
    assert report.join.patients == 4
    assert report.model.sha256
    assert report.review_cases[0].file == "sub/f3.png"  # the surest error comes first
    assert "accuracy at one half" in result.stdout
    assert "computing the metrics: 6 images, 100 bootstrap resamples\n" in result.stderr


def test_the_output_folder_holds_the_results_and_no_patient_names(place):
    evaluate("-o", "out", "--no-robustness")
    texts = {path.name: path.read_text() for path in (place / "out").iterdir()}
    assert sorted(texts) == ["errors.csv", "index.html", "report.json", "thresholds.json"]
    assert not [name for name, text in texts.items() if "Doe" in text]
    assert "f&lt;4&gt;.png" in texts["index.html"]
    assert texts["index.html"].count("data:image/jpeg") == len(IMAGES)
    thresholds = json.loads(texts["thresholds.json"])
    assert (thresholds["frontal"], thresholds["lateral"]) == (None, None)
    assert "no threshold is supported" in thresholds["statements"][0]
    rows = list(csv.DictReader(texts["errors.csv"].splitlines()))
    assert {row["file"]: row["reason"] for row in rows} == {
        "sub/f3.png": "wrong",
        "f<4>.png": "uncertain",
        "l2.png": "not_chest, wrong side of one half",
    }
    assert not list(place.glob(".out*"))


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_gives_the_metrics_of_its_model(place, ending):
    evaluate("-o", "by-model", "--no-robustness")
    run("classify", "images", "--model", "plain.onnx", "-o", f"t.{ending}", "--jobs", 0)
    assert evaluate("-o", "by-table", source=f"t.{ending}").exit_code == 0
    first, second = report_in(place / "by-model"), report_in(place / "by-table")
    assert second.metrics == first.metrics
    assert second.selective == first.selective
    assert second.model.label == first.model.label
    assert second.robustness == []
    assert (place / "by-table/index.html").read_text().count("data:image/jpeg") == len(IMAGES)


def test_unreadable_images_and_missing_rows_are_named(place):
    truncate(place)
    result = evaluate("--no-robustness")
    assert result.exit_code == 1
    assert "unreadable: f2.png" in result.stderr
    run("classify", "images/f1.png", "images/l1.png", "--model", "plain.onnx", "-o", "t.csv")
    result = evaluate("-o", "out", source="t.csv")
    assert result.exit_code == 1
    assert "without a row: f2.png" in result.stderr
    assert report_in(place / "out").join.joined == 2
    assert "no row" in (place / "out/errors.csv").read_text()


def test_robustness_leaves_out_unreadable_images(place):
    truncate(place)
    evaluate("-o", "out")
    assert {line.images for line in report_in(place / "out").robustness} == {3, 2}


@pytest.mark.slow
def test_worker_processes_give_the_same_report(place):
    evaluate("-o", "one")
    command = [sys.executable, "-m", "cxrview", "evaluate", "plain.onnx", "images/labels.csv"]
    words = ["--jobs", "2", "--resamples", "100", "-o", "two"]
    assert subprocess.run([*command, *words], capture_output=True, check=False).returncode == 0
    first, second = report_in(place / "one"), report_in(place / "two")
    assert second.metrics == first.metrics
    assert second.robustness == first.robustness


def relabel(place, text):
    (place / "images/labels.csv").write_text(text)


def a_table(place, text):
    (place / "t.csv").write_text(text)


HEADER = ",".join(COLUMNS)


def other_collection(place, text):
    """Images of the same names beside the table."""
    for name in ("f1.png", "l1.png"):
        (place / name).write_bytes(png("uncertain"))
    a_table(place, text)


FRONTAL, LATERAL = ",,frontal,0,1,,,,,absent,,,,,,m@1\n", ",,lateral,1,1,,,,,absent,,,,,,n@1\n"


@pytest.mark.parametrize(("break_it", "words", "source", "message"), [
    (lambda p: relabel(p, "file,view\nf1.png,frontal\n"), [], "plain.onnx", "both views"),
    (lambda p: relabel(p, "file,view\nno.png,frontal\nf1.png,lateral"), [], "open", "2: no.png"),
    (lambda p: relabel(p, "file,view\na\0,frontal\nf1.png,lateral"), [], "open", "line 2: a|CSV"),
    (lambda p: None, [], "nowhere.onnx", "no model 'nowhere.onnx'"),
    (lambda p: None, [], "nowhere.csv", "nowhere.csv"),
    (lambda p: None, ["--max-error", "0"], "plain.onnx", "between 1e-09 and 1"),
    (lambda p: None, ["--max-error", "1e-300"], "plain.onnx", "between 1e-09 and 1"),
    (lambda p: a_table(p, "a,b\n1,2\n"), [], "t.csv", "lacks the column file"),
    (lambda p: a_table(p, HEADER + "\n"), [], "t.csv", "no row belongs"),
    (lambda p: a_table(p, f"{HEADER}\nx.png{FRONTAL}"), [], "t.csv", "'x.png'"),
    (lambda p: a_table(p, f"{HEADER}\nf1.png,,up,0,1,,,,,absent,,,,,,m"), [], "t.csv", "not a"),
    (lambda p: a_table(p, f"{HEADER}\nf1.png{FRONTAL}"), [], "t.csv", "only frontal"),
    (lambda p: a_table(p, f"{HEADER}\nf1.png{FRONTAL}l1.png{LATERAL}"), [], "t.csv", "several"),
    (lambda p: a_table(p, f"{HEADER}\n" + f"f1.png{FRONTAL}l1.png{LATERAL}" * 2), [], "t.csv",
     "2 labels of images/labels.csv have several rows"),
    (lambda p: other_collection(p, f"{HEADER}\nf1.png{FRONTAL}l1.png{LATERAL}"), [], "t.csv",
     "the names of 2 labels of images/labels.csv, but they are of other files"),
    (lambda p: a_table(p, HEADER), ["--robustness"], "t.csv", "needs a model"),
    (lambda p: (p / "out").touch(), ["-o", "out"], "plain.onnx", "not an empty folder"),
    (lambda p: (p / "out").touch(), ["-o", "out/in"], "plain.onnx", "cannot be written"),
])  # fmt: skip
def test_wrong_use_is_reported_before_any_work(place, break_it, words, source, message):
    break_it(place)
    result = evaluate(*words, source=source)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("cxrview: ")
    missing = result.stderr.count("\n  line ")  # files that are not there have a line each
    assert result.stderr.count("\n") == 1 + missing
    assert any(part in result.stderr for part in message.split("|"))
    assert not list(place.glob("*.partial"))


@pytest.mark.parametrize(("option", "value"), [
    ("--max-error", "nan"), ("--max-error", "inf"), ("--max-error", "x"), ("--seed", -1),
    ("--seed", 2**64), ("--jobs", -1), ("--gallery", -1), ("--resamples", 0),
    ("--resamples", 10**9), ("--output", ""),
])  # fmt: skip
def test_nonsense_values_are_refused(place, option, value):
    result = run("evaluate", "plain.onnx", "images/labels.csv", option, value)
    assert (result.exit_code, result.stdout) == (2, "")
    assert option in result.stderr
    assert not isinstance(result.exception, ValueError)


def test_a_shipped_model_is_recognized_in_its_table(place):
    run("classify", "images", "-o", "t.csv", "--jobs", 0)
    evaluate("-o", "out", source="t.csv")
    report = report_in(place / "out")
    assert report.model.label.startswith("open@")
    assert report.model.sha256.startswith(report.model.label[5:])
    assert report.model.thresholds is not None


def test_groups_that_the_card_names_give_a_warning(place):
    """The model `open` has seen frontals of the source, and no real lateral."""
    text = (place / "images/labels.csv").read_text()
    relabel(place, text.replace("src0", "cohen").replace("src1", "cohen"))
    output = evaluate("--no-robustness", source="open").stdout
    assert "among its training data: cohen, frontal." in output


def test_problems_are_counted_after_the_first_few(place):
    more = "".join(f"\nmore{n}.png,frontal,p,s,f" for n in range(7))
    run("classify", "images", "--model", "plain.onnx", "-o", "t.csv", "--jobs", 0)
    relabel(place, (place / "images/labels.csv").read_text() + more)
    result = evaluate(source="t.csv")
    assert result.exit_code == 1
    assert "without a row: more4.png\n... and 2 more without a row\n" in result.stderr
    assert "7 labels without a row" in result.stdout


def test_quiet_prints_the_metrics_only(place):
    result = evaluate("--quiet", "-o", "out", "--no-robustness")
    assert result.stderr == ""


def test_images_of_moved_labels_are_found_by_the_rows(place):
    run("classify", "images", "--model", "plain.onnx", "-o", "t.csv", "--jobs", 0)
    (place / "labels").mkdir()
    (place / "images/labels.csv").rename(place / "labels/labels.csv")
    evaluate("-o", "out", source="t.csv", labels="labels/labels.csv")
    assert report_in(place / "out").join.is_by_ending
    assert (place / "out/index.html").read_text().count("data:image/jpeg") == len(IMAGES)


def test_no_images_are_shown_with_an_empty_gallery(place):
    evaluate("--gallery", 0, "-o", "out", "--no-robustness")
    assert "data:image/jpeg" not in (place / "out/index.html").read_text()


@pytest.mark.parametrize(("reason", "is_biased"), [("likely_lateral", True), ("random", False)])
def test_a_selected_sample_gives_a_warning(place, reason, is_biased):
    path = place / "images/labels.csv"
    head, *lines = path.read_text().splitlines()
    lines = [f"{head},reason", *(f"{line},{reason}" for line in lines)]
    path.write_text("\n".join(lines) + "\n")
    text = " ".join(evaluate().stdout.split())
    assert ("selected by `sample --how typical`" in text) == is_biased
    assert "accuracy at one half" in text
