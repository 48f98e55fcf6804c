"""Images are sorted by links or copies: nothing is overwritten, a rerun changes nothing."""

import csv
import errno
import gzip
import hashlib
import os
import zipfile
from pathlib import Path, PurePath

import numpy as np
import pytest
from typer.testing import CliRunner

import readers_makers
from cxrview.cli.main import app
from cxrview.engines.local import LocalEngine, SerialEngine
from cxrview.engines.outcomes import Crashed
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference import sorted_names
from cxrview.inference.run import exclude_outputs
from cxrview.inference.sorted_names import names_for, turned_names
from cxrview.inference.sorting import FolderSorter, PlacementMode, SortOptions
from cxrview.sources.find import find
from cxrview.views import Verdict
from makers_film import png
from makers_model import model_bytes
from makers_row import a_failure, a_row

BOTH = pytest.mark.parametrize("how", PlacementMode)


@pytest.fixture
def items(tmp_path):
    """Four files; two folders hold one of the same name, two hold the same bytes as well."""
    for name, content in (
        ("one/x.png", b"1"), ("two/x.png", b"2"), ("three/x.png", b"1"), ("one/y.png", b"3")
    ):  # fmt: skip
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return find([tmp_path / "images"])


def sort(items, folder, how, view="lateral", model="m", inputs=(), **more):
    sorter = FolderSorter(SortOptions(folder=folder, mode=how, **more), model, inputs)
    places = [sorter.place(item, a_row(item.name, view)) for item in items]
    sorter.close()
    return places


