"""One run over files that mislead, block or exhaust memory: a row for each, with the reason."""

import os
import socket
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from cxrview.errors import TooLarge
from cxrview.inference.table_reader import read_rows
from cxrview.readers.decode import decode
from cxrview.sources import files, find, tar_archive, zip_archive
from cxrview.sources.files import FileSource
from makers_film import png
from makers_hostile import (
    GIANT,
    LETTERS,
    MIB,
    TINY,
    chain,
    circle,
    deflated_bomb,
    gzip_bomb,
    jpeg2000_of_size,
    jpeg_of_size,
    jpegxl_of_size,
    long_header,
    long_value,
    member,
    nested,
    overlapping_zip,
    png_of_size,
    png_of_zeros,
    png_with,
    tar_of,
    tiff_in_a_circle,
    tiff_of_size,
    zeros,
    zip_of,
    zip_of_packed,
    zip_with,
)
from makers_model import model_bytes
from readers_makers import JPEG, RLE, dicom
from test_cli import COMMAND, classify

GOOD = png("frontal")

FILES = [  # (name, bytes, code of its row; none where the picture is judged)
    ("good.png", GOOD, ""),
    ("native.dcm", dicom(TINY, Rows=GIANT, Columns=GIANT), "too_large"),
    ("frames.dcm", dicom(TINY, NumberOfFrames=2**31 - 1), ""),  # the frame that is there is read
    ("jpeg.dcm", dicom(TINY, JPEG + "50", fragments=[jpeg_of_size(GIANT, GIANT)]), "too_large"),
    ("rle.dcm", dicom(TINY, RLE, fragments=[b"\1" + b"\0" * 80], Rows=GIANT, Columns=GIANT),
     "too_large"),
    ("long value.dcm", long_value(0xFFFFFFF0), "damaged"),
    ("nested.dcm", nested(5000), "damaged"),
    ("deflated.dcm", deflated_bomb(), "too_large"),
    ("giant.jpg", jpeg_of_size(GIANT, GIANT), "too_large"),
    ("giant.jp2", jpeg2000_of_size(GIANT, GIANT), "too_large"),
    ("giant.jxl", jpegxl_of_size(GIANT), "too_large"),
    ("giant.tif", tiff_of_size(GIANT, GIANT), "too_large"),
    ("circle.tif", tiff_in_a_circle(), ""),
    ("giant.png", png_of_size(GIANT, GIANT), "too_large"),
    ("zeros.png", png_of_zeros(5000), ""),  # a bomb within the limits is a picture
    ("profile.png", png_with(b"iCCP", b"icc\0\0" + LETTERS), "damaged"),
    ("packed text.png", png_with(b"zTXt", b"Comment\0\0" + LETTERS), "damaged"),
    ("unicode text.png", png_with(b"iTXt", b"Comment\0\1\0\0\0" + LETTERS), "damaged"),
    ("chunk.png", GOOD[:33] + b"\x7f\xff\xff\xfftEXt" + GOOD[33:], "damaged"),
    ("empty.dcm", b"", "unknown_format"),
]  # fmt: skip

