"""The labelled folder: every file decodes to the drawn pixels, every label is present and true."""

import csv
import io
from dataclasses import asdict

import imagecodecs
import numpy as np
import pydicom
import pytest
import typer
from PIL import Image
from pydicom.encaps import generate_frames
from typer.testing import CliRunner

from cxrview.cli.phantom import phantom
from cxrview.csv_text import cell_text
from cxrview.engines.local import SerialEngine, engine_for
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.images import HeaderFields, header_view_of
from cxrview.labels import read_labels
from cxrview.phantom import folder as phantom_folder
from cxrview.phantom.dicom_object import HEADER_QUOTA, Correctness, stated_view_of
from cxrview.phantom.draw import draw_one
from cxrview.phantom.encodings import ENCODINGS
from cxrview.phantom.folder import (
    LABEL_COLUMNS,
    SHEET_IMAGES,
    FolderContents,
    folder_file,
    write_folder,
    write_sheet,
)
from cxrview.views import View

SIDE, SEED = 40, 3
COUNT = 3 * len(ENCODINGS)
LOSSLESS, LOSSY = 1e-3, 0.12  # of full scale; JPEG of a noisy picture
CODECS = {
    "dicom jpeg lossless": imagecodecs.jpeg8_decode,
    "dicom jpeg-ls": imagecodecs.jpegls_decode,
    "dicom htj2k": imagecodecs.htj2k_decode,
}


@pytest.fixture(scope="module")
def made():
    contents = FolderContents(COUNT, SEED, SIDE)
    return [folder_file(number, contents) for number in range(COUNT)]


def picture(label, data):
    """(h, w) in [0, 1], bone bright."""
    if not label.file.endswith(".dcm"):
        levels = np.asarray(Image.open(io.BytesIO(data)))
        return levels / (65535 if levels.dtype.itemsize > 1 else 255)
    dataset = pydicom.dcmread(io.BytesIO(data))
    if label.encoding in CODECS:
        levels = CODECS[label.encoding](
            next(generate_frames(dataset.PixelData, number_of_frames=1))
        )
    else:
        levels = dataset.pixel_array
    shares = levels / (2**dataset.BitsStored - 1)
    return 1 - shares if dataset.PhotometricInterpretation == "MONOCHROME1" else shares


def test_every_file_decodes_to_the_drawn_pixels(made):
    for number, (label, data) in enumerate(made):
        drawn = draw_one(SEED, number, SIDE).pixels
        lossy = label.encoding in ("jpeg", "dicom jpeg baseline")
        tolerance = LOSSY if lossy else 0.5 / 255 + LOSSLESS
        np.testing.assert_allclose(picture(label, data), drawn, atol=tolerance, err_msg=label.file)
        assert (label.height, label.width) == drawn.shape


def test_all_encodings_and_polarities_occur(made):
    assert {label.encoding for label, _ in made} == {encoding.name for encoding in ENCODINGS}
    polarities = {label.photometric_interpretation for label, _ in made}
    assert polarities == {"", "MONOCHROME1", "MONOCHROME2"}


def test_labels_contain_the_view_stated_in_the_header(made):
    for label, data in made:
        if label.encoding.startswith("dicom"):
            dataset = pydicom.dcmread(io.BytesIO(data))
            view_codes = dataset.get("ViewCodeSequence")
            header = HeaderFields(
                view_position=dataset.get("ViewPosition") or "",
                patient_orientation="\\".join(dataset.get("PatientOrientation") or []),
                view_code=view_codes[0].CodeValue if view_codes else "",
            )
            stated = header_view_of(header).view
            assert (stated.value if stated else "") == label.header_view
            assert (stated and stated.value != label.view) == (label.header == "wrong") or (
                label.header == "absent" and stated is None
            )


def test_the_dicom_objects_are_valid_and_anonymous(made):
    uids = set()
    for label, data in made:
        if label.encoding.startswith("dicom"):
            dataset = pydicom.dcmread(io.BytesIO(data))
            assert str(dataset.PatientName).startswith("PHANTOM^")
            assert dataset.PatientID == label.patient
            assert (
                dataset.SOPClassUID.is_storage if hasattr(dataset.SOPClassUID, "is_storage") else 1
            )
            for uid in (
                dataset.SOPInstanceUID,
                dataset.StudyInstanceUID,
                dataset.SeriesInstanceUID,
            ):
                assert uid.is_valid
                assert len(uid) <= 64
                uids.add(uid)
            assert (dataset.Rows, dataset.Columns) == (label.height, label.width)
            assert dataset.Modality in ("CR", "DX")
    assert len(uids) == 3 * sum(label.encoding.startswith("dicom") for label, _ in made)


