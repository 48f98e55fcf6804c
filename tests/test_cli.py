"""The command line: results on stdout or in files, the rest on stderr, and no traceback."""

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrview import __version__
from cxrview.cli import main, progress
from cxrview.cli.main import app
from cxrview.cli.messages import summary_lines
from cxrview.filenames import printable
from cxrview.inference.summary import MAX_EXAMPLES, RunSummary
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES
from cxrview.model.classifier import Classifier
from cxrview.rows import COLUMNS
from cxrview.views import Agreement, View
from makers_film import FILES, collection, dicom, png
from makers_model import model_bytes
from makers_row import a_failure, a_row
from waiting import HANGING, wait_until

COMMAND = [sys.executable, "-m", "cxrview"]
GOOD = [name for name in FILES if not name.startswith("d/")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a model and a collection in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    collection(tmp_path / "images")
    return tmp_path


def run(*words, **more):
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, **more
    )


def classify(*words, jobs=0):
    """In this process, which is quicker."""
    command = ["classify", "--model", "plain.onnx", "--jobs", jobs, *words]
    return CliRunner().invoke(app, list(map(str, command)))


@pytest.mark.slow
@pytest.mark.parametrize("ending", TABLE_SUFFIXES)
def test_a_table_holds_a_row_for_every_file(place, ending):
    result = run("classify", "images", "--model", "plain.onnx", "-o", f"t{ending}", "--jobs", 2)
    assert result.returncode == 1
    assert result.stdout == ""
    rows = list(read_rows(place / f"t{ending}"))
    assert {row.file for row in rows} == {f"images/{name}" for name in FILES}
    assert {row.model for row in rows} == {rows[0].model}
    assert "4 frontal, 3 lateral, 1 uncertain, 1 not_chest, 3 unreadable" in result.stderr
    assert "images/c/conflicts.dcm: frontal" in result.stderr
    assert "header says lateral (ViewPosition)" in result.stderr
    assert "unknown_format: 2\n  images/d/empty.png: the file is empty" in result.stderr


@pytest.mark.parametrize(("words", "status"), [
    (["images/b"], 0),
    (["images/d"], 1),
    (["images/a frontal.png", "images/c"], 0),
    (["images/*.png"], 0),
    (["nowhere"], 2),
    (["images/*.tif"], 2),
    (["images/b", "-o", "t.xls"], 2),
    (["images/b", "-o", "no/folder/t.csv"], 2),
    (["images/b", "--sheet", "t.jpg"], 2),
    (["images/b", "--sheet", "no/folder/t.png"], 2),
    (["images/b", "--link-into", "l", "--copy-into", "c"], 2),
    (["images/b", "--link-into", "plain.onnx"], 2),
    (["images/b", "--model", "nowhere.onnx"], 2),
    (["images/b", "--model", "images/a frontal.png"], 2),
    (["images/b", "--jobs", "-1"], 2),
    (["images/b", "--nonsense"], 2),
    ([], 2),
])  # fmt: skip
def test_exit_status(place, words, status):
    result = classify(*words)
    assert result.exit_code == status
    assert (status == 2) == (result.stdout == "")
    assert "Traceback" not in result.stderr
    if status == 2:
        assert result.stderr
        assert not (place / "t.csv").exists()


def test_wrong_use_is_one_line_even_outside(place):
    result = run("classify", "nowhere")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "cxrview: not there: 'nowhere'\n"


def test_an_empty_folder_is_wrong_use_and_leaves_no_file(place):
    (place / "empty").mkdir()
    result = classify("empty", "-o", "t.csv")
    assert (result.exit_code, result.stderr) == (2, "cxrview: no images in empty\n")
    assert not list(place.glob("t.csv*"))


@pytest.mark.parametrize("words", [[], ["-o", "-"]])
def test_a_pipe_gets_csv(place, words):
    result = classify("images", *words)
    rows = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(FILES)


