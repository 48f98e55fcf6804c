"""The command that a message names installs an extra from where the package was installed."""

import json
import shlex
import subprocess
import sys

import pytest

from cxrview import extras

EDITABLE = {"url": "file:///home/me/my%20code", "dir_info": {"editable": True}}
FOLDER = {"url": "file:///home/me/my%20code", "dir_info": {}}
REPOSITORY = {
    "url": "https://example.org/cxrview.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"},
}  # fmt: skip


class Distribution:
    def __init__(self, origin):
        self._text = origin if isinstance(origin, str | None) else json.dumps(origin)

    def read_text(self, name):
        assert name == "direct_url.json"
        return self._text


@pytest.mark.parametrize(("origin", "words"), [
    (None, ["cxrview[train]"]),
    ("not JSON", ["cxrview[train]"]),
    (EDITABLE, ["--editable", "/home/me/my code[train]"]),
    (FOLDER, ["cxrview[train] @ file:///home/me/my%20code"]),
    ({"url": "file:///w/cxrview-0.1.0-py3-none-any.whl", "archive_info": {}},
     ["cxrview[train] @ file:///w/cxrview-0.1.0-py3-none-any.whl"]),
    (REPOSITORY, ["cxrview[train] @ git+https://example.org/cxrview.git@abc123"]),
])  # fmt: skip
def test_the_command_names_the_place(monkeypatch, origin, words):
    monkeypatch.setattr(extras, "distribution", lambda _: Distribution(origin))
    error = extras.missing_extra(ModuleNotFoundError(name="torch"), "train")
    what, _, command = str(error).partition(": ")
    assert what == "torch is not installed"
    assert shlex.split(command) == [sys.executable, "-m", "pip", "install", *words]


WITHOUT_FCNTL = "import sys; sys.modules['fcntl'] = None; "  # as on Windows


@pytest.mark.parametrize("words", ["--version", "stats"])
def test_the_command_line_says_on_which_systems_it_runs(words):
    code = f"sys.argv[1:] = [{words!r}]; from cxrview.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FCNTL + code], capture_output=True, text=True, check=False
    )
    message = "cxrview: cxrview runs on Linux; on Windows use it within WSL 2\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


@pytest.mark.parametrize("call", ["load()", "classify('a.png')"])
def test_python_says_on_which_systems_it_runs(call):
    code = f"import cxrview\ntry: cxrview.{call}\nexcept cxrview.WrongUse as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FCNTL + code], capture_output=True, text=True, check=True
    )
    assert "runs on Linux" in done.stdout
