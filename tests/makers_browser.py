"""A person at a real browser, and what a page must fulfil for people."""

from waiting import HANGING

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
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
      if (!/^rgba.*, 0\\)$/.test(colour)) return colour;
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
NAMELESS = """
() => [...document.querySelectorAll("button, input, select, a, summary")].filter((e) =>
  e.checkVisibility() && !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).length
"""  # WCAG 2.2, 4.1.2: every control has a name


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
