"""`cxrview fix`: the copies state the right view, and are otherwise what their sources are."""

import csv
import hashlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from cxrview.atomic import atomic_write
from cxrview.cli.main import app
from cxrview.errors import UnreadableImage, UnusableOutput
from cxrview.inference import corrected_copies
from cxrview.inference.corrected_copies import wanted_view
from cxrview.inference.corrections import Correction
from cxrview.inference.known_image import known_images
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import open_table_writer
from cxrview.readers.decode import decode
from cxrview.sources import remote
from cxrview.views import View
from makers_cases import CASES, END, ITEM, ITEM_END, element, inserted
from makers_dicom import FILES, corrected, read
from makers_film import dicom, png
from makers_model import model_bytes
from makers_row import a_failure, a_row
from readers_makers import JPEG, jpeg, picture, without_meta, without_preamble
from readers_makers import dicom as encoded_dicom

FRONTAL, LATERAL = View.FRONTAL, View.LATERAL
CODES = {"PA": "272479007", "AP": "399348003", "LL": "399173006", "RL": "399198007"}
FRONTAL_CODE, LATERAL_CODE = "399033003", "399067008"
CHANGED = {
    "SOPInstanceUID", "SourceImageSequence", "ViewPosition", "ViewCodeSequence",
    "PatientOrientation", "ContributingEquipmentSequence",
}  # fmt: skip


def code(value):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "a view"
    return [item]


def tagged(position="", view_code="", orientation=""):
    """A file with these view tags."""
    given = {
        "ViewPosition": position,
        "ViewCodeSequence": code(view_code) if view_code else None,
        "PatientOrientation": orientation.split("\\") if orientation else None,
    }
    return dicom("frontal", **{name: value for name, value in given.items() if value})


def tags_of(data):
    """(ViewPosition, Code Value, Patient Orientation) as pydicom reads them."""
    ds = read(data)
    codes = ds.get("ViewCodeSequence")
    orientation = ds.get("PatientOrientation") or ""
    return ds.ViewPosition, codes[0].CodeValue if codes else "", "\\".join(orientation)


@pytest.mark.parametrize(("before", "view", "after"), [
    (("", "", ""), FRONTAL, ("", FRONTAL_CODE, "")),  # AP or PA is not known
    (("", "", ""), LATERAL, ("", LATERAL_CODE, "")),  # nor left or right
    (("LL", "", ""), FRONTAL, ("", FRONTAL_CODE, "")),
    (("PA", CODES["PA"], "L\\F"), LATERAL, ("", LATERAL_CODE, "\\F")),  # feet stay below
    (("PA", "", "F\\L"), LATERAL, ("", LATERAL_CODE, "F\\")),
    (("PA", "", "A\\F"), LATERAL, ("", LATERAL_CODE, "A\\F")),  # what agrees stays
    (("PA", CODES["LL"], ""), LATERAL, ("LL", CODES["LL"], "")),  # evidence for the side
    (("LL", "R-10206", ""), FRONTAL, ("AP", "R-10206", "")),
    (("RL", LATERAL_CODE, "R\\F"), FRONTAL, ("", FRONTAL_CODE, "R\\F")),
    (("PA", "", "A\\F"), FRONTAL, ("PA", CODES["PA"], "\\F")),  # contradictory
    (("(unknown value)", "(unknown value)", ""), LATERAL, ("", LATERAL_CODE, "")),
    (("LATERAL", CODES["AP"], ""), LATERAL, ("LATERAL", LATERAL_CODE, "")),
])  # fmt: skip
def test_tags_that_are_missing_or_wrong(before, view, after):
    given = ("DOE" if "unknown" in value else value for value in before)
    copy = corrected(tagged(*given), view, by_person=True)
    assert copy.change.before == before
    assert copy.change.after == after == tags_of(copy.content)


def test_an_orientation_without_head_and_feet_is_emptied():
    copy = corrected(tagged("PA", orientation="L\\P"), LATERAL)
    assert tags_of(copy.content) == copy.change.after == ("", LATERAL_CODE, "")


@pytest.mark.parametrize(("before", "view"), [
    (("PA", "", ""), FRONTAL), (("", CODES["LL"], ""), LATERAL), (("", "", "A\\F"), LATERAL),
    (("AP PORTABLE", "", ""), FRONTAL), (("LAO", "", "L\\F"), FRONTAL),
])  # fmt: skip
def test_right_tags_need_no_copy(before, view):
    assert corrected(tagged(*before), view) is None


