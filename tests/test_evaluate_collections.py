"""`cxrview evaluate --dataset`: public collections in their own layout; and `--negatives`."""

import json

import pytest
from typer.testing import CliRunner

import makers_collections as made
from cxrview.cli.main import app
from makers_film import png
from makers_model import model_bytes


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    return tmp_path


def evaluate(*words, source="plain.onnx"):
    options = ["--jobs", "0", "--resamples", "100", "--no-robustness", *words]
    return CliRunner().invoke(app, ["evaluate", source, *map(str, options)])


def report_in(folder):
    return json.loads((folder / "report.json").read_text())


OTHER_VIEW = "neither frontal nor lateral"
COLLECTIONS = [  # (name, maker, groups by original view, patients, files left out)
    ("mimic-cxr-jpg", made.mimic_jpg,
     {"PA, frontal": 1, "LATERAL, lateral": 1, "left lateral, lateral": 1}, 2,
     {f"{OTHER_VIEW} (LAO)": 1, "no view stated": 1}),
    ("mimic-cxr", made.mimic_dicom,
     {"PA, frontal": 1, "LATERAL, lateral": 1, "left lateral, lateral": 1}, 2,
     {f"{OTHER_VIEW} (LAO)": 1, "no view stated": 1}),
    ("chexpert", made.chexpert,
     {"Frontal AP, frontal": 1, "Frontal PA, frontal": 1, "Lateral, lateral": 1,
      "Frontal LL, frontal": 1}, 3, {}),
    ("chexpert-valid", made.chexpert_valid, {"Frontal AP, frontal": 1, "Lateral, lateral": 1}, 1,
     {}),
    ("open-i", made.open_i, {"Frontal, frontal": 1, "Lateral, lateral": 1}, 1, {}),
    ("padchest", made.padchest,
     {"PA, frontal": 1, "L, lateral": 1, "AP_horizontal, frontal": 1, "AP, frontal": 1}, 2,
     {f"{OTHER_VIEW} (COSTAL, EXCLUDE)": 2, "no view stated": 1}),
    ("folders", made.folders, {"frontal, frontal": 2, "lateral, lateral": 1}, 3, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "views", "patients", "left_out"), COLLECTIONS)
def test_a_collection_is_evaluated(place, name, make, views, patients, left_out):
    make(place / "root")
    result = evaluate("root", "--dataset", name, "-o", "out")
    assert result.exit_code == 0, result.stderr
    report = report_in(place / "out")
    assert {one["name"]: one["images"] for one in report["original_views"]} == views
    assert {one["name"] for one in report["sources"]} == {f"{name}, frontal", f"{name}, lateral"}
    assert report["join"]["patients"] == patients
    assert report["collection"]["left_out"] == left_out
    shown = " ".join(result.stdout.split())
    assert all(f"{count} {reason}" in shown for reason, count in left_out.items())
    assert report["collection"]["citation"] in shown
    assert (place / "out/index.html").read_text().count("data:image/jpeg") == sum(views.values())


def test_the_table_of_classify_serves_for_a_collection(place):
    made.chexpert(place / "root")
    evaluate("root", "--dataset", "chexpert", "-o", "by-model")
    words = ["classify", "root", "--model", "plain.onnx", "-o", "t.csv", "--jobs", "0"]
    CliRunner().invoke(app, words)
    assert (
        evaluate("root", "--dataset", "chexpert", "-o", "by-table", source="t.csv").exit_code == 0
    )
    assert report_in(place / "by-table")["metrics"] == report_in(place / "by-model")["metrics"]


def test_images_that_are_missing_or_labelled_twice_are_left_out(place):
    made.chexpert(place / "root")
    (place / "root/train/patient00001/study1/view1_frontal.jpg").unlink()
    with (place / "root/train.csv").open("a") as file:
        file.write("x/train/patient00002/study1/view1_frontal.jpg,Male,1,Lateral,,\n")
    result = evaluate("root", "--dataset", "chexpert", "-o", "out")
    assert result.exit_code == 1
    report = report_in(place / "out")
    assert report["collection"]["left_out"] == {
        "named in the index, but not on disk": 1,
        "named several times with different views": 1,
    }
    assert report["join"]["labels"] == 2


@pytest.mark.parametrize(("name", "break_it", "message"), [
    ("chexpert", lambda root: None, "no such folder"),
    ("chexpert", lambda root: root.mkdir(), "looked for train.csv, valid.csv"),
    ("open-i", lambda root: root.mkdir(), "looked for indiana_projections.csv"),
    ("mimic-cxr-jpg", lambda root: root.mkdir(), "looked for mimic-cxr-*-metadata.csv"),
    ("nowhere", lambda root: root.mkdir(), "no collection 'nowhere': mimic-cxr"),
    ("nih-cxr14", made.nih, "all labels are frontal; both views are needed"),
    ("chexpert", lambda root: made.put(root, "train.csv", b"Path,View\na,b\n"),
     "no column 'frontal/lateral'"),
])  # fmt: skip
def test_what_is_expected_is_named(place, name, break_it, message):
    break_it(place / "root")
    result = evaluate("root", "--dataset", name, "-o", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.startswith("cxrview: ")
    assert not (place / "out").exists()


def negatives_table(place, text="file,kind\na.png,hip\nb.png,mri\n"):
    made.chexpert(place / "root")
    (place / "a.png").write_bytes(png("lateral"))  # the plain model takes it for a lateral
    (place / "b.png").write_bytes(png("not_chest"))
    (place / "negatives.csv").write_text(text)
    return "root", "--dataset", "chexpert", "--negatives", "negatives.csv"


def test_negatives_are_rejected_by_kind(place):
    result = evaluate(*negatives_table(place), "-o", "out")
    assert result.exit_code == 0
    found = report_in(place / "out")["negatives"]
    assert [(one["kind"], one["rejected"]) for one in found["kinds"]] == [("hip", 0), ("mri", 1)]
    assert [one["file"] for one in found["accepted"]] == ["a.png"]
    assert [one["view"] for one in found["aurocs"]] == ["frontal", "lateral"]
    assert "worst kind first" in result.stdout


@pytest.mark.parametrize(("text", "source", "message"), [
    ("file,kind\nnone.png,hip\n", "plain.onnx", "line 2: none.png"),
    ("name\na.png\n", "plain.onnx", "no column 'file'"),
    ("file\n", "plain.onnx", "has no rows"),
    ("file\na.png\n", "t.csv", "--negatives needs a model"),
])  # fmt: skip
def test_unusable_negatives_are_refused(place, text, source, message):
    result = evaluate(*negatives_table(place, text), source=source)
    assert result.exit_code == 2
    assert message in result.stderr
