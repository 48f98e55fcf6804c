"""No patient data leave a file: all its texts are marked, and all output is searched for marks."""

import base64
import io
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrview.readers.dicom_file import WANTED_TAGS
from format_fields import fields_of
from fuzz_seeds import Seed
from makers_film import picture
from makers_model import model_bytes
from mutations import mutated
from readers_makers import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    dicom,
    dicom_bytes,
    jpeg,
)
from test_cli import COMMAND
from waiting import wait_until

LETTERS, DIGITS = "ZQXJ", "7731991"  # stand in every mark, and nowhere else
SHAPES = {  # how a value of each kind can be marked: {} is a running number
    "PN": "ZQXJ^Jane{}", "LO": "ZQXJ{}", "SH": "ZQXJ{}", "LT": "ZQXJ {}", "ST": "ZQXJ {}",
    "UT": "ZQXJ {}", "UC": "ZQXJ {}", "AE": "ZQXJ{}", "CS": "ZQXJ{}", "UR": "http://ZQXJ/{}",
    "UI": "1.2.7731991.{}", "IS": "7731991", "DS": "7731991", "DA": "77319911", "TM": "ZQXJ{}",
    "DT": "7731991{}",
}  # fmt: skip
DAMAGED = 60  # of each file


def elements() -> list[tuple[int, str, str]]:
    """(tag, VR, value) of every element of the dictionary that holds text, each with its mark."""
    described = {*WANTED_TAGS, 0x00080005} - {0x00080060, 0x00180015, 0x00185101, 0x00200020}
    texts = [(tag, entry[0]) for tag, entry in DicomDictionary.items() if entry[0] in SHAPES]
    return [
        (tag, vr, SHAPES[vr].format(number % 10_000))
        for number, (tag, vr) in enumerate(texts)
        if tag not in described and 0x0008_0000 < tag < 0x7000_0000 and tag & 0xFFFF
    ]


def marked(ds: Dataset, every: int = 1) -> Dataset:
    """The same with marks in every `every`-th text, in sequences, and in private elements."""
    for tag, vr, value in elements()[::every]:
        ds.add(DataElement(tag, vr, value, validation_mode=IGNORE))
    for tag, vr, value in ((0x00091010, "LO", LETTERS), (0x00091011, "UN", LETTERS.encode()),
                           (0x00091012, "OB", LETTERS.encode())):  # fmt: skip
        ds.add_new(tag, vr, value)
    return ds


def file_of(syntax: str, **more: object) -> bytes:
    """A valid image with about three thousand marks."""
    plain = dicom(picture("frontal"), syntax, **more)
    ds = dcmread(io.BytesIO(plain))
    inner = marked(Dataset(), every=50)
    inner.CodeValue, inner.CodeMeaning = LETTERS, LETTERS
    marked(ds, every=3)
    ds.ViewCodeSequence = ds.RequestAttributesSequence = ds.ModalityLUTSequence = Sequence([inner])
    if "fragments" in more:
        ds["PixelData"].is_undefined_length = True
    ds.SpecificCharacterSet = "ISO_IR 100"
    data = dicom_bytes(ds, syntax).replace(b"ISO_IR 100", b"ZQXJ_R 100")
    return LETTERS.encode() * 32 + data[128:]  # in the preamble as well


def dicoms() -> dict[str, bytes]:
    plain = {name: file_of(syntax) for name, syntax in (
        ("explicit", EXPLICIT), ("implicit", IMPLICIT), ("big", BIG_ENDIAN), ("deflated", DEFLATED),
    )}  # fmt: skip
    plain["jpeg"] = file_of(JPEG + "50", fragments=[jpeg(picture("frontal"))])
    plain["no pixels"] = dicom_bytes(marked(Dataset()), EXPLICIT)
    plain["own class"] = dicom(None, SOPClassUID=f"1.2.{DIGITS}")
    plain["own syntax"] = file_of(JPEG + "50", fragments=[b"x" * 20]).replace(
        (JPEG + "50").encode(), f"1.2.84.{DIGITS}.123456".encode()[:22]
    )
    return plain