@pytest.mark.parametrize("before", [
    ("LAO", "", ""), ("LAO", "", "L\\F"), ("LAO", CODES["PA"], ""), ("LAO LEFT", "", "L\\F"),
    ("", "399162004", ""), ("", "399162004", "L\\F"), ("PA", "an oblique", ""),
])  # fmt: skip
def test_the_tags_of_an_oblique_are_replaced_only_for_a_person(before):
    data = tagged(*before).replace(b"LAO LEFT", b"Lao,left")  # which is no Code String
    with pytest.raises(UnreadableImage, match="oblique"):
        corrected(data, LATERAL)
    assert tags_of(corrected(data, LATERAL, by_person=True).content)[:2] == ("", LATERAL_CODE)


EACH_FILE = pytest.mark.parametrize("data", FILES.values(), ids=FILES)


@EACH_FILE
def test_the_pixel_data_keep_their_bytes(data):
    source, copy = read(data), read(corrected(data, LATERAL).content)
    assert copy.PixelData == source.PixelData
    assert copy.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID


@EACH_FILE
def test_everything_else_stays(data):
    source, copy = read(data), read(corrected(data, LATERAL).content)
    names = {element.keyword for ds in (source, copy) for element in ds}
    assert {name for name in names if source.get(name) != copy.get(name)} <= CHANGED


@EACH_FILE
def test_the_copy_has_its_own_identity_and_names_its_source(data):
    content = corrected(data, LATERAL).content
    source, copy = read(data), read(content)
    assert copy.SOPInstanceUID != source.SOPInstanceUID
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert copy.file_meta.MediaStorageSOPClassUID == copy.SOPClassUID == source.SOPClassUID
    (reference,) = copy.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == source.SOPClassUID
    (equipment,) = copy.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"
    assert content.startswith(bytes(128) + b"DICM")
    assert corrected(data, LATERAL).content == content  # the same again


IRREGULAR = [
    case for case in CASES
    if case.kind in ("damaged elements before the pixels", "damaged encapsulation",
                     "wrong offsets or number of frames", "thumbnails and masks beside the image")
    and not case.refused
]  # fmt: skip


@pytest.mark.parametrize("case", IRREGULAR, ids=str)
def test_of_an_irregular_file_there_is_a_copy_with_the_same_picture_or_none(case):
    """The readers understand more files than the library that writes the copies."""
    data = case.make()
    try:
        copy = corrected(data, FRONTAL, by_person=True)
    except UnreadableImage:
        return
    before, after = (decode(io.BytesIO(one)) for one in (data, copy.content))
    assert np.array_equal(before.pixels, after.pixels)
    assert before.warnings == after.warnings


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "PixelData"])
def test_a_file_that_cannot_be_copied_in_full_gets_an_error(place, keyword):
    group, number = divmod(tag_for_keyword(keyword), 1 << 16)
    before = group.to_bytes(2, "little") + number.to_bytes(2, "little")
    data = inserted(tagged(), ITEM_END + bytes(4), before)
    (place / "studies/stray.dcm").write_bytes(data)
    run("classify", "studies", "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0")
    fix("t.csv")
    line = index_of(place)["studies/stray.dcm"]
    assert "a copy would lack some" in line["error"]
    assert line["copy"] == ""
    assert not (place / "fixed/stray.dcm").exists()


def test_a_sequence_of_which_a_part_would_be_lost_is_refused():
    values = (element(0x00080100, b"SH", value, 2) for value in (b"ab", b"cd"))
    items = ITEM + b"\xff" * 4 + b"".join(values) + ITEM_END + bytes(4) + END + bytes(4)
    sequence = b"\x08\0\x32\x10SQ\0\0" + b"\xff" * 4 + items
    with pytest.raises(UnreadableImage, match="same elements"):
        corrected(inserted(tagged(), sequence, b"\x08\0\x60\0CS"), LATERAL)


def test_padding_of_a_uid_or_a_character_set_may_change():
    data, begin = tagged("PA"), b"\x08\0\x16\0UI"
    data = inserted(data, element(0x00080005, b"CS", b"ISO_IR 100  ", 2), begin)
    uid = read(data).SOPClassUID.encode()
    at = data.index(uid, data.index(begin)) + len(uid)
    data = data[:at] + b" " + data[at + 1 :]  # in the place of a zero
    copy = read(corrected(data, LATERAL).content)
    assert (copy.SpecificCharacterSet, copy.SOPClassUID.encode()) == ("ISO_IR 100", uid)


