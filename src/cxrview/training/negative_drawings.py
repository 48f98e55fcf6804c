"""A sheet for drawing negatives, and those that are no medical images: documents, scenes, noise.

Each drawing is (side, side) gray levels, about 0 to 1. Coordinates run from -1 to 1, y down.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxrview.images import FloatArray
from cxrview.phantom.image_formation import blur, smooth_noise
from cxrview.phantom.random_draws import Span, happens, uniform

Drawing = Callable[[np.random.Generator, int], FloatArray]  # side -> (side, side), about 0 to 1

LETTERS = list("abcdefghij klmno prstu ABCDEF 0123456789")
ANGLES = np.linspace(0, 2 * np.pi, 36, endpoint=False)
HARMONICS = np.array([2, 3, 5])[:, None]  # of an uneven outline


class Sheet:
    """A square on which shapes are filled one over the other, at twice the size."""

    def __init__(self, rng: np.random.Generator, side: int, gray: float = 0.0) -> None:
        self._rng, self._side = rng, side
        self._image = Image.new("L", (2 * side, 2 * side), _level(gray))
        self.pen = ImageDraw.Draw(self._image)

    def pixels(self, points: FloatArray) -> list[tuple[float, float]]:
        """(n, 2) coordinates -> a list of x, y for the pen."""
        return [(x, y) for x, y in ((points + 1) * self._side).tolist()]

    def blob(
        self, x: float, y: float, radii: tuple[float, float], gray: float, turn: float = 0.0,
        uneven: float = 0.04,
    ) -> None:  # fmt: skip
        """Fill an ellipse, turned in radians, whose radius varies by about `uneven`."""
        waves = np.sin(HARMONICS * ANGLES + self._rng.uniform(0, 6.3, (3, 1))).sum(axis=0)
        radius = 1 + uneven * waves
        u, v = radii[0] * radius * np.cos(ANGLES), radii[1] * radius * np.sin(ANGLES)
        cos, sin = np.cos(turn), np.sin(turn)
        outline = np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=1)
        self.pen.polygon(self.pixels(outline), fill=_level(gray))

    def line(self, points: FloatArray, gray: float, thickness: float) -> None:
        """Draw a line through (n, 2) points; thickness on the scale of the coordinates."""
        width = max(1, round(thickness * self._side))
        self.pen.line(self.pixels(points), fill=_level(gray), width=width, joint="curve")

    def box(self, x: float, y: float, radii: tuple[float, float], gray: float) -> None:
        """Fill a rectangle."""
        first, last = self.pixels(np.array((x, y)) + np.outer((-1, 1), radii))
        self.pen.rectangle([*first, *last], fill=_level(gray))

    def scatter(self, count: int, spread: Span, size: Span, gray: Span) -> None:
        """Fill small blobs at normal distances from the middle."""
        for x, y in self._rng.normal(0, spread, (count, 2)).tolist():
            radii = uniform(self._rng, size), uniform(self._rng, size)
            level = gray[0] + (gray[1] - gray[0]) * self._rng.random()
            self.blob(x, y, radii, level, uniform(self._rng, (0, 3)))

    def tree(
        self, start: FloatArray, angle: float, length: float, gray: float, width: float
    ) -> None:
        """Draw a vessel that winds and branches."""
        bends = angle + np.cumsum(self._rng.normal(0, 0.25, 5))
        steps = np.stack([np.cos(bends), np.sin(bends)], axis=1) * length / 5
        points = np.concatenate([start[None], start + np.cumsum(steps, axis=0)])
        self.line(points, gray, width)
        if length < 0.2 or width < 0.01:
            return
        for turn in self._rng.normal(0, 0.7, int(self._rng.integers(1, 4))).tolist():
            self.tree(points[-1], bends[-1] + turn, length * 0.75, gray, width * 0.72)

    def gray(self, softness: float = 0.0, texture: float = 0.0, noise: float = 0.0) -> FloatArray:
        """Return the (side, side) gray levels, blurred, mottled where bright, and with noise."""
        side = self._side
        small = self._image.resize((side, side), Image.Resampling.BOX)
        gray = blur(np.asarray(small, np.float32) / 255, softness)
        if texture:
            gray = gray * (1 + texture * smooth_noise(self._rng, side, side, 20))
        if noise:
            grain = self._rng.standard_normal((side, side), dtype=np.float32)
            gray = gray + blur(grain, uniform(self._rng, (0, 0.8))) * np.float32(noise)
        return np.asarray(gray)

    def slice(self) -> FloatArray:
        """Return the gray levels of a tomogram: a little soft, mottled and noisy."""
        draw = self._rng.uniform((0, 0, 0), (1.0, 0.12, 0.07))
        return self.gray(*draw.tolist())


def _level(gray: float) -> int:
    return int(np.clip(gray, 0, 1) * 255)


def grid(side: int) -> tuple[FloatArray, FloatArray]:
    """X (1, side) and y (side, 1) of the pixels, -1 to 1."""
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    return axis[None, :], axis[:, None]


def round_field(rng: np.random.Generator, gray: FloatArray) -> FloatArray:
    """Black outside a circle, as an image intensifier or an endoscope shows it."""
    x, y = grid(gray.shape[0])
    return np.asarray(gray * (x**2 + y**2 < uniform(rng, (0.85, 1.0)) ** 2))


@lru_cache(maxsize=32)
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def document(rng: np.random.Generator, side: int) -> FloatArray:
    """Lines of text, tables, boxes and pictures on white, now and then on black."""
    sheet = Sheet(rng, side, uniform(rng, (0.85, 1)))
    y = uniform(rng, (-0.98, -0.6))
    while y < 1:
        points = int(rng.integers(6, 18))
        words = "".join(rng.choice(LETTERS, int(rng.integers(4, 45))))
        left, ink = uniform(rng, (-0.95, -0.4)), int(rng.integers(0, 90))
        sheet.pen.text(sheet.pixels(np.array([(left, y)]))[0], words, fill=ink, font=_font(points))
        y += points / side * uniform(rng, (1.1, 3))
        if happens(rng, 0.12):
            size = uniform(rng, (0.2, 0.9)), uniform(rng, (0.05, 0.35))
            sheet.box(rng.normal(0, 0.3), y + size[1], size, uniform(rng, (0.2, 1)))
            y += 2 * size[1] + 0.05
        if happens(rng, 0.1):
            sheet.line(np.array([(-0.95, y), (0.95, y)]), 0.2, 0.01)
    gray = sheet.gray(uniform(rng, (0, 0.8)), 0, uniform(rng, (0, 0.03)))
    return gray if happens(rng, 0.8) else 1 - gray


def chart(rng: np.random.Generator, side: int) -> FloatArray:
    """Curves, bars or electrocardiogram traces, with axes or a grid."""
    sheet = Sheet(rng, side, 1.0)
    for at in np.linspace(-1, 1, int(rng.integers(3, 25))) if happens(rng, 0.6) else ():
        sheet.line(np.array([(-1, at), (1, at)]), 0.8, 0.008)
        sheet.line(np.array([(at, -1), (at, 1)]), 0.8, 0.008)
    sheet.line(np.array([(-0.85, -0.9), (-0.85, 0.85), (0.9, 0.85)]), 0.1, 0.015)
    x = np.linspace(-0.85, 0.9, 90)
    if happens(rng, 0.3):
        for at in np.arange(-0.75, 0.9, uniform(rng, (0.15, 0.4))).tolist():
            high = uniform(rng, (0.1, 0.8))
            sheet.box(at, 0.85 - high, (0.06, high), uniform(rng, (0.1, 0.7)))
    for level in np.linspace(-0.7, 0.6, int(rng.integers(1, 7))).tolist():
        beat = np.abs(np.sin(x * uniform(rng, (3, 20)) + level)) ** uniform(rng, (1, 40))
        walk = np.cumsum(rng.normal(0, uniform(rng, (0, 0.06)), 90))
        curve = level + walk - uniform(rng, (0, 0.4)) * beat
        sheet.line(np.stack([x, curve], axis=1), uniform(rng, (0, 0.5)), 0.02)
    gray = sheet.gray()
    return gray if happens(rng, 0.7) else 1 - gray


def photograph(rng: np.random.Generator, side: int) -> FloatArray:
    """A scene: sky, ground, shaded round things, houses with windows, foliage."""
    x, y = grid(side)
    horizon = rng.normal(0, 0.4) + 0.1 * smooth_noise(rng, side, side, 6)
    gray = np.where(y < horizon, 0.8 - 0.2 * y, 0.4 + 0.2 * y) * uniform(rng, (0.5, 1.1))
    gray = gray + np.where(y > horizon, uniform(rng, (0, 0.3)), 0.04) * cloud(rng, side)
    for _ in range(int(rng.integers(1, 7))):
        u = (x - rng.normal(0, 0.5)) / uniform(rng, (0.08, 0.6))
        v = (y - rng.normal(0.1, 0.5)) / uniform(rng, (0.08, 0.6))
        if happens(rng, 0.6):  # lit from above left
            shade = np.sqrt(np.maximum(1 - u**2 - v**2, 0)) - 0.4 * (u + v)
            gray = np.where(u**2 + v**2 < 1, uniform(rng, (0.2, 1)) * (0.3 + 0.6 * shade), gray)
        else:
            windows = (np.sin(u * 9) > 0.2) & (np.sin(v * 9) > 0.2)
            level = uniform(rng, (0.1, 0.9)) - windows * uniform(rng, (-0.4, 0.4))
            gray = np.where((abs(u) < 1) & (abs(v) < 1), level, gray)
    return np.asarray(blur(gray, uniform(rng, (0, 1.5))) + rng.normal(0, 0.02, gray.shape))


def cloud(rng: np.random.Generator, side: int) -> FloatArray:
    """Noise at all scales, steep or flat."""
    steep = uniform(rng, (0.3, 1.5))
    layers = [smooth_noise(rng, side, side, k) * k**-steep for k in (2, 4, 8, 16, 32, 64)]
    gray = np.sum(layers, axis=0)
    return np.asarray((gray - gray.min()) / (gray.max() - gray.min()))


def plain(rng: np.random.Generator, side: int) -> FloatArray:
    """An even gray, a slope, a round slope, or white noise."""
    x, y = grid(side)
    turn, slope = uniform(rng, (0, 6.3)), uniform(rng, (0, 1)) * happens(rng, 0.7)
    ramp = x * np.cos(turn) + y * np.sin(turn) if happens(rng, 0.6) else x**2 + y**2
    noise = uniform(rng, (0, 0.02)) if happens(rng, 0.7) else uniform(rng, (0.05, 0.5))
    return np.asarray(ramp * slope + uniform(rng, (0, 1)) + rng.normal(0, noise, (side, side)))


def bar_pattern(rng: np.random.Generator, side: int) -> FloatArray:
    """Bars, wedges, discs, line pairs and checks at random, sharp or softened."""
    sheet = Sheet(rng, side, uniform(rng, (0, 1)))
    for _ in range(int(rng.integers(1, 14))):
        x, y = rng.uniform(-0.9, 0.9, 2).tolist()
        size, gray = tuple(rng.uniform(0.03, 0.7, 2).tolist()), uniform(rng, (0, 1))
        shape = int(rng.integers(4))
        if shape == 0:
            sheet.box(x, y, size, gray)
        elif shape == 1:
            sheet.blob(x, y, size, gray, 0, 0)
        else:
            for k in range(8):
                step = size[0] / 8
                at = (x + 2 * k * step, y) if shape == 2 else (x, y + 2 * k * step)
                sheet.box(*at, (step / 2, size[1]) if shape == 2 else (size[1], step / 2), gray)
    return sheet.gray(uniform(rng, (0, 2.5)), 0, uniform(rng, (0, 0.1)))


DRAWINGS: dict[str, Drawing] = {
    "document": document,
    "chart": chart,
    "photograph": photograph,
    "cloud": cloud,
    "plain": plain,
    "bar pattern": bar_pattern,
}
