"""Every collection in its official layout becomes its label table; missing files are reported."""

import csv
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import makers_collections as made
from cxrview.cli import progress
from cxrview.cli.main import app
from cxrview.csv_text import csv_table
from cxrview.datasets import headers
from cxrview.datasets.catalogue import COLLECTION_NAMES
from cxrview.images import HeaderFields
from cxrview.labels import read_labels
from cxrview.views import UNKNOWN_VALUE


def dataset(name, root, output, *more):
    words = ["dataset", name, str(root), "-o", str(output), "--jobs", "0", *more]
    return CliRunner().invoke(app, words)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_progress_is_shown_where_files_are_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE_SECONDS", 0.0)
    made.dicom_tree(tmp_path / "in")
    result = dataset("dicom", tmp_path / "in", tmp_path / "labels.csv")
    assert re.match(r"1 of [0-9]+, .* images/s, .* left\n", result.stderr)


MIMIC_VIEWS = ["frontal PA", "lateral LATERAL", "lateral left lateral", "other LAO", " "]
LAYOUTS = [  # (collection, maker, "view original_view" in order, patients)
    ("mimic-cxr-jpg", made.mimic_jpg, MIMIC_VIEWS, 3),
    ("mimic-cxr", made.mimic_dicom, MIMIC_VIEWS, 3),
    ("mimic-cxr", made.mimic_records,
     ["frontal PA", "lateral LATERAL", "lateral A\\F", "other LAO", " "], 3),
    ("chexpert", made.chexpert,
     ["frontal Frontal AP", "frontal Frontal PA", "lateral Lateral", "frontal Frontal LL"], 3),
    ("chexpert", made.chexpert_full,
     ["frontal Frontal AP", "frontal Frontal PA", "lateral Lateral", "frontal Frontal LL"], 3),
    ("chexpert-valid", made.chexpert_valid, ["frontal Frontal AP", "lateral Lateral"], 1),
    ("padchest", made.padchest,
     ["frontal PA", "lateral L", "frontal AP_horizontal", "frontal AP", "other COSTAL",
      "other EXCLUDE", " UNK"], 4),
    ("nih-cxr14", made.nih, ["frontal PA", "frontal AP"], 1),
    ("open-i", made.open_i, ["frontal Frontal", "lateral Lateral"], 1),
    ("vindr-cxr", made.vindr, ["lateral LL", "frontal PA", "frontal AP"], 1),
    ("covid-chestxray", made.covid,
     ["frontal PA", "lateral L", "frontal AP Supine", "other Axial (CT)", "other Coronal (CT)"], 3),
    ("folders", made.folders, ["frontal frontal", "frontal frontal", "lateral lateral"], 1),
    ("dicom", made.dicom_tree,
     ["frontal PA", "lateral LL", "other ML (MG)", "other RAO", " ", "other PA (HAND)",
      "frontal AP"], 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "code", "stated"),
    [
        ("PA", "", ("frontal", "PA")),
        ("DOE JANE", "", ("", "(unknown value)")),  # a name that looks like a code
        ("DOE JANE", "399067008", ("lateral", "399067008")),  # the words name the view
        ("LAO", "", ("other", "LAO")),
        ("", "", ("", "")),
    ],
)
def test_the_words_of_a_header_name_its_view_and_no_person(position, code, stated):
    assert headers.stated_view(HeaderFields(view_position=position, view_code=code)) == stated


def test_every_collection_is_tested():
    assert {layout[0] for layout in LAYOUTS} == set(COLLECTION_NAMES)


@pytest.mark.parametrize(("name", "make", "views", "patients"), LAYOUTS)
def test_a_collection_becomes_a_table(tmp_path, name, make, views, patients):
    root, output = tmp_path / "in", tmp_path / "labels.csv"
    make(root)
    result = dataset(name, root, output)
    assert result.exit_code == 0, result.stderr
    table = rows(output)
    assert list(table[0]) == ["file", "view", "patient", "source", "original_view"]
    assert [f"{row['view']} {row['original_view']}" for row in table] == views
    assert len({row["patient"] for row in table}) == patients
    assert {row["source"] for row in table} == {name}
    assert all((tmp_path / row["file"]).is_file() for row in table)
    assert not (tmp_path / "labels.problems.csv").exists()
    labelled = [row for row in table if row["view"] in ("frontal", "lateral")]
    assert len(read_labels(output)) == len(labelled)