def test_elements_behind_the_pixels_stay():
    data = tagged() + element(0x7FE10010, b"LO", b"MAKER ", 2)
    assert read(corrected(data, LATERAL).content)[0x7FE10010].value == "MAKER"


def with_fragments(*fragments):
    """A file with fragments that are not filled up to an even length."""
    data = encoded_dicom(picture(40, 30, 8), JPEG + "50", fragments=[jpeg(picture(40, 30, 8))])
    start = data.rindex(ITEM)
    items = (ITEM + struct.pack("<I", len(one)) + one for one in fragments)
    return data[:start] + b"".join(items) + END + bytes(4)


def test_a_last_fragment_of_odd_length_is_filled_up():
    """Behind the fragment, the zero would stand where a delimiter must, and DCMTK would stop."""
    fragment = jpeg(picture(40, 30, 8))
    fragment += b"\0" * (1 - len(fragment) % 2)
    content = corrected(with_fragments(fragment), LATERAL).content
    assert content.endswith(with_fragments(fragment + b"\0")[-len(fragment) - 17 :])
    with pytest.raises(UnreadableImage, match="odd length"):
        corrected(with_fragments(fragment, b"\0\0"), LATERAL)


def test_pixels_of_odd_length_are_filled_up():
    data = encoded_dicom(picture(41, 31, 8))
    at = data.index(b"\xe0\x7f\x10\0OB") + 8
    odd = data[:at] + struct.pack("<I", 41 * 31) + data[at + 4 : -1]
    assert read(corrected(odd, LATERAL).content).PixelData == data[at + 4 :]


def test_earlier_references_and_equipment_stay():
    first = corrected(tagged("PA"), LATERAL).content
    second = read(corrected(first, FRONTAL).content)
    assert len(second.SourceImageSequence) == len(second.ContributingEquipmentSequence) == 2
    assert read(first).SOPInstanceUID in (
        one.ReferencedSOPInstanceUID for one in second.SourceImageSequence
    )


def test_signatures_that_no_longer_hold_are_removed():
    signatures = {"MACParametersSequence": [Dataset()], "DigitalSignaturesSequence": [Dataset()]}
    data = dicom("frontal", **signatures)
    copy = read(corrected(data, FRONTAL).content)
    assert "MACParametersSequence" not in copy
    assert "DigitalSignaturesSequence" not in copy


@pytest.mark.parametrize(("data", "message"), [
    (png("frontal"), "no DICOM file"),
    (b"", "empty"),
    (without_meta(encoded_dicom(picture())), "transfer syntax"),
    (without_preamble(encoded_dicom(picture(), SOPInstanceUID="")), "UID"),
    (tagged()[:300], "damaged"),
])  # fmt: skip
def test_files_of_which_no_right_copy_can_be_made(data, message):
    with pytest.raises(UnreadableImage, match=message):
        corrected(data, LATERAL)


@pytest.mark.parametrize(("row", "correction", "expected"), [
    (a_row(p=0.02), None, FRONTAL),
    (a_row(view="lateral", p=0.98), None, LATERAL),
    (a_row(p=0.03), None, None),  # near the threshold
    (a_row(view="uncertain", p=0.5), None, None),
    (a_row(view="not_chest", p=0.0), None, None),
    (a_row(p=0.0, warning="sign: x"), None, None),
    (a_failure(), None, None),
    (a_row(p=0.0), Correction("lateral", "anna"), LATERAL),
    (a_row(view="uncertain", p=0.5), Correction("frontal", "anna"), FRONTAL),
    (a_row(p=0.0), Correction("not_chest", "anna"), None),
])  # fmt: skip
def test_which_view_is_written(row, correction, expected):
    view, by = wanted_view(row, correction)
    assert view is expected
    assert by == (correction.by if correction else row.model)


