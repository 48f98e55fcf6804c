"""No command replaces a file that it did not write itself, or that has changed since."""

import fcntl
import os
import shutil

import pytest
from typer.testing import CliRunner

from cxrview import atomic
from cxrview.atomic import OutputGuard, atomic_write
from cxrview.cli.main import app
from cxrview.errors import UnusableOutput
from makers_film import collection
from makers_model import model_bytes

LABELS = "file,view\nours.png,lateral\n"  # somebody's work


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a model, images, a sorted folder and a table of verdicts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    collection(tmp_path / "images")
    collection(tmp_path / "collection" / "frontal")
    collection(tmp_path / "collection" / "lateral")
    assert run("classify", "images", "-o", "made.csv", "--model", "plain.onnx").exit_code == 1
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [*words, *(["--jobs", "0"] if "--model" in words else [])])


CLASSIFY = ("classify", "images", "--model", "plain.onnx")
COMMANDS = [
    ((*CLASSIFY, "-o", "out.csv"), "out.csv"),
    ((*CLASSIFY, "-o", "out.csv"), "out.csv.report.json"),
    ((*CLASSIFY, "-o", "out.csv", "--part", "1/2"), "out.csv"),
    ((*CLASSIFY, "-o", "out.csv", "--sheet", "sheet.png"), "sheet.png"),
    ((*CLASSIFY, "--sheet", "sheet.png"), "sheet.png"),
    ((*CLASSIFY, "-o", "out.csv", "--review-list", "list.csv"), "list.csv"),
    (("sample", "images", "-n", "2", "-o", "out.csv", "--model", "plain.onnx"), "out.csv"),
    (
        ("sample", "images", "-n", "2", "-o", "out.csv", "--model", "plain.onnx"),
        "out.problems.csv",
    ),
    (("dataset", "folders", "collection", "-o", "out.csv"), "out.csv"),
    (("stats", "made.csv", "-o", "out.html"), "out.html"),
    (("audit", "images", "-o", "out.html", "--model", "plain.onnx"), "out.html"),
    (("audit", "images", "-o", "out.html", "--model", "plain.onnx"), "out.csv"),
    (("phantom", "--sheet", "out.png"), "out.png"),
]


@pytest.mark.parametrize(("words", "name"), COMMANDS)
def test_a_file_of_somebody_else_is_not_replaced(place, words, name):
    (place / name).write_text(LABELS)
    before = sorted(place.rglob("*"))
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert name in result.output
    assert "--overwrite" in result.output
    assert (place / name).read_text() == LABELS
    assert sorted(place.rglob("*")) == before
    assert run(*words, "--overwrite").exit_code != 2
    if "--part" not in words:
        assert not (place / name).exists() or (place / name).read_bytes() != LABELS.encode()


@pytest.mark.parametrize(("words", "name"), COMMANDS)
@pytest.mark.parametrize("is_link", [False, True])
def test_a_pipe_is_not_replaced(place, words, name, is_link):
    pipe = place / ("pipe" if is_link else name)
    os.mkfifo(pipe)
    if is_link:
        (place / name).symlink_to(pipe)
    result = run(*words, "--overwrite")
    assert result.exit_code == 2, result.output
    assert "is a pipe, socket or device" in " ".join(result.output.split())
    assert pipe.is_fifo()


def test_a_pipe_is_not_replaced_even_without_a_guard(tmp_path):
    path = tmp_path / "t.csv"
    os.mkfifo(path)
    with pytest.raises(UnusableOutput, match="is a pipe, socket or device"), atomic_write(path):
        pass
    assert path.is_fifo()


def test_classify_replaces_its_own_files_as_often_as_it_is_repeated(place):
    words = (*CLASSIFY, "-o", "out.csv", "--sheet", "s.png", "--review-list", "r.csv")
    for more in ((), (), ("--fresh",), ()):
        assert run(*words, *more).exit_code == 1
        (place / "images" / f"new{len(list(place.rglob('*')))}.txt.png").write_bytes(b"new")
    (place / "out.csv").write_text(LABELS)
    assert "has changed since it was written" in run(*words).output
    assert (place / "out.csv").read_text() == LABELS
    assert run(*words, "--overwrite").exit_code == 1
    assert run(*words).exit_code == 1


