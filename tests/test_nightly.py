"""Nightly runs: the log, the exit status, what is new, and the differences of two tables."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.cli.options import Allowance, allowance
from cxrview.errors import WrongUse
from cxrview.inference import run_log, table_diff
from cxrview.inference.run_log import RunLog
from cxrview.inference.table_diff import compare_tables
from cxrview.inference.table_writers import open_table_writer
from cxrview.rows import Identity
from cxrview.views import Agreement, View
from makers_film import FILES, collection, png
from makers_model import model_bytes
from makers_row import a_failure, a_row

UNREADABLE = sum(name.startswith("d/") for name in FILES)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a model and a collection in it."""
    monkeypatch.chdir(tmp_path)
    Path("plain.onnx").write_bytes(model_bytes())
    collection(tmp_path / "images")
    return tmp_path


def invoke(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def classify(*words):
    return invoke("classify", "images", "--model", "plain.onnx", "--jobs", 0, *words)


def events(path="log.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_every_run_appends_to_the_log(place):
    for words in ([], [], ["--fresh", "--allow-unreadable", "100%"]):
        classify("-o", "t.csv", "--log", "log.jsonl", *words)
    assert [line["event"] for line in events()] == [
        "start", "classify", "end", "start", "end", "start", "classify", "end"
    ]  # fmt: skip
    first, second, third = (line for line in events() if line["event"] == "end")
    assert (first["exit_status"], second["exit_status"], third["exit_status"]) == (1, 1, 0)
    assert first["images"] == second["images"] == len(FILES)
    assert first["in_this_run"]["verdicts"] == first["verdicts"]
    assert second["in_this_run"]["verdicts"] == {}
    assert sum(first["errors"].values()) == UNREADABLE
    assert all({"time", "event", "process"} <= line.keys() for line in events())


@pytest.mark.parametrize(("words", "error"), [
    (["--sheet", "images/no/folder.png"], "UnusableOutput"),
    (["--model", "images/Doe.onnx"], "UnusableModel"),
])  # fmt: skip
def test_a_run_that_fails_says_so_in_the_log_without_a_name(place, words, error):
    assert classify("--log", "log.jsonl", *words).exit_code == 2
    assert [line["event"] for line in events()] == ["start", "failed"]
    assert events()[-1]["error"] == error


def test_no_name_of_a_file_is_logged(place):
    Path("images").rename("Doe images")
    for name in ("ok.png", "bad.dcm"):
        Path("Doe images", f"Doe^Jane {name}").write_bytes(png("frontal") if "ok" in name else b"")
    command = ("classify", "Doe images", "--model", "plain.onnx", "--jobs", 0)
    outputs = ("-o", "Doe.csv", "--log", "log.jsonl", "--link-into", "Doe sorted")
    assert invoke(*command, *outputs).exit_code == 1
    assert "Doe" not in Path("log.jsonl").read_text()


def test_a_log_that_cannot_be_written_is_wrong_use_before_the_work(place):
    assert classify("-o", "t.csv", "--log", "no/folder/log.jsonl").exit_code == 2
    assert not Path("t.csv").exists()


def test_the_log_is_no_input(place):
    classify("--log", "images/log")
    assert len(classify("--log", "images/log").stdout.splitlines()) == 1 + len(FILES)


def test_a_long_run_logs_its_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(run_log, "PROGRESS_SECONDS", 0.0)
    log = RunLog(tmp_path / "log.jsonl")
    shown = []

    class Show:
        def __enter__(self):
            return lambda *step: shown.append(step)

        def __exit__(self, *_):
            pass

    with log.progress(lambda total, restarts: Show(), 2, lambda: 5) as step:
        step(is_error=True)
        step()
    log.close()
    counts = [(line["done"], line["unreadable"], line["workers_replaced"])
              for line in events(tmp_path / "log.jsonl")[1:]]  # fmt: skip
    assert counts == [(1, 1, 5), (2, 1, 5)]
    assert shown == [(True, True), (False, True)]


@pytest.mark.parametrize(("text", "allowed"), [
    ("0", Allowance()), ("12", Allowance(12)), ("1%", Allowance(share=0.01)),
    ("0.5%", Allowance(share=0.005)),
])  # fmt: skip
def test_an_allowance_is_a_number_or_a_share(text, allowed):
    assert allowance(text) == allowed


@pytest.mark.parametrize(("allowed", "status"), [
    ("0", 1), (UNREADABLE - 1, 1), (UNREADABLE, 0), ("1%", 1), ("50%", 0),
    ("-1", 2), ("1.5", 2), ("101%", 2), ("many", 2), ("nan%", 2),
])  # fmt: skip
def test_unreadable_images_that_are_allowed_do_not_change_the_exit_status(place, allowed, status):
    result = classify("-o", "t.csv", f"--allow-unreadable={allowed}")
    assert result.exit_code == status
    if status != 2:
        assert f"{UNREADABLE} unreadable" in result.stderr
        assert invoke("join", "none.csv", f"--allow-unreadable={allowed}").exit_code == 2


def test_a_folder_that_cannot_be_listed_is_never_allowed(place, monkeypatch):
    scan = os.scandir

    def forbidden(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    Path("images/locked").mkdir()
    assert classify("-o", "t.csv", "--allow-unreadable", "100%").exit_code == 0
    monkeypatch.setattr(os, "scandir", forbidden)
    result = classify("-o", "t.csv", "--allow-unreadable", "100%")
    assert result.exit_code == 1
    assert "unlisted_folder: 1\n  images/locked: cannot be listed" in result.stderr
    audit = invoke("audit", "images", "--model", "plain.onnx", "--allow-unreadable", "100%")
    assert audit.exit_code == 1


def test_join_allows_unreadable_images_as_well(place):
    for part in ("1/2", "2/2"):
        assert classify("-o", "t.csv", "--part", part).exit_code == 0
    assert invoke("join", "t.csv").exit_code == 1
    assert invoke("join", "t.csv", "--allow-unreadable", UNREADABLE).exit_code == 0


def test_a_repeated_run_states_what_is_new(place):
    first = classify("-o", "t.csv").stderr
    assert "new in this run" not in first
    Path("images/new.png").write_bytes(png("lateral"))
    Path("images/bad.png").write_bytes(b"?")
    again = classify("-o", "t.csv").stderr
    assert f"resuming: {len(FILES)} images done already, 2 to classify" in again
    expected = "new in this run: 2 images: 0 frontal, 1 lateral, 0 uncertain, 0 not_chest, 1 unr"
    assert expected in again
    report = json.loads(Path("t.csv.report.json").read_text())
    assert report["in_this_run"]["verdicts"] == {"lateral": 1}
    assert "new in this run" not in classify("-o", "t.csv").stderr


def test_a_sorted_folder_follows_the_table(place):
    for name in "xyz":
        Path("images", f"{name}.png").write_bytes(png("lateral") + name.encode())  # no two equal
    for way in ("link", "copy"):
        said = classify("-o", f"{way}.csv", f"--{way}-into", way).stderr
        assert "removed" not in said
    Path("images/x.png").write_bytes(b"?")
    Path("images/y.png").unlink()
    Path("images/z.png").unlink()
    Path("link/lateral/z.png").unlink()
    Path("link/lateral/z.png").write_bytes(b"drawn on")
    again = classify("-o", "link.csv", "--link-into", "link").stderr
    assert "2 images removed from link: no longer in the table, or moved" in again
    assert "not removed since it is a copy: link/lateral/z.png" in again
    assert [path.name for path in Path("link/lateral").glob("?.png")] == ["z.png"]
    again = classify("-o", "copy.csv", "--copy-into", "copy").stderr
    places = ", ".join(f"copy/lateral/{name}.png" for name in "yzx")  # x is unreadable
    assert f"no longer in the table, but not removed since it is a copy: {places}" in again


def write(path, *rows):
    with open_table_writer(path, "m") as append:
        for row in rows:
            append(row)


OLD = (a_row("same"), a_row("near", p=0.010), a_row("far", p=0.01), a_row("turned"),
       a_row("broken"), a_row("gone"), a_failure("bad"), a_failure("mended"))  # fmt: skip
NEW = (a_row("added", "lateral", 0.99), a_row("mended"), a_row("same"), a_row("near", p=0.015),
       a_row("far", p=0.03), a_row("turned", "lateral", 0.99), a_failure("broken"),
       a_failure("bad", "damaged: in another way"))  # fmt: skip


@pytest.mark.parametrize("formats", [("a.csv", "b.csv"), ("a.parquet", "b.jsonl")])
def test_differences_of_two_tables(tmp_path, monkeypatch, formats):
    monkeypatch.chdir(tmp_path)
    old, new = map(Path, formats)
    write(old, *OLD)
    write(new, *NEW)
    found = compare_tables(old, new, 0.01)
    assert [file for file, _ in found.added] == ["added"]
    assert [file for file, _ in found.removed] == ["gone"]
    assert [change.file for change in found.verdicts] == ["mended", "turned", "broken"]
    assert [change.file for change in found.probabilities] == ["far"]
    assert found.unchanged == 3
    assert [change.file for change in compare_tables(old, new, 0.001).probabilities] == [
        "near", "far"
    ]  # fmt: skip
    text = invoke("diff", old, new)
    assert text.exit_code == 1
    assert "  turned: frontal -> lateral, P(lateral) 0.0100 -> 0.9900" in text.stdout
    plain = json.loads(invoke("diff", old, new, "--format", "json").stdout)
    assert [one["file"] for one in plain["added"]] == ["added"]
    assert plain["added"][0].items() >= {"view": "lateral", "p_lateral": 0.99, "p_chest": 1}.items()
    broken = {"view": "error", "p_lateral": None, "p_chest": None}
    assert plain["verdicts"][2]["new"].items() >= broken.items()
    same = invoke("diff", old, old)
    assert same.exit_code == 0
    assert "8 unchanged" in same.stdout
    assert invoke("diff", old, "none.csv").exit_code == 2
    for repeated in ("added", "same"):
        write(new, *NEW, a_row(repeated))
        for pair in ((old, new), (new, old)):
            assert f"2 rows of '{repeated}'" in invoke("diff", *pair).output


@pytest.mark.parametrize(("before", "after", "text"), [
    ({"header_view": View.LATERAL}, {"header_view": View.FRONTAL}, "header_view lateral -> front"),
    ({"agreement": Agreement.AGREE}, {"agreement": Agreement.CONFLICT}, "agree -> conflict"),
    ({"rotation": 90}, {"rotation": 0}, "rotation 90 -> 0"),
    ({"inverted": False}, {"inverted": True}, "inverted False -> True"),
    ({}, {"warning": "suspect: noise"}, "warning - -> suspect: noise"),
    ({"identity": Identity("1.2")}, {"identity": Identity("1.3")}, "sop_instance_uid 1.2 -> 1.3"),
    ({"identity": Identity("1.2")}, {}, ""),  # a table without identifiers
    ({"rotation": None}, {"rotation": 0}, ""),  # as in a table of an earlier version
    ({"inverted": True}, {"inverted": None}, ""),
    ({"width": 5}, {"width": 6}, ""),
])  # fmt: skip
def test_other_values_that_differ(tmp_path, before, after, text):
    for name, values in (("a.csv", before), ("b.csv", after)):
        write(tmp_path / name, replace(a_row("x"), **values), a_row("same"))
    result = invoke("diff", tmp_path / "a.csv", tmp_path / "b.csv")
    assert result.exit_code == bool(text)
    assert text in result.stdout
    assert f"now, {1 if text else 2} unchanged" in result.stdout
    plain = json.loads(
        invoke("diff", tmp_path / "a.csv", tmp_path / "b.csv", "--format", "json").stdout
    )
    assert [one["file"] for one in plain["details"]] == (["x"] if text else [])


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_uids_are_compared_image_by_image(tmp_path, name):
    def rows(*uids):
        return [replace(a_row(uid), identity=Identity(uid)) for uid in uids]

    old, new = tmp_path / name, tmp_path / f"new{Path(name).suffix}"
    write(old, *rows("1", "2", "3"))
    write(new, *reversed(rows("1", "3")), replace(a_row("2"), identity=Identity("4")))
    found = compare_tables(old, new, 0.01)
    assert [(one.file, one.old.changes(one.new)) for one in found.details] == [
        ("2", {"sop_instance_uid": ("2", "4")})
    ]
    assert (found.added, found.removed) == ([], [])


def test_equal_details_of_a_million_images_are_stored_once(tmp_path):
    write(tmp_path / "a.csv")
    write(tmp_path / "b.csv", *(a_row(f"{number}") for number in range(3)))
    added = compare_tables(tmp_path / "a.csv", tmp_path / "b.csv", 0.01).added
    assert len({id(result.details) for _, result in added}) == 1
    assert len({id(result.verdict) for _, result in added}) == 1


def test_a_table_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path, read = tmp_path / "a.csv", table_diff.read_rows
    write(path, *(replace(a_row(name), identity=Identity(name)) for name in "ab"))

    def in_another_order(table):
        return reversed(list(read(table)))

    monkeypatch.setattr(table_diff, "read_rows", in_another_order)
    with pytest.raises(WrongUse, match="has changed while it was read"):
        compare_tables(path, path, 0.01)


def test_long_lists_of_differences_are_cut_in_text_only(tmp_path):
    write(tmp_path / "a.csv")
    write(tmp_path / "b.csv", *(a_row(f"{number:02}") for number in range(30)))
    text = invoke("diff", tmp_path / "a.csv", tmp_path / "b.csv").stdout
    assert Counter(text.split())["frontal"] == 10
    assert "... and 20 more" in text
    plain = invoke("diff", tmp_path / "a.csv", tmp_path / "b.csv", "--format", "json").stdout
    assert len(json.loads(plain)["added"]) == 30
