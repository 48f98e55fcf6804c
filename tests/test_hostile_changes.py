"""Files that change between finding and reading, or while they are read: a row each, and soon."""

import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from cxrview.pipeline.bulk import classify_items
from cxrview.readers.places import OnDisc
from cxrview.readers.sources import Item, find
from makers_hostile import tar_of, zip_of
from readers_makers import EXPLICIT, JPEG, dicom, jpeg, raster

NOISE = np.random.default_rng(1).integers(0, 255, (400, 300), np.uint8)
FILES = {
    "a.dcm": dicom(NOISE, EXPLICIT),
    "jpeg.dcm": dicom(NOISE, JPEG + "50", fragments=[jpeg(NOISE)]),
    "a.jpg": jpeg(NOISE),
    "a.png": raster(NOISE, "PNG"),
    "a.tif": raster(NOISE, "TIFF"),
    "lzw.tif": raster(NOISE, "TIFF", compression="tiff_lzw"),
    "a.bmp": raster(NOISE, "BMP"),
}
AT = 5000  # bytes that are left of a file that shrinks


class Changing(FileIO):
    """A real file that somebody else changes as soon as its first bytes were read."""

    def __init__(self, path: str, change: str) -> None:
        super().__init__(path, "rb")
        self.path, self.change = path, change

    def readinto(self, buffer) -> int:
        count = super().readinto(buffer)
        DEEDS[self.change](self.path)
        self.change = "nothing"
        return count

    def read(self, size=-1) -> bytes:
        data = super().read(size)
        DEEDS[self.change](self.path)
        self.change = "nothing"
        return data


def grow(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"x" * 10_000)


DEEDS = {
    "nothing": lambda path: None,
    "vanish": os.unlink,
    "shrink": lambda path: os.truncate(path, AT),
    "empty": lambda path: os.truncate(path, 0),
    "grow": grow,
}


@dataclass(frozen=True)
class Restless:
    """A place whose file changes before it is opened, or while it is read."""

    path: str
    before: str = "nothing"
    during: str = "nothing"

    def open(self) -> BinaryIO:
        DEEDS[self.before](self.path)
        OnDisc(self.path).open().close()  # it must be there
        return Changing(self.path, self.during)


def errors(tmp_path, **changes) -> dict[str, str]:
    """Code of each file's row, by workers."""
    items = []
    for name, data in FILES.items():
        path = tmp_path / name
        path.write_bytes(data)
        items.append(Item(name, Restless(str(path), **changes)))
    rows = list(classify_items(items, jobs=1))
    assert [row.file for row in rows] == list(FILES)
    return {row.file: row.error.partition(":")[0] for row in rows}


@pytest.mark.parametrize(("changes", "codes"), [
    ({}, {""}),
    ({"before": "grow"}, {""}),
    ({"before": "vanish"}, {"unreachable"}),
    ({"before": "empty"}, {"unknown_format"}),
    ({"before": "shrink"}, {"damaged"}),
    ({"during": "grow"}, {""}),
    ({"during": "vanish"}, {""}),  # an open file stays
    ({"during": "empty"}, {"damaged", "unknown_format"}),
    ({"during": "shrink"}, {"damaged"}),
], ids=str)  # fmt: skip
def test_a_file_that_changes_gets_its_row(tmp_path, changes, codes):
    assert set(errors(tmp_path, **changes).values()) <= codes


@pytest.mark.parametrize("archive", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("change", ["vanish", "shrink", "empty", "grow"])
def test_an_archive_that_changes_gets_its_rows(tmp_path, archive, change):
    path = tmp_path / archive
    members = [(f"{n}.png", raster(np.roll(NOISE, n), "PNG")) for n in range(3)]
    make = {"a.zip": zip_of, "a.tar": tar_of, "a.tar.gz": lambda m: tar_of(m, "w:gz")}[archive]
    path.write_bytes(make(members))
    items = find([path])
    DEEDS[change](str(path))
    rows = list(classify_items(items, jobs=1))
    assert len(rows) == 3
    codes = {row.error.partition(":")[0] for row in rows}
    assert codes <= ({""} if change == "grow" else {"unreachable", "damaged"})


def test_good_files_are_good(tmp_path):
    """The table above can fail: nothing changes, and all are read."""
    assert set(errors(tmp_path).values()) == {""}
