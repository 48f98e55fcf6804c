"""Filters, orders and sources of the rows that `cxrview review` shows; where their images are."""

import zipfile

import pytest

from cxrview.errors import MissingInput, UnreadableImage, WrongUse
from cxrview.pages.review_table import (
    Checked,
    Query,
    RowItems,
    Show,
    Sort,
    read_review_table,
)
from makers_film import png
from makers_review import ROWS, collection, write_table
from makers_row import a_row


@pytest.fixture(scope="module", params=["views.csv", "views.jsonl", "views.parquet"])
def table(request, tmp_path_factory):
    return read_review_table(write_table(tmp_path_factory.mktemp("t") / request.param))


def names(table, done=(), **query) -> str:
    """The letters of the files that a query finds, in order."""
    found = table.rows(Query(**query), dict(done))
    return "".join(table.file[row][2] for row in found)


@pytest.mark.parametrize(("show", "expected"), [
    (Show.NEEDS_LOOK, "cdefj"),
    (Show.CONFLICT, "c"),
    (Show.UNCERTAIN, "d"),
    (Show.NOT_CHEST, "ei"),
    (Show.PROBLEM, "ej"),
    (Show.NEAR_THRESHOLD, "f"),
    (Show.TURNED, "gh"),
    (Show.FRONTAL, "afgh"),
    (Show.LATERAL, "bc"),
    (Show.ALL, "abcdefghij"),
])  # fmt: skip
def test_filters(table, show, expected):
    assert names(table, show=show, sort=Sort.NAME) == expected
    assert table.count(show) == len(expected)


@pytest.mark.parametrize(("sort", "expected"), [
    # conflict, uncertain, not_chest, error, near a threshold; the others by |P(lateral) - 0.5|
    (Sort.URGENCY, "cdejfihgab"),
    (Sort.LOWEST, "aghfeidcbj"),
    (Sort.HIGHEST, "bcdiefhgaj"),
    (Sort.NAME, "abcdefghij"),
])  # fmt: skip
def test_orders(table, sort, expected):
    assert names(table, show=Show.ALL, sort=sort) == expected


@pytest.mark.parametrize(("checked", "expected"), [
    (Checked.ANY, "abcdefghij"),
    (Checked.OPEN, "cdefghij"),
    (Checked.DONE, "ab"),
    (Checked.CORRECTED, "b"),
])  # fmt: skip
def test_what_people_have_checked(table, checked, expected):
    done = {0: "frontal", 1: "frontal"}  # a is confirmed, b is corrected
    assert names(table, done, show=Show.ALL, checked=checked, sort=Sort.NAME) == expected


def test_sources_are_the_folders_where_the_paths_differ(table):
    assert table.sources == ["a", "b"]
    assert names(table, show=Show.ALL, source=0, sort=Sort.NAME) == "abc"
    assert names(table, show=Show.NEEDS_LOOK, source=1, sort=Sort.NAME) == "defj"


def test_a_table_of_one_folder_has_one_source(tmp_path):
    rows = [a_row("x/a.png"), a_row("x/b.png")]
    assert read_review_table(write_table(tmp_path / "t.csv", rows)).sources == ["."]


@pytest.mark.parametrize(("text", "error"), [
    ("", WrongUse),
    ("file,view\na,b\n", WrongUse),
    ("no table at all", WrongUse),
])  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path, text, error):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(error):
        read_review_table(path)


def test_an_unknown_verdict_and_a_table_without_rows_are_refused(tmp_path):
    path = write_table(tmp_path / "t.csv", ROWS[:1])
    path.write_text(path.read_text().replace("frontal", "sideways"))
    with pytest.raises(WrongUse, match="'sideways' is no verdict"):
        read_review_table(path)
    with pytest.raises(MissingInput, match="no rows"):
        read_review_table(write_table(tmp_path / "empty.csv", []))


def test_a_table_with_two_rows_of_an_image_is_refused(tmp_path):
    path = write_table(tmp_path / "t.csv", [*ROWS, ROWS[1]])
    with pytest.raises(WrongUse, match=r"2 rows of 'a/b\.png'"):
        read_review_table(path)


def test_a_table_that_breaks_off_in_a_line_is_refused(tmp_path):
    path = write_table(tmp_path / "t.csv", ROWS[:3])
    path.write_text(path.read_text()[: -len(",agree,,,,1,1,m")])
    with pytest.raises(WrongUse, match="'' is no agreement"):
        read_review_table(path)


def test_names_are_relative_to_the_current_folder_or_that_of_the_table(tmp_path, monkeypatch):
    path = collection(tmp_path / "there")
    table = read_review_table(path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert table.folder_of_names() == path.parent
    monkeypatch.chdir(path.parent)
    assert table.folder_of_names() == path.parent
    moved = read_review_table(path.rename(tmp_path / "here" / "views.csv"))
    assert moved.folder_of_names() == path.parent  # the current one
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingInput, match="where you ran classify"):
        moved.folder_of_names()


def opened(items: RowItems, image: int) -> bytes:
    with items[image].open() as stream:
        return stream.read()


def test_images_are_opened_by_row_also_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/x.png", png("lateral"))
    (tmp_path / "odd \udce9.png").write_bytes(png("frontal"))
    rows = [a_row("a.zip::in/x.png"), a_row("odd \udce9.png"), a_row("gone.png"),
            a_row("a.zip::gone.png"), a_row("gone.zip::x.png")]  # fmt: skip
    items = RowItems(read_review_table(write_table(tmp_path / "t.csv", rows)), tmp_path)
    assert opened(items, 1) == png("lateral")
    assert opened(items, 2) == png("frontal")
    for image in (3, 4, 5):
        with pytest.raises(UnreadableImage):
            items[image].open()
    for image in (0, 6, -1, "1"):
        assert image not in items
        with pytest.raises(KeyError):
            items[image]
