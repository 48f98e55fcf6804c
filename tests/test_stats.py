"""Counting a table of verdicts: every row once, the same for every format and any file names."""

import json
import re
import tracemalloc
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from cxrview import __version__
from cxrview.cli.main import app
from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import escape_name
from cxrview.inference import table_reader
from cxrview.inference.table_writers import TABLE_SUFFIXES, open_table_writer
from cxrview.report.charts import draw_sheet
from cxrview.report.content import to_plain
from cxrview.report.html import html_page
from cxrview.report.terminal import print_page
from cxrview.rows import COLUMNS
from cxrview.stats import folders
from cxrview.stats.folders import FolderCounter, folders_of
from cxrview.stats.sections import charts_of, page_of
from cxrview.stats.survey import survey_of
from cxrview.views import Agreement, View
from makers_row import a_failure, a_row, rows
from test_report_kit import HOSTILE, ParsedPage

ENDINGS = pytest.mark.parametrize("ending", TABLE_SUFFIXES)
CONFLICT = {"header_view": View.FRONTAL, "header_source": "ViewPosition",
            "agreement": Agreement.CONFLICT, "model": "film@1a2b3c4d"}  # fmt: skip
AGREE = {**CONFLICT, "agreement": Agreement.AGREE}
TABLE = [
    a_row("in/p10/a.dcm", p=0.02, rotation=90, inverted=True, width=2544, height=3056, **AGREE),
    a_row("in/p10/b.dcm", p=0.01, rotation=0, inverted=False, width=2544, height=3056, **AGREE),
    a_row("in/p10/c.dcm", "lateral", 0.96, width=2000, height=1000, **CONFLICT),
    a_row("in/p11/d.dcm", "lateral", 0.999999, width=300, height=300, **CONFLICT),
    a_row("in/p11/e.zip::f.png", "uncertain", 0.6, model="film@1a2b3c4d"),
    a_row("in/p11/g.dcm", "not_chest", 0.3, model="film@1a2b3c4d"),
    a_failure("in/p11/h.dcm", "damaged: it breaks off"),
    a_failure("in/p11/i.dcm", "no_pixels: a report"),
    a_failure("in/p11/j.dcm", "damaged: it contradicts itself"),
]  # fmt: skip


def table(path, many=TABLE, model="film@1a2b3c4d"):
    with open_table_writer(path, model) as append:
        for row in many:
            append(row)
    return path


def survey(path, many=TABLE, **options):
    return survey_of(table(path, many), **options)


def printed(found):
    file = StringIO()
    print_page(page_of(found), Console(file=file, width=1000))
    return file.getvalue()


@ENDINGS
def test_counts(tmp_path, ending):
    found = survey(tmp_path / f"t{ending}")
    assert found.rows == 9
    assert found.outcomes == {
        "frontal": 2, "lateral": 2, "uncertain": 1, "not_chest": 1, "unreadable": 3,
    }  # fmt: skip
    assert (found.decided, found.compared) == (4, 4)
    assert found.errors == {"damaged": 2, "no_pixels": 1}
    assert found.agreements == {"agree": 2, "conflict": 2, "absent": 2}
    assert found.verdicts_by_header["frontal"] == {
        "frontal": 2, "lateral": 2, "uncertain": 0, "not_chest": 0,
    }  # fmt: skip
    assert found.verdicts_by_header["none"]["uncertain"] == 1
    assert found.sources["ViewPosition"] == {"agree": 2, "conflict": 2, "absent": 0}
    assert found.sources["none"] == {"agree": 0, "conflict": 0, "absent": 2}
    assert sum(found.p_lateral) == 5  # what is no chest film has no view
    assert found.poses == {
        "0": {"bone bright": 1, "bone dark": 0, "unknown": 0},
        "90": {"bone bright": 0, "bone dark": 1, "unknown": 0},
        "180": {"bone bright": 0, "bone dark": 0, "unknown": 0},
        "270": {"bone bright": 0, "bone dark": 0, "unknown": 0},
        "unknown": {"bone bright": 0, "bone dark": 0, "unknown": 3},
    }
    assert found.models == {"film@1a2b3c4d": 6, "unknown": 3}
    assert found.version == (__version__ if ending == ".parquet" else "")
    assert found.sizes.quantiles == (300, 300, 2000, 3056, 3056)
    assert found.sizes.common[0] == (2544, 3056, 2)
    assert (found.sizes.images, found.sizes.portrait, found.sizes.landscape) == (4, 2, 1)


