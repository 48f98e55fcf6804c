"""The label page in a real browser: keys, grid, reload, undo, two people, sizes, contrast."""

import re

import pytest

from cxrview.labels import read_labels
from makers_browser import CONTRAST, NAMELESS, NARROW, WIDE, Person
from makers_film import png
from makers_pages import Server, images
from waiting import wait_until

pytestmark = pytest.mark.slow


def counts(page) -> dict[str, str]:
    return {
        key: page.inner_text(f"[data-count={key}]")
        for key in ("frontal", "lateral", "not_chest", "unsure")
    }


def test_forty_images_by_keys_and_grid_with_reload_and_undo(chromium, tmp_path):
    with Server(images(tmp_path / "films", 40)) as server:
        person = Person(chromium, server.address)
        page = person.page
        for key in "fflnu":
            person.press(key)
        assert counts(page) == {"frontal": "2", "lateral": "1", "not_chest": "1", "unsure": "1"}
        here = person.image()
        page.reload()
        assert person.image() == here  # it is still reserved for this tab
        person.press("z")
        assert counts(page)["unsure"] == "0"
        person.press("ArrowLeft")  # the latest label, which is changed
        page.wait_for_selector("#classes [data-label=not_chest][aria-pressed=true]")
        person.press("f")
        assert counts(page) == {"frontal": "3", "lateral": "1", "not_chest": "0", "unsure": "0"}
        label_in_grids(page)
        page.wait_for_selector("text=No image is left to label")
        with page.expect_download() as download:
            page.click("#export summary")
            page.click("text=labels.csv")
        person.end()
        assert "40 images labelled" in server.end()
    assert download.value.suggested_filename == "labels.csv"
    table = (tmp_path / "labels.csv").read_text()
    assert len(table.splitlines()) == 41
    assert table.count(",true\n") == 36  # labelled where suggestions were visible
    assert read_labels(tmp_path / "labels.csv")


def label_in_grids(page) -> None:
    """Label everything that is left: the first of each grid is marked as wrong."""
    page.keyboard.press("g")
    while True:
        page.wait_for_selector("#cells button:not([data-suggestion])", state="detached")
        page.wait_for_selector("#cells button[data-suggestion], #cells:not(:has(button))")
        if not page.query_selector("#cells button"):
            page.keyboard.press("g")
            return
        page.keyboard.press("Space")  # the first has the focus
        page.wait_for_selector("#cells button[aria-pressed=true]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#note:not([hidden])")
        while not page.query_selector("#grid:not([hidden])"):
            page.wait_for_selector("#viewer[data-image]")
            image = page.get_attribute("#viewer", "data-image")
            page.keyboard.press("l")
            page.wait_for_selector(
                f"#grid:not([hidden]), #viewer[data-image]:not([data-image='{image}'])"
            )


def test_two_browsers_share_the_work(chromium, tmp_path):
    folder = images(tmp_path / "films", 12)
    with Server(folder) as server:
        anna = Person(chromium, server.address)
        anna.page.click("#invite-button")
        anna.page.fill("#invite-form input", "Ben")
        anna.page.click("#invite-form [type=submit]")
        anna.page.wait_for_selector("#invite-url:has-text('http')")
        (address,) = re.findall(r"http://\S+", anna.page.inner_text("#invite-url"))
        anna.page.keyboard.press("Escape")
        ben = Person(chromium, address)
        seen = []
        for _ in range(6):
            for person in (anna, ben):
                seen.append(person.image())
                person.press("f")
        for person in (anna, ben):
            person.page.wait_for_selector("text=No image is left to label")
            person.end()
        assert len(set(seen)) == 12
        server.end()
    assert len(read_labels(tmp_path / "labels.csv")) == 12


HAS_MODEL = """
() => fetch(`/api/state?tab=${sessionStorage.tab}`).then((answer) => answer.json())
  .then((state) => Boolean(state.model))
"""