def test_join_protects_the_table_as_well(place):
    assert run(*CLASSIFY, "-o", "out.csv", "--part", "1/1").exit_code == 0
    (place / "out.csv").write_text(LABELS)
    assert run("join", "out.csv").exit_code == 2
    assert (place / "out.csv").read_text() == LABELS
    for more in (("--overwrite",), ()):
        assert run("join", "out.csv", *more).exit_code == 1


def test_where_the_record_of_a_table_is_gone_the_message_says_so(place):
    assert run(*CLASSIFY, "-o", "out.csv").exit_code == 1
    shutil.rmtree(place / ".out.csv.run")
    said = " ".join(run(*CLASSIFY, "-o", "out.csv").output.split())
    record = ".out.csv.run/written.json"
    assert f"exists already, and there is no record ({record}) that cxrview wrote it" in said
    assert run(*CLASSIFY, "-o", "out.csv", "--overwrite").exit_code == 1
    assert run(*CLASSIFY, "-o", "out.csv").exit_code == 1


def test_a_table_may_move_with_its_run(place):
    (place / "old").mkdir()
    assert run(*CLASSIFY, "-o", "old/out.csv").exit_code == 1
    (place / "old").rename(place / "new")
    assert run(*CLASSIFY, "-o", "new/out.csv", "--fresh").exit_code == 1


def test_a_run_that_is_killed_while_its_table_appears_can_be_repeated(tmp_path, monkeypatch):
    path, guard = tmp_path / "t.csv", OutputGuard(record=tmp_path / "written.json")

    def write(content):
        with atomic_write(path, guard) as file:
            file.write(content)

    def killed(beside, place, rename=atomic._rename):
        if place == path:  # the record of the versions is complete by now
            raise KeyboardInterrupt
        rename(beside, place)

    write(b"first")
    with monkeypatch.context() as patch:
        patch.setattr("cxrview.atomic._rename", killed)
        with pytest.raises(KeyboardInterrupt):
            write(b"second")
    guard.check(path)  # the first one is still there, and is still ours
    write(b"third")
    assert path.read_bytes() == b"third"


def test_a_file_that_appears_during_the_work_is_not_replaced(tmp_path):
    path = tmp_path / "t.csv"

    def write():
        with atomic_write(path, OutputGuard()) as file:
            file.write(b"ours")
            path.write_text(LABELS)

    with pytest.raises(UnusableOutput, match="exists already"):
        write()
    assert path.read_text() == LABELS


def test_a_run_that_finishes_while_another_begins_loses_nothing(tmp_path, monkeypatch):
    """The file that the second has opened is the result of the first when it gets the lock."""
    path, real, is_late = tmp_path / "t.csv", fcntl.flock, True

    def lock_late(file, kind):
        nonlocal is_late
        if is_late:
            is_late = False
            (tmp_path / "t.csv.partial").rename(path)
            path.write_bytes(b"of the first")
        real(file, kind)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with atomic_write(path) as file:
        assert path.read_bytes() == b"of the first"
        file.write(b"of the second")
    assert path.read_bytes() == b"of the second"


def test_the_partial_file_of_the_next_run_is_not_removed(tmp_path, monkeypatch):
    path, real = tmp_path / "t.csv", atomic._rename

    def and_begin_the_next(temporary, target):
        real(temporary, target)
        temporary.touch()

    monkeypatch.setattr("cxrview.atomic._rename", and_begin_the_next)
    with atomic_write(path) as file:
        file.write(b"complete")
    assert (tmp_path / "t.csv.partial").exists()


def test_an_empty_file_is_no_loss(tmp_path):
    path = tmp_path / "t.csv"
    path.touch()
    with atomic_write(path, OutputGuard()) as file:
        file.write(b"ours")
    assert path.read_bytes() == b"ours"


@pytest.mark.parametrize("record", ["[]", "{", "1", '{"t.csv": 5}', '{"t.csv": [[1]]}', '"t.csv"'])
def test_a_damaged_record_protects_files(tmp_path, record):
    path, file = tmp_path / "t.csv", tmp_path / "written.json"
    path.write_bytes(b"precious")
    file.write_text(record)
    with pytest.raises(UnusableOutput, match="exists already"):
        OutputGuard(record=file).check(path)
    with atomic_write(path, OutputGuard(may_overwrite=True, record=file)) as table:
        table.write(b"new")
    OutputGuard(record=file).check(path)  # the record is sound again