STUDIES = {
    "right.dcm": tagged("PA"),
    "wrong.dcm": tagged("LL", CODES["LL"], "A\\F"),
    "missing.dcm": tagged(),
    "b/missing.dcm": dicom("lateral"),
    "oblique.dcm": tagged("LAO"),
    "unsure.dcm": dicom("uncertain"),
    "no dicom.png": png("frontal"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    for name, content in STUDIES.items():
        path = tmp_path / "studies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run("classify", "studies", "-o", "views.csv", "--model", "plain.onnx", "--jobs", "0")
    return tmp_path


def run(*words, status=0):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == status, result.output
    return result


def fix(table="views.csv", folder="fixed", status=1):
    return run("fix", table, "--write-to", str(folder), "--jobs", "0", status=status)


def digests(folder):
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def index_of(place):
    return {one["file"]: one for one in rows_of(place / "fixed" / "index.csv")}


def test_copies_are_written_and_originals_stay(place):
    before = digests(place / "studies")
    result = fix()
    assert digests(place / "studies") == before
    index = index_of(place)
    copies = {name: one["copy"] for name, one in index.items() if one["copy"]}
    assert set(copies) == {"studies/wrong.dcm", "studies/missing.dcm", "studies/b/missing.dcm"}
    assert {path.name for path in (place / "fixed").iterdir()} == {"index.csv", *copies.values()}
    assert "oblique" in index["studies/oblique.dcm"]["error"]
    assert len(index) == 4
    wrong = index["studies/wrong.dcm"]
    assert (wrong["view"], wrong["view_position_before"], wrong["view_code"]) == (
        "frontal", "LL", FRONTAL_CODE,
    )  # fmt: skip
    assert (wrong["patient_orientation_before"], wrong["patient_orientation"]) == ("A\\F", "\\F")
    for line in (
        "3 images with a corrected copy", "1 image whose tags state", "1 image of which no copy",
        "1 image in other formats", "1 image without a sure view",
    ):  # fmt: skip
        assert line in result.output


def test_copies_beside_the_folders_of_the_images_are_no_images_of_later_runs(place):
    words = ("--model", "plain.onnx", "--jobs", "0")
    run("classify", ".", "-o", "views.csv", "--overwrite", *words)
    fix()
    made = digests(place / "fixed").keys()
    run("classify", ".", "-o", "again.csv", *words)
    assert (place / "again.csv").read_bytes() == (place / "views.csv").read_bytes()
    fix("again.csv")
    assert digests(place / "fixed").keys() == made


def test_an_audit_of_the_copies_finds_no_tag_to_correct(place):
    fix()
    run("audit", "fixed", "--model", "plain.onnx", "--jobs", "0")
    kinds = {one["kind"] for one in rows_of(place / "audit.csv")}
    assert not kinds & {"wrong_tag", "missing_tag", "contradictory_tags"}


def test_a_person_takes_precedence(place):
    lines = rows_of(place / "views.csv")
    persons = {"studies/right.dcm": "lateral", "studies/oblique.dcm": "frontal",
               "studies/wrong.dcm": "not_chest"}  # fmt: skip
    with (place / "corrected.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*lines[0], "view_corrected", "corrected_by"])
        writer.writeheader()
        for line in lines:
            view = persons.get(line["file"], "")
            writer.writerow(line | {"view_corrected": view, "corrected_by": "anna" * bool(view)})
    fix("corrected.csv", status=0)
    index = index_of(place)
    assert "studies/wrong.dcm" not in index
    assert {name for name, one in index.items() if one["by"] == "anna"} == {
        "studies/right.dcm", "studies/oblique.dcm",
    }  # fmt: skip
    assert tags_of((place / "fixed/right.dcm").read_bytes()) == ("", LATERAL_CODE, "")
    assert b"anna" not in (place / "fixed/right.dcm").read_bytes()


@pytest.mark.parametrize("folder", [
    "studies", "studies/fixed", "studies/b", ".", "studies/b/deeper/fixed", "used",
])  # fmt: skip
def test_a_folder_that_is_in_use_or_mixed_up_with_the_images_is_refused(place, folder):
    (place / "used").mkdir()
    (place / "used" / "file").write_text("x")
    before = digests(place)
    fix(folder=folder, status=2)
    assert digests(place) == before


def test_an_empty_folder_that_surrounds_or_links_to_the_images_is_refused(place):
    (place / "link").symlink_to(place / "studies" / "b")
    fix(folder="link/fixed", status=2)
    fix(table="studies/../views.csv", folder="studies/../studies/fixed", status=2)


def test_a_name_that_is_as_long_as_possible_is_shortened(place):
    name = "x" * 251 + ".dcm"
    (place / "studies/wrong.dcm").rename(place / "studies" / name)
    table = place / "views.csv"
    table.write_text(table.read_text().replace("wrong.dcm", name))
    fix()
    copy = index_of(place)[f"studies/{name}"]["copy"]
    assert tags_of((place / "fixed" / copy).read_bytes())[1] == FRONTAL_CODE


@pytest.mark.parametrize("command", [("fix", "views.csv", "--write-to", "fixed"),
                                     ("audit", "views.csv")])  # fmt: skip
def test_a_table_with_two_rows_of_an_image_is_refused(place, command):
    table = place / "views.csv"
    table.write_text(table.read_text() + table.read_text().splitlines()[-1] + "\n")
    assert "2 rows of" in run(*command, "--jobs", "0", status=2).output


KILLED = """
import contextlib, os, signal, sys
from cxrview.cli.main import app
from cxrview.inference import corrected_copies
write, copies = corrected_copies.atomic_write, []

@contextlib.contextmanager
def killed_after_the_second_copy(path):
    with write(path) as file:
        yield file
    copies.append(path)
    if len(copies) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

corrected_copies.atomic_write = killed_after_the_second_copy
app(sys.argv[1:])
"""
COPIES = {"studies/wrong.dcm", "studies/missing.dcm", "studies/b/missing.dcm"}


def test_a_run_that_was_killed_is_continued(place):
    command = [
        sys.executable,
        "-c",
        KILLED,
        "fix",
        "views.csv",
        "--write-to",
        "fixed",
        "--jobs",
        "0",
    ]
    assert subprocess.run(command, cwd=place, check=False).returncode == -signal.SIGKILL
    assert not (place / "fixed/index.csv").exists()
    (line,) = (one for one in rows_of(place / "fixed/index.csv.partial") if one["copy"])
    before = digests(place / "fixed")
    assert len(before) == 3  # with the copy that is not in the index yet
    fix()
    index = index_of(place)
    assert {name for name, one in index.items() if one["copy"]} == COPIES
    assert index[line["file"]] == line
    after = digests(place / "fixed")
    assert {path.name for path in after} == {"index.csv", *(index[one]["copy"] for one in COPIES)}
    copy = place / "fixed" / line["copy"]
    assert after[copy] == before[copy]  # not written again


def test_a_run_without_space_is_continued(place, monkeypatch):
    written = []

    def write_one(path, *guard):
        if len(written) == 2:  # the index and a copy
            raise UnusableOutput(f"{path}: no space left")
        written.append(path.name)
        return atomic_write(path, *guard)

    with monkeypatch.context() as patch:
        patch.setattr(corrected_copies, "atomic_write", write_one)
        assert "no space left" in fix(status=2).output
    lines = rows_of(place / "fixed/index.csv.partial")
    assert [one["copy"] for one in lines if one["copy"]] == written[1:]
    fix()
    assert {name for name, one in index_of(place).items() if one["copy"]} == COPIES


def test_a_repeated_run_changes_no_copy(place):
    fix()
    before = {path: one for path, one in digests(place / "fixed").items() if path.suffix == ".dcm"}
    (place / "studies/wrong.dcm").unlink()
    assert "3 images with a corrected copy" in fix().output
    after = digests(place / "fixed")
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 1


def test_a_copy_that_was_deleted_is_made_again(place):
    fix()
    before = {path: path.read_bytes() for path in (place / "fixed").iterdir()}
    (place / "fixed" / rows_of(place / "fixed/index.csv")[0]["copy"]).unlink()
    fix()
    assert {path: path.read_bytes() for path in (place / "fixed").iterdir()} == before


def test_copies_for_another_table_are_not_mixed_up_with_those_of_this_one(place):
    fix()
    table, before = place / "views.csv", digests(place)
    table.write_text("".join(
        line for line in table.read_text().splitlines(keepends=True) if "wrong" not in line
    ))  # fmt: skip
    before = digests(place)
    assert "has copies that views.csv does not ask for" in fix(status=2).output
    assert digests(place) == before


@pytest.mark.parametrize("change", [1, -(10**9)])  # an older file may take the place of a newer one
def test_a_copy_of_a_file_that_has_changed_since_is_not_taken_for_its_copy(place, change):
    fix()
    source = place / "studies/wrong.dcm"
    time = source.stat().st_mtime_ns + change
    os.utime(source, ns=(time, time))
    assert "whose file has changed" in fix(status=2).output


def test_a_copy_of_an_object_whose_version_is_unknown_is_not_taken_for_its_copy(place, monkeypatch):
    monkeypatch.setattr(remote, "VERSION_ATTRIBUTES", ())
    MemoryFileSystem().pipe("/fixed/wrong.dcm", STUDIES["wrong.dcm"])
    url = "memory://fixed/wrong.dcm"
    run("classify", url, "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0")
    fix("t.csv", status=0)
    assert "whose file has changed or may have" in fix("t.csv", status=2).output


def test_copies_of_members_are_known_by_the_version_of_their_archive(place):
    (place / "zips").mkdir()
    with zipfile.ZipFile("zips/s.zip", "w") as archive:
        archive.write("studies/wrong.dcm", "wrong.dcm")
    run("classify", "zips/s.zip", "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0")
    fix("t.csv", status=0)
    fix("t.csv", status=0)
    with zipfile.ZipFile("zips/s.zip", "a") as archive:
        archive.writestr("more.txt", "more")
    assert "whose file has changed" in fix("t.csv", status=2).output


def test_a_copy_of_a_member_that_an_archive_stores_uncompressed(place):
    (place / "zips").mkdir()
    with zipfile.ZipFile("zips/s.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.write("studies/wrong.dcm", "wrong.dcm")
    run("classify", "zips/s.zip", "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0")
    fix("t.csv", status=0)
    assert index_of(place)["zips/s.zip::wrong.dcm"]["copy"] == "wrong.dcm"


def test_no_copy_is_called_like_a_partial_file(place):
    for name in ("a/wrong.dcm.partial", "b/wrong.dcm"):
        (place / "more" / name).parent.mkdir(parents=True)
        shutil.copy(place / "studies/wrong.dcm", place / "more" / name)
    run("classify", "more/a/wrong.dcm.partial", "more/b/wrong.dcm", "-o", "all.csv", "--model",
        "plain.onnx", "--jobs", "0")  # fmt: skip
    fix("all.csv", status=0)
    copies = [one["copy"] for one in index_of(place).values()]
    assert len(copies) == 2
    assert all((place / "fixed" / copy).stat().st_size for copy in copies)


def test_equal_files_get_a_copy_each(place):
    shutil.copy(place / "studies/wrong.dcm", place / "studies/b/wrong.dcm")
    run("classify", "studies", "-o", "all.csv", "--model", "plain.onnx", "--jobs", "0")
    fix("all.csv")
    copies = [one["copy"] for one in index_of(place).values() if "wrong" in one["file"]]
    assert len(set(copies)) == 2


@pytest.mark.parametrize(("options", "tags", "is_noticed"), [
    ([], {"Rows": 40}, True),
    ([], {"SOPInstanceUID": "1.2.4"}, False),  # the table has no UIDs
    (["--ids"], {"SOPInstanceUID": "1.2.4"}, True),
])  # fmt: skip
def test_a_file_that_was_replaced_since_it_was_classified(place, options, tags, is_noticed):
    run("classify", "studies", "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0", *options)
    ds = read(tagged())
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.PixelData = ds.PixelData[: ds.Rows * ds.Columns]
    ds.save_as(place / "studies/missing.dcm")
    fix("t.csv")
    error = index_of(place)["studies/missing.dcm"]["error"]
    assert ("has changed since it was classified" in error) == is_noticed
    assert not index_of(place)["studies/wrong.dcm"]["error"]


@pytest.mark.parametrize(("warning", "size"), [
    ("", (80, 96)), ("suspect: noise", (80, 96)),
    ("size: the header says 1 x 2 pixels, the codestream 80 x 96", None),
])  # fmt: skip
def test_the_size_in_a_table_is_that_of_the_pixels(tmp_path, warning, size):
    """Only where no warning says otherwise, it is also that of the header."""
    with open_table_writer(tmp_path / "t.csv", "m") as write:
        write(a_row(width=80, height=96, warning=warning))
    (known,) = known_images(tmp_path / "t.csv", list(read_rows(tmp_path / "t.csv")))
    assert known.size == size


def test_images_that_have_gone_are_counted(place):
    (place / "studies/wrong.dcm").unlink()
    assert "1 image no longer there" in fix().output
