"""Gzip-wrapped single files (image.dcm.gz) are read as their contents, within the limits."""

import gzip
import zipfile
from pathlib import Path

import pytest

from cxrview import limits
from cxrview.errors import DamagedImage, TooLarge
from cxrview.inference.sorted_files import copy
from cxrview.sources import files
from cxrview.sources.find import Item, find, item_of_bytes
from makers_film import dicom, png
from makers_model import model_bytes
from test_cli import classify

PACKED = gzip.compress(dicom("lateral"), mtime=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder `in` of a packed DICOM file, a packed PNG file and a packed table."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.dcm.gz").write_bytes(PACKED)
    Path("in/b.png.gz").write_bytes(gzip.compress(png("frontal")))
    Path("in/index.csv.gz").write_bytes(gzip.compress(b"file,view\n"))
    return tmp_path


def contents(item):
    with item.open() as stream:
        return stream.read()


def test_packed_files_are_items_with_the_contents(folder):
    found = find(["in"])
    assert [item.name for item in found] == ["in/a.dcm.gz", "in/b.png.gz"]
    assert [contents(item) for item in found] == [dicom("lateral"), png("frontal")]
    (named,) = find(["in/a.dcm.gz"])
    assert contents(named) == dicom("lateral")


def test_concatenated_and_renamed_files_and_members_of_archives(folder):
    image = png("frontal")
    parts = gzip.compress(image[:100]) + gzip.compress(image[100:])
    assert contents(item_of_bytes("image", parts)) == image
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("a.dcm.gz", PACKED)
    (member,) = find(["a.zip"])
    assert contents(member) == dicom("lateral")


def test_packed_files_are_classified_in_workers(folder, tmp_path):
    Path("plain.onnx").write_bytes(model_bytes())
    done = classify("in", "-o", "t.csv", jobs=1)
    assert done.exit_code == 0, done.stderr
    lines = Path("t.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["in/a.dcm.gz", "in/b.png.gz"]


@pytest.mark.parametrize("data", [
    PACKED[:-100], PACKED[:12], PACKED[:-8] + bytes(8), PACKED[:40] + b"\xff" * 40 + PACKED[80:],
])  # fmt: skip
def test_what_breaks_off_is_damaged(data):
    with pytest.raises(DamagedImage, match="gzip"):
        contents(item_of_bytes("a.dcm.gz", data))


def test_a_gzip_bomb_is_not_unpacked(monkeypatch):
    bomb = gzip.compress(bytes(30_000_000))
    assert len(contents(item_of_bytes("a.gz", bomb))) == 30_000_000  # free up to 256 MiB
    monkeypatch.setattr(files, "FREE_UNPACK_BYTES", 1_000_000)
    with pytest.raises(TooLarge, match="unpacks to more than"):
        contents(item_of_bytes("a.gz", bomb))
    monkeypatch.undo()
    monkeypatch.setattr(files, "Limits", lambda: limits.Limits(bytes=1000))
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        contents(item_of_bytes("a.gz", bomb))


def test_copies_are_packed_as_the_original(folder):
    (item,) = find(["in/a.dcm.gz"])
    assert copy(Item(item.name, item.source), Path("copied.dcm.gz"), lambda: False)
    assert Path("copied.dcm.gz").read_bytes() == PACKED
