"""Labels go to label tables, Label Studio and CVAT and come back; agreement is Cohen's kappa."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from cxrview.csv_text import csv_table
from cxrview.errors import MissingInput, WrongUse
from cxrview.labels import read_labels
from cxrview.pages.label_import import FileMatcher, class_of, read_labels_of
from cxrview.pages.label_tables import (
    AGREEMENT_COLUMNS,
    TABLE_COLUMNS,
    agreement_table,
    cohens_kappa,
    datumaro_dataset,
    label_studio_tasks,
    label_table,
)
from cxrview.pages.records import ImageClass, LabelRecord

F, L, N, U = ImageClass


def record(image, label, labeler="anna", **fields):
    values = {
        "name": f"/films/{image}.png", "patient": "p", "source": "s", "reason": "random",
        "at": "2026-01-02T03:04:05.678+00:00", "seconds": 1.25, "suggestion": "",
        "was_visible": False,
    }  # fmt: skip
    return LabelRecord(image=image, label=label, labeler=labeler, **{**values, **fields})


RECORDS = [
    record(1, F), record(1, F, "ben"),
    record(2, L, suggestion="lateral", was_visible=True),
    record(3, N), record(4, U),
    record(5, F), record(5, L, "ben"),
]  # fmt: skip


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_label_table_is_what_train_reads(tmp_path):
    rows = label_table(RECORDS, lambda name: name.removeprefix("/"))
    path = written(tmp_path / "labels.csv", csv_table(TABLE_COLUMNS, rows))
    assert {label.file: label.view for label in read_labels(path)} == {
        "films/1.png": "frontal", "films/2.png": "lateral",
    }  # fmt: skip
    table = {row["file"]: row for row in csv.DictReader(io.StringIO(path.read_text()))}
    assert table["films/3.png"]["view"] == "other"
    assert (table["films/4.png"]["view"], table["films/4.png"]["label"]) == ("", "unsure")
    assert table["films/5.png"]["view"] == ""
    assert table["films/5.png"]["label"] == "disagreement"
    assert table["films/5.png"]["labels"] == "frontal; lateral"
    assert table["films/2.png"]["suggestion_visible"] == "true"
    assert table["films/1.png"]["labeler"] == "anna; ben"


def round_trips(tmp_path):
    rows = label_table(RECORDS, str)
    yield written(tmp_path / "labels.csv", csv_table(TABLE_COLUMNS, rows))
    yield written(tmp_path / "studio.json", json.dumps(label_studio_tasks(RECORDS)))
    yield written(tmp_path / "cvat.json", json.dumps(datumaro_dataset(RECORDS)))


def test_every_format_returns_the_same_labels(tmp_path):
    expected = sorted((one.name, one.labeler, one.label, one.at) for one in RECORDS)
    for path in round_trips(tmp_path):
        read = read_labels_of(path)
        assert sorted((one.file, one.labeler, one.label, one.at) for one in read) == expected, path


@pytest.mark.parametrize(("name", "content", "expected"), [
    ("min.json", json.dumps([{"image": "/data/local-files/?d=a/1.png", "view": "Lateral",
                              "annotator": 7, "created_at": "2026"}]),
     [("a/1.png", L, "7")]),
    ("studio.csv", "image,id,view,annotator,annotation_id,created_at,updated_at,lead_time\n"
                   "/data/local-files/?d=a%201.png,1,frontal,anna@x.org,3,2026,2026,2.5\n",
     [("a 1.png", F, "anna@x.org")]),
    ("table.csv", "file,view\n1.png,PA\n2.png,\n3.png,other\n4.png,LL\n",
     [("1.png", F, ""), ("3.png", N, ""), ("4.png", L, "")]),
    ("foreign label column.csv", "file,view,label\n1.png,PA,pneumonia\n", [("1.png", F, "")]),
    ("cancelled.json", json.dumps([{"data": {"image": "1.png"}, "annotations": [
        {"was_cancelled": True, "result": []}]}]), []),
    ("exported by cvat.json", json.dumps({
        "categories": {"label": {"labels": [{"name": "lateral"}]}},
        "items": [{"id": "a/1", "annotations": [
            {"type": "label", "label_id": 0}, {"type": "bbox", "bbox": [0, 0, 1, 1]}]}]}),
     [("a/1", L, "")]),
])  # fmt: skip
def test_files_of_other_programs_are_read(tmp_path, name, content, expected):
    read = read_labels_of(written(tmp_path / name, content))
    assert [(one.file, one.label, one.labeler) for one in read] == expected


@pytest.mark.parametrize(("name", "content"), [
    ("a.json", "{"),
    ("b.json", "[1]"),
    ("c.json", json.dumps([{"image": "1.png", "view": "sideways", "created_at": ""}])),
    ("d.json", json.dumps({"items": []})),
    ("deep.json", "[" * 100_000),
    ("e.csv", "file,view\n1.png,sideways\n"),
    ("f.csv", "picture,view\n1.png,PA\n"),
])  # fmt: skip
def test_what_is_wrong_in_a_file_is_an_error_that_names_it(tmp_path, name, content):
    with pytest.raises(WrongUse, match=name):
        read_labels_of(written(tmp_path / name, content))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(MissingInput):
        read_labels_of(tmp_path / "none.json")


@pytest.mark.parametrize(("text", "label"), [
    ("frontal", F), ("Not_chest", N), ("not chest", N), ("other", N), ("unsure", U), ("", None),
    ("PA", F), ("LAT", L),
])  # fmt: skip
def test_words_for_classes(text, label):
    assert class_of(text) is label


@pytest.mark.parametrize(("file", "image"), [
    ("../x/1.png", 3),
    ("all.zip::b/2.png", 2),  # of an archive that has been unpacked
    ("a/1.png", 1),  # relative to the folder of the file that names it
    ("/data/a/1.png", 1),
    ("b/2.png", 2),  # the unique end of a path
    ("2", 2),  # without its ending
    ("1.png", None),  # two of that name
    ("png", None),
    ("none.png", None),
])  # fmt: skip
def test_files_are_matched_with_images(tmp_path, file, image):
    ids = {str(tmp_path / "a/1.png"): 1, "/data/b/2.png": 2, str(tmp_path.parent / "x/1.png"): 3}
    if file.startswith("/data/a"):
        ids["/data/a/1.png"] = image
        del ids[str(tmp_path / "a/1.png")]
    assert FileMatcher(ids, tmp_path).find(file) == image


@given(st.lists(st.tuples(st.sampled_from("flnu"), st.sampled_from("flnu")), min_size=1))
def test_kappa_is_that_of_scikit_learn(pairs):
    kappa = cohens_kappa(pairs)
    if len({name for pair in pairs for name in pair}) == 1:
        assert kappa is None
    else:
        expected = cohen_kappa_score(*zip(*pairs, strict=True))
        assert kappa == pytest.approx(expected)


def test_agreement_of_each_pair_of_people():
    rows = [dict(zip(AGREEMENT_COLUMNS, row, strict=True)) for row in agreement_table(RECORDS)]
    assert [(r["labeler_a"], r["labeler_b"], r["images"], r["agree"]) for r in rows] == [
        ("anna", "ben", "2", "1")
    ]
    assert rows[0]["kappa"] == "0.0000"
