"""A base installation classifies and prints statistics; other commands name the missing extra."""

import subprocess
import sys

import pytest

from cxrview.inference.table_writers import open_table_writer
from makers_film import png
from makers_model import model_bytes
from makers_row import a_row

EXTRAS = ("scipy", "sklearn", "jinja2", "matplotlib", "torch", "pyarrow")
PROGRAM = (
    f"import sys; sys.modules.update(dict.fromkeys({EXTRAS})); "
    "from cxrview.cli.main import run; run()"
)


def run(place, *words):
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    (tmp_path / "a.png").write_bytes(png("frontal"))
    with open_table_writer(tmp_path / "t.csv", "m") as append:
        append(a_row("a.png"))
    return tmp_path


@pytest.mark.parametrize("words", [
    ("classify", "a.png", "--model", "plain.onnx", "-o", "new.csv", "--jobs", 0),
    ("stats", "t.csv"),
    ("stats", "t.csv", "--json"),
])  # fmt: skip
def test_a_base_installation_is_enough(place, words):
    result = run(place, *words)
    assert (result.returncode, result.stderr.count("Traceback")) == (0, 0), result.stderr


@pytest.mark.parametrize(("words", "extra"), [
    (("stats", "t.csv", "-o", "page.html"), "evaluate"),
    (("stats", "t.csv", "-o", "page.png"), "evaluate"),
    (("evaluate", "t.csv", "labels.csv"), "evaluate"),
    (("stats", "t.parquet"), "parquet"),
])  # fmt: skip
def test_a_missing_library_is_named_with_its_extra(place, words, extra):
    result = run(place, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("cxrview: ")
    assert f"[{extra}]" in result.stderr
    assert result.stderr.count("\n") == 1