def contents(folder):
    return {
        str(path.relative_to(folder)): (path.is_symlink(), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder
    }


@BOTH
def test_every_image_is_once_in_its_folder(tmp_path, items, how):
    places = sort(items, tmp_path / "sorted", how)
    assert len(set(places)) == len(items)
    for item, place in zip(items, places, strict=True):
        assert place.parent == tmp_path / "sorted" / "lateral"
        assert place.read_bytes() == Path(item.name).read_bytes()
        assert place.is_symlink() == (how is PlacementMode.LINK)
    folders = sorted(path.name for path in (tmp_path / "sorted").iterdir())
    assert [name for name in folders if "." not in name] == sorted(Verdict)


@BOTH
def test_the_index_says_which_file_is_where(tmp_path, items, how):
    places = sort(items[:3], tmp_path / "sorted", how)
    places += sort(items[3:], tmp_path / "sorted", how, "frontal")
    with (tmp_path / "sorted/index.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["file"] for line in lines] == [item.name for item in items]
    assert [tmp_path / "sorted" / line["placed"] for line in lines] == places
    assert [line["view"] for line in lines] == ["lateral"] * 3 + ["frontal"]


def test_an_index_of_somebody_else_is_not_replaced(tmp_path, items):
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted/index.csv").write_text("somebody's")
    with pytest.raises(UnusableOutput, match="--overwrite"):
        sort(items, tmp_path / "sorted", PlacementMode.LINK)
    assert (tmp_path / "sorted/index.csv").read_text() == "somebody's"


@BOTH
def test_a_folder_sorted_by_another_model_is_refused_or_sorted_again(tmp_path, items, how):
    sort(items, tmp_path / "sorted", how, "frontal")
    before = contents(tmp_path / "sorted")
    with pytest.raises(WrongUse, match=r"sorted by m, .* is other: .*--resort"):
        sort(items, tmp_path / "sorted", how, "lateral", "other")
    assert contents(tmp_path / "sorted") == before
    theirs = tmp_path / "sorted/frontal/y.png.txt"
    theirs.write_text("somebody's")
    places = sort(items, tmp_path / "sorted", how, "lateral", "other", resort=True)
    assert set((tmp_path / "sorted").rglob("*.png")) == set(places)
    assert theirs.exists()
    assert len((tmp_path / "sorted/index.csv").read_text().splitlines()) == 1 + len(items)


def test_a_copy_that_has_changed_is_not_removed(tmp_path, items):
    (place,) = sort(items[:1], tmp_path / "sorted", PlacementMode.COPY, "frontal")
    place.write_bytes(b"somebody has drawn on it")
    sort(items[:1], tmp_path / "sorted", PlacementMode.COPY, "lateral")
    assert place.read_bytes() == b"somebody has drawn on it"


def test_a_copy_of_a_file_that_has_changed_since_moves_with_it(tmp_path, items):
    (place,) = sort(items[:1], tmp_path / "sorted", PlacementMode.COPY, "frontal")
    Path(items[0].name).write_bytes(b"another image")
    (other,) = sort(items[:1], tmp_path / "sorted", PlacementMode.COPY, "lateral")
    assert not place.exists()
    assert other.read_bytes() == b"another image"
    assert len((tmp_path / "sorted/index.csv").read_text().splitlines()) == 2


def test_files_of_one_name_in_two_folders_are_two_images(tmp_path, items, monkeypatch):
    """Although their names are the same from where each run was started."""
    for folder in ("one", "two"):
        monkeypatch.chdir(tmp_path / "images" / folder)
        sort(find(["x.png"]), tmp_path / "sorted", PlacementMode.COPY)
        Path("x.png").write_bytes(folder.encode())
        sort(find(["x.png"]), tmp_path / "sorted", PlacementMode.COPY)
    copies = {path.read_bytes() for path in (tmp_path / "sorted/lateral").iterdir()}
    assert copies == {b"one", b"two"}


@pytest.mark.usefixtures("items")
def test_images_and_their_sorted_folder_may_be_moved_together(tmp_path, monkeypatch):
    def sort_in(folder, view):
        monkeypatch.chdir(folder)
        sort(find(["images/one"]), Path("sorted"), PlacementMode.COPY, view)
        return sorted(os.path.relpath(one) for one in Path("sorted").rglob("*.png"))

    first, second, third = (tmp_path / name for name in "abc")
    first.mkdir()
    (tmp_path / "images").rename(first / "images")
    before = sort_in(first, "lateral")
    assert before == ["sorted/lateral/x.png", "sorted/lateral/y.png"]
    first.rename(second)
    assert sort_in(second, "lateral") == before
    second.rename(third)
    after = sort_in(third, "frontal")
    assert [name.replace("frontal", "lateral") for name in after] == before


@BOTH
def test_the_index_names_the_model_that_decided(tmp_path, items, how):
    sort(items[:2], tmp_path / "sorted", how, model="old")
    sort(items[1:], tmp_path / "sorted", how, model="new", resort=True)
    with (tmp_path / "sorted/index.csv").open(newline="") as file:
        models = {line["file"]: line["model"] for line in csv.DictReader(file)}
    assert [models[item.name] for item in items] == ["old", "new", "new", "new"]


@BOTH
def test_two_paths_of_the_same_short_hash_have_two_names(tmp_path, items, how, monkeypatch):
    hashes = {item.name: f"01234567{number:024}" for number, item in enumerate(items)}
    monkeypatch.setattr(sorted_names, "path_hash", hashes.get)
    places = sort(items, tmp_path / "sorted", how)
    assert len(set(places)) == len(items)
    for item, place in zip(items, places, strict=True):
        assert place.read_bytes() == Path(item.name).read_bytes()


@BOTH
def test_the_tree_of_the_images_is_kept(tmp_path, items, how, monkeypatch):
    monkeypatch.chdir(tmp_path / "images/one")
    root = tmp_path / "sorted"
    folders = {"inputs": [str(tmp_path / "images")], "keeps_tree": True}
    names = [str(place.relative_to(root)) for place in sort(items, root, how, **folders)]
    assert names == ["lateral/" + os.path.relpath(item.name, tmp_path / "images") for item in items]
    assert "lateral/two/x.png" in names
    folders["inputs"] = ["@list.txt"]  # below the current folder, or else below /
    places = sort(items, tmp_path / "listed", how, **folders)
    assert [str(place.relative_to(tmp_path / "listed")) for place in places] == [
        "lateral/" + item.name.removeprefix(f"{tmp_path}/images/one/").lstrip("/") for item in items
    ]


class OnlyLookedUp(frozenset):
    """A set that fails when it is iterated over."""

    __iter__ = None


@pytest.mark.parametrize(("name", "roots", "first"), [
    ("/r/a/b/x.png", {"/r", "/r/a"}, "b/x.png"),  # the innermost one
    ("/r/a/b/x.png", {""}, "r/a/b/x.png"),
    ("/r/a/b/x.png", {"/r/a/b/x.png", "/r/a/bc"}, "r/a/b/x.png"),
    ("/r/a.zip::b/x.png", {"/r"}, "a.zip/b/x.png"),
    ("/r/a.zip::b/x.png", {"/r/a.zip"}, "r/a.zip/b/x.png"),
    ("s3://bucket/a/b/x.png", {"s3://bucket/a"}, "b/x.png"),
])  # fmt: skip
def test_a_root_is_found_without_going_through_all(name, roots, first):
    assert names_for(name, OnlyLookedUp(roots))[0] == first


@pytest.mark.parametrize("inputs", [["images/2*"], ["@list.txt"], ["-"]])
@pytest.mark.parametrize("table", [["-o", "t.csv"], []])
def test_a_glob_or_list_of_folders_is_as_the_folders_themselves(
    tmp_path, monkeypatch, inputs, table
):
    """--keep-tree keeps what is below them, and links to what is no longer there are removed."""
    monkeypatch.chdir(tmp_path)
    Path("m.onnx").write_bytes(model_bytes())
    for name in ("21/a/x.png", "22/x.png", "22/y.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png("frontal"))
    Path("list.txt").write_text("images/21\nimages/22\n")
    words = ["classify", *inputs, "--link-into", "s", "--keep-tree", "--model", "m.onnx", *table]

    def linked():
        done = CliRunner().invoke(app, [*words, "--jobs", "0"], input="images/21\nimages/22\n")
        assert done.exit_code == 0, done.output
        return sorted(os.path.relpath(path, "s/frontal") for path in Path("s").rglob("*.png"))

    assert linked() == ["a/x.png", "x.png", "y.png"]
    Path("images/22/y.png").unlink()
    assert linked() == ["a/x.png", "x.png"]


def test_members_of_archives_keep_their_folders_and_stay_inside(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("deep/x.png", b"1")
    items = find([tmp_path / "a.zip"])
    (place,) = sort(
        items, tmp_path / "s", PlacementMode.COPY, inputs=[str(tmp_path)], keeps_tree=True
    )
    assert place == tmp_path / "s/lateral/a.zip/deep/x.png"
    for name in ("a.zip::../../b/x.png", "../../../x.png", "a.zip::/etc/x.png", "a.zip::b//./x"):
        assert ".." not in PurePath(names_for(name, [])[0]).parts
        assert not names_for(name, [])[0].startswith("/")


@BOTH
def test_a_rerun_changes_nothing_even_in_another_order(tmp_path, items, how):
    sort(items, tmp_path / "sorted", how)
    before = contents(tmp_path / "sorted")
    sort(items, tmp_path / "sorted", how)
    assert contents(tmp_path / "sorted") == before


@BOTH
def test_a_name_depends_on_the_path_alone(tmp_path, items, how):
    one = sort(items, tmp_path / "one", how)
    two = sort(items, tmp_path / "two", how)
    assert [place.name for place in one] == [place.name for place in two]


@BOTH
def test_nothing_is_overwritten(tmp_path, items, how):
    for name in names_for(items[0].name):
        path = tmp_path / "sorted" / "lateral" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"somebody's")
    with pytest.raises(UnusableOutput, match="no free name"):
        sort(items[:1], tmp_path / "sorted", how)
    assert set(contents(tmp_path / "sorted").values()) == {(False, b"somebody's")}


def test_links_are_absolute(tmp_path, items, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (place,) = sort(find(["images/one/y.png"]), Path("sorted"), PlacementMode.LINK)
    assert place.readlink() == tmp_path / "images/one/y.png"


def test_members_of_archives_are_copied(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("deep/x.png", b"1")
    (place,) = sort(find([tmp_path / "a.zip"]), tmp_path / "sorted", PlacementMode.LINK)
    assert (place.name, place.is_symlink(), place.read_bytes()) == ("x.png", False, b"1")


def test_unreadable_images_are_not_placed(tmp_path, items):
    sorter = FolderSorter(SortOptions(folder=tmp_path / "sorted"), "m")
    assert sorter.place(items[0], a_failure(items[0].name)) is None
    assert contents(tmp_path / "sorted") == {}


def test_vanished_images_are_not_placed(tmp_path, items):
    Path(items[0].name).unlink()
    assert sort(items[:1], tmp_path / "sorted", PlacementMode.COPY) == [None]
    assert contents(tmp_path / "sorted") == {}


def test_an_image_whose_verdict_has_changed_is_moved(tmp_path, items):
    sort(items, tmp_path / "sorted", PlacementMode.LINK, "frontal")
    sort(items[:1], tmp_path / "sorted", PlacementMode.LINK, "lateral")
    links = [path for path in (tmp_path / "sorted").rglob("*.png") if path.samefile(items[0].name)]
    assert [path.parent.name for path in links] == ["lateral"]


def test_a_target_that_is_not_a_folder_is_refused_first(tmp_path):
    (tmp_path / "sorted").write_text("a file")
    with pytest.raises(UnusableOutput, match="cannot be written"):
        FolderSorter(SortOptions(folder=tmp_path / "sorted"), "m")


@pytest.mark.parametrize(
    "name",
    [
        "a/..",
        "a.zip::..",
        "a.zip::b/..",
        "a.zip::",
        "a\0b.png",
        "x" * 255,
        os.fsdecode(b"a/\xe9.png"),
        "\u00e9" * 120 + ".png",
    ],
)
def test_no_name_leads_out_of_the_folder(name):
    for safe in names_for(name)[1:]:
        assert "/" not in safe
        assert "\0" not in safe
        assert safe not in ("", ".", "..")
        assert len(os.fsencode(safe)) <= 255


@pytest.mark.parametrize(("name", "first"), [
    ("exp.zip::d/IM1", "IM1"),
    ("exp.zip::d/IM1::2", "IM1-2"),
    ("exp.zip::d/x.dcm::12", "x-12.dcm"),
    ("exp.zip::x.dcm.gz::2", "x-2.dcm.gz"),
    ("exp.zip::a::b.dcm", "a::b.dcm"),
    ("exp.zip::a::b.dcm::2", "a::b-2.dcm"),
    ("there::y.dcm", "there::y.dcm"),
    ("there::2", "there::2"),
    ("s3://b/x::y.dcm", "x::y.dcm"),
    ("s3://b/x.dcm::2", "x.dcm::2"),
])  # fmt: skip
def test_a_name_is_that_of_the_file_or_member(tmp_path, monkeypatch, name, first):
    monkeypatch.chdir(tmp_path)
    if name.startswith("there"):
        Path(name).touch()
    names = names_for(name)
    assert names[0] == first
    assert {PurePath(one).suffixes[-1:] == PurePath(first).suffixes[-1:] for one in names} == {True}


def test_the_hash_of_a_packed_name_is_in_that_of_its_turned_copy():
    names = names_for("a/x.dcm.gz")
    assert len(set(turned_names(names, ".png"))) == len(names)
    assert all(one.endswith(".dcm") for one in turned_names(names, ""))


def test_the_tree_of_a_file_with_the_separator_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("d/x::y.dcm").touch()
    assert names_for("d/x::y.dcm", [])[0] == "d/x::y.dcm"
    assert names_for("d/x.zip::e/y.dcm::2", [])[0] == "d/x.zip/e/y-2.dcm"


def test_odd_names_are_copied_under_safe_ones(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b/../../escape.png", b"1")
    placed = sort(find([tmp_path / "a.zip"]), tmp_path / "sorted", PlacementMode.COPY)
    assert all(place.parent == tmp_path / "sorted" / "lateral" for place in placed if place)


def test_outputs_are_not_classified(tmp_path, items, monkeypatch):
    images = tmp_path / "images"
    sort(items, images / "sorted", PlacementMode.COPY)
    (images / "sheet.png").write_bytes(b"ours")
    (images / "sheet.png.partial.png").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(images)
    monkeypatch.chdir(tmp_path)
    for root in ("images", images, "link", "./images/../images"):
        found = exclude_outputs(find([root]), [Path("images/sheet.png")], Path("images/sorted"))
        names = [os.path.relpath(item.name, root) for item in found]
        theirs = [os.path.relpath(item.name, images) for item in items]
        assert names == sorted([*theirs, "sheet.png.partial.png"])


class Reversed:
    """An engine that gives the outcomes of `SerialEngine` in the opposite order."""

    restarts = 0

    def map(self, make_function, items):
        yield from reversed(list(SerialEngine().map(make_function, items)))


@pytest.fixture
def images(tmp_path):
    """Images of several formats, and what cannot be turned."""
    pixels = readers_makers.picture(20, 30, 8)
    contents = {
        "a.jpg": readers_makers.jpeg(pixels),
        "a.png": readers_makers.raster(pixels, "PNG"),
        "b/a.png": readers_makers.raster(pixels[::-1], "PNG"),
        "c.dcm": readers_makers.dicom(pixels),
        "d.dcm.gz": gzip.compress(readers_makers.dicom(pixels)),
        "e.dcm": readers_makers.dicom(pixels, data=pixels.tobytes() * 2, frames=2),
    }
    for name, content in contents.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {
        os.path.relpath(one.name, tmp_path / "images"): one for one in find([tmp_path / "images"])
    }


def sort_upright(items, folder, poses=(90, False), engine=None, view="lateral", **options):
    """Sort with `--upright`; returns the lines of the index by name in the folder."""
    settings = SortOptions(folder=folder, mode=PlacementMode.COPY, **{"upright": True, **options})
    sorter = FolderSorter(settings, "m")
    rotation, inverted = poses
    for item in items:
        sorter.place(item, a_row(item.name, view, rotation=rotation, inverted=inverted))
    sorter.place_upright(engine or Reversed(), lambda: None)
    sorter.close()
    assert not list(folder.rglob("*.partial"))
    with (folder / "index.csv").open(newline="") as file:
        return sorter, {line["placed"]: line for line in csv.DictReader(file)}


def test_copies_are_turned_and_the_index_says_how(tmp_path, images):
    sorter, index = sort_upright(images.values(), tmp_path / "s", (90, True))
    names = [names_for(images[name].name)[1].rpartition(".")[0] for name in ("a.png", "b/a.png")]
    turned = ["a.png", *(f"{name}.png" for name in names), "c.dcm", "d.dcm"]
    changes = {name: line["change"] for name, line in index.items()}
    assert changes == {
        **{f"lateral/{name}": "rotated clockwise by 90 degrees and inverted" for name in turned},
        "lateral/e.dcm": "unchanged: unsupported: several frames",
    }
    assert index["lateral/a.png"]["file"] == images["a.jpg"].name
    assert (sorter.turned, sorter.not_turned) == (5, 1)
    for name, line in index.items():
        content = (tmp_path / "s" / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert line["sha256"] == digest
        pixels = readers_makers.read(content).pixels
        assert pixels.shape == ((20, 30) if "e.dcm" in name else (30, 20))
    assert (tmp_path / "s/lateral/e.dcm").read_bytes() == Path(images["e.dcm"].name).read_bytes()


@pytest.mark.parametrize(("poses", "change"), [
    ((90, None), "rotated clockwise by 90 degrees; polarity unknown"),
    ((None, True), "inverted; rotation unknown"),
])  # fmt: skip
def test_of_a_pose_that_is_known_in_part_that_part_is_put_right(tmp_path, images, poses, change):
    _, index = sort_upright([images["a.png"], images["c.dcm"]], tmp_path / "s", poses)
    assert {line["change"] for line in index.values()} == {change}
    for name, line in index.items():
        made, source = (
            readers_makers.read(path.read_bytes()).pixels
            for path in (tmp_path / "s" / name, Path(line["file"]))
        )
        expected = np.rot90(source, -1) if poses[0] else source
        assert np.array_equal(made, expected) is (poses[1] is None)
        assert made.shape == expected.shape


@pytest.mark.parametrize(("poses", "change"), [
    ((0, False), "unchanged: upright already"),
    ((None, None), "unchanged: rotation and polarity unknown"),
    ((0, None), "unchanged: polarity unknown"),
])  # fmt: skip
def test_what_is_upright_or_unknown_is_copied_as_it_is(tmp_path, images, poses, change):
    _, index = sort_upright(images.values(), tmp_path / "s", poses)
    assert {line["change"] for line in index.values()} == {change}
    for name, line in index.items():
        assert (tmp_path / "s" / name).read_bytes() == Path(line["file"]).read_bytes()


def test_a_rerun_leaves_turned_copies_as_they_are(tmp_path, images):
    _, index = sort_upright(images.values(), tmp_path / "s")
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in files_of(tmp_path / "s")}
    assert sort_upright(images.values(), tmp_path / "s", engine=SerialEngine())[1] == index
    assert before == {
        path: (path.read_bytes(), path.stat().st_ino) for path in files_of(tmp_path / "s")
    }


def files_of(folder):
    return {path for path in folder.rglob("*") if path.is_file() and path.parent != folder}


@pytest.mark.parametrize("later", [
    {"poses": (180, True)},
    {"poses": (0, False)},
    {"poses": (90, None)},
    {"upright": False},
    {"view": "frontal"},
    {"view": "frontal", "poses": (0, True)},
])  # fmt: skip
def test_no_image_is_twice_in_the_folder_after_another_run(tmp_path, images, later):
    sort_upright(images.values(), tmp_path / "s")
    _, index = sort_upright(images.values(), tmp_path / "s", **later)
    fresh = sort_upright(images.values(), tmp_path / "fresh", **later)[1]
    assert sorted(line["file"] for line in index.values()) == sorted(
        one.name for one in images.values()
    )
    assert {path.relative_to(tmp_path / "s") for path in files_of(tmp_path / "s")} == {
        Path(name) for name in index
    }
    contents = [
        {
            (line["file"], line["change"], (tmp_path / folder / name).read_bytes())
            for name, line in lines.items()
        }
        for folder, lines in (("s", index), ("fresh", fresh))
    ]
    assert contents[0] == contents[1]


def test_a_turned_copy_that_somebody_has_changed_is_neither_removed_nor_replaced(tmp_path, images):
    sort_upright([images["c.dcm"]], tmp_path / "s")
    (tmp_path / "s/lateral/c.dcm").write_bytes(b"somebody's")
    sort_upright([images["c.dcm"]], tmp_path / "s", view="frontal")
    sort_upright([images["c.dcm"]], tmp_path / "s", (180, False))
    assert (tmp_path / "s/lateral/c.dcm").read_bytes() == b"somebody's"


def test_an_image_that_kills_its_decoder_is_copied_as_it_is(tmp_path, images, monkeypatch):
    _, index = sort_upright([images["c.dcm"]], tmp_path / "s", engine=Crashing())
    (line,) = index.values()
    assert line["change"].startswith("unchanged: decoder_crashed: the process that decoded it died")
    assert (tmp_path / "s/lateral/c.dcm").read_bytes() == Path(line["file"]).read_bytes()


class Crashing:
    """An engine whose workers die."""

    restarts = 2

    def map(self, make_function, items):
        yield from ((index, Crashed("SIGSEGV")) for index, _ in enumerate(items))


def test_turning_happens_in_worker_processes(tmp_path, images):
    indices = [
        sort_upright(images.values(), tmp_path / folder, engine=engine)[1]
        for folder, engine in (("s", LocalEngine(2)), ("t", None))
    ]
    for line in (line for index in indices for line in index.values()):
        del line["copy_version"]
    assert indices[0] == indices[1]


def test_a_full_disk_ends_the_run_and_leaves_no_partial_files(tmp_path, images, monkeypatch):
    def refuse(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(UnusableOutput, match="No space left"):
        sort_upright([images["c.dcm"]], tmp_path / "s")
    assert not list((tmp_path / "s").rglob("*.partial"))
