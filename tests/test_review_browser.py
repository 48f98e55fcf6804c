"""`cxrview review` in a real browser: keys, filters, undo, reload, export, audit, sizes."""

import csv
import re

import pytest

from cxrview.inference.corrections import Correction, read_corrections
from cxrview.labels import read_labels
from makers_browser import CONTRAST, NAMELESS, NARROW, WIDE, Person
from makers_review import ROWS, ReviewServer, collection, verdicts
from makers_row import a_row

pytestmark = pytest.mark.slow


class Reviewer(Person):
    """A person at the contact sheets."""

    def image(self) -> str:
        """The id of the image in focus."""
        self.page.wait_for_selector("#cells button:focus")
        return self.page.get_attribute("#cells button:focus", "data-image")

    def images(self) -> list[str]:
        """The ids on the page, in order."""
        cells = self.page.query_selector_all("#cells button")
        return [cell.get_attribute("data-image") for cell in cells]

    def key(self, key: str) -> None:
        """A key, once the image in focus has appeared: before that it has no effect."""
        self.page.wait_for_selector("#cells button[data-shown]:focus")
        self.page.keyboard.press(key)

    def badge(self, image: int) -> str:
        return self.page.inner_text(f"#cells [data-image='{image}'] .badge")

    def wait_for_badge(self, image: int, text: str) -> None:
        self.page.wait_for_selector(f"#cells [data-image='{image}'] .badge:has-text('{text}')")

    def choose(self, name: str, value: str) -> None:
        """A filter; then the new list is there."""
        self.page.select_option(f"#filters [name={name}]", value)
        self.page.wait_for_url(re.compile(rf"[?&]{name}={value}(&|$)"))  # changes with the list

    def look(self, key: str, image: int) -> None:
        """A key that shows this image large."""
        self.page.keyboard.press(key)
        self.page.wait_for_selector(f"#viewer[data-image='{image}']")


def test_correct_by_keys_with_filter_undo_reload_and_export(chromium, tmp_path):
    table = collection(tmp_path)
    before = table.read_bytes()
    with ReviewServer(table) as server:
        anna = Reviewer(chromium, server.address)
        page = anna.page
        assert anna.images() == ["3", "4", "5", "10", "6"]  # what needs a look, by urgency
        assert anna.image() == "3"
        anna.key("f")
        assert anna.image() == "4"  # at once
        anna.key("u")
        anna.key("n")
        anna.wait_for_badge(3, "\u2192 frontal")
        anna.wait_for_badge(4, "\u2713 uncertain")
        anna.wait_for_badge(5, "\u2713 not a chest")
        assert "3 checked, 1 corrected" in page.inner_text("#progress")
        page.keyboard.press("f")  # image 10 could not be read
        page.wait_for_selector("#status:has-text('could not be read')")
        page.keyboard.press("z")
        page.wait_for_selector("#progress:has-text('2 checked')")
        assert anna.image() == "5"
        assert anna.badge(5) == ""
        anna.choose("show", "lateral")
        assert sorted(anna.images()) == ["2", "3"]
        anna.choose("checked", "open")
        assert anna.images() == ["2"]
        page.reload()
        page.wait_for_selector("#cells button")
        assert anna.images() == ["2"]  # the filters are in the address
        anna.choose("checked", "any")
        anna.choose("show", "all")
        anna.choose("sort", "highest")
        assert anna.images()[:2] == ["2", "3"]
        page.click("#export summary")
        with page.expect_download() as download:
            page.click("text=corrections.csv")
        downloaded = download.value.path().read_text()
        page.click("#write-button")
        page.wait_for_selector("#status:has-text('corrections.csv, corrections.views.csv')")
        anna.end()
        assert "2 images checked, 1 verdict corrected" in server.end()
    table_text = (tmp_path / "corrections.csv").read_text()
    assert downloaded == table_text
    assert [(one.file, one.view) for one in read_labels(tmp_path / "corrections.csv")] == [
        ("a/c.png", "frontal")
    ]
    assert read_corrections(tmp_path / "corrections.views.csv") == {
        "a/c.png": Correction("frontal", "anna"), "b/d.png": Correction("uncertain", "anna"),
    }  # fmt: skip
    assert table.read_bytes() == before


def test_an_image_that_has_not_appeared_cannot_be_corrected(chromium, tmp_path):
    with ReviewServer(collection(tmp_path)) as server:
        anna = Reviewer(chromium, server.address)
        page = anna.page
        anna.context.route("**/thumbnail", lambda route: None)  # no answer ever comes
        page.reload()
        assert anna.image() == "3"
        page.keyboard.press("f")
        page.wait_for_selector("#status:has-text('has not appeared yet')")
        assert anna.image() == "3"
        assert "0 checked" in page.inner_text("#progress")
        anna.end()


def test_the_large_image_and_its_keys(chromium, tmp_path):
    table = collection(tmp_path)
    with ReviewServer(table, "--show-headers") as server:
        anna = Reviewer(chromium, server.address)
        page = anna.page
        anna.look("Enter", 3)
        assert "header: frontal" in page.inner_text("#note")
        page.wait_for_selector("#about:has-text('a/c.png')")
        page.keyboard.press("i")
        page.wait_for_selector("#viewer img[style*='invert(1)']")
        page.keyboard.press("c")
        page.wait_for_selector("#viewer img[style*='contrast(1.5)']")
        page.keyboard.press("+")
        page.wait_for_selector("#viewer.zoomed img[src$='/3/full']")
        anna.look("ArrowRight", 4)
        assert page.query_selector("#viewer.zoomed") is None
        anna.look("l", 5)
        page.wait_for_selector("#status:has-text('Saved: lateral.')")  # replaces no later one
        page.keyboard.press("ArrowRight")  # the unreadable one says why
        page.wait_for_selector("#viewer:has-text('damaged')")
        anna.look("ArrowRight", 6)
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#status:has-text('last image')")
        page.keyboard.press("Escape")
        assert anna.image() == "6"
        anna.wait_for_badge(4, "\u2192 lateral")
        anna.end()


