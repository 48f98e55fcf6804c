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
