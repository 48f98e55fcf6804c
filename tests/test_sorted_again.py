"""A sorted folder after another run: what the run has, once, and nothing of others is lost."""

import csv
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

import readers_makers
from cxrview.engines.local import SerialEngine
from cxrview.errors import UnusableOutput
from cxrview.inference.sorted_files import locked
from cxrview.inference.sorting import FolderSorter, PlacementMode, SortOptions
from cxrview.sources.find import Item, find
from makers_row import a_failure, a_row

COPY, LINK = PlacementMode.COPY, PlacementMode.LINK
WAYS = pytest.mark.parametrize("way", [
    {"mode": LINK}, {"mode": COPY}, {"mode": LINK, "keeps_tree": True},
    {"mode": COPY, "keeps_tree": True}, {"mode": COPY, "upright": True},
    {"mode": COPY, "upright": True, "keeps_tree": True},
], ids=lambda way: " ".join(map(str, way.values())))  # fmt: skip
COPYING = pytest.mark.parametrize("way", [
    {}, {"keeps_tree": True}, {"upright": True}, {"upright": True, "keeps_tree": True}
], ids=lambda way: " ".join(map(str, way)) or "copy")  # fmt: skip
PLACE = Path("sorted")


@pytest.fixture(autouse=True)
def _images(tmp_path, monkeypatch):
    """Images in the folder `in`; two have one name, and two others the same bytes."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a/x.png", "a/y.png", "b/x.png", "b/z.dcm")):
        draw(name, number)
    Path("in/b/w.png").write_bytes(Path("in/a/y.png").read_bytes())


def draw(name, number):
    pixels = readers_makers.picture(20, 30, 8)[:, number:]
    path = Path("in", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    is_png = path.suffix == ".png"
    path.write_bytes(
        readers_makers.raster(pixels, "PNG") if is_png else readers_makers.dicom(pixels)
    )


def begin(folder, inputs, **options):
    items = find(inputs)
    options = SortOptions(folder=folder, **{"mode": COPY, "table": Path("v.csv"), **options})
    return FolderSorter(options, "m", inputs, items), items


def end(sorter):
    sorter.place_upright(SerialEngine(), lambda: None)
    sorter.remove_outdated()
    sorter.close()


def place_all(sorter, items, bad=(), view="lateral"):
    for item in items:
        is_bad = item.name.endswith(tuple(bad))
        row = a_failure(item.name) if is_bad else a_row(item.name, view, rotation=90, inverted=None)
        sorter.place(item, row)


def night(folder=PLACE, inputs=("in",), *, bad=(), view="lateral", **options):
    """One complete run."""
    sorter, items = begin(folder, inputs, **options)
    place_all(sorter, items, bad, view)
    end(sorter)
    assert not [
        path for path in folder.rglob(".*") if path.name not in (".lock", ".model", ".written.json")
    ]
    return sorter


def found(folder=PLACE):
    """Place -> target of the link or bytes of the copy; the index states the same places."""
    places = {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.glob("*/**/*")
        if path.is_symlink() or path.is_file()
    }
    assert sorted(index(folder)) == sorted(places)
    return places


def index(folder=PLACE):
    with (folder / "index.csv").open(newline="") as file:
        return {line["placed"]: line for line in csv.DictReader(file)}


def files_in(folder=PLACE):
    return sorted(line["file"] for line in index(folder).values())


def is_as_new(way, places, **more):
    """Whether a new folder would have the same images; names do not count."""
    night(Path("new"), **way, **more)
    new = found(Path("new"))
    return sorted(map(str, places.values())) == sorted(map(str, new.values()))


@WAYS
def test_a_link_to_an_image_that_has_become_unreadable_is_removed(way):
    night(**way)
    before = found()
    sorter = night(**way, bad=["a/x.png"])
    is_link = way["mode"] is LINK
    assert (sorter.removed, len(sorter.orphans)) == ((1, 0) if is_link else (0, 1))
    assert is_as_new(way, found(), bad=["a/x.png"]) if is_link else found() == before


@WAYS
def test_an_image_that_was_removed_from_the_inputs_is_no_longer_there(way):
    night(**way)
    before = found()
    Path("in/a/x.png").unlink()
    sorter = night(**way)
    if way["mode"] is LINK:
        assert is_as_new(way, found())
        assert (sorter.removed, list(sorter.kept), list(sorter.orphans)) == (1, [], [])
        return
    assert found() == before  # a copy may be the only one that is left
    assert (sorter.removed, list(sorter.kept), len(sorter.orphans)) == (0, [], 1)
    draw("c/x.png", 8)  # of the same name, and does not take its place
    night(**way)
    assert found().items() > before.items()


@COPYING
def test_a_copy_of_a_file_that_was_damaged_stays(way):
    night(**way)
    before = found()
    Path("in/a/x.png").write_bytes(b"damaged")
    sorter = night(**way, bad=["a/x.png"])
    assert found() == before
    assert (sorter.removed, len(sorter.orphans)) == (0, 1)


@WAYS
def test_a_renamed_folder_of_images_leaves_nothing_of_its_old_name(way):
    night(**way)
    names = set(found())
    Path("in/a").rename("in/c")
    night(**way)
    assert is_as_new(way, found())
    assert "keeps_tree" in way or not set(found()) - names - set(found(Path("new")))
    Path("in").rename("elsewhere")
    night(**way, inputs=["elsewhere"])
    assert is_as_new(way, found(), inputs=["elsewhere"])


@WAYS
def test_an_absolute_input_is_the_same_as_a_relative_one(way):
    night(**way)
    before = found()
    inputs = [os.path.abspath("in")]  # noqa: PTH100
    assert night(**way, inputs=inputs).removed == 0
    assert found() == before
    for folder in (PLACE, Path("fresh")):
        night(folder, **way, inputs=["in", *inputs, "./in"])
        assert len(found(folder)) == 5
    assert found() == before


@WAYS
@pytest.mark.parametrize("earlier", [{}, {"keeps_tree": True}, {"mode": LINK}, {"mode": COPY}])
def test_a_run_in_another_way_leaves_no_image_twice(way, earlier):
    night(**{"mode": COPY, **earlier})
    night(**way)
    assert is_as_new(way, found())
    assert all(isinstance(one, Path) is (way["mode"] is LINK) for one in found().values())


@WAYS
def test_a_replaced_image_keeps_its_name(way):
    night(**way)
    names = set(found())
    draw("a/x.png", 7)
    for _ in range(2):
        night(**way)
        assert set(found()) == names
        assert is_as_new(way, found())


@WAYS
def test_names_do_not_change_when_an_image_of_the_same_name_has_gone(way):
    night(**way)
    Path("in/a/x.png").unlink()
    night(**way)
    names = set(found())
    night(**way)
    assert set(found()) == names


def test_what_somebody_has_changed_stays_and_is_named():
    night(mode=COPY)
    (PLACE / "lateral/x.png").write_bytes(b"drawn on")
    (PLACE / "lateral/z.dcm").unlink()
    (PLACE / "lateral/z.dcm").symlink_to("y.png")
    sorter = night(mode=COPY, bad=["a/x.png", "b/z.dcm"])
    assert (list(sorter.kept), list(sorter.orphans)) == (["lateral/z.dcm"], ["lateral/x.png"])
    assert len(files_in()) == 5
    assert (PLACE / "lateral/x.png").read_bytes() == b"drawn on"
    assert (PLACE / "lateral/z.dcm").is_symlink()


@COPYING
def test_unchanged_images_are_not_copied_or_turned_again(way, monkeypatch):
    turned = night(**way).turned
    before = found(), index(), {path: path.stat().st_ino for path in PLACE.glob("*/**/*")}

    def refuse(_item):
        raise AssertionError("the image is read")

    monkeypatch.setattr(Item, "open_stored", refuse)
    assert night(**way).turned == turned
    after = found(), index(), {path: path.stat().st_ino for path in PLACE.glob("*/**/*")}
    assert before == after
    with pytest.raises(AssertionError, match="is read"):
        night(**way, is_fresh=True)
    monkeypatch.undo()


@COPYING
def test_a_copy_that_somebody_has_changed_is_made_again_beside_it(way):
    """Also where it has the same size and the image has not changed."""
    night(**way)
    for name, one in found().items():
        changed = PLACE / name
        changed.write_bytes(b"?" * len(one))
    sorter = night(**way)
    assert len(sorter.kept) == 5
    fresh = Path("new")
    night(fresh, **way)
    assert set(found(fresh).values()) <= set(found().values())


@WAYS
def test_what_another_table_has_stays(way):
    night(**way, inputs=["in/a"], table=Path("a.csv"))
    night(**way, inputs=["in/b"], table=Path("b.csv"))
    assert len(found()) == 5
    sorter = night(**way, inputs=["in/b/z.dcm"], table=Path("b.csv"))
    others = [place for place in found() if place not in sorter.orphans]
    assert sorted(index()[place]["file"] for place in others) == [
        "in/a/x.png", "in/a/y.png", "in/b/z.dcm"
    ]  # fmt: skip
    assert len(sorter.orphans) == (0 if way["mode"] is LINK else 2)


@WAYS
def test_an_original_that_is_in_the_folder_itself_stays(way):
    """As where a program for duplicates has replaced the originals by links to the copies."""
    night(mode=COPY)
    before = found()
    for place, line in index().items():
        Path(line["file"]).unlink()
        Path(line["file"]).symlink_to(Path(place).absolute().parents[1] / PLACE / place)
    assert all(Path(line["file"]).exists() for line in index().values())
    night(**way, view="frontal")
    night(**way, inputs=["in/b"])
    assert set(before.values()) <= {path.read_bytes() for path in PLACE.glob("*/**/*.*")}


def test_bytes_that_no_copy_of_this_run_has_are_kept():
    Path("in/b/w.png").rename("in/b/o.png")  # has the bytes of a/y.png
    night(mode=COPY)
    with (PLACE / "lateral/y.png").open("ab") as file:
        file.write(b"drawn on")
    draw("a/y.png", 9)
    Path("in/b/o.png").unlink()
    sorter = night(mode=COPY)
    assert "lateral/o.png" in sorter.orphans
    assert (PLACE / "lateral/o.png").exists()


def test_one_run_at_a_time_has_the_folder_and_removes_what_a_killed_one_left():
    with locked(PLACE), pytest.raises(UnusableOutput, match="in use by another run"), locked(PLACE):
        pass
    left, other = PLACE / f".{'0a' * 16}.partial", PLACE / ".notes.partial"
    for path in (left, other):
        path.write_bytes(b"")
    with locked(PLACE):
        assert (left.exists(), other.exists()) == (False, True)


def test_long_names_are_shortened():
    Path("in/a/x.png").rename(Path("in/a", "m." + "s" * 250))
    with zipfile.ZipFile("in/long.zip", "w") as archive:
        archive.write("in/a/y.png", "n" * 265 + ".png")
    night(mode=COPY)
    assert len(found()) == 6


def test_without_a_table_only_what_was_in_an_input_is_removed():
    night(mode=LINK, table=None, inputs=["in/a"])
    night(mode=LINK, table=None, inputs=["in/b"])
    Path("in/b/z.dcm").unlink()
    Path("in/a/y.png").unlink()
    night(mode=LINK, table=None, inputs=["in/b"])
    assert files_in() == ["in/a/x.png", "in/a/y.png", "in/b/w.png", "in/b/x.png"]


def test_an_index_without_tables_is_that_of_runs_without_one():
    night(mode=LINK, table=None)
    path, record = PLACE / "index.csv", PLACE / ".written.json"
    lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    record.unlink()
    Path("in/a/x.png").unlink()
    night(mode=LINK, may_overwrite=True)
    assert is_as_new({"mode": LINK}, found())


@WAYS
@pytest.mark.parametrize("count", range(5))
def test_a_run_after_one_that_was_killed_repairs_what_that_one_left(way, count):
    """Also where the images have changed in between."""
    night(**way, view="frontal")
    draw("a/x.png", 7)
    Path("in/b").rename("in/c")
    sorter, items = begin(PLACE, ["in"], **way)
    place_all(sorter, items[:count])
    if "upright" in way:
        sorter.place_upright(SerialEngine(), lambda: None)
    journal = PLACE / ".placed.jsonl"
    if journal.exists():
        with journal.open("a") as file:
            file.write('\n["lateral/torn')
    draw("a/x.png", 8)
    draw("a/y.png", 9)
    Path("in/c/x.png").unlink()
    sorter = night(**way)
    places = {place: one for place, one in found().items() if place not in sorter.orphans}
    assert is_as_new(way, places)
    assert not sorter.kept
    assert way["mode"] is COPY or not sorter.orphans


def test_copies_that_an_interrupted_run_has_turned_are_not_turned_again():
    sorter, items = begin(PLACE, ["in"], upright=True)
    place_all(sorter, items)
    steps = iter(range(2))
    with pytest.raises(StopIteration):
        sorter.place_upright(SerialEngine(), lambda: next(steps))
    assert not list(PLACE.rglob("*.partial"))
    sorter, items = begin(PLACE, ["in"], upright=True)
    place_all(sorter, items)
    assert (sorter.turned, sorter.waiting) == (3, 2)
    end(sorter)
    assert is_as_new({"upright": True}, found())


def test_an_interrupted_run_removes_nothing(tmp_path):
    night(mode=LINK)
    shutil.rmtree("in/b")
    sorter, items = begin(PLACE, ["in"], mode=LINK)
    place_all(sorter, items[:1])
    sorter.close()
    assert len(found()) == 5
    night(mode=LINK)
    assert is_as_new({"mode": LINK}, found())


@WAYS
def test_images_table_and_folder_may_be_moved_together(way, tmp_path, monkeypatch):
    night(**way)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("in", "sorted"):
        Path(name).rename(moved / name)
    monkeypatch.chdir(moved)
    night(**way)
    assert is_as_new(way, found())


def test_a_place_outside_the_folder_is_not_touched():
    night()
    theirs = Path("theirs.png")
    shutil.copy("in/a/x.png", theirs)
    digest = hashlib.sha256(theirs.read_bytes()).hexdigest()
    for place in ("lateral/../../theirs.png", "../theirs.png", str(theirs.absolute())):
        with (PLACE / "index.csv").open("a") as file:
            file.write(f"in/gone.png,{place},lateral,m,,{digest},{Path.cwd()},../v.csv\n")
    night(may_overwrite=True)
    assert theirs.exists()
    assert len(found()) == 5


@pytest.mark.parametrize("upright", [False, True])
def test_members_whose_paths_lead_to_one_place_are_two_images(upright):
    with zipfile.ZipFile("two.zip", "w") as archive:
        for name, source in (("c/d/../x.png", "a/x.png"), ("c/x.png", "b/x.png")):
            archive.writestr(name, Path("in", source).read_bytes())
    night(inputs=["two.zip"], upright=upright)
    night(Path("new"), inputs=["in/a/x.png", "in/b/x.png"], upright=upright)
    assert sorted(found().values()) == sorted(found(Path("new")).values())