def test_the_page_says_how_good_the_model_is_after_ten_labels(chromium, tmp_path):
    with Server(images(tmp_path / "films", 14), "--order", "active") as server:
        person = Person(chromium, server.address)
        assert person.page.is_hidden("#model")
        for _ in range(10):
            person.press("f")
        wait_until(lambda: person.page.evaluate(HAS_MODEL))
        person.press("l")
        person.page.wait_for_selector("#model:has-text('Model after 10 labels: sure of')")
        text = person.page.inner_text("#model")
        rate = r"Of \d+ drawn at random it got \d+ wrong: an error rate of [\d.]+ %"
        interval = r"95 % interval [\d.]+ % to [\d.]+ %"
        assert re.search(rf"{rate}.*{interval}", text)
        person.end()


def test_a_label_that_the_server_refuses_is_not_called_saved(chromium, tmp_path):
    with Server(images(tmp_path / "films", 3)) as server:
        person = Person(chromium, server.address)
        page = person.page
        person.press("f")
        page.wait_for_selector("text=Saved: frontal.")
        answer = {"status": 507, "json": {"error": "the disk is full"}}
        page.route("**/api/label", lambda route: route.fulfill(**answer))
        page.keyboard.press("l")
        page.wait_for_selector("#alert:has-text('the disk is full')")
        assert page.inner_text("#status") == "Not saved."


def test_a_password_admits_a_browser_of_another_machine(chromium, tmp_path):
    """Browsers give pages of other machines, which come without https, no `crypto.randomUUID`."""
    password = tmp_path / "password"
    password.write_text("correct horse")
    password.chmod(0o600)
    with Server(images(tmp_path / "films", 3), "--password-file", str(password)) as server:
        context = chromium.new_context()
        context.add_init_script("delete Crypto.prototype.randomUUID")
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address.partition("?")[0])
        page.fill("[name=name]", "ben")
        page.fill("[name=password]", "correct horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#viewer[data-image]")
        page.keyboard.press("f")
        page.wait_for_selector("text=Saved: frontal.")
        context.close()
    assert not errors


def test_hostile_names_run_nothing(chromium, tmp_path):
    folder = tmp_path / "films"
    for name in ("<img src=x onerror=alert(1)>.png", "<b>", '"><script>alert(1)<'):
        path = folder / name / "a.png" if name.startswith('"') else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png("frontal"))
    with Server(folder, "--show-headers", "--labeler", "a<script>alert(2)</script>") as server:
        person = Person(chromium, server.address)
        for _ in range(2):
            person.page.wait_for_selector("#about:has-text('<')")
            person.press("f")
        assert person.page.query_selector("#about b, #about img, #help script") is None
        person.end()


def test_unreadable_images_are_skipped(chromium, tmp_path):
    folder = images(tmp_path / "films", 1)
    (folder / "torn.png").write_bytes(png("frontal")[:100])
    with Server(folder) as server:
        person = Person(chromium, server.address)
        person.press("f")  # whichever came first, the readable one is on the page
        person.page.wait_for_selector("text=No image is left to label")
        person.errors = [error for error in person.errors if "422" not in error]
        person.end()
        assert "1 image labelled" in server.end()
    assert "torn.png" in (tmp_path / "labels.problems.csv").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
def test_the_page_fits_has_contrast_and_names(chromium, tmp_path, scheme, viewport):
    folder = images(tmp_path / "films", 12)
    with Server(folder) as server:
        person = Person(chromium, server.address, color_scheme=scheme)
        page = person.page
        page.set_viewport_size(viewport)
        person.press("f")
        page.keyboard.press("s")
        page.wait_for_selector("#note:has-text('P(lateral)')")
        for key in ("", "?", "Escape", "g"):
            if key:
                page.keyboard.press(key)
            assert page.evaluate(CONTRAST) == []
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"]
        assert page.evaluate(NAMELESS) == 0
        person.end()
