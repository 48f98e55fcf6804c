"""Options without a possible meaning end in exit status 2 and a message, never in a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app

LONG = "x" * 300  # longer than any file system's names
COMMANDS = {
    "classify": ["classify", "in", "-o", "out.csv", "--jobs", "0"],
    "info": ["info"],
    "phantom": ["phantom", "-o", "out"],
    "sample": ["sample", "in", "-o", "out.csv", "--jobs", "0"],
    "dataset": ["dataset", "folders", "in", "-o", "out.csv", "--jobs", "0"],
}


@pytest.mark.parametrize(("command", "options"), [
    ("classify", ["--jobs", "-1"]),
    ("classify", ["--jobs", "99999"]),
    ("classify", ["--jobs", "many"]),
    ("classify", ["--model", ""]),
    ("classify", ["--model", "."]),
    ("classify", ["--model", LONG]),
    ("classify", ["--model", "in/frontal/a.png"]),
    ("classify", ["-o", ""]),
    ("classify", ["-o", "/"]),
    ("classify", ["-o", ".."]),
    ("classify", ["-o", ".csv"]),
    ("classify", ["-o", "t.xls"]),
    ("classify", ["-o", f"{LONG}.csv"]),
    ("classify", ["-o", f"{LONG}/t.csv"]),
    ("classify", ["-o", "/dev/null/t.csv"]),
    ("classify", ["-o", "s3://bucket/t.csv"]),
    ("classify", ["--link-into", ""]),
    ("classify", ["--link-into", LONG]),
    ("classify", ["--copy-into", "/dev/null/below"]),
    ("classify", ["--link-into", "a", "--copy-into", "b"]),
    ("classify", ["--sheet", ""]),
    ("classify", ["--sheet", "sheet.jpg"]),
    ("classify", ["--sheet", f"{LONG}.png"]),
    ("classify", ["--sheet-images", "0"]),
    ("classify", ["--sheet-images", "2001"]),
    ("classify", ["--engine", ""]),
    ("classify", ["--engine", "spark"]),
    ("classify", ["--ray-address", "127.0.0.1:1"]),
    ("classify", ["--part", "0/1"]),
    ("classify", ["--part", "2/1"]),
    ("classify", ["--part", "-1/2"]),
    ("classify", ["--part", "1/99999999999999999999"]),  # a list of that length has no memory
    ("classify", ["--part", "1" * 5000 + "/2"]),  # more digits than `int` accepts
    ("classify", ["--part", "\uff11/\uff12"]),  # digits, but not of ASCII
    ("classify", ["-o", "t.csv", "--part", "1/2", "--fresh"]),
    ("classify", ["--part", "1/2", "--sheet", "sheet.png"]),
    ("info", ["--model", ""]),
    ("info", ["--model", "in"]),
    ("phantom", ["-n", "0"]),
    ("phantom", ["-n", "-5"]),
    ("phantom", ["-n", "many"]),
    ("phantom", ["-o", ""]),
    ("phantom", ["--lateral-share", "inf"]),
    ("phantom", ["--seed", "-1"]),
    ("phantom", ["--seed", "1.5"]),
    ("phantom", ["--side", "0"]),
    ("phantom", ["--side", "100000"]),
    ("phantom", ["--lateral-share", "-0.1"]),
    ("phantom", ["--lateral-share", "nan"]),
    ("phantom", ["--lateral-share", "1.5"]),
    ("phantom", ["-o", LONG, "-n", "1"]),
    ("phantom", ["-o", "/dev/null/below", "-n", "1"]),
    ("phantom", ["--sheet", f"{LONG}/sheet.png"]),
    ("sample", ["-n", "0"]),
    ("sample", ["-n", "-5"]),
    ("sample", ["--seed", "-1"]),
    ("sample", ["--how", "best"]),
    ("sample", ["--how", ""]),
    ("sample", ["--pool", "0"]),
    ("sample", ["--jobs", "-1"]),
    ("sample", ["--jobs", "1000000"]),
    ("sample", ["--how", "typical", "--model", "nowhere.onnx"]),
    ("sample", ["--how", "typical", "--model", ""]),
    ("sample", ["-o", f"{LONG}.csv"]),
    ("sample", ["-o", f"{LONG}/t.csv"]),
    ("sample", ["-o", ""]),
    ("dataset", ["--jobs", "-1"]),
    ("dataset", ["-o", "out.txt"]),
    ("dataset", ["-o", f"{LONG}.csv"]),
    ("dataset", ["-o", f"{LONG}/t.csv"]),
])  # fmt: skip
def test_an_impossible_option_is_refused(tmp_path, monkeypatch, command, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "frontal").mkdir(parents=True)
    (tmp_path / "in" / "frontal" / "a.png").write_bytes(b"no image")
    result = CliRunner().invoke(app, [*COMMANDS[command], *options])
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr.strip()


@pytest.mark.parametrize("words", [
    ["classify"],
    ["classify", ""],
    ["classify", LONG],
    ["classify", "@"],
    ["classify", "@nowhere"],
    ["classify", "-"],  # an empty list
    ["classify", "["],
    ["classify", "::"],
    ["classify", "nosuch://bucket/key"],
    ["join", ""],
    ["join", "/"],
    ["join", ".."],
    ["join", "t.csv"],
    ["join", "t.xls"],
    ["join", f"{LONG}.csv"],
    ["sample", LONG, "-o", "t.csv"],
    ["sample", "", "-o", "t.csv"],
    ["dataset", "folders", LONG, "-o", "t.csv"],
    ["dataset", "nih-cxr14", LONG, "-o", "t.csv"],
    ["dataset", "", "in", "-o", "t.csv"],
    ["phantom"],
])  # fmt: skip
def test_an_impossible_argument_is_refused(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr.strip()


@pytest.mark.parametrize(("words", "message"), [
    (["classify", "in", "--format", "xml"],
     "Invalid value for '--format': 'xml' is not one of 'csv', 'json', 'jsonl'."),
    (["classify", "in", "--jobs", "two"],
     "Invalid value for '--jobs' / '-j': it should be a whole number"),
    (["diff", "a", "b", "--format", "xml"], "'xml' is not one of 'text', 'json'."),
    (["classify", "in", "--format", "xml"], " classify [OPTIONS] PATH...\n"),
    (["diff", "a"], " diff [OPTIONS] OLD NEW\n"),
    (["evaluate", "open", "in"], "in is a folder: name a label table, or the collection in it with "
     "--dataset"),
    (["train", "in", "-o", "out"], "in is a folder: name a label table, or --unlabelled in"),
    (["evaluate", "open", "in/image.png"], "an image or another binary file"),
])  # fmt: skip
def test_the_message_names_what_to_write_instead(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/image.png").write_bytes(b"\0\0\0\1" * 9)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Value error" not in result.stderr
