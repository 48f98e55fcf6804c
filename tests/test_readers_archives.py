"""Members of zip, tar and gzip files become items; what cannot be read has a reason."""

# Odd bytes in names belong to os; what is unpickled was pickled here.
# ruff: noqa: PTH104, PTH123, S301

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import tarfile
import zipfile

import pytest

from cxrview.errors import (
    DamagedImage,
    MissingInput,
    TooLarge,
    Unreachable,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.limits import Limits
from cxrview.sources import find as find_module
from cxrview.sources import tar_archive
from cxrview.sources.find import find
from cxrview.sources.zip_archive import ZipMember
from makers_sources import FILES, contents, names, put


def refusal(item):
    with pytest.raises(UnreadableImage) as raised, item.open():
        pass
    return type(raised.value)


def make_zip(path, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.mkdir("empty") if hasattr(archive, "mkdir") else None
        for name, data in FILES.items():
            archive.writestr(name, data)


def make_tar(path, mode):
    with tarfile.open(path, mode) as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


ARCHIVES = {
    "stored.zip": lambda p: make_zip(p),
    "deflated.zip": lambda p: make_zip(p, compression=zipfile.ZIP_DEFLATED),
    "bzip2.zip": lambda p: make_zip(p, compression=zipfile.ZIP_BZIP2),
    "lzma.zip": lambda p: make_zip(p, compression=zipfile.ZIP_LZMA),
    "plain.tar": lambda p: make_tar(p, "w"),
    "gzip.tar.gz": lambda p: make_tar(p, "w:gz"),
    "bzip2.tar.bz2": lambda p: make_tar(p, "w:bz2"),
    "xz.tar.xz": lambda p: make_tar(p, "w:xz"),
}


@pytest.fixture(params=ARCHIVES)
def archive(request, folder):
    ARCHIVES[request.param](request.param)
    return request.param


def test_members_of_archives(archive):
    found = pickle.loads(pickle.dumps(find([archive])))
    assert contents(found) == {f"{archive}::{name}": data for name, data in FILES.items()}


def test_members_in_any_order_and_again(archive):
    found = find([archive])
    for item in (*reversed(found), *found):
        assert contents([item])[item.name] == FILES[item.name.split("::")[1]]


def test_archives_are_recognized_by_their_content(archive):
    os.rename(archive, "export")
    assert names(["export"]) == [f"export::{name}" for name in FILES]


@pytest.mark.parametrize("inputs", [["@list.txt"], ["*.zip", "exp*"]])
def test_in_lists_and_globs_archives_are_recognized_by_their_endings(folder, inputs):
    make_zip("a.zip")
    make_zip("export")
    put("list.txt", b"a.zip\nexport\n")
    assert names(inputs) == [*(f"a.zip::{name}" for name in FILES), "export"]
    assert names([*inputs, "export"])[-len(FILES) :] == [f"export::{name}" for name in FILES]


def test_archives_in_folders(archive):
    os.rename(archive, f"studies/{archive}")
    assert f"studies/{archive}::sub/c.dcm" in names(["studies"])


def test_an_archive_of_which_a_list_names_many_members_is_opened_once(archive, monkeypatch):
    opened = []
    original = find_module.members_of
    monkeypatch.setattr(
        find_module, "members_of", lambda path: opened.append(path) or original(path)
    )
    names = [f"{archive}::{name}" for name in FILES]
    put("list.txt", "\n".join(names).encode())
    assert [item.name for item in find(["@list.txt"])] == names
    assert opened == [archive]


def test_one_member_by_its_name(archive):
    (item,) = find([f"{archive}::sub/c.dcm"])
    assert contents([item]) == {f"{archive}::sub/c.dcm": FILES["sub/c.dcm"]}
    with pytest.raises(MissingInput, match="no such member"):
        find([f"{archive}::sub/none.dcm"])


def test_members_are_seekable(archive):
    (item,) = find([f"{archive}::sub/c.dcm"])
    with item.open() as stream:
        assert stream.seek(-4, os.SEEK_END) == 2996
        assert stream.read() == FILES["sub/c.dcm"][-4:]
        assert stream.seek(3) == 3
        assert stream.seek(3, os.SEEK_CUR) == 6
        assert (stream.read(3), stream.tell()) == (FILES["sub/c.dcm"][6:9], 9)
        stream.seek(5000)
        assert stream.read() == b""


def test_a_truncated_archive_is_damaged(archive):
    with open(archive, "rb") as file:
        data = file.read()
    put(archive, data[: len(data) // 2])
    outcomes = []
    for item in find([archive]):
        try:
            with item.open() as stream:
                outcomes.append(len(stream.read()))
        except UnreadableImage as error:
            outcomes.append(type(error))
    assert DamagedImage in outcomes


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_without_its_end_or_with_a_broken_header_is_damaged(folder, mode):
    """tarfile takes these for the end of the archive."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in ("a.png", "b.png"):
            info = tarfile.TarInfo(name)
            info.size = 512
            archive.addfile(info, io.BytesIO(b"x" * 512))
    whole = plain.getvalue()
    compress = {"w": bytes, "w:gz": gzip.compress, "w:xz": lzma.compress}[mode]
    for damaged in (whole[:2048], whole[:1024], whole[:1124] + b"?" * 100 + whole[1224:]):
        put("damaged.tar", compress(damaged))
        items = find(["damaged.tar"])
        assert items[0].name == "damaged.tar::a.png"
        assert items[-1].name == "damaged.tar"
        assert refusal(items[-1]) is DamagedImage


def test_an_archive_that_is_emptied_after_listing(archive):
    items = find([archive])
    tar_archive._reader_of.cache_clear()
    put(archive, b"")
    for item in items:
        try:
            with item.open() as stream:
                assert stream.read() == b""
        except (DamagedImage, Unreachable):
            continue


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_that_are_no_archives_stay_files(folder, compress):
    put("one.gz", compress(b"no tar"))
    assert names(["one.gz"]) == ["one.gz"]


def test_companions_in_archives_are_skipped(folder, caplog):
    caplog.set_level("WARNING", logger="cxrview")
    with zipfile.ZipFile("export.zip", "w") as export:
        for name in ("a.png", "labels.csv", "__MACOSX/._a.png", "sub/.hidden"):
            export.writestr(name, b"x")
    assert names(["export.zip"]) == ["export.zip::a.png"]
    assert "1 .csv, 1 hidden, 1 system folder" in caplog.text


def patched_zip(path, at, value):
    """A zip of one stored member, a 16- or 32-bit field of its directory entry set."""
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as export:
        export.writestr("a.png", b"a" * 5000)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    entry = data.index(b"PK\1\2")
    data[entry + at : entry + at + len(value)] = value
    put(path, bytes(data))


@pytest.mark.parametrize(("at", "value", "error"), [
    (8, b"\1\0", UnsupportedImage),  # encrypted
    (10, b"\x63\0", UnsupportedImage),  # an unknown compression
    (24, struct.pack("<I", 0xFFFF0000), TooLarge),  # claims 4 GiB
    (24, struct.pack("<I", 6000), DamagedImage),  # claims more than it has
    (16, b"\0\0\0\0", DamagedImage),  # another checksum
    (42, b"\7\0\0\0", DamagedImage),  # starts elsewhere
])  # fmt: skip
def test_members_that_cannot_be_read_have_a_reason(folder, at, value, error):
    patched_zip("odd.zip", at, value)
    (item,) = find(["odd.zip"])
    assert refusal(item) is error


def test_a_zip_bomb_is_not_unpacked(folder):
    """A member that unpacks to more than its zip announces is cut off there."""
    patched_zip("bomb.zip", 24, struct.pack("<I", 100))
    (item,) = find(["bomb.zip"])
    assert refusal(item) is DamagedImage
    with pytest.raises(TooLarge):
        ZipMember("bomb.zip", 0, zipfile.ZIP_DEFLATED, 10, Limits().bytes + 1, 0).open()


def test_a_zip_without_a_directory(folder):
    put("broken.zip", b"PK\3\4" + b"x" * 100)
    (item,) = find(["broken.zip"])
    assert item.name == "broken.zip"
    assert refusal(item) is DamagedImage


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_in_tars_are_refused_and_folders_ignored(folder, mode):
    with tarfile.open("links.tar", mode) as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("l.png", tarfile.SYMTYPE),
                           ("p", tarfile.FIFOTYPE)):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    items = find(["links.tar"])
    assert [item.name for item in items] == ["links.tar::l.png", "links.tar::p"]
    assert {refusal(item) for item in items} == {UnsupportedImage}


def test_a_huge_member_of_a_tar_is_refused(folder):
    info = tarfile.TarInfo("giant.png")
    info.size = 1 << 40
    put("giant.tar", info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    assert refusal(find(["giant.tar"])[0]) is TooLarge


def test_a_compressed_tar_is_read_in_one_pass(folder, monkeypatch):
    make_tar("all.tar.gz", "w:gz")
    items = find(["all.tar.gz"])
    started = []
    real = tar_archive.SequentialTarReader._reopen
    monkeypatch.setattr(
        tar_archive.SequentialTarReader, "_reopen", lambda self: started.append(1) or real(self)
    )
    contents(items)
    assert len(started) == 1
