"""Files that change between finding and reading, or while they are read, get a row each."""

import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from cxrview.inference.classification import classify_items
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find
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
    """A real file that is changed as soon as its first bytes have been read."""

    def __init__(self, path: str, change: str) -> None:
        super().__init__(path, "rb")
        self.path, self.change = path, change

    def readinto(self, buffer) -> int:
        count = super().readinto(buffer)
        CHANGE_FUNCTIONS[self.change](self.path)
        self.change = "nothing"
        return count

    def read(self, size=-1) -> bytes:
        data = super().read(size)
        CHANGE_FUNCTIONS[self.change](self.path)
        self.change = "nothing"
        return data


def grow(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"x" * 10_000)


CHANGE_FUNCTIONS = {
    "nothing": lambda path: None,
    "vanish": os.unlink,
    "shrink": lambda path: os.truncate(path, AT),
    "empty": lambda path: os.truncate(path, 0),
    "grow": grow,
}


@dataclass(frozen=True)
class Unstable:
    """A source whose file changes before it is opened, or while it is read."""

    path: str
    before: str = "nothing"
    during: str = "nothing"

    def open(self) -> BinaryIO:
        CHANGE_FUNCTIONS[self.before](self.path)
        FileSource(self.path).open().close()  # it must be there
        return Changing(self.path, self.during)


CHANGES = [  # (before it is opened, while it is read, codes of its row)
    ("nothing", "nothing", {""}),
    ("grow", "nothing", {""}),
    ("vanish", "nothing", {"unreachable"}),
    ("empty", "nothing", {"unknown_format"}),
    ("shrink", "nothing", {"damaged"}),
    ("nothing", "grow", {""}),
    ("nothing", "vanish", {""}),  # an open file stays
    ("nothing", "empty", {"damaged", "unknown_format"}),
    ("nothing", "shrink", {"damaged"}),
]
ARCHIVES = {"a.zip": zip_of, "a.tar": tar_of, "a.tar.gz": lambda members: tar_of(members, "w:gz")}
MEMBERS = [(f"{number}.png", raster(np.roll(NOISE, number), "PNG")) for number in range(3)]


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    """Code of each row by the change and the file, from one run in a worker."""
    place, items = tmp_path_factory.mktemp("unstable"), []
    for number, (before, during, _) in enumerate(CHANGES):
        for name, data in FILES.items():
            path = place / f"{number} {name}"
            path.write_bytes(data)
            items.append(Item(f"{number} {name}", Unstable(str(path), before, during)))
    for name, make in ARCHIVES.items():
        for change in CHANGE_FUNCTIONS:
            path = place / f"{change} {name}"
            path.write_bytes(make(MEMBERS))
            found = find([path])
            assert len(found) == len(MEMBERS)
            items += [Item(item.name.removeprefix(f"{place}/"), item.source) for item in found]
            CHANGE_FUNCTIONS[change](str(path))
    rows = list(classify_items(items, jobs=1))
    assert [row.file for row in rows] == [item.name for item in items]
    return {row.file: row.error.partition(":")[0] for row in rows}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", range(len(CHANGES)), ids=[str(c[:2]) for c in CHANGES])
def test_a_file_that_changes_gets_its_row(codes, number, name):
    assert codes[f"{number} {name}"] in CHANGES[number][2]


@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize(("change", "wanted"), [
    ("nothing", {""}),
    ("grow", {""}),
    ("vanish", {"unreachable"}),
    ("shrink", {"damaged"}),
    ("empty", {"damaged"}),
])  # fmt: skip
def test_an_archive_that_changes_gets_its_rows(codes, archive, change, wanted):
    assert {codes[f"{change} {archive}::{member}"] for member, _ in MEMBERS} == wanted
