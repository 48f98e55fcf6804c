"""A run into a table: finished rows are reused, new files are classified, models never mixed."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cxrview import __version__
from cxrview.atomic import atomic_write
from cxrview.cli.main import app
from cxrview.engines.local import SerialEngine
from cxrview.errors import UnusableOutput
from cxrview.inference import chunks as chunks_module
from cxrview.inference import journal
from cxrview.inference.chunk_run import ChunkRun
from cxrview.inference.chunks import (
    MAX_CHUNK_SIZE,
    Chunk,
    Shard,
    StoredRow,
    chunks_of,
    file_version,
    read_stored_rows,
    write_stored_rows,
)
from cxrview.inference.classification import numbered_rows, row_of
from cxrview.inference.journal import Journal, journal_path
from cxrview.inference.table_reader import read_rows
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Row
from cxrview.sources import files
from cxrview.sources.find import find, item_of_bytes
from makers_film import png
from makers_model import model_bytes


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of 40 images, two models, and chunks of about four images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chunks_module, "TARGET_CHUNK_SIZE", 4)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    (tmp_path / "other.onnx").write_bytes(model_bytes(name="other"))
    (tmp_path / "images").mkdir()
    for number in range(40):
        (tmp_path / f"images/{number}.png").write_bytes(png("frontal"))
    (tmp_path / "images/damaged.png").write_bytes(png("frontal")[:60])
    return tmp_path


MAKER = f"{Classifier(model_bytes()).label} cxrview {__version__}"


def first_rows(items, count):
    classifier = load("plain.onnx")
    return [(item, row_of(item, classifier)) for item in items[:count]]


def classify(*more, table="t.csv", model="plain.onnx", inputs=("images",)):
    words = ["classify", *inputs, "--model", model, "-o", table, "--jobs", "0", *more]
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def report(table="t.csv"):
    return json.loads(Path(f"{table}.report.json").read_text())


@pytest.mark.parametrize("table", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_complete_run_does_nothing_again(place, table):
    first = classify(table=table)
    assert first.exit_code == 1  # one is damaged
    assert (report(table)["classified_in_this_run"], report(table)["errors"]) == (
        41,
        {"damaged": 1},
    )
    before = (place / table).stat().st_mtime_ns
    again = classify(table=table)
    assert again.exit_code == 1
    assert "is up to date" in again.output
    assert (report(table)["classified_in_this_run"], report(table)["classified_before"]) == (0, 41)
    assert (place / table).stat().st_mtime_ns == before
    assert "41 images: 40 frontal" in again.output


def test_only_new_and_changed_files_are_classified(place):
    classify()
    (place / "images/new.png").write_bytes(png("frontal"))
    (place / "images/7.png").write_bytes(png("lateral"))
    (place / "images/9.png").unlink()
    classify()
    names = [row.file for row in read_rows(place / "t.csv")]
    assert sorted(names) == sorted(str(path) for path in Path("images").iterdir())
    assert names == sorted(names, key=os.fsencode)
    views = {row.file: row.view for row in read_rows(place / "t.csv")}
    assert views["images/7.png"] == "lateral"
    assert (report()["classified_in_this_run"], report()["classified_before"]) == (2, 39)
    shutil.rmtree(".t.csv.run")
    (place / "t.csv").rename("then.csv")
    classify("--overwrite")  # the report of the first run is still there
    assert (place / "then.csv").read_bytes() == (place / "t.csv").read_bytes()


def errors(table="t.csv"):
    return {row.file: row.error for row in read_rows(Path(table)) if row.error}


@pytest.mark.parametrize("table", ["t.csv", "t.parquet"])
def test_what_the_machine_could_not_read_is_tried_again(place, monkeypatch, table):
    opened, refused = files.open_descriptor, {"images/7.png", "images/8.png"}

    def forbidden(path):
        if path in refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path)

    monkeypatch.setattr(files, "open_descriptor", forbidden)
    classify(table=table)
    assert set(errors(table)) == {*refused, "images/damaged.png"}
    refused.remove("images/7.png")
    again = classify(table=table)
    assert "39 images done already, 2 to classify" in again.output
    assert set(errors(table)) == {*refused, "images/damaged.png"}
    refused.clear()
    classify(table=table)
    assert (report(table)["classified_in_this_run"], set(errors(table))) == (
        1, {"images/damaged.png"}
    )  # fmt: skip
    assert "is up to date" in classify(table=table).output
    assert report(table)["classified_in_this_run"] == 0
    assert not list(place.glob(".*.run/*.retry"))


def test_what_is_tried_again_leaves_nothing_behind(place, monkeypatch):
    monkeypatch.setattr(journal, "RETRIED_CODES", {"damaged"})
    classify()
    assert len(list(place.glob(".t.csv.run/*.retry"))) == 1
    (place / "images/damaged.png").unlink()
    classify()
    assert not list(place.glob(".t.csv.run/*.retry"))


@pytest.fixture
def unlisted(place, monkeypatch):
    """Names of folders that cannot be listed; images/a has 20 of the images, and images/b 20."""
    scan, names = os.scandir, set()

    def forbidden(path):
        if str(path) in names:
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    for number in range(40):
        path = place / f"images/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(exist_ok=True)
        (place / f"images/{number}.png").rename(path)
    monkeypatch.setattr(os, "scandir", forbidden)
    return names


def stored_rows():
    return {path.name for path in Path(".t.csv.run").glob("*.rows")}


@pytest.mark.parametrize("folder", ["images/", "images/a"])
@pytest.mark.parametrize("is_array", [False, True])
def test_a_folder_that_cannot_be_listed_for_a_while_costs_no_rows(
    place, unlisted, folder, is_array
):
    def run():
        ways = [["--part", "1/2"], ["--part", "2/2"]] if is_array else [[]]
        said = [classify(*way, inputs=("images/", "images/b")).output for way in ways]
        said += [CliRunner().invoke(app, ["join", "t.csv"]).output] if is_array else []
        return "".join(said)

    run()
    before = (place / "t.csv").read_bytes(), stored_rows()
    unlisted.add(folder)
    for number in range(2):
        Path(f"images/b/new{number}.png").write_bytes(png("frontal"))
        assert "stored or sorted of the images in there is kept" in run()
        assert len(list(read_rows(place / "t.csv"))) < 41
    unlisted.clear()
    for number in range(2):
        Path(f"images/b/new{number}.png").unlink()
    assert not re.search("[1-9][0-9]* to classify|[1-9][0-9]* images? classified", run())
    assert ((place / "t.csv").read_bytes(), stored_rows()) == before


def test_an_archive_that_cannot_be_opened_for_a_while_costs_no_rows(place, monkeypatch):
    shutil.make_archive("images/all", "zip", "images")
    opened = files.open_descriptor

    def forbidden(path):
        if path.endswith(".zip"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path)

    classify()
    before = (place / "t.csv").read_bytes(), stored_rows()
    with monkeypatch.context() as patch:
        patch.setattr(files, "open_descriptor", forbidden)
        classify()
        assert set(errors()) == {"images/all.zip", "images/damaged.png"}
    classify()
    assert report()["classified_in_this_run"] == 0
    assert ((place / "t.csv").read_bytes(), stored_rows()) == before


@pytest.mark.parametrize("table", [[], ["-o", "t.csv"]])
@pytest.mark.parametrize("inputs", [["images"], ["."]])
def test_links_to_images_in_a_folder_that_cannot_be_listed_stay(place, unlisted, table, inputs):
    def links():
        return {path.name: path.readlink() for path in Path("sorted/frontal").iterdir()}

    def run():
        words = ["--model", "plain.onnx", "--jobs", "0", "--link-into", "sorted", *table]
        return CliRunner().invoke(app, ["classify", *inputs, *words]).stderr

    run()
    before = links()
    unlisted.update(("images/a", "./images/a"))
    Path("images/b/0.png").write_bytes(png("frontal"))  # as one of those is called
    Path("images/b/1.png").unlink()
    said = run()
    assert "1 image removed from sorted" in said
    now = links()
    assert len(now) == 40
    assert {name: now.get(name) for name in before if name != "1.png"}.items() <= before.items()


def test_rows_of_an_earlier_run_are_not_replaced(place):
    """Of two files of interrupted runs, a run may have removed the first."""
    folder = Journal(place / "run", "x")
    folder.create()
    first, second = [folder.path / f"incomplete-run-{number}.rows" for number in (0, 1)]
    assert folder.incomplete_path() == first
    second.touch()
    assert folder.incomplete_path() == first
    first.touch()
    assert not folder.incomplete_path().exists()


def test_links_to_images_behind_a_dead_link_stay(place):
    """The disk that holds the folder is away, and the link to it stands for an unreadable file."""
    words = ["--model", "plain.onnx", "--jobs", "0", "--link-into", "sorted", "-o", "t.csv"]
    (place / "images").rename(place / "disk")
    (place / "images").mkdir()
    (place / "images/archive").symlink_to("../disk")
    CliRunner().invoke(app, ["classify", "images", *words])
    before = {path.name for path in Path("sorted/frontal").iterdir()}
    (place / "disk").rename(place / "away")
    said = CliRunner().invoke(app, ["classify", "images", *words]).stderr
    assert "removed" not in said
    assert {path.name for path in Path("sorted/frontal").iterdir()} == before


@pytest.mark.parametrize(
    ("more", "model"), [(["--fresh"], "plain.onnx"), ([], "other.onnx")], ids=["fresh", "model"]
)
def test_another_model_or_fresh_classifies_all(place, more, model):
    classify()
    classify(*more, model=model)
    assert report()["classified_in_this_run"] == 41
    assert {row.model.split("@")[0] for row in read_rows(place / "t.csv")} == {
        model.removesuffix(".onnx")
    }


def test_a_changed_table_is_written_again_on_request_without_classifying(place):
    classify()
    wanted = (place / "t.csv").read_bytes()
    (place / "t.csv").write_text("changed")
    assert classify().exit_code == 2
    assert (place / "t.csv").read_text() == "changed"
    classify("--overwrite")
    assert (place / "t.csv").read_bytes() == wanted
    assert report()["classified_in_this_run"] == 0


def test_damaged_stored_rows_are_reported_then_made_again(place):
    classify()
    wanted = (place / "t.csv").read_bytes()
    chunk = min(place.glob(".t.csv.run/*.rows"))
    chunk.write_bytes(chunk.read_bytes()[:-20])
    (place / "t.csv").unlink()
    assert "are damaged" in classify().output
    classify()
    assert (place / "t.csv").read_bytes() == wanted


@pytest.mark.parametrize("of", [1, 3])
def test_an_array_and_its_join_make_the_same_table(place, of):
    classify()
    for number in range(1, of + 1):
        done = classify("--part", f"{number}/{of}", table="array.csv")
        assert done.exit_code == 0, done.output
        joined = CliRunner().invoke(app, ["join", "array.csv"])
        assert joined.exit_code == (1 if number == of else 2)
        if number < of:
            missing = ", ".join(map(str, range(number + 1, of + 1)))
            assert f"{missing} of {of}" in joined.output
            assert not (place / "array.csv").exists()
    assert (place / "array.csv").read_bytes() == (place / "t.csv").read_bytes()


def test_shards_that_saw_other_inputs_are_not_joined(place):
    classify("--part", "1/2")
    (place / "images/new.png").write_bytes(png("frontal"))
    classify("--part", "2/2")
    joined = CliRunner().invoke(app, ["join", "t.csv"])
    assert (joined.exit_code, "part 1 of 2" in joined.output) == (2, True)
    classify("--part", "1/2")
    assert CliRunner().invoke(app, ["join", "t.csv"]).exit_code == 1
    assert len(list(read_rows(place / "t.csv"))) == 42


def join(table="t.csv"):
    return CliRunner().invoke(app, ["join", table])


def test_shards_with_other_options_are_not_joined_and_the_message_says_so(place):
    classify("--part", "1/3")
    classify("--part", "2/3", "--ids")
    said = join().output
    assert "part 1 of 3 was done with another model or version, or with other options" in said
    assert "part 3 of 3 is not done" in said
    assert "inputs" not in said
    for part in ("1/3", "3/3"):
        classify("--part", part, "--ids")
    assert join().exit_code == 1


def test_after_a_run_without_parts_there_is_nothing_to_join(place):
    for part in ("1/2", "2/2"):
        classify("--part", part)
    assert join().exit_code == 1
    (place / "images/new.png").write_bytes(png("frontal"))
    plans = {path: path.read_bytes() for path in place.glob(".t.csv.run/plan-*")}
    classify()
    for _ in range(2):
        assert "no run with --part has been done here since" in join().output
    for path, plan in plans.items():  # as an earlier version has left them
        path.write_bytes(plan)
    for _ in range(2):
        assert "the stored rows of these parts are no longer there" in join().output
    for part in ("1/2", "2/2"):
        classify("--part", part)
    assert join().exit_code == 1
    assert len(list(read_rows(place / "t.csv"))) == 42


@pytest.mark.parametrize("of", [1, 3])
def test_damaged_rows_of_shards_are_made_again_by_the_same_parts(place, of):
    parts = [f"{number}/{of}" for number in range(1, of + 1)]
    for part in parts:
        classify("--part", part)
    chunk = min(place.glob(".t.csv.run/*.rows"))
    chunk.write_bytes(chunk.read_bytes()[:-20])
    assert "with --part for each part" in join().output
    for part in parts:
        classify("--part", part)
    assert join().exit_code == 1


def test_joining_without_a_run(place):
    joined = CliRunner().invoke(app, ["join", "t.csv"])
    assert (joined.exit_code, "no run was started" in joined.output) == (2, True)
    classify()
    for plan in ("", "[]", '{"label": "of an older version"}'):
        (place / ".t.csv.run/plan-1-of-1.json").write_text(plan)
        joined = CliRunner().invoke(app, ["join", "t.csv"])
        assert (joined.exit_code, "--part" in joined.output) == (2, True)


def test_a_run_of_an_older_version_continues(place):
    """Its rows of incomplete chunks had other file names."""
    items = find(["images"])
    journal = Journal(journal_path(place / "t.csv"), MAKER)
    journal.create()
    rows = [StoredRow(row, file_version(item)) for item, row in first_rows(items, 9)]
    write_stored_rows(journal.path / "rest-run-0.rows", MAKER, rows)
    classify()
    assert (report()["classified_in_this_run"], report()["classified_before"]) == (32, 9)


@pytest.mark.parametrize(
    "more",
    [
        ["--part", "0/3"], ["--part", "4/3"], ["--part", "1"], ["--part", "a/b"],
        ["--part", "1/2", "--link-into", "x"], ["--part", "1/2", "--sheet", "x.png"],
    ],
)  # fmt: skip
def test_invalid_parts(place, more):
    done = classify(*more)
    assert (done.exit_code, "--part" in done.output) == (2, True)


def test_a_second_run_into_the_same_table_is_refused(place):
    folder = Journal(journal_path(place / "t.csv"), "x")
    folder.create()
    with folder.lock():
        done = classify()
    assert done.exit_code == 2
    assert "t.csv is in use by another run" in done.output
    assert ".run" not in done.output
    assert classify().exit_code == 1


def test_a_full_disk_is_reported_with_the_table_not_with_hidden_files(place, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cxrview.atomic._flush", full)
    done = classify()
    assert done.exit_code == 2
    assert "cxrview: t.csv cannot be written: No space left on device" in done.output
    assert ".run" not in done.output


def test_shards_share_the_journal_and_a_join_needs_it_alone(place):
    path = journal_path(place / "t.csv")
    first, second, whole = (Journal(path, "x", shard) for shard in (Shard(1, 2), Shard(2, 2), None))
    first.create()
    with first.lock(), second.lock():
        for folder in (first, whole):
            with pytest.raises(UnusableOutput, match="another run"), folder.lock():
                pass
    with whole.lock():
        pass


def test_a_shard_keeps_other_runs_out_on_nfs_as_well(place, monkeypatch):
    """As in nfs4_proc_lock of Linux: a shared lock needs a file that is open for reading."""
    flock = fcntl.flock

    def of_nfs(file, kind):
        mode = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE
        if mode == (os.O_WRONLY if kind & fcntl.LOCK_SH else os.O_RDONLY):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(file, kind)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    path = journal_path(place / "t.csv")
    Journal(path, "x").create()
    with Journal(path, "x", Shard(1, 2)).lock():
        assert "in use by another run" in classify().output


def test_without_locks_a_run_works_and_any_other_error_of_a_lock_is_reported(place, monkeypatch):
    code = errno.ENOLCK

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert classify().exit_code == 1
    code = errno.EIO
    done = classify()
    assert (done.exit_code, "t.csv cannot be locked: Input/output" in done.output) == (2, True)
    with (
        pytest.raises(UnusableOutput, match="cannot be locked"),
        atomic_write(place / "v.csv"),
    ):
        pass


class Breaking:
    """An engine that is interrupted before the item of this number."""

    restarts = 0

    def __init__(self, at):
        self.at = at

    def map(self, make_function, items):
        for index, outcome in SerialEngine().map(make_function, items):
            if index == self.at:
                raise KeyboardInterrupt
            yield index, outcome


def test_rows_of_every_interrupted_run_are_kept(place):
    items = find(["images"])
    folder = Journal(journal_path(place / "t.csv"), "x")
    folder.create()
    one = [Chunk("whole", 0, len(items))]  # which the first three runs do not complete
    news = []
    for breaks in (25, 3, 4, 1000):
        made = []
        run = ChunkRun(items, folder)
        with contextlib.suppress(KeyboardInterrupt):
            run.complete(
                one,
                folder.reusable(one, ((item.name, file_version(item)) for item in items)),
                partial(numbered_rows, classifier=load("plain.onnx"), engine=Breaking(breaks)),
                lambda row, is_new, made=made: made.append(row.file) if is_new else None,
            )
        news.append(len(made))
    assert news == [25, 3, 4, len(items) - 32]
    assert [row.file for row in folder.rows_of(one)] == [item.name for item in items]


@given(st.lists(st.integers(1, 2048), max_size=60), st.integers(1, 8))
def test_shards_cover_all_chunks_nearly_evenly(sizes, of):
    ends = [0, *accumulate(sizes)]
    chunks = [Chunk(str(i), *pair) for i, pair in enumerate(pairwise(ends))]
    shares = [Shard(number, of).own_chunks(chunks) for number in range(1, of + 1)]
    assert sorted(chunk.start for share in shares for chunk in share) == ends[:-1]
    loads = [sum(map(len, share)) for share in shares]
    assert max(loads) - min(loads) <= max(sizes, default=0)


def test_links_and_a_sheet_of_a_complete_run(place):
    classify()
    done = classify("--link-into", "sorted", "--sheet", "sheet.png")
    assert done.exit_code == 1
    assert len(list((place / "sorted/frontal").iterdir())) == 40
    assert (place / "sheet.png").stat().st_size


def test_the_report_names_model_settings_and_machine(place):
    classify("--fresh")
    said = report()
    assert said["model"]["label"].startswith("plain@")
    assert len(said["model"]["sha256"]) == 64
    assert said["images"] == sum(said["verdicts"].values()) + sum(said["errors"].values())
    assert said["settings"]["fresh"] is True
    assert {"processors", "python", "system"} <= set(said["machine"])
    assert os.uname().nodename not in json.dumps(said).replace(os.uname().machine, "")


NAMES = st.lists(st.text(st.characters(exclude_characters="\0/"), min_size=1), unique=True)


@given(NAMES, st.integers(0, 200))
def test_chunks_hold_every_item_once_whatever_is_added(names, at):
    items = [item_of_bytes(name, b"") for name in names]
    chunks = list(chunks_of(items, "m"))
    assert [i for chunk in chunks for i in range(chunk.start, chunk.stop)] == list(
        range(len(items))
    )
    more = [*items[:at], item_of_bytes("\nnew", b""), *items[at:]]
    then = {chunk.name for chunk in chunks_of(more, "m")}
    assert len({chunk.name for chunk in chunks} - then) <= 1
    assert not then & {chunk.name for chunk in chunks_of(items, "other model")}


def test_no_chunk_is_larger_than_the_largest(monkeypatch):
    monkeypatch.setattr(chunks_module, "TARGET_CHUNK_SIZE", 1 << 40)
    items = [item_of_bytes(str(number), b"") for number in range(MAX_CHUNK_SIZE * 2 + 5)]
    assert [len(chunk) for chunk in chunks_of(items, "m")] == [MAX_CHUNK_SIZE, MAX_CHUNK_SIZE, 5]


def test_only_rows_of_images_to_classify_are_loaded(tmp_path):
    """A process of an array completes its own share of a collection that does not fit in memory."""
    folder = Journal(tmp_path, "m")
    made = [StoredRow(Row(file=name, error="damaged: x"), (i, i)) for i, name in enumerate("abcd")]
    folder.write_chunk(Chunk("old", 0, 2), made[:2])
    folder.write_chunk(Chunk("other", 2, 4), made[2:])
    wanted = [("a", (0, 0)), ("c", (7, 7)), ("e", (4, 4))]
    assert folder.reusable([], wanted) == {wanted[0]: made[0]}
    for chunk in ("old", "other"):
        (tmp_path / f"{chunk}.rows").unlink()

    def never():
        raise AssertionError("the files are looked up")
        yield

    assert folder.reusable([], never()) == {}


def test_rows_of_another_version_are_not_parsed(tmp_path, monkeypatch):
    path, loads, parsed = tmp_path / "a.rows", json.loads, []
    made = [StoredRow(Row(file=str(i), error="damaged: x"), (i, i)) for i in range(3)]
    write_stored_rows(path, "cxrview 1", made)
    monkeypatch.setattr(
        chunks_module.json, "loads", lambda text: parsed.append(text) or loads(text)
    )
    assert list(read_stored_rows(path, "cxrview 2")) == []
    assert parsed == [path.read_bytes().splitlines(keepends=True)[0]]


def test_stored_rows_are_complete_or_not_used(tmp_path):
    path = tmp_path / "a.rows"
    made = [StoredRow(Row(file=f"\udce9{i}\n", error="damaged: x"), (i, i)) for i in range(3)]
    write_stored_rows(path, "m", made)
    assert list(read_stored_rows(path, "m")) == made
    assert list(read_stored_rows(path, "another")) == []
    assert list(read_stored_rows(tmp_path / "none", "m")) == []
    with pytest.raises(UnusableOutput), atomic_write(tmp_path):
        pass
