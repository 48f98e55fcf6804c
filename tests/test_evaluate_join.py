"""Labels and rows are joined by path; those without a counterpart are named."""

import os

import pytest

from cxrview.evaluation.joining import join_labels
from cxrview.labels import Label
from cxrview.rows import Row
from cxrview.views import Verdict, View


def joined(place, labels, rows):
    """labels stand in place/data/labels.csv; rows were made from `place`."""
    os.chdir(place)
    result = join_labels(
        [Label(name, View.FRONTAL, name) for name in labels],
        place / "data",
        [Row(name, view=Verdict.FRONTAL, p_lateral=0.0, p_chest=1.0) for name in rows],
        place / "table",
    )
    return (
        {label.file: row.file for label, row in result.pairs},
        [label.file for label in result.labels_without_row],
        [label.file for label in result.ambiguous],
        [row.file for row in result.rows_without_label],
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/1.png").touch()
    (tmp_path / "link").symlink_to(tmp_path / "data/a")
    return tmp_path


@pytest.mark.parametrize(("labels", "rows", "pairs", "no_row", "ambiguous", "no_label"), [
    (["a/1.png"], ["data/a/1.png"], {"a/1.png": "data/a/1.png"}, [], [], []),
    (["a/1.png"], ["./data//a/../a/1.png"], {"a/1.png": "./data//a/../a/1.png"}, [], [], []),
    (["a/1.png"], ["link/1.png"], {"a/1.png": "link/1.png"}, [], [], []),  # links are followed
    (["a/1.png"], ["a/1.png"], {"a/1.png": "a/1.png"}, [], [], []),  # as the labels write it
    (["a/1.png", "a/2.png"], ["data/a/1.png", "x.png"],
     {"a/1.png": "data/a/1.png"}, ["a/2.png"], [], ["x.png"]),
    (["a/1.png"], ["data/a/1.png", "link/1.png"], {}, [], ["a/1.png"], []),  # two rows, one file
    (["a/1.png", "a/./1.png"], ["a/1.png"], {}, [], ["a/1.png", "a/./1.png"], []),
    (["a/1.png"], ["/old/a/1.png", "/old/a/2.png"],
     {"a/1.png": "/old/a/1.png"}, [], [], ["/old/a/2.png"]),  # after the files were moved
    (["a/1.png"], ["/old/a/1.png", "/older/a/1.png"], {}, [], ["a/1.png"], []),
    (["a/1.png", "1.png"], ["a/1.png", "/elsewhere/1.png"],  # a name alone is not enough
     {"a/1.png": "a/1.png"}, ["1.png"], [], ["/elsewhere/1.png"]),
    (["a\0.png"], ["a\0.png"], {"a\0.png": "a\0.png"}, [], [], []),  # not a possible file name
])  # fmt: skip
def test_labels_are_joined_to_rows(place, labels, rows, pairs, no_row, ambiguous, no_label):
    assert joined(place, labels, rows) == (pairs, no_row, ambiguous, no_label)


@pytest.mark.parametrize(("content", "is_joined"), [(b"other", False), (b"same", True)])
@pytest.mark.parametrize(
    ("row", "folder"),
    [("1.png", "."), ("1.png", "table"), ("/{}/copy/a/1.png", "copy/a")],
    ids=["current folder", "folder of the table", "end of the path"],
)
def test_equal_names_of_different_files_are_not_joined(place, row, folder, content, is_joined):
    label = "a/1.png" if folder == "copy/a" else "1.png"
    (place / folder).mkdir(parents=True, exist_ok=True)
    (place / folder / "1.png").write_bytes(content)
    (place / "data" / label).write_bytes(b"same")
    pairs, no_row, _, no_label = joined(place, [label], [row.format(str(place)[1:])])
    assert bool(pairs) is is_joined
    assert bool(no_row) is bool(no_label) is not is_joined
