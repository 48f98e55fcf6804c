"""File names are bytes: whatever they are, they come back from every table as they were."""

import os
import subprocess

import pytest

from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES
from makers_film import png
from makers_model import model_bytes
from test_cli import COMMAND, classify

NAMES = [
    b"new\nline.png",
    b"carriage\rreturn.png",
    b"tab\tstop.png",
    b"-o",
    b"--help.png",
    b"-",
    b"@list.png",
    b'quo"te,comma;.png',
    b"apo'strophe.png",
    b"=1+1.png",
    b"\xff\xfe.png",
    b"half \xc3.png",
    b"a\\xe9.png",
    b"\x1b[2J.png",
    b"\x01.png",
    b" .png",
    "\u202egnp.exe\u2028".encode(),
    b"%s%n{0}.png",
    b"[1]*?.png",
    b"a::b.png",
    b"x" * 251 + b".png",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = os.fsencode(tmp_path_factory.mktemp("names"))
    os.mkdir(place + b"/in")  # noqa: PTH102 - names of bytes
    for number, name in enumerate(NAMES):
        data = png("frontal") if number % 3 else b""  # names of the unreadable are shown as well
        with open(place + b"/in/" + name, "wb") as file:  # noqa: PTH123
            file.write(data)
    with open(place + b"/plain.onnx", "wb") as file:  # noqa: PTH123
        file.write(model_bytes())
    return place


@pytest.mark.parametrize("ending", TABLE_SUFFIXES)
def test_names_are_restored(place, ending, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    table = tmp_path / f"views{ending}"
    done = classify("-o", table, "in")
    assert done.exit_code == 1, done.stderr
    found = {os.fsencode(row.file) for row in read_rows(table)}
    assert found == {b"in/" + name for name in NAMES}
    assert "\x1b" not in done.stderr  # nothing that moves a cursor
    assert "Traceback" not in done.stderr


def test_names_in_lists(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    named = [b"in/" + name for name in NAMES]
    (tmp_path / "list").write_bytes(b"\0".join(named))
    table = tmp_path / "views.csv"
    assert classify("-o", table, f"@{tmp_path / 'list'}").exit_code == 1
    assert [os.fsencode(row.file) for row in read_rows(table)] == named


@pytest.mark.slow
def test_names_on_the_command_line(place, tmp_path):
    """Two dashes separate the names from the options."""
    table = tmp_path / "views.csv"
    command = [*COMMAND, "classify", "--model", "../plain.onnx", "--jobs", "0", "-o", str(table)]
    done = subprocess.run(
        [*command, "--", *NAMES], cwd=place + b"/in", capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert {os.fsencode(row.file) for row in read_rows(table)} >= {*NAMES} - {b"-"}
