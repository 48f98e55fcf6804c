"""Results do not depend on stdin, stdout and stderr, which may be closed or full."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from makers_film import FILES, collection
from makers_model import model_bytes

pytestmark = pytest.mark.slow

COMMAND = f"exec {sys.executable} -m cxrview"
REDIRECTIONS = [">&-", "2>&-", "<&- >&- 2>&-"]
CLASSIFY = "classify images --model plain.onnx -o t.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images, a model, and the results of every command with open streams."""
    place = tmp_path_factory.mktemp("streams")
    (place / "plain.onnx").write_bytes(model_bytes())
    collection(place / "images")
    for words, _, status in COMMANDS.values():
        assert shell(place, words, "").returncode == status
    return place


def shell(place, words, redirection):
    return subprocess.run(
        ["sh", "-c", f"{COMMAND} {words} {redirection}"],  # noqa: S607
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


def without(place, name):
    """Remove the file that a command is about to write, and return its content."""
    if not name:
        return b""
    path = place / name
    content = path.read_bytes()
    path.unlink() if path.parent == place else shutil.rmtree(path.parent)
    return content


COMMANDS = {  # command: (arguments, file that it writes, exit status)
    "classify here": (f"{CLASSIFY} --jobs 0 --fresh", "t.csv", 1),
    "classify in workers": (f"{CLASSIFY} --jobs 2 --fresh", "t.csv", 1),
    "a part": ("classify images --model plain.onnx -o a.csv --part 1/1", "", 0),
    "join": ("join a.csv", "a.csv", 1),
    "phantom": ("phantom -o made -n 1 --side 16", "made/labels.csv", 0),
    "stats": ("stats t.csv -o page.html", "page.html", 0),
    "info": ("info --model plain.onnx", "", 0),
    "an error": ("classify nowhere", "", 2),
}


@pytest.mark.parametrize("redirection", REDIRECTIONS)
@pytest.mark.parametrize("command", COMMANDS)
def test_closed_streams_change_nothing(place, command, redirection):
    words, name, status = COMMANDS[command]
    expected = without(place, name)
    done = shell(place, words, redirection)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == status
    assert not name or (place / name).read_bytes() == expected


def test_a_full_stderr_changes_nothing(place):
    words, name, status = COMMANDS["classify in workers"]
    expected = without(place, name)
    assert shell(place, words, "2>/dev/full").returncode == status
    assert (place / name).read_bytes() == expected


def test_a_closed_stdout_cannot_take_the_rows(place):
    done = shell(place, "classify images --model plain.onnx --jobs 0", ">&-")
    assert done.returncode == 2
    assert "standard output is closed" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")  # noqa: PTH110
@pytest.mark.parametrize("words", [
    "classify images --model plain.onnx --jobs 0", "stats t.csv", "info --model plain.onnx",
    "--version", "classify --help",
])  # fmt: skip
def test_a_full_stdout_is_an_error(place, words):
    done = shell(place, words, ">/dev/full")
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("cxrview: "))
    assert "standard output" in line
    assert "No space left on device" in line
    assert "Traceback" not in done.stderr


def test_every_row_is_in_the_table(place):
    assert len((place / "t.csv").read_text().splitlines()) == len(FILES) + 1


ENGINE = """
import sys
sys.path[:] = {path!r}
from cxrview.engines.local import LocalEngine
from cxrview.engines.outcomes import Done
from makers_engine import make_well_behaved
engine = LocalEngine(1)
outcomes = dict(engine.map(make_well_behaved, range(50)))
sys.exit(engine.restarts or outcomes != {{index: Done(2 * index) for index in range(50)}})
"""


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_workers_of_a_program_without_streams(tmp_path, redirection):
    """Their pipes may get the numbers of the closed streams."""
    (tmp_path / "script.py").write_text(ENGINE.format(path=sys.path))
    command = f"exec {sys.executable} script.py {redirection}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False)  # noqa: S607
    assert done.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize(("words", "status"), [
    ("stats t.csv", 0), ("diff t.csv odd.csv", 1), ("diff t.csv odd.csv --format json", 1),
    ("info --model plain.onnx", 0), ("summary", 0),
])  # fmt: skip
def test_characters_that_the_encoding_of_stdout_lacks(place, monkeypatch, encoding, words, status):
    odd = "\u2028\u00e9\U0001f600.png"
    text = (place / "t.csv").read_text()
    (place / "odd.csv").write_text(text.replace("lateral.png", odd))
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = shell(place, words, ">out.txt")
    assert (done.returncode, done.stderr) == (status, "")
    printed = (place / "out.txt").read_bytes()
    assert printed
    if "json" in words:
        assert any(odd in one["file"] for one in json.loads(printed)["added"])
