"""Inputs become items, in order, each once; nothing is lost without notice."""

# Odd bytes in names belong to os; what is unpickled was pickled here.
# ruff: noqa: PTH107, PTH123, PTH211, S301

import io
import json
import os
import pickle
from pathlib import Path

import pytest

from cxrview.csv_text import csv_table
from cxrview.errors import (
    MissingInput,
    UnlistedFolder,
    Unreachable,
    UnreadableImage,
    WrongUse,
)
from cxrview.inference.corrected_copies import INDEX_COLUMNS
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find, find_with_roots, item_of_bytes
from makers_sources import FILES, contents, names, put

SYSTEM_FILES = (
    "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", "@eaDir/a.png@SynoEAStream", "#recycle/old.png",
    ".@__thumb/a.png", "@Recycle/b.png", "lost+found/c.dcm", "$RECYCLE.BIN/S-1-5/$R1.dcm",
    "System Volume Information/x", "__MACOSX/a.png", ".Trash-1000/files/a.png",
)  # fmt: skip
ALL = ["studies/a.jpg", "studies/b.png", "studies/sub/IM0001", "studies/sub/c.dcm"]


@pytest.mark.parametrize(("inputs", "expected"), [
    (["studies"], ALL),
    (["studies/"], ALL),
    (["studies/b.png", "studies/a.jpg"], ["studies/b.png", "studies/a.jpg"]),  # as named
    (["studies/b.png", "studies"], ["studies/b.png", *ALL[:1], *ALL[2:]]),  # each once
    (["studies/*.png"], ["studies/b.png"]),
    (["studies/**/*.dcm"], ["studies/sub/c.dcm"]),
    (["studies/*"], ALL),
])  # fmt: skip
def test_files_folders_and_globs(folder, inputs, expected):
    assert names(inputs) == expected


def test_items_open_to_their_bytes(folder):
    assert contents(find(["studies"])) == {f"studies/{k}": v for k, v in FILES.items()}


def test_system_folders_are_skipped_and_counted(folder, caplog):
    caplog.set_level("WARNING", logger="cxrview")
    for name in SYSTEM_FILES:
        put(f"studies/{name}")
        put(f"studies/sub/{name}")
    assert names(["studies"]) == ALL
    hidden = 2 * sum(name.startswith(".") for name in SYSTEM_FILES)
    system = 2 * len({name.split("/")[0] for name in SYSTEM_FILES}) - hidden
    assert f"{hidden} hidden, {system} system folder" in caplog.text


def test_a_system_folder_that_is_named_itself_is_read(folder):
    put("#recycle/old.png")
    assert names(["#recycle"]) == ["#recycle/old.png"]


def test_companions_of_images_are_skipped_and_counted(folder, caplog):
    caplog.set_level("WARNING", logger="cxrview")
    for name in ("labels.csv", "README.md", "DICOMDIR", ".DS_Store", ".git/x", "sub/._c.dcm",
                 "index.csv.gz"):  # fmt: skip
        put(f"studies/{name}")
    assert names(["studies"]) == ALL
    assert "skipped: 1 .csv, 1 .csv.gz, 1 .md, 3 hidden, 1 without an ending" in caplog.text


def write_sorted_folder(place, originals, is_killed=False):
    """A folder as `--copy-into` leaves it: place of a copy -> absolute path of its original.

    is_killed: by a run that has not written the index yet.
    """
    put(f"{place}/.model")
    lines = []
    for name, original in originals.items():
        put(f"{place}/{name}")
        lines.append({"file": original, "placed": name, "view": "frontal", "folder": ""})
    if is_killed:
        text = "".join(f"\n{json.dumps([one['placed'], one])}" for one in lines)
        put(f"{place}/.placed.jsonl", text.encode())
    else:
        table = csv_table(tuple(lines[0]), [tuple(one.values()) for one in lines])
        put(f"{place}/index.csv", table.encode())


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("place", ["studies/sub/sorted", "studies", "elsewhere"])
def test_copies_of_images_that_are_read_are_skipped_and_counted(folder, caplog, place, is_killed):
    caplog.set_level("WARNING", logger="cxrview")
    copies = {
        f"frontal/{number}.dcm": str(Path(one).resolve()) for number, one in enumerate(ALL[:2])
    }
    write_sorted_folder(place, copies, is_killed)
    put(f"{place}/frontal/mine.dcm")
    inputs = ["studies", *([] if place.startswith("studies") else [place])]
    assert set(names(inputs)) == {*ALL, f"{place}/frontal/mine.dcm"}
    assert "2 sorted (also read elsewhere)" in caplog.text
    assert set(names([*ALL, place])) == {*ALL, f"{place}/frontal/mine.dcm"}