def rasters() -> dict[str, bytes]:
    """Marks in EXIF, comments, text chunks, XMP and TIFF tags."""
    image, words = Image.fromarray(picture("frontal")), f"{LETTERS}^Jane {DIGITS}"
    exif = image.getexif()
    for tag in (ExifTags.Base.ImageDescription, ExifTags.Base.Artist, ExifTags.Base.XPComment):
        exif[tag] = words
    info, tags = PngImagePlugin.PngInfo(), TiffImagePlugin.ImageFileDirectory_v2()
    info.add_text("Patient", words)
    info.add_text(LETTERS, words, zip=True)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{words}</x>", zip=True)
    tags.tagtype[65000] = 2  # ASCII
    for tag in (270, 305, 315, 700, 33432, 65000):
        tags[tag] = words.encode() if tag == 700 else words
    made = {}
    for kind, options in {
        "jpg": {"exif": exif, "comment": words, "xmp": words.encode()},
        "png": {"pnginfo": info, "exif": exif},
        "tif": {"tiffinfo": tags},
    }.items():
        stream = io.BytesIO()
        image.save(stream, {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[kind], **options)
        made[kind] = stream.getvalue()
    return made


def write_all(folder: Path) -> int:
    """Write every file, complete and damaged in many ways; return their number."""
    folder.mkdir()
    files = {**dicoms(), **rasters()}
    seeds = [Seed(name, data, fields_of(data)) for name, data in files.items()]
    for name, data in files.items():
        (folder / f"{name}.dcm").write_bytes(data)
        for part in (0.1, 0.5, 0.9, 0.99):
            (folder / f"{name} {part}.dcm").write_bytes(data[: int(len(data) * part)])
    for number in range(DAMAGED * len(files)):
        (folder / f"{number}.dcm").write_bytes(mutated(seeds, 7, number)[1])
    return (len(files) * 5) + DAMAGED * len(files)


def forms() -> re.Pattern[bytes]:
    """The marks in every encoding that a program might use."""
    found = {mark.encode(code) for mark in (LETTERS, DIGITS) for code in ("ascii", "utf-16-le")}
    found |= {mark.encode().hex().encode() for mark in (LETTERS, DIGITS)}
    for mark in (LETTERS, DIGITS):
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + mark.encode() + b"\0\0\0")
            found.add(whole[4 if shift else 0 : 4 * ((shift + len(mark)) // 3)])
    return re.compile(b"|".join(re.escape(form) for form in found if len(form) >= 4), re.IGNORECASE)


MARKS = forms()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("private")
    place.joinpath("count").write_text(str(write_all(place / "in")))
    (place / "plain.onnx").write_bytes(model_bytes())
    return place


def unpacked(path: Path) -> bytes:
    """The content of a file, also where it is compressed."""
    said = path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        said += repr(table.to_pylist()).encode() + repr(table.schema.metadata).encode()
    if path.suffix == ".png":
        with Image.open(path) as image:
            said += repr(image.info).encode()
    return said


def assert_unmarked(place: Path, *more: bytes) -> None:
    """Search every file in the folder except those that were read."""
    found = (path for path in place.rglob("*") if "in" not in path.parts)
    written = [path for path in found if path.is_file() and not path.is_symlink()]
    assert written or more
    for said in (*map(unpacked, written), *more):
        found = MARKS.search(said)
        assert not found, said[max(0, found.start() - 200) : found.end() + 50]


def test_the_search_finds_marks(place):
    """Every complete, uncompressed file has marks, and many of them."""
    assert len(elements()) > 2500
    for name in ("explicit", "implicit", "big", "jpeg", "no pixels"):
        assert len(MARKS.findall((place / "in" / f"{name}.dcm").read_bytes())) > 500, name
    for name in ("own class", "own syntax", "jpg", "png", "tif"):
        assert MARKS.search((place / "in" / f"{name}.dcm").read_bytes()), name
    for spelt in (f"u'{LETTERS}'".encode("utf-16-le"), base64.b64encode(f"ab{LETTERS}cd".encode())):
        assert MARKS.search(spelt)


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ["-o", "views.csv", "--sheet", "sheet.png", "--link-into", "sorted"],
    ["-o", "views.parquet"],
    [],
])  # fmt: skip
def test_outputs_hold_no_patient_data(place, tmp_path, words):
    (tmp_path / "in").symlink_to(place / "in")
    (tmp_path / "plain.onnx").symlink_to(place / "plain.onnx")
    command = [*COMMAND, "classify", "in", "--model", "plain.onnx", "--jobs", "1", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    rows = int((place / "count").read_text())
    assert f"{rows:,} images".encode() in done.stderr
    assert_unmarked(tmp_path, done.stdout, done.stderr)


@pytest.mark.slow
def test_an_audit_holds_no_patient_data(place, tmp_path):
    """Data URIs are removed first: the letters of a mark may stand in any long base64 text."""
    (tmp_path / "in").symlink_to(place / "in")
    command = [*COMMAND, "audit", "in", "--model", str(place / "plain.onnx"), "--jobs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    page = tmp_path / "audit.html"
    text = page.read_text()
    assert "(unknown value)" in text
    page.write_text(re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*", "", text))
    assert_unmarked(tmp_path, done.stdout, done.stderr)


DEBUGGING = """
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG, filename="debug.log")
logging.captureWarnings(True)
warnings.simplefilter("always")
import pydicom, PIL
pydicom.config.debug(True)
from cxrview.cli.main import run
run()
"""


@pytest.mark.slow
def test_debug_logs_hold_no_patient_data(place, tmp_path):
    """In one process, with the most verbose logging of every library."""
    command = [sys.executable, "-c", DEBUGGING, "classify", str(place / "in"), "-o", "views.jsonl",
               "--model", str(place / "plain.onnx"), "--jobs", "0"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "views.jsonl").exists()
    assert (tmp_path / "debug.log").exists()
    assert_unmarked(tmp_path, done.stdout, done.stderr)


@pytest.mark.slow
def test_an_interrupted_run_leaves_no_patient_data(place, tmp_path):
    many = place / "many"  # so many names of the files that the run is not finished before
    for number in range(40):
        (many / f"{number}").mkdir(parents=True)
        for path in (place / "in").iterdir():
            (many / f"{number}" / path.name).hardlink_to(path)
    command = [*COMMAND, "classify", str(many), "-o", "views.csv",
               "--model", str(place / "plain.onnx"), "--jobs", "1"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        wait_until(lambda: any(path.stat().st_size for path in tmp_path.rglob("*.partial")))
        run.send_signal(signal.SIGINT)
        words = run.stderr.read()
    assert run.returncode in {128 + signal.SIGINT, -signal.SIGINT}, words
    assert_unmarked(tmp_path, words)


def test_loggers_are_enabled_again():
    """They are disabled only while a file is read."""
    assert not logging.getLogger("pydicom").disabled
    assert not logging.getLogger("PIL.TiffImagePlugin").disabled


def test_every_text_of_the_dictionary_is_marked():
    keywords = {keyword_for_tag(tag) for tag, _, _ in elements()}
    assert keywords >= {
        "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyDate",
        "InstitutionName", "OtherPatientIDs", "StationName", "PatientComments",
    }  # fmt: skip