@pytest.mark.parametrize("seed", [0, 9])
def test_of_twenty_headers_two_are_wrong_and_four_absent(seed):
    image = draw_one(0, 0, 16)
    for block in range(3):
        numbers = range(block * len(HEADER_QUOTA), (block + 1) * len(HEADER_QUOTA))
        statements = [stated_view_of(image, seed, number) for number in numbers]
        kinds = [stated.correctness for stated in statements]
        counts = [
            kinds.count(kind) for kind in (Correctness.RIGHT, Correctness.ABSENT, Correctness.WRONG)
        ]
        assert counts == [14, 4, 2]
        for stated in statements:
            if stated.correctness is Correctness.WRONG:
                assert stated.view is not image.view
            elif stated.correctness is Correctness.RIGHT:
                assert stated.view is image.view
    assert {stated_view_of(image, seed, n).correctness for n in range(20)} == set(Correctness)


def test_mirrored_images_have_the_mirrored_orientation():
    images = [draw_one(1, number, 16) for number in range(40)]
    for number, image in enumerate(images):
        stated = stated_view_of(image, 0, number)
        if stated.correctness is Correctness.RIGHT and stated.patient_orientation:
            first = {View.FRONTAL: "LR", View.LATERAL: "AP"}[image.view][image.mirrored]
            assert stated.patient_orientation == f"{first}\\F"


@pytest.mark.parametrize("jobs", [0, 2])
def test_the_same_seed_writes_the_same_bytes(tmp_path, jobs):
    """Whatever the number of worker processes, which end in any order."""
    folders = [tmp_path / name for name in ("one", "deep/two")]
    for folder, engine in zip(folders, (SerialEngine(), engine_for(jobs)), strict=True):
        write_folder(folder, FolderContents(10, seed=4, side=32), engine)
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert first == second
    assert len(first) == 11


def test_the_table_is_whole_and_readable_as_labels(tmp_path):
    seen = []
    written = write_folder(
        tmp_path / "phantoms",
        FolderContents(10, seed=1, side=24),
        on_image=lambda: seen.append(1),
    )
    assert len(seen) == 10
    with (tmp_path / "phantoms" / "labels.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert tuple(rows[0]) == LABEL_COLUMNS
    assert rows == [{k: cell_text(v) for k, v in asdict(label).items()} for label in written]
    labels = read_labels(tmp_path / "phantoms" / "labels.csv")
    assert len({label.patient for label in labels}) == 10
    assert all((tmp_path / "phantoms" / label.file).is_file() for label in labels)


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "phantoms").mkdir()
    assert len(write_folder(tmp_path / "phantoms", FolderContents(2, side=16))) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phantoms"]


@pytest.mark.parametrize("place", ["full", "file", "file/below"])
def test_nothing_is_overwritten(tmp_path, place):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UnusableOutput):
        write_folder(tmp_path / place, FolderContents(1, side=16))
    assert (tmp_path / "full" / "mine").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full"]


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def stop(*arguments):
        if arguments[1] == 2:
            raise KeyboardInterrupt
        return draw_one(*arguments)

    monkeypatch.setattr(phantom_folder, "draw_one", stop)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "phantoms", FolderContents(5, side=16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_ct_that_cannot_be_read_is_named_by_every_engine(tmp_path, jobs):
    contents = FolderContents(2, side=16, volumes=(str(tmp_path / "absent.npz"),))
    with pytest.raises(WrongUse, match=r"absent\.npz"):
        write_folder(tmp_path / "phantoms", contents, engine_for(jobs))
    assert list(tmp_path.iterdir()) == []


def test_the_contact_sheet_is_reproducible(tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_folder, "SHEET_CELL", 16)
    drawn = []
    for name in ("one.png", "two.png"):
        write_sheet(tmp_path / name, seed=2, on_image=lambda: drawn.append(1))
    assert len(drawn) == 2 * SHEET_IMAGES
    first, second = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert first == second
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.size == (8 * 20 + 4, 4 * 20 + 4)


@pytest.mark.parametrize("place", ["nowhere/sheet.png", ""])
def test_a_sheet_that_cannot_be_written(tmp_path, monkeypatch, place):
    monkeypatch.setattr(phantom_folder, "SHEET_CELL", 16)
    with pytest.raises(UnusableOutput):
        write_sheet(tmp_path / place)


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_folder, "SHEET_CELL", 16)
    app = typer.Typer()
    app.command()(phantom)
    folder, picture = tmp_path / "phantoms", tmp_path / "sheet.png"

    def run(*options):
        return CliRunner().invoke(app, list(options))

    made = run("-n", "3", "-o", str(folder), "--side", "16", "--jobs", "0")
    assert made.exit_code == 0, made.output
    assert "3 radiographs" in made.output
    one = run("-n", "1", "-o", str(tmp_path / "one"), "--side", "16", "--jobs", "1")
    assert "1 radiograph, " in one.output
    assert "0 DICOM headers state" in one.output
    assert len(list(folder.iterdir())) == 4
    assert isinstance(run("-o", str(folder)).exception, UnusableOutput)
    assert run("--sheet", str(picture)).exit_code == 0
    assert picture.is_file()
    assert isinstance(run().exception, WrongUse)
