"""Tables are read alike however a spreadsheet has written them, or refused with the cause."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.csv_text import csv_line, identifier, integer, number, read_table
from cxrview.errors import MissingInput, WrongUse
from cxrview.evaluation.labelled_images import read_negative_table
from cxrview.inference.table_reader import read_batches, read_rows
from cxrview.inference.table_writers import CsvWriter
from cxrview.labeling.sampling import candidates_in
from cxrview.labels import read_labels
from cxrview.rows import COLUMNS, Row
from cxrview.views import Verdict

PLAIN = "file,view,patient\na.png,frontal,p1\nb.png,lateral,p 2\n"
EXPECTED = [
    {"file": "a.png", "view": "frontal", "patient": "p1"},
    {"file": "b.png", "view": "lateral", "patient": "p 2"},
]


def with_delimiter(delimiter):
    return PLAIN.replace(",", delimiter)


SPELLINGS = {
    "plain": PLAIN.encode(),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "semicolons": with_delimiter(";").encode(),
    "tabs": with_delimiter("\t").encode(),
    "sep=;": ("sep=;\n" + with_delimiter(";")).encode(),
    "sep=; and CR LF": ("sep=;\r\n" + with_delimiter(";").replace("\n", "\r\n")).encode(),
    "byte order mark and sep=": ("sep=;\n" + with_delimiter(";")).encode("utf-8-sig"),
    "sep=|": ("sep=|\n" + with_delimiter("|")).encode(),
    "CR LF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "UTF-16 little endian": b"\xff\xfe" + with_delimiter("\t").encode("utf-16-le"),
    "UTF-16 big endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "quoted": b'"file","view","patient"\n"a.png","frontal","p1"\n"b.png","lateral","p 2"\n',
    "blank names": b"file, view ,patient\na.png,frontal,p1\nb.png,lateral,p 2\n",
    "empty rows at the end": PLAIN.encode() + b",,\n\n,,,,\n",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_gives_the_same_rows_in_all_readers(tmp_path, name):
    path = tmp_path / "t.csv"
    path.write_bytes(SPELLINGS[name])
    for file in ("a.png", "b.png"):
        (tmp_path / file).touch()
    assert [item.name for item in read_negative_table(path).items] == ["a.png", "b.png"]
    assert [Path(one.item.name).name for one in candidates_in(str(path))] == ["a.png", "b.png"]
    assert [row for _, row in read_table(path, ("file", "view"))] == EXPECTED
    assert [label.patient for label in read_labels(path)] == ["p1", "p 2"]
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(SPELLINGS[name]))
    assert [row for _, row in read_table(packed)] == EXPECTED


def test_line_numbers_are_those_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('sep=,\nfile,note\na,"two\nlines"\n,\nb,x\n')
    assert [line for line, _ in read_table(path)] == [4, 6]


def test_delimiters_inside_quotes_are_values(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('file;note\n"a;b,c.png";"x;y"\n')
    assert [row for _, row in read_table(path)] == [{"file": "a;b,c.png", "note": "x;y"}]


def test_a_delimiter_inside_a_quoted_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('file;"one, two, three";view\na;b;c\n')
    assert [row for _, row in read_table(path, ("file", "view"))] == [
        {"file": "a", "one, two, three": "b", "view": "c"}
    ]


def test_columns_in_lower_case(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("File,VIEW\na,b\n")
    assert [row for _, row in read_table(path, ["view"], lower_case=True)] == [
        {"file": "a", "view": "b"}
    ]


@pytest.mark.parametrize(("data", "cause"), [
    (b"file,side\na,b\n", "no column 'view'; the first line has 'file', 'side'"),
    (b"", "no column 'file'; the first line has none"),
    (b"file,view,view\na,b,c\n", "several columns 'view'"),
    (b"file,view\na,b.png,frontal\n", "line 2: 3 values for 2 columns"),
    (b"file,view\ncaf\xe9.png,frontal\n", "not a CSV table: byte 0xe9 is not UTF-8"),
    ("file,view\na,frontal\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
    (b"\xff\xfef\0i\0l", "UTF-16 text that breaks off"),
    (b"PK\3\4 and more", "an Excel workbook"),
    (b"\xd0\xcf\x11\xe0 and more", "an Excel workbook"),
    (b"PAR1 and more", "a Parquet file"),
    (gzip.compress(b"file,view\n", mtime=0), "a gzip file whose name"),
    (b'file,view\n"' + b"x" * (1 << 21) + b'",frontal\n', "field larger than field limit"),
])  # fmt: skip
def test_what_is_no_table_is_refused_with_the_cause(tmp_path, data, cause):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(WrongUse) as raised:
        list(read_table(path, ("file", "view")))
    assert cause in str(raised.value)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(PLAIN.encode(), mtime=0)[:30]])
def test_a_broken_gzip_is_refused(tmp_path, data):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(data)
    with pytest.raises(WrongUse, match="not a CSV table"):
        list(read_table(path))


@pytest.mark.parametrize("name", ["none.csv", ".", "x" * 300])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(MissingInput):
        list(read_table(tmp_path / name))


@pytest.mark.parametrize(("text", "value"), [
    ("288", 288), ("288.0", 288), ("288,0", 288), ("2.88e2", 288), ("-1", -1),
])  # fmt: skip
def test_integers_that_a_spreadsheet_has_rewritten(text, value):
    assert integer(text) == value
    assert isinstance(integer(text), int)


@pytest.mark.parametrize("text", ["288.5", "", "nan", "inf", "x", "1,234", "1.234.5"])
def test_what_is_no_integer(text):
    with pytest.raises(ValueError, match=r"integer|float"):
        integer(text)


@pytest.mark.parametrize(("text", "name"), [
    ("288.0", "288"), ("0012.0", "0012"), ("p1.0", "p1.0"), ("1.5", "1.5"), ("", ""), ("7", "7"),
])  # fmt: skip
def test_numbers_that_are_names(text, name):
    assert identifier(text) == name


def test_numbers_with_a_decimal_comma():
    assert [number(text) for text in ("0.25", "0,25", "1e-3")] == [0.25, 0.25, 0.001]


REWRITTEN = {  # what a spreadsheet makes of a table of results
    "semicolons": lambda text: text.replace(",", ";"),
    "semicolons and decimal commas": lambda text: text.replace(",", ";").replace("0.25", "0,25"),
    "tabs in UTF-16": lambda text: text.replace(",", "\t"),
    "288.0": lambda text: text.replace(",288,", ",288.0,").replace(",300,", ",300.0,"),
    "sep= and CR LF": lambda text: "sep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_rewritten_tables_of_results_are_read_as_they_were(tmp_path, name):
    path = tmp_path / "views.csv"
    rows = [
        Row("a.png", view=Verdict.FRONTAL, p_lateral=0.25, width=288, height=300, model="film@1"),
        Row("b.png", error="damaged: it breaks off", model="film@1"),
    ]
    with path.open("wb") as file:
        writer = CsvWriter(file, "film@1")
        for row in rows:
            writer.write(row)
        writer.close()
    text = REWRITTEN[name](path.read_text())
    assert text != path.read_text()
    path.write_text(text, encoding="utf-16" if "UTF-16" in name else "utf-8-sig", newline="")
    assert list(read_rows(path)) == rows
    (batch,) = read_batches(path)
    assert batch.width[0] == 288


def test_a_table_of_results_with_half_a_pixel_is_refused(tmp_path):
    path = tmp_path / "views.csv"
    values = {**dict.fromkeys(COLUMNS, ""), "file": "a", "view": "frontal", "width": "288.5",
              "agreement": "absent"}  # fmt: skip
    path.write_text(",".join(COLUMNS) + "\n" + ",".join(values[name] for name in COLUMNS) + "\n")
    with pytest.raises(WrongUse, match="not an integer"):
        list(read_rows(path))


@given(st.lists(st.text("a \\,;\"'\r\n\t\u2028"), min_size=2))
def test_every_text_survives_in_a_line(values):
    (read,) = csv.reader(io.StringIO(csv_line(values), newline=""))
    assert read == values


def test_missing_values_and_numbers_in_a_line():
    assert csv_line(["a", None, 0, 0.25, True, Verdict.FRONTAL]) == "a,,0,0.25,true,frontal\n"


def test_no_table_is_written_by_the_csv_module():
    source = Path(__file__).parent.parent / "src"  # see the comment in csv_text.py
    texts = {path: path.read_text() for path in source.rglob("*.py")}
    writers = [
        path for path, text in texts.items() if "csv.writer(" in text or "DictWriter" in text
    ]
    assert len(texts) > 200
    assert not writers
