"""A table appears whole or not at all, and holds what was written, in every format."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview import __version__
from cxrview.errors import MissingExtra, UnusableOutput, WrongUse
from cxrview.inference import parquet_table
from cxrview.inference.corrections import column_names
from cxrview.inference.table_reader import read_batches, read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES, open_table_writer
from cxrview.rows import COLUMNS, LATER_COLUMNS, row_to_dict
from makers_row import a_failure, a_row, rows

ENDINGS = pytest.mark.parametrize("ending", TABLE_SUFFIXES)


def write(path, many):
    with open_table_writer(path, "film@1a2b3c4d") as append:
        for row in many:
            append(row)


def broken_off(many, fault):
    yield from many
    raise fault


@pytest.mark.parametrize("ending", TABLE_SUFFIXES)
@given(many=st.lists(rows, max_size=5))
@settings(max_examples=60)
def test_rows_written_and_read_back_are_the_same(ending, many):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{ending}"
        write(path, many)
        assert list(read_rows(path)) == many


@ENDINGS
def test_row_groups_follow_one_another(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(parquet_table, "ROWS_PER_GROUP", 3)
    many = [a_row(f"{number}.png") for number in range(8)]
    write(tmp_path / f"t{ending}", many)
    assert list(read_rows(tmp_path / f"t{ending}")) == many


def test_csv_is_what_everyone_reads(tmp_path):
    turned = a_row("t.png", rotation=90, inverted=False)
    write(tmp_path / "t.csv", [a_row('a "b",\rc.png', inverted=True), turned, a_failure()])
    assert (tmp_path / "t.csv").read_bytes().decode().split("\n") == [
        ",".join(COLUMNS),
        '"a ""b"",\rc.png",,frontal,0.01,1.0,,true,,,absent,,,,,,',
        "t.png,,frontal,0.01,1.0,90,false,,,absent,,,,,,",
        "a.png,,,,,,,,,absent,damaged: it breaks off,,,,,",
        "",
    ]


def test_tables_without_the_later_columns_are_read(tmp_path):
    """Tables of earlier versions."""
    row = a_row("a.png")
    values = {name: value for name, value in row_to_dict(row).items() if name not in LATER_COLUMNS}
    texts = ["" if value is None else str(value) for value in values.values()]
    (tmp_path / "t.csv").write_text(",".join(values) + "\n" + ",".join(texts) + "\n")
    (tmp_path / "t.jsonl").write_text(json.dumps(values) + "\n")
    pq.write_table(pa.Table.from_pylist([values]), tmp_path / "t.parquet")
    for ending in ("csv", "jsonl", "parquet"):
        assert list(read_rows(tmp_path / f"t.{ending}")) == [row]


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "3", "[]"])
def test_what_is_no_row_of_json_is_refused(tmp_path, text):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(WrongUse, match="is not a table"):
        list(read_rows(tmp_path / "t.jsonl"))


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "3"])
def test_columns_of_what_is_no_row_of_json(tmp_path, text):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(WrongUse, match="is not a table"):
        column_names(tmp_path / "t.jsonl")


@ENDINGS
def test_rotation_and_polarity_are_checked(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write(path, [a_row(rotation=270, inverted=True)])
    (batch,) = read_batches(path)
    assert (batch.rotation.tolist(), batch.inverted) == ([270], ["true"])
    if ending == ".csv":  # as a spreadsheet writes it
        path.write_text(path.read_text().replace("270,true", "270.0,TRUE"))
        assert list(read_rows(path)) == [a_row(rotation=270, inverted=True)]
        path.write_text(path.read_text().replace("TRUE", "maybe"))
        with pytest.raises(WrongUse, match="neither true nor false"):
            list(read_rows(path))


def test_parquet_is_typed_and_says_what_made_it(tmp_path):
    write(tmp_path / "t.parquet", [a_row()])
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema.names == list(COLUMNS)
    assert schema.metadata[b"cxrview.version"] == __version__.encode()
    assert schema.metadata[b"cxrview.model"] == b"film@1a2b3c4d"
    assert str(schema.field("p_lateral").type) == "double"
    assert [str(schema.field(name).type) for name in ("rotation", "inverted")] == ["int16", "bool"]
    for name in ("view", "header_view", "agreement", "model"):
        assert str(schema.field(name).type).startswith("dictionary")


@ENDINGS
@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError, SystemExit])
def test_a_break_leaves_the_old_table_and_the_rows_so_far(tmp_path, ending, fault):
    path = tmp_path / f"t{ending}"
    path.write_bytes(b"old")
    with pytest.raises(fault):
        write(path, broken_off([a_row()], fault))
    assert path.read_bytes() == b"old"
    (tmp_path / f"t{ending}.partial").rename(tmp_path / f"rest{ending}")
    assert list(read_rows(tmp_path / f"rest{ending}")) == [a_row()]


@ENDINGS
def test_a_break_before_the_first_row_leaves_nothing(tmp_path, ending):
    with pytest.raises(KeyboardInterrupt), open_table_writer(tmp_path / f"t{ending}", "m"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@ENDINGS
def test_a_full_disk_is_an_error_and_leaves_the_old_table(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(UnusableOutput, match=r"cannot be written: File too large"):
            write(path, [a_row(os.urandom(40).hex()) for _ in range(20_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(("name", "words"), [
    ("t.xls", "does not end in one of .csv, .jsonl, .parquet"),
    ("t", "does not end in"),
    ("nowhere/t.csv", "No such file or directory"),
    ("folder.csv", "is a folder"),
])  # fmt: skip
def test_a_place_that_cannot_be_written_is_refused_first(tmp_path, name, words):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UnusableOutput, match=words), open_table_writer(tmp_path / name, "m"):
        pytest.fail("it began")


def test_two_runs_do_not_write_the_same_table(tmp_path):
    path = tmp_path / "t.csv"
    with open_table_writer(path, "m") as append:
        append(a_row())
        with pytest.raises(UnusableOutput, match="another run"), open_table_writer(path, "m"):
            pytest.fail("it began")
    assert list(read_rows(path)) == [a_row()]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "t.csv").symlink_to(tmp_path / "far" / "t.csv")
    write(tmp_path / "t.csv", [a_row()])
    assert (tmp_path / "t.csv").is_symlink()
    assert list(read_rows(tmp_path / "far" / "t.csv")) == [a_row()]


def test_parquet_without_pyarrow_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "cxrview.inference.parquet_table", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[parquet\]"):
        write(tmp_path / "t.parquet", [])
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:] = {path!r}
from makers_row import a_row
from cxrview.inference.table_writers import open_table_writer
with open_table_writer(Path({table!r}), "m") as append:
    for number in range(20000):
        append(a_row(str(number)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@ENDINGS
def test_a_killed_run_leaves_the_old_table_and_does_not_block_the_next(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write(path, [a_row("old")])
    program = KILLED.format(path=sys.path, table=str(path))
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(read_rows(path)) == [a_row("old")]
    write(path, [a_row("new")])
    assert list(read_rows(path)) == [a_row("new")]
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
