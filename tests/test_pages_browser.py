"""The label page in a real browser: keys, grid, reload, undo, two people, sizes, contrast."""

import re
import shutil
from pathlib import Path

import pytest

from cxrview.labels import read_labels
from makers_film import png
from makers_pages import Server, images
from waiting import HANGING, wait_until

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.slow
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("neither Debian's chromium nor that of `playwright install` is there")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """A browser with one page, which fails the test for any error in the console."""

    def __init__(self, chromium, address: str, **context):
        self.context = chromium.new_context(viewport=WIDE, **context)
        self.context.set_default_timeout(1000 * HANGING)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.foreign: list[str] = []
        own = address.partition("/?")[0]
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda m: m.type == "error" and self.errors.append(f"{m.text} {m.location['url']}"),
        )
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.on("request", lambda r: r.url.startswith(own + "/") or self.foreign.append(r.url))
        self.page.goto(address)
        self.image()

    def image(self) -> str:
        """The id of the image on the page."""
        self.page.wait_for_selector("#viewer[data-image]")
        return self.page.get_attribute("#viewer", "data-image")

    def press(self, key: str) -> None:
        """A key that shows another image."""
        before = self.image()
        self.page.keyboard.press(key)
        self.page.wait_for_selector(f"#viewer[data-image]:not([data-image='{before}'])")

    def end(self) -> None:
        self.context.close()
        assert not self.errors
        assert not self.foreign


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
        assert re.search(r"Of \d+ drawn at random it got \d+ wrong: an error rate of", text)
        assert re.search(r"95 % interval [\d.]+ % to [\d.]+ %", text)
        person.end()


def test_hostile_names_run_nothing(chromium, tmp_path):
    folder = tmp_path / "films"
    for name in ("<img src=x onerror=alert(1)>.png", "<b>", '"><script>alert(1)<'):
        path = folder / name / "a.png" if name.startswith('"') else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png("frontal"))
    with Server(folder, "--show-headers", "--labeler", "<script>alert(2)</script>") as server:
        person = Person(chromium, server.address)
        for _ in range(2):
            person.page.wait_for_selector("#about:has-text('<')")
            person.press("f")
        assert person.page.query_selector("#about b, #about img, #help script") is None
        person.end()


def test_unreadable_images_are_passed_over(chromium, tmp_path):
    folder = images(tmp_path / "films", 1)
    (folder / "torn.png").write_bytes(png("frontal")[:100])
    with Server(folder) as server:
        person = Person(chromium, server.address)
        person.press("f")  # whichever came first, the readable one is on the page
        person.page.wait_for_selector("text=No image is left to label")
        person.errors = [error for error in person.errors if "422" not in error]
        person.end()
        assert "1 images labelled" in server.end()
    assert "torn.png" in (tmp_path / "labels.problems.csv").read_text()


CONTRAST = """
() => {
  const luminance = (text) => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const background = (element) => {
    for (let node = element; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!hasText || !element.checkVisibility()) continue;
    const [a, b] = [getComputedStyle(element).color, background(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.outerHTML.slice(0, 60)} ${ratio.toFixed(2)}`);
  }
  return low;
}
"""  # WCAG 2.2, 1.4.3: text has a contrast of at least 4.5


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
        nameless = page.eval_on_selector_all(
            "button, input, a, summary",
            "all => all.filter(e => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim()"
            " || e.labels?.length)).length",
        )
        assert nameless == 0
        person.end()