def test_rotations_are_reported_where_the_model_determines_them(tmp_path):
    found = survey(tmp_path / "t.csv")
    assert "Of 5 chest radiographs, 1 (20.00 %) are rotated and 1 (20.00 %)" in printed(found)
    found = survey(tmp_path / "t.csv", [a_row("a.png", p=0.1)])
    assert "Rotation and polarity" not in printed(found)


def test_conflicts_with_high_and_images_with_low_confidence_come_first(tmp_path):
    conflicts = [a_row(f"{n}.png", "lateral", 0.95 + n / 1000, **CONFLICT) for n in range(40)]
    doubts = [a_row(f"d{n}.png", "uncertain", 0.1 + n / 100) for n in range(60)]
    found = survey(tmp_path / "t.csv", [*conflicts, *doubts])
    assert [one.file for one in found.conflicts] == [f"{n}.png" for n in range(39, 29, -1)]
    assert [one.file for one in found.uncertain][:3] == ["d40.png", "d39.png", "d41.png"]
    assert len(found.uncertain) == 10


@given(many=st.lists(rows, min_size=1, max_size=8))
@settings(max_examples=10)
def test_every_row_is_counted_once_whatever_the_format(many):
    assume(not any(row.error.startswith(":") for row in many))  # no error is without a code
    with TemporaryDirectory() as name:
        folder = Path(name)
        first, *others = (survey(folder / f"table{ending}", many) for ending in TABLE_SUFFIXES)
    assert first.rows == sum(first.outcomes.values()) == len(many)
    assert sum(first.agreements.values()) == first.rows - first.outcomes["unreadable"]
    assert first.repeated == len(many) - len({(row.file, row.model) for row in many})
    for other in others:
        same = {**to_plain(other), "table": first.table, "version": first.version}
        assert same == to_plain(first)
    assert printed(first)


@pytest.mark.parametrize(("files", "inside", "names"), [
    (["a/p/1.png", "a/q/2.png", "a/q/r/3.png"], "a", ["p", "q"]),
    (["/data/p/1.png", "/data/q/1.png"], "/data", ["p", "q"]),
    (["/p/1.png", "/q/1.png"], "", ["/p", "/q"]),
    (["1.png", "sub/2.png"], "", [".", "sub"]),
    (["x.zip::p/1.png", "x.zip::q/1.png"], "x.zip", ["p", "q"]),
    ([f"all/{n}/{n % 3}/1.png" for n in range(21)], "all", [str(n) for n in range(21)]),
    ([f"{n % 2}/{n}/1.png" for n in range(50)], "", ["0", "1"]),
])  # fmt: skip
def test_folders_where_the_paths_differ(files, inside, names):
    folders = FolderCounter()
    folders.add(files, [("frontal", "absent")] * len(files))
    level = folders.level()
    assert level.inside == inside
    assert sorted(one.name for one in level.folders) == sorted(names)
    assert sum(one.rows for one in level.folders) == len(files)


@pytest.mark.parametrize("files", [["a.png"], ["p/a.png", "p/b.png"], ["/a.png", "/b.png"]])
def test_paths_in_one_folder_have_no_folder_counts(files):
    folders = FolderCounter()
    folders.add(files, [("frontal", "absent")] * len(files))
    assert folders.level() is None


def test_a_given_depth():
    folders = FolderCounter(2)
    folders.add(["p/1/a", "p/1/b", "p/2/a", "q/a"], [("lateral", "agree")] * 4)
    assert {one.name: one.rows for one in folders.level().folders} == {"p/1": 2, "p/2": 1, "q": 1}


def test_too_many_folders(monkeypatch):
    monkeypatch.setattr(folders, "MAX_FOLDERS", 5)
    monkeypatch.setattr(folders, "MAX_FOLDERS_AT_DEPTH", 5)
    files = [f"{n % 3}/{n}/x.png" for n in range(9)]
    kinds = [("frontal", "absent")] * 9
    found = FolderCounter()
    found.add(files, kinds)
    assert {one.name: one.rows for one in found.level().folders} == {"0": 3, "1": 3, "2": 3}
    with pytest.raises(WrongUse, match="--depth 2 gives more than 5 folders"):
        FolderCounter(2).add(files, kinds)