@pytest.mark.parametrize(
    "name", [name for name in COLLECTION_NAMES if name not in ("dicom", "folders")]
)
def test_no_index_says_what_was_looked_for(tmp_path, name):
    result = dataset(name, tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 2
    assert "looked for" in result.stderr
    assert ".csv" in result.stderr


def wrong(tmp_path, case):
    root, output, name = tmp_path / "in", tmp_path / "labels.csv", "chexpert"
    made.chexpert(root)
    if case == "no such folder":
        root = tmp_path / "nowhere"
    elif case == "no collection 'chest'":
        name = "chest"
    elif case == "ends in .csv":
        output = tmp_path / "labels.txt"
    elif case == "no such folder:":
        output = tmp_path / "no" / "labels.csv"
    elif case == "no column 'frontal/lateral'":
        made.put(root, "train.csv", b"Path,View\na,b\n")
    elif case == "looked for the folders":
        name = "folders"
    elif case == "the index has no rows":
        made.put(root, "train.csv", b"Path,Frontal/Lateral\n")
        (root / "valid.csv").unlink()
    elif case == "not a CSV table":
        made.put(root, "train.csv", b"Path,Frontal/Lateral\n\xff\xfe,x\n")
    return name, root, output


@pytest.mark.parametrize(
    "words",
    ["no such folder", "no collection 'chest'", "ends in .csv", "no column 'frontal/lateral'",
     "looked for the folders", "the index has no rows", "not a CSV table"],
)  # fmt: skip
def test_wrong_use_is_reported_and_nothing_is_written(tmp_path, words):
    name, root, output = wrong(tmp_path, words)
    result = dataset(name, root, output)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not output.exists()


def test_a_broken_gzip_is_reported(tmp_path):
    made.mimic_jpg(tmp_path)
    index = tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz"
    index.write_bytes(index.read_bytes()[:60])
    assert dataset("mimic-cxr-jpg", tmp_path, tmp_path / "t.csv").exit_code == 2
    index.write_bytes(b"no gzip")
    result = dataset("mimic-cxr-jpg", tmp_path, tmp_path / "t.csv")
    assert result.exit_code == 2
    assert "not a CSV table" in result.stderr


def test_an_index_that_a_spreadsheet_has_saved(tmp_path):
    made.mimic_dicom(tmp_path)
    index = tmp_path / "mimic-cxr-2.0.0-metadata.csv"
    text = index.read_text()
    for _, subject, study, *_ in made.MIMIC_IMAGES:
        text = text.replace(f",{subject},{study},", f",{subject}.0,{study}.0,")
    index.write_text("sep=;\r\n" + text.replace(",", ";"), encoding="utf-8-sig", newline="")
    result = dataset("mimic-cxr", tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 0, result.stderr
    assert [row["patient"] for row in rows(tmp_path / "labels.csv")] == [
        subject for _, subject, *_ in made.MIMIC_IMAGES
    ]


def test_missing_and_unnamed_files_are_counted_and_listed(tmp_path):
    made.mimic_jpg(tmp_path)
    gone = made.mimic_path(made.MIMIC_IMAGES[0], ".jpg")
    (tmp_path / gone).unlink()
    made.put(tmp_path, "files/p10/extra.jpg")
    result = dataset("mimic-cxr-jpg", tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert "missing: 1" in result.stderr
    assert gone in result.stderr
    assert "unnamed: 1" in result.stderr
    assert gone not in {row["file"] for row in rows(tmp_path / "labels.csv")}
    listed = {(row["problem"], row["file"]) for row in rows(tmp_path / "labels.problems.csv")}
    assert listed == {("missing", gone), ("unnamed", "files/p10/extra.jpg")}


def test_an_unnamed_file_alone_is_no_failure_and_an_old_list_goes(tmp_path):
    made.nih(tmp_path)
    made.put(tmp_path, "images/extra.png")
    assert dataset("nih-cxr14", tmp_path, tmp_path / "labels.csv").exit_code == 0
    assert (tmp_path / "labels.problems.csv").exists()
    (tmp_path / "images" / "extra.png").unlink()
    assert dataset("nih-cxr14", tmp_path, tmp_path / "labels.csv", "--overwrite").exit_code == 0
    assert not (tmp_path / "labels.problems.csv").exists()


def test_a_file_that_the_index_gives_two_views_is_left_out(tmp_path):
    made.open_i(tmp_path)
    with (tmp_path / "indiana_projections.csv").open("a") as file:
        file.write("1,1_IM-0001-4001.dcm.png,Lateral\n" * 2)
    result = dataset("open-i", tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert "repeated: 1" in result.stderr
    assert "named twice: 'Frontal', then 'Lateral'" in result.stderr
    (label,) = read_labels(tmp_path / "labels.csv")
    assert not label.file.endswith("1_IM-0001-4001.dcm.png")
    (problem,) = rows(tmp_path / "labels.problems.csv")
    assert problem["file"].endswith("1_IM-0001-4001.dcm.png")


def test_an_ambiguous_name_is_not_guessed(tmp_path):
    made.nih(tmp_path)
    made.put(tmp_path, "images_003/images/00000001_000.png")
    result = dataset("nih-cxr14", tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert "missing: 1" in result.stderr
    assert "unnamed: 2" in result.stderr


def test_files_outside_the_table_s_folder_are_absolute(tmp_path):
    made.nih(tmp_path / "in")
    (tmp_path / "out").mkdir()
    dataset("nih-cxr14", tmp_path / "in", tmp_path / "out" / "labels.csv")
    assert all(Path(row["file"]).is_absolute() for row in rows(tmp_path / "out" / "labels.csv"))


def test_no_patient_of_a_hospital_is_named(tmp_path):
    made.dicom_tree(tmp_path / "in")
    tables = []
    for name in ("a.csv", "b.csv"):
        result = dataset("dicom", tmp_path / "in", tmp_path / name)
        text = (tmp_path / name).read_text()
        assert "SECRET" not in text + result.output
        assert "Doe" not in text + result.output
        tables.append([row["patient"] for row in rows(tmp_path / name)])
    first, second = tables
    assert first != second  # the key is new for every run
    assert first[0] == first[1] != first[2]
    assert len({*first, ""}) == 4


def test_a_view_tag_that_is_no_known_term_is_not_repeated(tmp_path):
    """It has the form of a code, and may be a name all the same."""
    made.put(tmp_path / "in", "a.dcm", made.dicom("frontal", ViewPosition="DOE JANE"))
    result = dataset("dicom", tmp_path / "in", tmp_path / "labels.csv")
    assert "DOE" not in (tmp_path / "labels.csv").read_text() + result.output
    (row,) = rows(tmp_path / "labels.csv")
    assert (row["view"], row["original_view"]) == ("", UNKNOWN_VALUE)


def test_what_is_no_dicom_or_damaged_is_reported(tmp_path):
    made.dicom_tree(tmp_path / "in")
    made.put(tmp_path / "in", "film.png")
    made.put(tmp_path / "in", "torn.dcm", made.dicom("frontal")[:300])
    result = dataset("dicom", tmp_path / "in", tmp_path / "labels.csv")
    assert "no_dicom: 1" in result.stderr
    listed = {row["file"]: row["problem"] for row in rows(tmp_path / "labels.problems.csv")}
    assert listed["in/film.png"] == "no_dicom"
    assert listed["in/torn.dcm"] in ("no_pixels", "unreadable")


def test_unreadable_headers_of_an_indexed_collection_are_reported(tmp_path):
    made.vindr(tmp_path)
    made.put(tmp_path, "train/a1.dicom", b"nothing")
    result = dataset("vindr-cxr", tmp_path, tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert "unreadable: 1" in result.stderr
    assert len(rows(tmp_path / "labels.csv")) == 2


def test_workers_say_the_same(tmp_path):
    made.vindr(tmp_path)
    dataset("vindr-cxr", tmp_path, tmp_path / "one.csv")
    words = ["dataset", "vindr-cxr", str(tmp_path), "-o", str(tmp_path / "two.csv"), "--jobs", "2"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert rows(tmp_path / "one.csv") == rows(tmp_path / "two.csv")


def test_copies_of_listed_images_are_not_listed_again(tmp_path):
    made.put(tmp_path / "in", "a.dcm", made.dicom("frontal", ViewPosition="PA"))
    original = tmp_path / "in/a.dcm"
    for name in ("a.dcm", "b.dcm"):
        made.put(tmp_path / "in/sorted/frontal", name, original.read_bytes())
    (tmp_path / "in/sorted/.model").write_text("open")
    index = csv_table(("file", "placed", "view"), [(str(original), "frontal/a.dcm", "frontal")])
    (tmp_path / "in/sorted/index.csv").write_text(index)
    assert dataset("dicom", tmp_path / "in", tmp_path / "labels.csv").exit_code == 0
    found = [row["file"] for row in rows(tmp_path / "labels.csv")]
    assert found == ["in/a.dcm", "in/sorted/frontal/b.dcm"]


def test_a_folder_that_cxrview_sorted_and_people_corrected_is_listed(tmp_path):
    made.folders(tmp_path / "in")
    for name in (".model", "index.csv", "oblique/a.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made.IMAGE)
    dataset("folders", tmp_path / "in", tmp_path / "labels.csv")
    assert len(read_labels(tmp_path / "labels.csv")) == 3
    assert "oblique/a.png" in (tmp_path / "labels.problems.csv").read_text()


def test_a_name_that_is_no_utf8_is_reported(tmp_path):
    made.folders(tmp_path / "in")
    (tmp_path / "in" / "frontal" / "caf\udce9.png").write_bytes(made.IMAGE)
    result = dataset("folders", tmp_path / "in", tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert len(read_labels(tmp_path / "labels.csv")) == 3
    assert "not UTF-8" in (tmp_path / "labels.problems.csv").read_text()


@pytest.mark.parametrize(
    "name", ["cr\rx.png", "line\nfeed.png", r"lit\xe9.png", r"lit\x5c.png", "ü.png"]
)
def test_every_name_that_is_utf8_is_listed_as_it_is(tmp_path, name):
    made.folders(tmp_path / "in")
    (tmp_path / "in" / "frontal" / name).write_bytes(made.IMAGE)
    result = dataset("folders", tmp_path / "in", tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    labels = {label.file: label.view for label in read_labels(tmp_path / "labels.csv")}
    assert len(labels) == 4
    assert labels[f"in/frontal/{name}"] == "frontal"