def test_copies_of_images_that_are_not_read_are_read(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.dcm"
    elsewhere.touch()
    gone = str(Path("studies/gone.dcm").resolve())
    put("studies/.hidden/h.dcm")
    hidden = str(Path("studies/.hidden/h.dcm").resolve())
    copies = {
        "frontal/gone.dcm": gone, "frontal/h.dcm": hidden, "frontal/x.dcm": str(elsewhere),
    }  # fmt: skip
    write_sorted_folder("studies/sorted", copies)
    put("studies/sorted/sheet.png")
    found = [f"studies/sorted/{name}" for name in (*copies, "sheet.png")]
    assert set(names(["studies"])) == {*ALL, *found}
    assert names(["studies/sorted"]) == found


def test_a_copy_of_a_member_is_skipped_where_the_archive_is_read(folder):
    put("studies/a.zip")
    member = str(Path("studies/a.zip").resolve()) + "::b.dcm"
    write_sorted_folder("studies/sorted", {"frontal/b.dcm": member})
    assert not any("sorted" in name for name in names(["studies"]))
    assert names(["studies/sorted"]) == ["studies/sorted/frontal/b.dcm"]


@pytest.mark.parametrize("index", [b"file,placed\n", b"\xff\x00", b'["a", 3]\nx'])
def test_a_folder_with_such_names_is_no_sorted_folder(folder, index):
    for name in (".model", "index.csv", ".placed.jsonl"):
        put(f"studies/{name}", index)
    put("studies/frontal/f.png")
    assert "studies/frontal/f.png" in names(["studies"])


@pytest.mark.parametrize("index", ["index.csv", "index.csv.partial"])
def test_corrected_copies_among_the_images_are_skipped_and_counted(folder, index, caplog):
    caplog.set_level("WARNING", logger="cxrview")
    line = ("studies/a.dcm", "c.dcm", *[""] * (len(INDEX_COLUMNS) - 2))
    put(f"studies/fixed/{index}", csv_table(INDEX_COLUMNS, [line]).encode())
    for name in ("c.dcm", "mine.dcm", "more/d.dcm"):
        put(f"studies/fixed/{name}")
    mine = ["studies/fixed/mine.dcm", "studies/fixed/more/d.dcm"]
    assert set(names(["studies"])) == {*ALL, *mine}
    assert "1 corrected by fix" in caplog.text
    assert names(["studies/fixed"]) == ["studies/fixed/c.dcm", *mine]


def test_unknown_endings_get_an_item(folder):
    put("studies/strange.xyz")
    assert "studies/strange.xyz" in names(["studies"])


@pytest.mark.parametrize("name", ["labels.csv", ".hidden.png", "DICOMDIR"])
def test_companions_that_are_named_get_an_item(folder, name):
    put(f"studies/{name}")
    assert names([f"studies/{name}"]) == [f"studies/{name}"]


def test_a_file_that_looks_like_a_glob(folder):
    put("studies/[1].png")
    assert names(["studies/[1].png"]) == ["studies/[1].png"]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0", "\n\n"])
def test_lists(folder, separator):
    put("list.txt", separator.join(["studies/b.png", "studies/sub", ""]).encode())
    expected = ["studies/b.png", "studies/sub/IM0001", "studies/sub/c.dcm"]
    assert names(["@list.txt"]) == expected
    with open("list.txt", newline="") as stdin:
        assert names(["-"], stdin=stdin) == expected
    with open("list.txt", newline="") as text:
        assert names(["-"], stdin=io.StringIO(text.read())) == expected


@pytest.mark.parametrize(("inputs", "roots"), [
    (["studies"], ["studies"]),
    (["studies/*"], ["studies/sub"]),
    (["@list.txt"], ["studies/sub", "studies"]),
    (["-"], ["studies/sub", "studies"]),
    (["studies/a.jpg", "studies/*.png"], []),
])  # fmt: skip
def test_the_roots_are_the_folders_that_lists_and_globs_name(folder, inputs, roots):
    names_in_list = "studies/sub\nstudies/a.jpg\nstudies\n"
    put("list.txt", names_in_list.encode())
    assert find_with_roots(inputs, io.StringIO(names_in_list)).roots == roots


@pytest.mark.parametrize("inputs", [["@list.txt"], ["studies/*"], ["-"]])
def test_files_that_lists_and_globs_name_are_not_opened(folder, inputs, monkeypatch):
    list_of_names = "\n".join(ALL)
    put("list.txt", list_of_names.encode())
    monkeypatch.setattr(FileSource, "open", lambda file: pytest.fail(f"{file} was opened"))
    assert names(inputs, stdin=io.StringIO(list_of_names)) == ALL


def test_a_list_with_a_byte_order_mark(folder):
    put("list.txt", b"\xef\xbb\xbfstudies/b.png\n")
    assert names(["@list.txt"]) == ["studies/b.png"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_in_utf_16(folder, encoding):
    put("list.txt", "\ufeffstudies/b.png\r\nstudies/a.jpg\r\n".encode(encoding))
    assert names(["@list.txt"]) == ["studies/b.png", "studies/a.jpg"]


def test_a_list_in_utf_16_without_a_byte_order_mark_names_the_cause(folder):
    put("list.txt", "studies/b.png\n".encode("utf-16-le"))
    with pytest.raises(WrongUse, match="UTF-16 without a byte order mark"):
        find(["@list.txt"])


def test_a_list_whose_first_name_starts_like_utf_16(folder):
    name = os.fsdecode(b"\xff\xfeodd.png")
    put(name)
    put("list.txt", os.fsencode(name) + b"\n")
    assert names(["@list.txt"]) == [name]


def test_a_file_named_like_a_list(folder):
    put("@home.png")
    assert names(["@home.png"]) == ["@home.png"]


@pytest.mark.parametrize("strange", [b"new\nline.png", b"odd\xff\xfe.png", b" blank .png"])
def test_strange_names_survive(folder, strange):
    name = os.fsdecode(b"studies/" + strange)
    put(name, b"kept")
    assert contents(find(["studies"]))[name] == b"kept"
    put("list.txt", os.fsencode(name) + b"\0")
    (item,) = pickle.loads(pickle.dumps(find(["@list.txt"])))
    assert item.name == name


@pytest.mark.parametrize(("inputs", "message"), [
    (["studies", "nowhere.png"], "nowhere.png"),
    (["@nolist.txt"], "nolist.txt"),
    (["nothing/*.png"], "nothing/*.png"),
    (["missing.zip::inner.png"], "missing.zip"),
    ([os.fsdecode(b"odd\xff.png")], r"odd\\xff.png"),
    (["zero\0byte"], "zero"),
    ([f"{number}.png" for number in range(9)], "and 4 more"),
])  # fmt: skip
def test_missing_inputs_are_reported_before_any_work(folder, inputs, message):
    with pytest.raises(MissingInput) as raised:
        find(inputs)
    assert message in str(raised.value)
    str(raised.value).encode()  # printable whatever its bytes


def test_missing_names_in_lists_are_reported(folder):
    put("list.txt", b"studies/a.jpg\ngone.png\n")
    with pytest.raises(MissingInput, match=r"gone\.png"):
        find(["@list.txt"])


def test_links_are_followed_and_loops_are_not(folder):
    put("elsewhere/linked.png", b"far")
    os.symlink("../elsewhere/linked.png", "studies/l.png")
    os.symlink("../../elsewhere", "studies/sub/far")
    os.symlink("..", "studies/sub/loop")
    os.symlink("studies", "again")
    found = find(["studies"])
    assert [item.name for item in found] == [
        "studies/a.jpg", "studies/b.png", "studies/l.png", "studies/sub/IM0001",
        "studies/sub/c.dcm", "studies/sub/far/linked.png",
    ]  # fmt: skip
    assert contents(found)["studies/l.png"] == b"far"


def refusal(item):
    with pytest.raises(UnreadableImage) as raised, item.open():
        pass
    return type(raised.value)


def test_pipes_dead_links_and_self_links_are_unreachable(folder):
    os.mkfifo("studies/pipe")
    os.symlink("gone.png", "studies/dead.png")
    os.symlink("self.png", "studies/self.png")
    items = {item.name: item for item in find(["studies", "/dev/null"])}
    for name in ("studies/pipe", "studies/dead.png", "studies/self.png", "/dev/null"):
        assert refusal(items[name]) is Unreachable
    assert names(["studies/pipe"]) == ["studies/pipe"]


def test_a_file_that_vanishes(folder):
    (item,) = find(["studies/a.jpg"])
    os.remove("studies/a.jpg")
    assert refusal(item) is Unreachable


def test_a_folder_that_cannot_be_read(folder, monkeypatch):
    real = os.scandir

    def forbidden(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    items = find(["studies"])
    assert items[-1].name == "studies/sub"
    assert refusal(items[-1]) is UnlistedFolder


def test_bytes_in_memory():
    item = item_of_bytes("upload", b"abc")
    assert contents([item]) == {"upload": b"abc"}
    assert pickle.loads(pickle.dumps(item)) == item


def test_items_are_values(folder):
    found = find(["studies"])
    assert pickle.loads(pickle.dumps(found)) == found
    assert all(isinstance(item, Item) for item in found)
