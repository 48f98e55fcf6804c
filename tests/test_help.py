"""The help of every command: an example, one style of metavars; completion in the shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_reference import commands
from cxrview.cli.main import app
from cxrview.comparison.systems import SYSTEMS
from cxrview.training.recipe import PRESETS
from cxrview.training.recipe_file import read_recipe
from test_docs import complaint

PLACEHOLDERS = {"N", "X", "P", "P%", "PX", "K/N", "FILE", "DIR", "PATH", "NAME", "TEXT", "TABLE",
                "LABELS", "OLD", "NEW", "VOLUME", "DEVICE", "ADDRESS", "HOST:PORT"}  # fmt: skip
VALUE_OPTIONS = [
    (name, parameter)
    for name, command in commands().items()
    for parameter in command.params
    if not (getattr(parameter, "is_flag", False) or getattr(parameter, "hidden", False))
]


def is_in_style(metavar: str) -> bool:
    """Whether each alternative is a word to be written as it is, or one of the placeholders."""
    return all(
        re.fullmatch(r"[a-z_]+", word)
        or re.sub(r"(\.[a-z]+)?(,?\.\.\.)?$", "", word) in PLACEHOLDERS
        for word in metavar.split("|")
    )


@pytest.mark.parametrize(
    ("command", "parameter"), VALUE_OPTIONS, ids=[f"{name} {p.name}" for name, p in VALUE_OPTIONS]
)
def test_metavars_have_one_style(command, parameter):
    assert parameter.metavar, f"{command}: {parameter.name} shows its type"
    assert is_in_style(parameter.metavar)


def test_other_styles_are_noticed():
    wrong = ("SHARE", "<int>", "file", "Name", "ROOT", "FILE.CSV")
    assert [word for word in wrong if is_in_style(word)] == ["file"]  # a word to be written


@pytest.mark.parametrize("name", commands())
def test_the_help_of_every_command_has_an_example_that_parses(name):
    shown = CliRunner().invoke(app, [name, "--help"], terminal_width=80).stdout
    (example,) = re.findall(r"^ *Example: (cxrview .*)$", shown, re.MULTILINE)  # not wrapped
    assert example.split()[1] == name
    assert complaint(example) == ""


@pytest.mark.slow
@pytest.mark.parametrize(("words", "expected"), [
    (["cla"], "classify"),
    (["classify", "--allow"], "--allow-unreadable"),
    (["classify", "--format", "j"], "jsonl"),
])  # fmt: skip
def test_the_shell_completes(words, expected):
    line = {"COMP_WORDS": " ".join(["cxrview", *words]), "COMP_CWORD": str(len(words)),
            "_CXRVIEW_COMPLETE": "complete_bash"}  # fmt: skip
    program = [Path(sys.executable).parent / "cxrview"]
    result = subprocess.run(
        program, env={**os.environ, **line}, capture_output=True, text=True, check=False
    )
    assert expected in result.stdout.split()


def test_compare_lists_its_systems():
    result = CliRunner().invoke(app, ["compare", "--systems", "help"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [s.name for s in SYSTEMS]


@pytest.mark.parametrize("name", PRESETS)
def test_train_shows_a_recipe_that_it_reads(tmp_path, name):
    result = CliRunner().invoke(app, ["train", "--show-recipe", name])
    assert result.exit_code == 0
    (tmp_path / "own.toml").write_text(result.stdout)
    assert read_recipe(tmp_path / "own.toml") == (PRESETS[name].recipe, name)


def test_an_unknown_recipe_is_wrong_use():
    assert CliRunner().invoke(app, ["train", "--show-recipe", "none"]).exit_code == 2