@given(st.lists(st.sampled_from(["a", "", "b"]), max_size=6), st.integers(1, 8))
@settings(max_examples=40)
def test_folders_of_a_path_are_its_beginning(parts, deepest):
    file = "/".join([*parts, "x.png"])
    found = "/".join(folders_of(file, deepest))
    assert file.startswith(found)
    assert len(folders_of(file, deepest)) <= deepest


def test_several_models_and_several_runs_give_warnings(tmp_path):
    many = [a_row(f"{n}.png", model=model) for model in ("film@1", "open@2") for n in range(3)]
    found = survey(tmp_path / "t.csv", many)
    assert "several models (film@1 3, open@2 3)" in printed(found)
    assert "repeat the file and model" not in printed(found)
    found = survey(tmp_path / "t.csv", many[:3] * 2)
    assert found.repeated == 3
    assert "3 rows repeat the file and model of an earlier row" in printed(found)
    assert "repeat the file and model" in html_page(page_of(found))


def test_a_hostile_name_is_text(tmp_path):
    many = [a_row(f"{HOSTILE}{n}/{HOSTILE}", "lateral", 1.0, **CONFLICT) for n in range(3)]
    html = html_page(page_of(survey(tmp_path / "t.jsonl", many)))
    page = ParsedPage(html)
    assert page.open == []
    assert "script" not in page.tags
    assert escape_name(many[0].file) in page.text
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset")]
    assert all(source.startswith("data:image/svg+xml;") for source in sources)
    assert not re.search(r"url\(|@import", html)


def good(text):
    return ",".join(COLUMNS) + "\n" + text