@pytest.mark.parametrize(("words", "expected"), [
    (["a frontal.png"], "object"),
    (["a frontal.png", "a lateral.png"], "list"),
    (["."], "list"),
    (["*frontal.png"], "list"),  # a glob, which may match more tomorrow
])  # fmt: skip
def test_json_of_one_file_is_an_object_and_of_anything_else_a_list(place, words, expected):
    printed = classify("--format", "json", *(f"images/{word}" for word in words)).stdout
    value = json.loads(printed)
    assert isinstance(value, dict) == (expected == "object")
    rows = [value] if isinstance(value, dict) else value
    assert [list(row) for row in rows] == [list(COLUMNS)] * len(rows)
    lines = classify("--format", "jsonl", *(f"images/{word}" for word in words)).stdout
    assert rows == [json.loads(line) for line in lines.splitlines()]


def test_a_format_is_for_stdout(place):
    assert classify("images", "--format", "csv").stdout == classify("images", "-o", "-").stdout
    assert classify("images", "--format", "json", "-o", "t.csv").exit_code == 2
    assert classify("images", "--format", "xml").exit_code == 2


def test_a_reader_that_leaves_early_is_no_error(place):
    words = ["classify", *["images/a frontal.png", "images/b"], "--model", "plain.onnx", "-q"]
    with subprocess.Popen([*COMMAND, *words, "--jobs", "0"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_quiet_shows_nothing_but_errors(place):
    (place / "images/d").rename(place / "unreadable")
    assert classify("images", "-o", "t.csv", "--quiet").output == ""
    result = classify("images", "unreadable", "-o", "u.csv", "--quiet")
    assert "unknown_format: 2\n  unreadable/empty.png: the file is empty" in result.stderr
    assert "images" not in result.stderr


def test_paths_come_from_stdin(place):
    (place / "t\\x80.png").write_bytes(png("lateral"))
    names = "images/a frontal.png\nt\\x80.png\n"
    result = run("classify", "-", "--model", "plain.onnx", "-o", "t.csv", "--jobs", 0, input=names)
    assert result.returncode == 0
    assert [row.file for row in read_rows(place / "t.csv")] == names.splitlines()


def test_bytes_that_are_no_text_are_a_name_as_well(place):
    odd = os.fsdecode(b"images/odd/\xe9\n,.png")
    Path(odd).parent.mkdir()
    Path(odd).write_bytes(png("lateral"))
    for ending in TABLE_SUFFIXES:
        words = ["images/odd", "-o", f"t{ending}", "--sheet", f"s{ending}.png", "--copy-into", "c"]
        assert classify(*words).exit_code == 0
        (row,) = read_rows(place / f"t{ending}")
        assert (row.file, row.view) == (odd, "lateral")


def test_a_rerun_does_not_classify_its_own_output(place):
    words = [
        "images",
        "--sheet",
        "images/sheet.png",
        "-o",
        "images/t.csv",
        "--copy-into",
        "images/out",
    ]
    for _ in range(2):
        assert classify(*words).exit_code == 1
        assert len(list(read_rows(place / "images/t.csv"))) == len(FILES)
    placed = [path for path in (place / "images/out").glob("*/*") if path.is_file()]
    assert len(placed) == len(GOOD)


def test_sorting_by_another_model_is_refused_without_resort(place):
    (place / "other.onnx").write_bytes(model_bytes(name="other"))
    assert classify("images", "--link-into", "out").exit_code == 1
    words = ["images", "--model", "other.onnx", "--link-into", "out"]
    result = classify(*words)
    assert result.exit_code == 2
    assert "--resort" in result.stderr
    assert classify(*words, "--resort").exit_code == 1
    result = classify("images", "--copy-into", "copies", "--keep-tree")
    assert "copies/index.csv says where each image is" in result.stderr
    assert (place / "copies/lateral/a lateral.png").exists()
    assert classify("images", "--resort").exit_code == 2


def on_a_terminal(*words):
    """Output of a run whose stdout and stderr are one terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *words], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how a terminal says that nobody is left
                break
            shown += part
    os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_shows_few_rows_as_a_table(place):
    status, shown = on_a_terminal("classify", "images", "--model", "plain.onnx")
    assert status == 1
    assert "P(lateral)" in shown
    assert "images/s" in shown
    assert "uncertain" in shown


def test_a_terminal_changes_nothing_about_a_table_that_is_named(place):
    words = ("classify", "images", "--model", "plain.onnx", "-o", "named.csv")
    for number in range(50):
        (place / "images" / f"{number}.png").write_bytes(png("frontal"))
    status, shown = on_a_terminal(*words)
    assert status == 1
    assert len(list(read_rows(place / "named.csv"))) == 50 + len(FILES)
    assert not (place / "cxrview-views.csv").exists()
    assert "P(lateral)" not in shown.partition("images/s")[0]  # no rows on the screen


def test_many_rows_on_a_terminal_go_into_a_table(place):
    for number in range(50):
        (place / "images" / f"{number}.png").write_bytes(png("frontal"))
    words = ("classify", "images", "--model", "plain.onnx")
    status, shown = on_a_terminal(*words)
    assert status == 1
    total = 50 + len(FILES)
    before, _, after = shown.partition("P(lateral)")
    assert re.search(rf"{total} images are too many .* cxrview-views\.csv", before)
    assert f"... and {total - 40} more: all {total} are in cxrview-views.csv" in after
    assert len(list(read_rows(place / "cxrview-views.csv"))) == total
    assert "is up to date" in on_a_terminal(*words)[1]
    (place / "images" / "0.png").rename(place / "0.png")
    made = (place / "cxrview-views.csv").read_bytes()
    status, shown = on_a_terminal(*words)
    assert status == 2
    assert "results of other images" in shown
    (place / "cxrview-views.csv").write_text("somebody's")
    assert "has changed since it was written" in on_a_terminal(*words)[1]
    assert on_a_terminal(*words, "--overwrite")[0] == 1
    assert (place / "cxrview-views.csv").read_bytes() != made


def test_no_file_name_controls_the_terminal():
    assert printable("a\x1b[2J\nb\udce9\u202e[bold]é") == "a\\x1b[2J\\nb\\xe9\\u202e[bold]é"


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_the_rows_so_far(place, signum):
    (place / "t.csv").write_text("old")
    many = place / "many"
    many.mkdir()
    for number in range(1500):
        (many / f"{number}.png").symlink_to(place / "images/a frontal.png")
    words = [
        "classify",
        "many",
        "--model",
        "plain.onnx",
        "-o",
        "t.csv",
        "--overwrite",
        "--jobs",
        "1",
    ]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: list(place.glob(".t.csv.run/*.rows")) or process.poll() is not None)
        process.send_signal(signum)
        said = process.communicate(timeout=HANGING)[1]
    assert process.returncode == 128 + signum, said
    assert (place / "t.csv").read_text() == "old"
    kept = re.fullmatch(
        r"interrupted after ([\d,]+) images; the same command continues from there\n", said
    )
    done = int(kept[1].replace(",", ""))
    assert 0 < done < 1500
    again = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True)
    # the interrupt may have come after a row was stored and before it was counted
    assert any(
        f"resuming: {count:,} images done already, {1500 - count:,} to classify" in again.stderr
        for count in (done, done + 1)
    )
    report = json.loads((place / "t.csv.report.json").read_text())
    assert report["images"] == 1500
    rows = list(read_rows(place / "t.csv"))
    assert sorted(row.file for row in rows) == sorted(f"many/{i}.png" for i in range(1500))
    assert {row.view for row in rows} == {"frontal"}


def test_info_shows_everything(place):
    result = CliRunner().invoke(app, ["info", "--model", "plain.onnx"])
    assert result.exit_code == 0
    for words in (__version__, "plain@", "tests only", "DICOM", "p_lateral", "exit codes"):
        assert words in result.stdout


def test_info_for_machines(place):
    facts = json.loads(CliRunner().invoke(app, ["info", "--model", "plain.onnx", "--json"]).stdout)
    assert facts["version"] == __version__
    assert facts["card"]["name"] == "plain"
    assert tuple(facts["columns"]) == COLUMNS
    assert {"0", "1", "2"} <= set(facts["exit_codes"])


def test_version():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"cxrview {__version__}\n"


@pytest.mark.parametrize("command", ["classify", "compare", "info", "phantom", "train"])
def test_every_command_has_help(command):
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from cxrview.cli.main import app; "
        "heavy = {'numpy', 'onnxruntime', 'pydicom', 'PIL', 'torch', 'rich'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_run_over_dicom_files_loads_only_what_it_needs(place):
    """Each of these takes a tenth of the time that one file may take from the start to its row."""
    program = (
        "import sys; sys.argv[1:] = {words}\n"
        "from cxrview.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "sys.exit(str(set({slow}) & set(sys.modules)) if set({slow}) & set(sys.modules) else 0)"
    )
    Path("one.dcm").write_bytes(dicom("frontal", ViewPosition="PA"))
    words = ["classify", "one.dcm", "--model", "plain.onnx", "--format", "json"]
    in_any = ["pydicom", "rich", "requests", "PIL.TiffImagePlugin", "PIL.ImageDraw", "pyarrow"]
    for jobs, slow in (("0", in_any), ("1", [*in_any, "cxrview.readers.decode"])):
        code = program.format(words=[*words, "--jobs", jobs], slow=slow)
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert (result.returncode, json.loads(result.stdout)["error"]) == (0, ""), result.stderr


def test_a_summary_names_the_first_few_and_counts_the_rest():
    totals = RunSummary()
    conflict = {"agreement": Agreement.CONFLICT, "header_view": View.LATERAL}
    for number in range(MAX_EXAMPLES + 5):
        totals.add(a_row(f"c{number}", **conflict))
        totals.add(a_failure(f"e{number}"))
    lines = list(summary_lines(totals, 2.0, totals.rows))
    assert lines[0] == "30 images: 15 frontal, 0 lateral, 0 uncertain, 0 not_chest, 15 unreadable"
    assert lines[1] == "2.0 s, 15.0 images/s"
    assert lines.count("  ... and 5 more: agreement is conflict in the table") == 1
    assert lines.count("  ... and 5 more") == 1
    assert sum(line.startswith("  c") for line in lines) == MAX_EXAMPLES
    assert sum(line.startswith("  e") for line in lines) == MAX_EXAMPLES


def test_copies_are_sorted_upright(place, monkeypatch):
    predict = Classifier.predict
    monkeypatch.setattr(
        Classifier, "predict", lambda *args: replace(predict(*args), rotation=270, inverted=False)
    )
    result = classify("images", "-o", "t.csv", "--copy-into", "s", "--upright")
    assert "8 copies turned upright\n" in result.stderr
    with Path("s/index.csv").open(newline="") as file:
        changes = Counter(line["change"] for line in csv.DictReader(file))
    assert changes == {"rotated clockwise by 270 degrees": 8, "unchanged: not_chest": 1}
    refused = classify("images", "--link-into", "l", "--upright")
    assert (refused.exit_code, Path("l").exists()) == (2, False)
    assert "--upright changes copies: it needs --copy-into" in refused.stderr


def test_a_summary_counts_rotated_and_inverted_images():
    totals = RunSummary()
    for rotation, inverted in ((0, False), (90, False), (270, True), (None, None)):
        totals.add(a_row(rotation=rotation, inverted=inverted))
    line = "rotation and polarity: 2 images not upright, 1 image inverted (bone dark)"
    assert line in list(summary_lines(totals))
    totals = RunSummary()
    totals.add(a_row(rotation=0, inverted=False))
    assert not any("rotation" in line for line in summary_lines(totals))


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE_SECONDS", 0.0)
    with progress.progress(3, restarts=lambda: 2) as step:
        for is_error in (True, False, False):
            step(is_error)
    (line,) = capsys.readouterr().err.splitlines()  # the next one would be due in a minute
    assert re.fullmatch(
        r"1 of 3, [\d,.]+ images/s, .+ left, 1 unreadable, 2 workers replaced", line
    )
    with progress.progress(1, is_quiet=True) as step:
        step()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [
    (0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3600, "1 h 00 min"), (15_000, "4 h 10 min"),
])  # fmt: skip
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


def test_the_rate_leaves_out_rows_of_an_earlier_run(monkeypatch):
    clock = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    state = progress.RunProgress(1000, restarts=lambda: 0)
    for number in range(500):
        state.step(is_new=number >= 400)
    assert state.rate() == 10.0  # images per second, of the 100 that were classified now
    assert state.line() == "500 of 1,000, 10.0 images/s, 50 s left"


def test_an_interrupt_outside_a_command_has_its_exit_status(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("cxrview.cli.main.app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == main.INTERRUPTED