ARCHIVES = [  # (name, bytes, members and the codes of their rows; "" is the archive itself)
    ("good.zip", zip_of([("a.png", GOOD)]), {"a.png": ""}),
    ("empty member.zip", zip_of([("a.png", b"")]), {"a.png": "unknown_format"}),
    ("nested.zip", zip_of([("b.zip", zip_of([("a.png", GOOD)]))]), {"b.zip": "unsupported"}),
    ("encrypted.zip", zip_with(8, b"\1\0"), {"a.png": "unsupported"}),
    ("4 GiB.zip", zip_with(24, b"\0\0\xff\xff"), {"a.png": "too_large"}),
    ("before the start.zip", zip_with(42, b"\xff\xff\xff\x7f"), {"a.png": "damaged"}),
    ("says 100 bytes.zip", zip_of_packed(zeros(900), zipfile.ZIP_DEFLATED, 100),
     {"a.png": "damaged"}),
    ("says 900 MiB.zip", zip_of_packed(zeros(900), zipfile.ZIP_DEFLATED, 900 * MIB),
     {"a.png": "damaged"}),  # the checksum; were it right, the format would be unknown
    ("overlapping.zip", overlapping_zip(4),
     dict.fromkeys(("a.png", "b.png", "c.png", "d.png"), "damaged")),
    ("slip.zip", zip_of([("../../evil.png", GOOD), ("/tmp/evil.png", GOOD)]),  # noqa: S108
     {"../../evil.png": "", "/tmp/evil.png": ""}),  # noqa: S108
    ("doubled.tar", tar_of([("a.png", GOOD), ("a.png", b"")]),
     {"a.png": "", "a.png::2": "unknown_format"}),
    ("slip.tar", tar_of([("../evil.png", GOOD)]), {"../evil.png": ""}),
    ("giant.tar", member("a.png", 1 << 40) + b"\0" * 1024, {"a.png": "too_large", "": "damaged"}),
    ("circle.tar", circle(), {"": "damaged"}),
    ("chain.tar", chain(5000), {"": "too_large"}),
    ("long name.tar.gz", long_header(b"L", 1 << 33), {"": "too_large"}),
    ("long name.tgz", long_header(b"x", 40 * MIB), {"": "too_large"}),
    ("digits.tar.gz", long_header(b"x", 60_000), {"": "damaged"}),
    ("claim.tar.gz", tar_of([], "w:gz")[:0] + zlib.compress(
        member("a.png", 1 << 40) + b"\0" * 1024, wbits=31), {"": "too_large"}),
    ("nested.tar.gz", tar_of([("b.tar.gz", tar_of([("a.png", GOOD)], "w:gz"))], "w:gz"),
     {"b.tar.gz": "unsupported"}),
]  # fmt: skip