@pytest.mark.parametrize(("name", "content", "message"), [
    ("t.csv", "", "it lacks the column file, frame, view"),
    ("t.csv", "file,view\na.png,frontal\n", "it lacks the column frame, p_lateral"),
    ("t.csv", good(""), "holds no rows"),
    ("t.csv", good("a.png,,frontal,0.1\n"), "not a table that cxrview wrote"),
    ("t.csv", good("a.png,,frontal,x,,,,,,absent,,,,,,\n"), "could not convert"),
    ("t.csv", good("a.png,,frontal,2,,,,,,absent,,,,,,\n"), "p_lateral between 0 and 1"),
    ("t.csv", good("a.png,,frontal,,,,,,,absent,,,,,,\n"), "p_lateral between 0 and 1"),
    ("t.csv", good("a.png,,sideways,0.1,,,,,,absent,,,,,,\n"), "view 'sideways'"),
    ("t.csv", good("a.png,,frontal,0.1,,,,,,absent,damaged: x,,,\n"), "either a view or an error"),
    ("t.csv", good("a.png,,frontal,0.1,,,,,,absent,,,,0,9,\n"), "no width or height"),
    ("t.csv", good("a.png,,frontal,0.1,,,,,,absent,,,,inf,9,\n"), "an infinite number"),
    ("t.csv", good("a.png,,frontal,0.1,,45,,,,absent,,,,,,\n"), "rotation 45"),
    ("t.csv", good("a.png,,frontal,0.1,,,maybe,,,absent,,,,,,\n"), "inverted 'maybe'"),
    ("t.csv", b"\xff\xfe\x00", "UTF-16 text that breaks off"),
    ("t.jsonl", "", "holds no rows"),
    ("t.jsonl", "[1]\n", "no JSON object"),
    ("t.jsonl", "{\n", "not a table"),
    ("t.jsonl", json.dumps(dict.fromkeys(COLUMNS, 1)) + "\n", "a value of file is not a text"),
    ("t.parquet", "", "not a table"),
    ("t.parquet", "PAR1 and nothing else", "not a table"),
    ("t.xls", "", "does not end in one of .csv, .jsonl, .parquet"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WrongUse, match=re.escape(message)):
        survey_of(path)


def test_a_missing_table(tmp_path):
    for ending in TABLE_SUFFIXES:
        with pytest.raises(MissingInput, match="No such file"):
            survey_of(tmp_path / f"t{ending}")


def test_a_truncated_parquet_table_is_refused(tmp_path):
    path = table(tmp_path / "t.parquet")
    whole = path.read_bytes()
    for end in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(WrongUse, match="not a table that cxrview wrote"):
            survey_of(path)


def test_a_table_rewritten_by_another_program(tmp_path):
    many = pq.read_table(table(tmp_path / "t.parquet"))
    plain_ones = pa.table({
        name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(many.column_names, many.columns, strict=True)
    })  # fmt: skip
    pq.write_table(plain_ones, tmp_path / "again.parquet")
    found = survey_of(tmp_path / "again.parquet")
    assert (found.rows, found.decided, found.version) == (9, 4, "")
    pq.write_table(plain_ones.drop_columns(["agreement"]), tmp_path / "less.parquet")
    with pytest.raises(WrongUse, match="it lacks the column agreement"):
        survey_of(tmp_path / "less.parquet")


def test_memory_stays_flat(tmp_path, monkeypatch):
    """Twice the rows may take eight bytes a row more, and a little."""

    def peak(rows):
        path = tmp_path / f"{rows}.csv"
        line = "p{}/{}.dcm,,frontal,0.01,1.0,,,,,absent,,,,64,64,film@1\n".format
        path.write_text(good("".join(line(n % 7, n) for n in range(rows))))
        tracemalloc.start()
        survey_of(path)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    monkeypatch.setattr(table_reader, "BATCH_ROWS", 500)
    once, twice = peak(2_000), peak(4_000)
    assert twice < once * 1.1 + 2_000 * 24


def run(*arguments):
    return CliRunner().invoke(app, ["stats", *map(str, arguments)])


def test_the_command_prints_and_draws(tmp_path):
    path = table(tmp_path / "t.parquet")
    files = [tmp_path / f"page{ending}" for ending in (".html", ".svg")]
    result = run(path, *(word for file in files for word in ("-o", file)))
    assert result.exit_code == 0
    assert "2 headers agree with the image, 2 contradict it (50.00 % of 4)" in result.stdout
    assert re.search(r"in/p11/d.dcm +lateral +0.999999 +frontal", result.stdout)
    begins = [file.read_bytes()[:5] for file in files]
    assert begins == [b"<!DOC", b"<?xml"]


def test_the_conflict_chart_shows_shares_of_the_compared_rows(tmp_path):
    charts = charts_of(survey(tmp_path / "t.csv"))
    chart = next(one for one in charts if one.title.startswith("Conflicts by folder"))
    bars = [(bar.name, bar.parts, bar.text) for bar in chart.bars]
    assert bars == [
        ("p10", (("conflict", 1 / 3),), "1 of 3"),
        ("p11", (("conflict", 1.0),), "1 of 1"),
    ]


def test_the_size_chart_ends_at_the_largest_image(tmp_path):
    counted = survey(tmp_path / "t.csv")
    chart = next(one for one in charts_of(counted) if one.title == "Sizes")
    assert chart.counts[-1] > 0
    assert sum(chart.counts) == counted.sizes.images
    assert len(chart.edges) == len(chart.counts) + 1


@pytest.mark.parametrize(("kind", "begin"), [("png", b"\x89PNG"), ("pdf", b"%PDF-")])
def test_a_chart_has_the_requested_format(tmp_path, kind, begin):
    one = charts_of(survey(tmp_path / "t.csv"))[-1:]
    assert draw_sheet(one, "$t$", kind).startswith(begin)


def test_the_command_prints_json(tmp_path):
    result = run(table(tmp_path / "t.csv"), "--json", "--depth", 1)
    values = json.loads(result.stdout)
    assert values["rows"] == 9
    assert values["level"]["folders"][0]["name"] == "in"
    assert values["conflicts"][0]["file"] == "in/p11/d.dcm"


@pytest.mark.parametrize(("arguments", "message"), [
    (["t.csv", "-o", "t.doc"], "does not end in one of .html, .png, .pdf, .svg"),
    (["t.csv", "-o", "nowhere/t.html"], "No such file"),
    (["none.csv"], "No such file"),
])  # fmt: skip
def test_wrong_use(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "t.csv")
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_table_without_verdicts(tmp_path):
    found = survey(tmp_path / "t.csv", [a_failure()])
    assert "No header names a frontal or lateral view" in printed(found)
    assert html_page(page_of(found)).count("data:image/svg+xml") == 2  # verdicts and errors


@pytest.mark.parametrize("verdict", ["not_chest", "uncertain"])
def test_headers_that_no_verdict_can_be_compared_with(tmp_path, verdict):
    stated = {"header_view": View.LATERAL, "header_source": "ViewPosition"}
    text = printed(survey(tmp_path / "t.csv", [a_row("a.dcm", verdict, 0.6, **stated)]))
    assert "No header names" not in text
    assert "1 header names a frontal or lateral view, but no verdict of these images is" in text
