"""`--ids`: identifiers of DICOM files as columns of every format, and no others than asked for."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.engines.local import LocalEngine
from cxrview.filenames import escaped_values
from cxrview.inference.classification import numbered_rows, row_of
from cxrview.model.classifier import load
from cxrview.rows import COLUMNS, IDENTITY_COLUMNS, Identity, row_from_dict, row_to_dict
from cxrview.sources.find import find, item_of_bytes
from makers_engine import read_nothing
from makers_film import dicom, png
from makers_model import model_bytes

UIDS = {"SOPInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "StudyInstanceUID": "1.2.5"}
TAGS = {**UIDS, "AccessionNumber": "A 17", "BodyPartExamined": "CHEST", "Laterality": "U",
        "PatientID": "P-17", "StudyDate": "20260101",
        "InstitutionName": "Elsewhere"}  # fmt: skip
EXPECTED = ["1.2.3", "1.2.4", "1.2.5", "DX", "CHEST", "U"]
EMPTY = Identity()


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plain.onnx").write_bytes(model_bytes())
    Path("images").mkdir()
    Path("images/a.dcm").write_bytes(dicom("frontal", **TAGS))
    Path("images/b.png").write_bytes(png("lateral"))
    Path("images/c.dcm").write_bytes(dicom("frontal", **TAGS)[:-4000])  # its pixels are cut off
    return tmp_path


def classify(*words):
    command = ["classify", "images", "--model", "plain.onnx", "--jobs", "0", *words]
    return CliRunner().invoke(app, command)


def read(path: str) -> list[dict]:
    match Path(path).suffix:
        case ".csv":
            return list(csv.DictReader(Path(path).read_text().splitlines()))
        case ".jsonl":
            return [json.loads(line) for line in Path(path).read_text().splitlines()]
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("table", ["t.csv", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("accession", [[], ["A 17"]])
def test_every_format_has_the_columns_asked_for(images, table, accession):
    words = ["--ids", *(["--with-accession"] if accession else [])]
    assert classify("-o", table, "--review-list", "review.csv", *words).exit_code == 1
    rows = read(table)
    columns = IDENTITY_COLUMNS if accession else IDENTITY_COLUMNS[:-1]
    assert [list(row) for row in rows] == [[*COLUMNS, *columns]] * 3
    assert list(read("review.csv")[0]) == ["file", "why", *COLUMNS[1:], *columns]
    a, b, c = ([row[name] for name in columns] for row in rows)
    assert a == c == EXPECTED + accession  # also where the pixels cannot be read
    assert b == [""] * len(columns)


def test_nothing_identifies_an_image_unless_asked_for(images):
    for words in ([], ["--ids"], ["--ids", "--with-accession"]):
        printed = classify("--format", "json", *words).stdout
        assert ("1.2.3" in printed) == bool(words)
        assert ("A 17" in printed) == ("--with-accession" in words)
        assert not any(TAGS[name] in printed for name in ("PatientID", "StudyDate"))
        assert "Doe" not in printed
        assert "Elsewhere" not in printed


def test_a_run_with_ids_does_not_reuse_rows_without_them(images):
    classify("-o", "t.csv")
    assert classify("-o", "t.csv", "--ids").exit_code == 1
    assert read("t.csv")[0]["study_instance_uid"] == "1.2.5"
    classify("-o", "t.csv")
    assert "study_instance_uid" not in read("t.csv")[0]


def test_parts_are_joined_with_their_ids(images):
    for part in ("1/2", "2/2"):
        classify("-o", "t.csv", "--ids", "--part", part)
    assert CliRunner().invoke(app, ["join", "t.csv"]).exit_code == 1
    assert read("t.csv")[0]["sop_instance_uid"] == "1.2.3"


@pytest.mark.parametrize(("tags", "column", "value"), [
    ({"ImageLaterality": "L", "Laterality": "R"}, "laterality", "L"),
    ({"Laterality": "left"}, "laterality", ""),
    ({"BodyPartExamined": "Doe^Jane"}, "body_part", ""),
    ({"BodyPartExamined": "DOE JANE"}, "body_part", "(unknown value)"),
    ({"BodyPartExamined": "DOE CHEST"}, "body_part", "CHEST"),
    ({"BodyPartExamined": "CHEST_TO_PELVIS"}, "body_part", "CHEST_TO_PELVIS"),
    ({"BodyPartExamined": "C-SPINE"}, "body_part", "C-SPINE"),
    ({"Modality": "DOE JANE 1950"}, "modality", "(unknown value)"),
    ({"Modality": "MR"}, "modality", "MR"),
    ({"SeriesInstanceUID": "1.2.Doe"}, "series_instance_uid", ""),
    ({"AccessionNumber": "caf\xe9"}, "accession_number", ""),
    ({"AccessionNumber": '=HYPERLINK("x")'}, "accession_number", ""),
    ({"AccessionNumber": "A-17=b"}, "accession_number", "A-17=b"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_does_not_look_like_an_identifier_is_dropped(classifier, tags, column, value):
    item = item_of_bytes("a", dicom("frontal", **{**TAGS, **tags}))
    row = row_of(item, classifier, Identity(accession_number=""))
    assert row_to_dict(row)[column] == value


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "plain.onnx"
    path.write_bytes(model_bytes())
    return load(path)


class Trap:
    """A source that crashes the process that opens it."""

    def open(self):
        return read_nothing(None)


def test_the_row_of_a_crash_has_the_same_columns(classifier, images):
    items = [replace(find(["images/b.png"])[0], source=Trap())]
    ((_, row),) = numbered_rows(items, classifier, LocalEngine(1), EMPTY)
    assert "SIGSEGV" in row.error
    assert row.identity == EMPTY


@pytest.mark.parametrize("identity", [None, EMPTY, Identity(*EXPECTED, "A,17"), Identity("1.2")])
def test_an_identity_survives_the_journal(identity, classifier):
    row = replace(row_of(item_of_bytes("a", b""), classifier), identity=identity)
    assert row_from_dict(json.loads(json.dumps(escaped_values(row)))) == row


def test_accession_numbers_need_ids(images):
    assert classify("--with-accession").exit_code == 2