ODD = ["pipe.dcm", "socket.dcm", "zero.png", "null.png", "tty.png", "dead.png", "self.png"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of all of them, and a model."""
    place = tmp_path_factory.mktemp("hostile")
    folder = place / "in"
    (folder / "folder.dcm").mkdir(parents=True)
    for name, data, _ in FILES + ARCHIVES:
        (folder / name).write_bytes(data)
    (folder / "folder.dcm" / "inside.png").write_bytes(GOOD)
    (folder / "folder.dcm" / "loop").symlink_to("..")
    os.mkfifo(folder / "pipe.dcm")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.dcm"))
    for name, target in (("zero", "/dev/zero"), ("null", "/dev/null"), ("tty", "/dev/tty"),
                         ("dead", "nowhere.png"), ("self", "self.png")):  # fmt: skip
        (folder / f"{name}.png").symlink_to(target)
    (folder / "bomb.tar.gz").write_bytes(gzip_bomb())
    (place / "plain.onnx").write_bytes(model_bytes())
    return place


@pytest.fixture(scope="module")
def codes(place):
    """Code of the row by name, after one run of the command."""
    words = ["classify", "in", "--model", "plain.onnx", "--jobs", "2", "-o", "views.csv",
             "--copy-into", "sorted"]  # fmt: skip
    done = subprocess.run(
        [*COMMAND, *words], cwd=place, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    rows = list(read_rows(place / "views.csv"))
    found = {row.file.removeprefix("in/"): row.error.partition(":")[0] for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [(name, code) for name, _, code in FILES])
def test_misleading_files(codes, name, code):
    assert codes[name] == code


@pytest.mark.slow
@pytest.mark.parametrize(("name", "members"), [(name, members) for name, _, members in ARCHIVES])
def test_misleading_archives(codes, name, members):
    rows = {file: code for file, code in codes.items() if file.partition("::")[0] == name}
    assert rows == {f"{name}::{inner}" if inner else name: code for inner, code in members.items()}


@pytest.mark.slow
def test_a_packed_tar_is_read_up_to_a_hundred_times_its_size(codes):
    rows = [code for file, code in codes.items() if file.startswith("bomb.tar.gz")]
    assert codes["bomb.tar.gz::a.png"] == ""
    assert codes["bomb.tar.gz"] == "too_large"
    assert len(rows) < 200  # of four hundred


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_only_regular_files_are_opened(codes, name):
    assert codes[name] == "unreachable"


@pytest.mark.slow
def test_folders_are_entered_once_whatever_their_names(codes):
    assert [file for file in codes if file.startswith("folder.dcm")] == ["folder.dcm/inside.png"]


@pytest.mark.slow
def test_copies_stay_in_their_folder(codes, place):
    assert not [path for path in place.rglob("*evil*") if "sorted" not in path.parts]
    assert not Path("/tmp/evil.png").exists()  # noqa: S108
    assert sorted({path.parent.name for path in (place / "sorted").rglob("*evil*")}) == ["frontal"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_members_are_not_unpacked_beyond_what_they_announce(tmp_path, method):
    archive = bytearray(zip_of([("a.png", b"\0" * 64 * MIB)], method))
    at = archive.index(b"PK\1\2") + 24
    archive[at : at + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(archive)
    program = (
        "import resource, sys; from cxrview.sources.find import members_of\n"
        "from cxrview.errors import DamagedImage\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "(_, place), = members_of(sys.argv[1])\n"
        "try: place.open()\n"
        "except DamagedImage: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.zip"], capture_output=True, check=True
    )
    assert int(done.stdout) < 16_000  # KiB, of 64 MiB


def test_a_directory_of_a_zip_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_archive, "MAX_DIRECTORY_BYTES", 1000)
    (tmp_path / "a.zip").write_bytes(zip_of([(f"{n}.png", b"") for n in range(100)]))
    ((name, refused),) = find.members_of(str(tmp_path / "a.zip"))
    assert (name, refused.error.code) == ("", "too_large")


def test_an_archive_of_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_archive, "MAX_MEMBERS", 3)
    monkeypatch.setattr(tar_archive, "MAX_MEMBERS", 3)
    members = [(f"{n}.png", b"") for n in range(4)]
    for name, archive, before in (
        ("a.zip", zip_of, 0),
        ("a.tar", tar_of, 3),
        ("a.tar.gz", lambda some: tar_of(some, "w:gz"), 3),
    ):
        path = tmp_path / name
        path.write_bytes(archive(members[:3]))
        assert len(find.find([path])) == 3
        path.write_bytes(archive(members))
        *found, refused = find.find([path])
        assert [item.name for item in found] == [f"{path}::{n}.png" for n in range(before)]
        assert (refused.name, refused.source.error) == (str(path), TooLarge)


def test_an_archive_whose_members_do_not_fit_into_memory(tmp_path, monkeypatch):
    def exhausted(path):
        yield "0.png", files.FileSource(path)
        raise MemoryError

    monkeypatch.setattr(find, "members_of", exhausted)
    (tmp_path / "a.zip").write_bytes(zip_of([]))
    (item,) = find.find([tmp_path])
    assert (item.name, item.source.error) == (str(tmp_path / "a.zip"), TooLarge)


def test_a_forbidden_file_gets_a_row(place, monkeypatch):
    """Simulated, because tests may run as root, who may read everything."""
    monkeypatch.chdir(place)
    scan, opened = os.scandir, files.open_descriptor

    def forbidden(real, word):
        def act(path):
            if word in str(path):
                raise PermissionError(13, "Permission denied")
            return real(path)

        return act

    monkeypatch.setattr(os, "scandir", forbidden(scan, "folder.dcm"))
    monkeypatch.setattr(files, "open_descriptor", forbidden(opened, "good.png"))
    assert classify("in/folder.dcm", "in/good.png", "-o", "t.csv").exit_code == 1
    rows = {row.file: row.error for row in read_rows(place / "t.csv")}
    assert rows == {
        "in/folder.dcm": "unlisted_folder: cannot be listed: Permission denied",
        "in/good.png": "unreachable: cannot be opened: Permission denied",
    }


def test_a_file_that_is_replaced_by_a_pipe_does_not_block(place, monkeypatch):
    pipe, regular = str(place / "in/pipe.dcm"), os.stat(place / "in/good.png")  # noqa: PTH116
    monkeypatch.setattr(files.os, "stat", lambda path: regular)
    with pytest.raises(files.Unreachable, match="pipe"):
        FileSource(pipe).open()


def test_a_file_that_is_leased_is_waited_for(place, monkeypatch):
    asked = []
    real = os.open

    def leased(path, flags):
        asked.append(flags & os.O_NONBLOCK)
        if flags & os.O_NONBLOCK:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real(path, flags)

    monkeypatch.setattr(files.os, "open", leased)
    with FileSource(str(place / "in/good.png")).open() as file:
        assert decode(file).pixels.any()
    assert asked == [os.O_NONBLOCK, 0]
