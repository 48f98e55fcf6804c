"""One definition of "needs a look" decides about the sheet, lists, summaries and `stats`."""

import csv
import json
import os

import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.inference.review import ReviewReason, is_sure, review_rank, review_reason
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import open_table_writer
from cxrview.rows import COLUMNS, Row
from cxrview.views import Agreement, Verdict, View
from makers_film import collection
from makers_row import a_failure, a_row

CONFLICT = {"agreement": Agreement.CONFLICT, "header_view": View.LATERAL}
CASES = {
    "sure.png": (a_row("sure.png", p=0.0), None),
    "lateral.png": (a_row("lateral.png", "lateral", p=0.98), None),
    "agrees.png": (a_row("agrees.png", agreement=Agreement.AGREE, header_view=View.FRONTAL), None),
    "conflict.png": (a_row("conflict.png", p=0.0, **CONFLICT), ReviewReason.CONFLICT),
    "uncertain.png": (a_row("uncertain.png", "uncertain", p=0.5), ReviewReason.UNCERTAIN),
    "x-ray of a hand": (a_row("x-ray of a hand", "not_chest"), ReviewReason.NOT_CHEST),
    "an MR": (a_row("an MR", "not_chest", reason="modality MR", warning="sign: x"), None),
    "bad\n.png": (a_failure("bad\n.png"), ReviewReason.ERROR),
    "odd pixels": (a_row("odd pixels", warning="sign: both fit"), ReviewReason.WARNING),
    "near frontal": (a_row("near frontal", p=0.03), ReviewReason.NEAR_THRESHOLD),
    "near lateral": (a_row("near lateral", "lateral", p=0.96), ReviewReason.NEAR_THRESHOLD),
    os.fsdecode(b"near \xe9"): (
        Row(os.fsdecode(b"near \xe9"), view=Verdict.FRONTAL, p_lateral=0.0, p_chest=0.75),
        ReviewReason.NEAR_THRESHOLD,
    ),
    "on its side": (a_row("on its side", p=0.0, rotation=90, inverted=False), None),
    "bone dark": (a_row("bone dark", p=0.0, rotation=0, inverted=True), None),
    "no gate": (Row("no gate", view=Verdict.FRONTAL, p_lateral=0.0), None),
}
SURE = {
    "sure.png", "lateral.png", "agrees.png", "conflict.png", "on its side", "bone dark", "no gate",
}  # fmt: skip
NEEDED = [name for name, (_, reason) in CASES.items() if reason]


@pytest.fixture(params=["views.csv", "views.jsonl", "views.parquet"])
def table(tmp_path, request):
    path = tmp_path / request.param
    with open_table_writer(path, "m") as append:
        for row, _ in CASES.values():
            append(row)
    return path


def listed(*words):
    result = CliRunner().invoke(app, ["list", *map(str, words)])
    assert result.exit_code == 0, result.output
    return [os.fsdecode(name) for name in result.stdout_bytes.split(b"\0")[:-1]]


@pytest.mark.parametrize(("row", "reason"), CASES.values(), ids=map(repr, CASES))
def test_which_images_need_a_look(row, reason):
    assert review_reason(row) is reason
    assert is_sure(row) is (row.file in SURE)


def test_what_needs_a_look_comes_before_what_does_not():
    ranked = sorted((row for row, _ in CASES.values()), key=review_rank)
    reasons = [review_reason(row) for row in ranked]
    assert [reason for reason in ReviewReason for one in reasons if one is reason] == [
        reason for reason in reasons if reason
    ]
    assert reasons[len(NEEDED) :] == [None] * (len(CASES) - len(NEEDED))


def test_list_prints_the_names_that_match(table):
    assert listed(table, "-0") == list(CASES)
    assert listed(table, "-0", "--needs-review") == NEEDED
    assert listed(table, "-0", "--view", "lateral") == ["lateral.png", "near lateral"]
    assert listed(table, "-0", "--view", "lateral", "--needs-review") == ["near lateral"]
    assert listed(table, "-0", "--view", "error", "--view", "uncertain") == [
        "uncertain.png", "bad\n.png",
    ]  # fmt: skip
    assert listed(table, "-0", "--agreement", "conflict") == ["conflict.png"]
    assert listed(table, "-0", "--rotated") == ["on its side"]
    assert listed(table, "-0", "--inverted") == ["bone dark"]
    result = CliRunner().invoke(app, ["list", str(table), "--view", "lateral"])
    assert result.stdout == "lateral.png\nnear lateral\n"


@pytest.mark.parametrize("words", [("--view", "side"), ("--agreement", "maybe")])
def test_list_refuses_an_unknown_value(table, words):
    result = CliRunner().invoke(app, ["list", str(table), *words])
    assert result.exit_code == 2
    assert words[1] in result.output


def test_stats_counts_the_images_to_review(table):
    result = CliRunner().invoke(app, ["stats", str(table), "--json"])
    reviews = json.loads(result.stdout)["reviews"]
    assert sum(reviews.values()) == len(NEEDED)
    assert (reviews["near_threshold"], reviews["error"], reviews["warning"]) == (3, 1, 1)
    text = CliRunner().invoke(app, ["stats", str(table)]).stdout
    assert "8 images to look at" in " ".join(text.split())


def test_classify_writes_the_list_and_counts_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    collection(tmp_path / "images")
    words = ["classify", "images", "--jobs", "0", "-o", "t.csv", "--review-list", "review.csv"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1, result.output
    expected = {
        row.file: str(reason)
        for row in read_rows(tmp_path / "t.csv")
        if (reason := review_reason(row))
    }
    with (tmp_path / "review.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["file"]: line["why"] for line in lines} == expected
    assert list(lines[0]) == ["file", "why", *COLUMNS[1:]]
    assert "error" in expected.values()
    assert f"to review: {len(expected)} images" in result.stderr
    assert "  their names: review.csv\n" in result.stderr
    again = CliRunner().invoke(app, words[:-2])
    assert "  their names: cxrview list t.csv --needs-review\n" in again.stderr
    assert [row.file for row in read_rows(tmp_path / "review.csv")] == list(expected)