def test_pages_of_a_long_list(chromium, tmp_path):
    table = collection(tmp_path, verdicts({"uncertain": 85}))
    with ReviewServer(table) as server:
        anna = Reviewer(chromium, server.address)
        page = anna.page
        assert "1 to 40 of 85" in page.inner_text("#sheet-number")
        page.keyboard.press("ArrowDown")
        assert int(anna.image()) > 2  # one line further
        page.keyboard.press("ArrowUp")
        assert anna.image() == "1"
        page.keyboard.press("PageDown")
        page.wait_for_selector("#sheet-number:has-text('41 to 80')")
        page.keyboard.press("ArrowLeft")  # from the first image to the page before
        page.wait_for_selector("#sheet-number:has-text('1 to 40')")
        assert anna.image() == "40"
        anna.look("Enter", 40)
        anna.look("l", 41)  # a key goes on to the next page
        page.reload()
        page.wait_for_selector("#sheet-number:has-text('41 to 80')")
        assert "1 checked, 1 corrected" in page.inner_text("#progress")
        anna.end()


def test_two_people_at_one_table(chromium, tmp_path):
    table = collection(tmp_path)
    with ReviewServer(table) as server:
        anna = Reviewer(chromium, server.address)
        anna.page.click("#invite-button")
        anna.page.fill("#invite-form input", "Ben")
        anna.page.click("#invite-form [type=submit]")
        anna.page.wait_for_selector("#invite-url:has-text('http')")
        address = anna.page.inner_text("#invite-url").rpartition(" ")[2]
        anna.page.keyboard.press("Escape")
        ben = Reviewer(chromium, address)
        ben.key("l")
        ben.wait_for_badge(3, "lateral")
        anna.choose("checked", "done")
        label = anna.page.get_attribute("#cells button", "aria-label")
        assert label.endswith("confirmed by Ben")
        for person in (anna, ben):
            person.end()


def test_hostile_names_run_nothing(chromium, tmp_path):
    names = ("<img src=x onerror=alert(1)>", "<b>", "<script>alert(1)<")
    rows = [a_row(f"{name}/{number}.png", p=0.5) for number, name in enumerate(names)]
    with ReviewServer(collection(tmp_path, rows), "--show-headers") as server:
        anna = Reviewer(chromium, server.address)
        page = anna.page
        assert "<b>" in page.inner_text("#cells")
        assert "<script>alert(1)<" in page.inner_text("[name=source]")
        for image in ("1", "2", "3"):
            anna.look("Enter" if image == "1" else "f", image)
            page.wait_for_selector(f"#about:has-text('{int(image) - 1}.png')")
        assert page.query_selector("#about b, #about img, #cells b, #cells img[src=x]") is None
        anna.end()


def test_an_audit_shows_no_verdicts_and_ends_in_a_report(chromium, tmp_path):
    counts = {"frontal": 20, "lateral": 10, "uncertain": 2, "not_chest": 4}
    table = collection(tmp_path, verdicts(counts))
    with ReviewServer(table, "--audit", "20", "--seed", "1") as server:
        anna = Person(chromium, server.address)
        page = anna.page
        for _ in range(4):
            assert not {"uncertain", "P(lateral)", "header"} & set(page.inner_text("body").split())
            anna.press("f")
        page.keyboard.press("g")
        page.keyboard.press("s")
        assert page.query_selector("#grid:not([hidden]), #note:not([hidden])") is None
        anna.end()
        assert "16 images left to label" in server.end()
    with ReviewServer(table, "--audit", "20", "--seed", "1") as server:  # goes on
        anna = Person(chromium, server.address)
        page = anna.page
        assert "4 labelled, 16 left" in page.inner_text("#progress")
        for _ in range(16):
            anna.press("f")
        page.click("text=Open the report")
        page.wait_for_selector("h1:has-text('Audit of the verdicts in views.csv')")
        text = page.inner_text("body")
        assert "labelled by anna" in " ".join(text.split())
        style = page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse")
        assert style == "collapse"  # the styles of the report are permitted
        anna.end()
        assert "corrections.audit.html: the report" in server.end()
    labels = list(csv.DictReader((tmp_path / "corrections.audit.csv").read_text().splitlines()))
    assert len(labels) == 20
    assert {row["suggestion"] for row in labels} == {""}
    report = (tmp_path / "corrections.audit.html").read_text()
    wrong = sum(not row["file"].startswith(("frontal", "uncertain")) for row in labels)
    assert f"Wrong verdicts ({wrong})" in report


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
def test_the_pages_fit_have_contrast_and_names(chromium, tmp_path, scheme, viewport):
    table = collection(tmp_path, ROWS)
    with ReviewServer(table, "--show-headers") as server:
        anna = Reviewer(chromium, server.address, color_scheme=scheme)
        page = anna.page
        page.set_viewport_size(viewport)
        anna.key("f")
        anna.key("u")
        anna.wait_for_badge(4, "uncertain")
        page.focus("#cells [data-image='3']")
        for key in ("", "?", "Escape", "Enter"):
            if key:
                page.keyboard.press(key)
            assert page.evaluate(CONTRAST) == []
            assert page.evaluate(NAMELESS) == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        anna.end()
