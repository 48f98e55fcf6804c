"""Label tables: errors name file and line; folds never share a patient."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.errors import MissingInput, WrongUse
from cxrview.labeling.active_learning import DrawReason
from cxrview.labels import SELECTIVE_REASONS, Label, folds_of, read_labels
from cxrview.views import View

HEADER = "file,view,patient,source,original_view"


def table(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_becomes_labels(tmp_path):
    path = table(tmp_path, f"{HEADER}\na.png,frontal,p1,x,PA\nb.png,LATERAL\n")
    first, second = read_labels(path)
    assert first == Label("a.png", View.FRONTAL, "p1", "x", original_view="PA")
    assert (second.is_lateral, second.patient) == (True, "file b.png")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,side\na,frontal\n", "no column 'view'"),
        ("file,view\na,oblique\n", "line 2: a: the view is 'oblique'"),
        ("file,view\n,frontal\n", "line 2: no file"),
        ("file,view\na,frontal\na,lateral\n", "a is named twice"),
        ("file,view\n", "no rows"),
        ("", "no column"),
    ],
)
def test_a_bad_table_says_where(tmp_path, text, words):
    with pytest.raises(WrongUse, match=words):
        read_labels(table(tmp_path, text))


@pytest.mark.parametrize("again", ["./x/a.png", "x//a.png", "x/../x/./a.png", "{folder}/x/a.png"])
def test_a_file_under_two_spellings_is_named_twice(tmp_path, monkeypatch, again):
    again = again.format(folder=tmp_path)
    (tmp_path / "x").mkdir()
    table(tmp_path, f"file,view\nx/a.png,frontal\na.png,lateral\n{again},lateral\n")
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "labels.csv", Path("labels.csv"), Path("x/../labels.csv")):
        with pytest.raises(WrongUse, match=f"line 4: {again} is named twice, first in line 2"):
            read_labels(path)


def test_all_errors_of_a_table_are_reported_at_once(tmp_path):
    text = "file,view,split\na,frontal,\nb,sideways,\n,lateral,\nc,AP,,,x\na,PA,\nd,LL,often\n"
    with pytest.raises(WrongUse) as caught:
        read_labels(table(tmp_path, text))
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("labels.csv: 5 lines are wrong")
    assert [line.split(":")[0] for line in sorted(lines)] == [f"  line {n}" for n in range(3, 8)]
    assert "named twice, first in line 2" in str(caught.value)


def test_of_very_many_errors_the_first_are_named(tmp_path):
    with pytest.raises(WrongUse, match="99 lines are wrong") as caught:
        read_labels(table(tmp_path, "file,view\n" + "a,sideways\n" * 99))
    assert str(caught.value).count("\n  line ") == 20
    assert str(caught.value).endswith("... and 79 more")


@pytest.mark.parametrize(("word", "view"), [
    ("PA", "frontal"), ("ap", "frontal"), ("F", "frontal"), ("Frontal", "frontal"),
    ("AP_SUPINE", "frontal"), ("L", "lateral"), ("LL", "lateral"), ("lat", "lateral"),
    ("LATERAL", "lateral"), ("Left lateral", "lateral"), ("side", "lateral"),
])  # fmt: skip
def test_views_may_be_view_positions(tmp_path, word, view):
    (label,) = read_labels(table(tmp_path, f"file,view\na, {word} \n"))
    assert label.view == view
    assert label.original_view == ("" if word.lower() == view else word)
    (label,) = read_labels(table(tmp_path, f"file,view,original_view\na,{word},own\n"))
    assert label.original_view == "own"


def test_names_of_columns_may_be_in_any_case(tmp_path):
    (label,) = read_labels(table(tmp_path, "File;VIEW;Patient\na;PA;p1\n"))
    assert (label.file, label.view, label.patient) == ("a", "frontal", "p1")


def test_a_patients_number_from_a_spreadsheet_is_the_same_patient(tmp_path):
    (tmp_path / "t.csv").write_text("file,view,patient\na,frontal,12\nb,lateral,12.0\n")
    assert {label.patient for label in read_labels(tmp_path / "t.csv")} == {"12"}


def test_the_reasons_of_a_selected_sample_are_known():
    of_pages = {"uncertain", "reviewed", "stratified"}  # of `label` and `review`
    assert {*DrawReason} - {DrawReason.RANDOM} | of_pages == SELECTIVE_REASONS


def test_no_table_at_all(tmp_path):
    with pytest.raises(MissingInput):
        read_labels(tmp_path / "none.csv")


people = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=80)


@given(people, st.integers(1, 6), st.integers(0, 99))
def test_folds_never_share_a_patient(images, count, seed):
    labels = [
        Label(f"{n}", View.LATERAL if lateral else View.FRONTAL, f"p{patient}")
        for n, (patient, lateral) in enumerate(images)
    ]
    folds = folds_of(labels, count, seed)
    assert set(folds) <= set(range(count))
    for patient in {label.patient for label in labels}:
        assert len({folds[n] for n, label in enumerate(labels) if label.patient == patient}) == 1
    np.testing.assert_array_equal(folds, folds_of(labels, count, seed))


def test_laterals_and_images_are_spread_evenly():
    labels = [Label(f"{n}", View(["frontal", "lateral"][n < 20]), f"p{n}") for n in range(200)]
    folds = folds_of(labels, 5, 0)
    assert np.bincount(folds).tolist() == [40] * 5
    assert np.bincount(folds[:20]).tolist() == [4] * 5


def test_rows_without_a_view_are_left_out_and_counted(tmp_path, caplog):
    text = "file,view\na,frontal\nb,other\nc,\nd,other\n"
    caplog.set_level("WARNING", "cxrview")  # a quiet command in this process may have raised it
    assert [label.file for label in read_labels(table(tmp_path, text))] == ["a"]
    assert "left out 2 with view other, 1 without a view" in caplog.text
    with pytest.raises(WrongUse, match="no rows that are frontal or lateral"):
        read_labels(table(tmp_path, "file,view\nb,other\n"))
