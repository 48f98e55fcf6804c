"""benchmarks/accuracy.py: what it reads from a training run, and how its tables are made."""

import json

import pytest

from accuracy import held_out_groups, left_out, shortened
from accuracy_tables import TABLES, Measured, left_out_cells, markdown
from cxrview.labels import Label
from cxrview.views import View

CARD = {"thresholds": {"frontal": 0.05, "lateral": 0.95, "chest": 0.5}}
CROSSVAL = """file,view,source,fold,p_lateral,p_chest
a,frontal,x,0,0.1,1
b,frontal,x,0,0.1,0.4
c,frontal,y,1,0.6,1
d,lateral,x,1,0.9,
"""


def test_a_cross_validation_is_counted_with_the_thresholds_of_its_card(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    assert held_out_groups(tmp_path) == []
    (tmp_path / "crossval.csv").write_text(CROSSVAL)
    found = {
        one["name"]: (one["wrong"]["hits"], one["refused"]["hits"], one["failed"]["total"])
        for one in held_out_groups(tmp_path)
    }
    assert found == {"x, frontal": (0, 1, 2), "y, frontal": (1, 0, 1), "x, lateral": (0, 0, 1)}


FREE = Label("a", View.FRONTAL, "p", "x", "CC BY 4.0")
OTHER = Label("b", View.FRONTAL, "q", "x", "CC BY-NC 4.0")
LATERAL = Label("c", View.LATERAL, "q", "x", "CC BY-NC 4.0")


@pytest.mark.parametrize(("trained", "expected"), [
    ({"x, frontal": 2, "x, lateral": 1}, []),
    ({"x, frontal": 2}, [LATERAL]),
    ({"x, frontal": 1}, [OTHER, LATERAL]),  # of two images one is free
    ({}, [FREE, OTHER, LATERAL]),
])  # fmt: skip
def test_images_left_out_of_training_follow_from_the_counts_of_the_card(trained, expected):
    assert left_out([FREE, OTHER, LATERAL], trained) == expected


def test_wrong_and_refused_images_among_those_left_out_are_counted():
    cases = [{"file": "a", "reason": "wrong"}, {"file": "b", "reason": "not_chest"},
             {"file": "c", "reason": "uncertain"}]  # fmt: skip
    cells = left_out_cells({"review_cases": cases}, [OTHER, LATERAL])
    assert cells["frontals left out of training: wrong or refused"].startswith("1 of 1 ")
    assert cells["laterals left out of training: wrong or refused"].startswith("0 of 1 ")


def test_rows_without_a_fault_are_left_out_of_a_table(monkeypatch):
    none, one = "0 wrong, 0 refused of 3", "1 wrong, 0 refused of 3"
    cells = {"m": {"noise": none, "blur": none}, "n": {"noise": none, "blur": one}}
    for title in list(TABLES):
        monkeypatch.delitem(TABLES, title)
    monkeypatch.setitem(TABLES, "Perturbed", lambda one: cells[one.model])
    text = markdown([Measured("m"), Measured("n")])
    assert f"| blur | {none} | {one} |" in text
    assert "noise" not in text


def test_a_shortened_table_has_every_kind(tmp_path):
    table = tmp_path / "t.csv"
    lines = [f"{n}.png,{'mri' if n % 5 else 'hip'}" for n in range(20)]
    table.write_text("\n".join(["file,kind", *lines]) + "\n")
    short = shortened(table, tmp_path / "s.csv", 2, lambda row: row["kind"])
    assert short.read_text().split() == [
        "file,kind", *(f"{tmp_path}/{n}.png,{kind}" for n, kind in
                       ((0, "hip"), (10, "hip"), (1, "mri"), (11, "mri")))
    ]  # fmt: skip
