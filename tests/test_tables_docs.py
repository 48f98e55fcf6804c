"""Every block of docs/tables.md runs, and gives what a walk over the rows gives."""

import re
import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from cxrview.inference.table_writers import open_table_writer
from cxrview.views import Agreement, View
from makers_row import a_failure, a_row

PAGE = (Path(__file__).parent.parent / "docs" / "tables.md").read_text()
BLOCKS = [tuple(found) for found in re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)]
CONFLICT = {"header_view": View.LATERAL, "header_source": "ViewPosition",
            "agreement": Agreement.CONFLICT}  # fmt: skip
ROWS = [
    a_row("p10/a.dcm"),
    a_row("p10/b.dcm", "lateral", 0.99),
    a_row("p11/c.dcm", p=0.001, **CONFLICT),
    a_row("p11/d.dcm", p=0.04, **CONFLICT),
    a_failure("p11/e.dcm"),
    a_failure("p11/f.dcm"),
    a_failure("p12/g.dcm", "no_pixels: a report: two colons"),
]
LATERALS = [row.file for row in ROWS if row.view == "lateral"]
FRONTALS = [row.file for row in ROWS if row.view == "frontal"]
CONFLICTS = ["p11/c.dcm", "p11/d.dcm"]
ERRORS = Counter(row.error.partition(":")[0] for row in ROWS if row.error)


def shares():
    views = defaultdict(list)
    for row in ROWS:
        if row.view:
            views[row.file.partition("/")[0]].append(row.view == "lateral")
    return {folder: sum(found) / len(found) for folder, found in views.items()}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with the tables that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    for name in ("views.parquet", "views.csv", "views.jsonl"):
        with open_table_writer(Path(name), "film@1a2b3c4d") as append:
            for row in ROWS:
                append(row)
    Path("metadata.csv").write_text("dicom_id,ViewPosition\na,PA\nb,LATERAL\nc,LL\n")
    return tmp_path


def block(language, word):
    return next(code for kind, code in BLOCKS if kind == language and word in code)


def test_pandas(place):
    pandas = pytest.importorskip("pandas")
    names = {}
    exec(block("python", "import pandas"), names)  # noqa: S102 - our own page
    assert list(names["laterals"]["file"]) == LATERALS
    assert list(names["conflicts"]["file"]) == CONFLICTS
    assert dict(names["errors"]) == ERRORS
    assert dict(names["by_folder"]) == shares()
    assert Path("train.txt").read_text().split() == FRONTALS
    assert isinstance(names["views"]["view"].dtype, pandas.CategoricalDtype)


def test_polars(place):
    polars = pytest.importorskip("polars")
    names = {}
    exec(block("python", "import polars"), names)  # noqa: S102 - our own page
    assert list(names["laterals"]["file"]) == LATERALS
    assert list(names["conflicts"]["file"]) == CONFLICTS
    assert dict(names["errors"].rows()) == ERRORS
    found = {folder: share for folder, share in names["by_folder"].rows() if share is not None}
    assert found == shares()
    assert Path("train.txt").read_text().split() == FRONTALS
    assert names["views"].collect_schema()["view"] == polars.Categorical


@pytest.mark.parametrize(("word", "rows"), [
    ("SELECT *", [(file,) for file in LATERALS]),
    ("'conflict'", [(file,) for file in CONFLICTS]),
    ("split_part", [("damaged",), ("no_pixels",)]),
    ("GROUP BY folder", [("p10", 2, 0.5), ("p11", 4, 0.0), ("p12", 1, None)]),
    ("metadata.csv", [("LATERAL", "lateral", 1), ("LL", "frontal", 1), ("PA", "frontal", 1)]),
])  # fmt: skip
def test_duckdb(place, word, rows):
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(block("sql", word)).fetchall()
    assert [row[: len(rows[0])] for row in found] == rows


def test_duckdb_writes_the_list(place):
    duckdb = pytest.importorskip("duckdb")
    duckdb.sql(block("sql", "COPY"))
    assert Path("train.txt").read_text().split() == FRONTALS


@pytest.mark.parametrize(("program", "words"), [
    ("jq", ["2 damaged", "1 no_pixels"]),
    ("awk", LATERALS),
])  # fmt: skip
def test_the_shell(place, program, words):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    lines = [line[2:] for kind, code in BLOCKS if kind == "console" for line in code.split("\n")]
    said = "".join(
        subprocess.run(["/bin/sh", "-c", line], check=True, capture_output=True, text=True).stdout
        for line in lines
        if line.startswith(program)
    )
    assert all(word in said for word in words)


def test_every_block_of_code_is_run():
    assert Counter(kind for kind, _ in BLOCKS) == {"python": 2, "sql": 6, "console": 4}
