"""The examples run, or at least parse, and name only options that exist."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
import yaml

from makers_film import collection
from test_docs import complaint

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SCRIPTS = sorted(EXAMPLES.rglob("*.sh"))
UNITS = sorted((EXAMPLES / "nightly").glob("cxrview.*"))
CHECKS = """
assert len(views) == len(labels) == len(joined) == 60
assert views["error"].isna().all()
assert 0 < len(doubtful) < 60
assert len(conflicts) > 0 and (conflicts["header"] == "wrong").all()
assert os.path.getsize("doubtful.png") > 10_000
assert os.path.exists("report/index.html")
"""


def test_there_is_an_example():
    assert [path.name for path in NOTEBOOKS] == ["sort_and_review.ipynb"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own libraries
def test_the_notebook_runs(monkeypatch, tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS))
    client = nbclient.NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()  # raises CellExecutionError where a cell fails


def test_the_committed_outputs_name_no_folder_of_a_machine():
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code), "make examples"
        outputs = [output for cell in code for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error"]
        for output in outputs:
            output.get("data", {}).pop("image/png", None)
        assert not re.search(r"/(tmp|home|root|work)/", str(outputs))


def commands_of(text: str) -> list[str]:
    """Every call of cxrview in a script, a unit or a crontab, with and without its folder."""
    lines = text.replace("\\\n", " ").replace("\\%", "%").replace("%%", "%").splitlines()
    code = (line for line in lines if not line.startswith("#"))
    calls = (re.search(r"(?:^|[ /=])(cxrview (?:classify|join|diff)\b.*)", line) for line in code)
    return [re.sub(r"\$\{?\w+\}?", "1", call[1]) for call in calls if call]


@pytest.mark.parametrize("path", [*SCRIPTS, *UNITS, EXAMPLES / "nightly" / "crontab"])
def test_the_commands_in_examples_parse(path):
    found = commands_of(path.read_text())
    assert not [why for why in map(complaint, found) if why]
    expected = {"classify.sh": 1, "cxrview.service": 2, "crontab": 1}
    assert len(found) == expected.get(path.name, 0)


@pytest.mark.parametrize("path", SCRIPTS)
def test_scripts_parse_and_can_be_executed(path):
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0  # noqa: S607
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()


@pytest.mark.parametrize("path", UNITS)
def test_units_are_valid(path):
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read(path)
    assert unit.sections()[0] == "Unit"
    assert "%" not in path.read_text().replace("%%", "")  # it begins a specifier
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "verify", path]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = result.stderr.splitlines()
        assert not [line for line in lines if path.name in line and "not executable" not in line]


def test_the_crontab_has_a_time_for_its_command():
    *_, line = (EXAMPLES / "nightly" / "crontab").read_text().splitlines()
    assert re.match(r"\d+ \d+ \* \* \* cd ", line)
    assert "%" not in line.replace("\\%", "")  # cron takes it for the end of the line


def test_the_containerfile_names_what_exists():
    text = re.sub(r"\\\n", " ", (EXAMPLES / "container" / "Containerfile").read_text())
    words = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    assert {word[0] for word in words} <= {"FROM", "COPY", "RUN", "WORKDIR", "USER", "ENTRYPOINT",
                                           "CMD"}  # fmt: skip
    assert [json.loads(rest) for name, rest in words if name == "ENTRYPOINT"] == [["cxrview"]]
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert "-f examples/container/Containerfile ." in workflow


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=str)
def test_workflows_call_targets_and_files_that_exist(path):
    jobs = yaml.safe_load(path.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    scripts = "\n".join(step["run"] for step in steps if "run" in step)
    targets = re.findall(r"^([\w$().\/-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = re.findall(r"\bmake ([\w./-]+)", scripts)
    assert called
    assert {name.replace(".venv", "$(VENV)") for name in called} <= set(targets)
    for file in re.findall(r"\bexamples/[\w./-]+", scripts):
        assert (ROOT / file).is_file(), file


@pytest.mark.slow
def test_the_tasks_of_an_array_make_one_table(tmp_path):
    collection(tmp_path / "images")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for task in ("1", "2"):
        names = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2",
                 "SLURM_CPUS_PER_TASK": "1", "PATH": path}  # fmt: skip
        command = [EXAMPLES / "slurm" / "classify.sh", "images", "views.csv"]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **names}, check=True)
    join = [sys.executable, "-m", "cxrview", "join", "views.csv", "--allow-unreadable", "3"]
    subprocess.run(join, cwd=tmp_path, check=True)
    assert len((tmp_path / "views.csv").read_text().splitlines()) == 13


def test_the_offline_script_explains_itself():
    script = EXAMPLES / "offline" / "wheelhouse.sh"
    result = subprocess.run([script, "unpack"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr[:6]) == (2, "usage:")
