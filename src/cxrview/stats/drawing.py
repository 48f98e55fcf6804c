"""Panels -> inline SVG for the page: no library, no outside resource, legible in print."""

from collections.abc import Iterator
from html import escape
from math import log10

from cxrview.stats.panels import COLOURS, Bar, Panel, Shape

WIDTH = 480  # pixels
NAMES = 150  # of them, for the names of lying bars
LINE = 24  # from one lying bar to the next
BAR = 15  # high
HEIGHT = 260  # of standing bars
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46
LETTER = 6.6  # pixels, wide, about
TICKS = 5


def drawn(panel: Panel) -> str:
    """One <svg>."""
    draw = {Shape.LINES: _lines, Shape.STEPS: _steps}[panel.shape]
    height, parts = draw(panel)
    label = escape(f"{panel.title}: {panel.axis}")
    size = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg role="img" aria-label="{label}" {size}>\n{chr(10).join(parts)}\n</svg>'


def _text(x: float, y: float, words: str, kind: str = "tick", anchor: str = "start") -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {at}>{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, kind: str, words: str) -> str:
    at = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    title = f"<title>{escape(words)}</title>"
    return f'<rect fill="{COLOURS[kind]}" {at}>{title}</rect>'


def _lines(panel: Panel) -> tuple[float, list[str]]:
    """Lying bars; a whole that is the same for all leaves no room for words behind them."""
    top = panel.top or max(bar.length for bar in panel.bars) or 1.0
    behind = 0.0 if panel.top else LETTER * (1 + max(len(bar.words) for bar in panel.bars))
    room = WIDTH - NAMES - RIGHT - behind
    parts: list[str] = []
    for number, bar in enumerate(panel.bars):
        parts += _line(bar, TOP + number * LINE, room / top, has_words=not panel.top)
    bottom = TOP + len(panel.bars) * LINE
    parts.append(_text(NAMES, bottom + 14, panel.axis, "axis"))
    parts += _legend(panel.kinds, bottom + 24)
    return bottom + (46 if panel.kinds else 24), parts


def _line(bar: Bar, y: float, scale: float, *, has_words: bool) -> Iterator[str]:
    yield _text(NAMES - 7, y + BAR - 3, bar.name, anchor="end")
    x = float(NAMES)
    for kind, length in bar.parts:
        if length:
            yield _box(x, y, length * scale, BAR, kind, f"{bar.name}: {bar.words}")
            x += length * scale
    if has_words:
        yield _text(x + 5, y + BAR - 3, bar.words)


def _legend(kinds: tuple[str, ...], y: float) -> Iterator[str]:
    x = 10.0
    for kind in kinds:
        yield _box(x, y, 10, 10, kind, kind)
        yield _text(x + 14, y + 10, kind)
        x += 24 + LETTER * len(kind)


def _steps(panel: Panel) -> tuple[float, list[str]]:
    """Standing bars, their counts on a plain scale or on one of powers of ten."""
    highest = max(bar.length for bar in panel.bars)
    powers = len(str(int(highest)))  # the scale ends at the next power of ten
    ticks = [10**power for power in range(powers + 1)] if panel.is_log else _round_ticks(highest)
    top, bottom, floor = float(ticks[-1]), HEIGHT - BOTTOM, TOP

    def y_of(count: float) -> float:
        # on a scale of powers, one image must be seen beside none: it begins at a half
        share = log10(max(count, 0.5) * 2) / log10(top * 2) if panel.is_log else count / top
        return bottom - share * (bottom - floor)

    width = (WIDTH - LEFT - RIGHT) / len(panel.bars)
    parts = [part for tick in ticks for part in _tick(tick, y_of(tick))]
    for number, bar in enumerate(panel.bars):
        x, y = LEFT + number * width, y_of(bar.length)
        parts.append(_box(x, y, width * 0.9, bottom - y, bar.parts[0][0], bar.words))
    every = max(1, len(panel.bars) // TICKS)
    parts += [
        _text(LEFT + number * width, bottom + 17, panel.bars[number].name)
        for number in range(0, len(panel.bars), every)
    ]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, panel.axis, "axis", "middle"))
    return HEIGHT, parts


def _tick(count: int, y: float) -> list[str]:
    ends = f'x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"'
    return [f'<line class="grid" {ends}/>', _text(LEFT - 6, y + 4, f"{count:,}", anchor="end")]


def _round_ticks(highest: float) -> list[int]:
    """0 and up to TICKS whole steps of 1, 2 or 5 times a power of ten."""
    sizes = (step * 10**power for power in range(16) for step in (1, 2, 5))
    size = next(size for size in sizes if size * TICKS >= highest)
    return [size * number for number in range(TICKS + 1)]
