"""What is superimposed on a radiograph: devices on and in the patient, and burned-in letters."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxrview.images import FloatArray
from cxrview.phantom.random_draws import Span, happens, uniform

DEVICES_SHARE = 0.42  # of images show any
LINE_COUNT = (1, 6)  # leads, tubes and lines
ELECTRODE_PROBABILITY = 0.6  # of the lines end in an electrode
ELECTRODE_RADIUS: Span = (0.008, 0.022)  # of the long side
PACEMAKER_PROBABILITY = 0.22  # of images with devices
STERNAL_WIRES_PROBABILITY = 0.2
WIRE_COUNT = 6
MAX_ATTENUATION: Span = (0.6, 2.0)  # of the densest device, no unit
OVERSAMPLING = 2  # drawn at a finer scale, then averaged: Pillow's lines have hard edges
CURVE_POINTS = 14
LINE_INK, ELECTRODE_INK = (40, 140), (60, 255)  # of 255
PACEMAKER_INK, LEAD_INK = 255, 200
LINE_BEND_SD = 0.15  # of the image, standard deviation of a line's midpoint
LEAD_BEND_SD = 0.12

XY = FloatArray  # (2,), in 0 .. 1 of width and height


def draw_devices(rng: np.random.Generator, height: int, width: int) -> FloatArray | None:
    """Return (height, width) attenuation to add, or None for a patient without devices.

    Devices are leads, electrodes, lines, a pacemaker and sternal wires.
    """
    if not happens(rng, DEVICES_SHARE):
        return None
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    image = Image.new("L", size, 0)
    pen = _Pen(ImageDraw.Draw(image), np.array(size))
    for _ in range(rng.integers(*LINE_COUNT)):
        _draw_line(rng, pen)
    if happens(rng, PACEMAKER_PROBABILITY):
        _draw_pacemaker(rng, pen)
    if happens(rng, STERNAL_WIRES_PROBABILITY):
        _draw_wires(rng, pen)
    ink = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    return ink * np.float32(uniform(rng, MAX_ATTENUATION))


class _Pen:
    """Draws in fractions of the image's width and height."""

    def __init__(self, pen: ImageDraw.ImageDraw, size: FloatArray) -> None:
        self._pen, self._size, self._side = pen, size, float(size.max())

    def curve(self, points: FloatArray, thickness: float, ink: int) -> None:
        """(n, 2) points; thickness in 1/128 of the long side, at least one fine pixel."""
        pixels = [tuple(point) for point in points * self._size]
        wide = max(1, round(thickness * self._side / (128 * OVERSAMPLING)))
        self._pen.line(pixels, fill=ink, width=wide, joint="curve")

    def disc(self, middle: XY, radius: float, ink: int, flat: float = 1.0) -> None:
        """Radius as a fraction of the long side; flat < 1 reduces the height."""
        self._pen.ellipse(self._box(middle, radius, flat), fill=ink)

    def ring(self, middle: XY, radius: float) -> None:
        self._pen.ellipse(self._box(middle, radius, 1.0), outline=255)

    def _box(self, middle: XY, radius: float, flat: float) -> list[float]:
        x, y = middle * self._size
        rx, ry = radius * self._side, radius * flat * self._side
        return [float(x - rx), float(y - ry), float(x + rx), float(y + ry)]


def _draw_bezier(rng: np.random.Generator, start: XY, end: XY, bend: float) -> FloatArray:
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    middle = (start + end) / 2 + rng.normal(0, bend, 2)
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end)


def _draw_line(rng: np.random.Generator, pen: _Pen) -> None:
    start = rng.uniform(0.2, 0.8, 2)
    end = np.array([rng.uniform(-0.1, 1.1), rng.choice([-0.1, 1.1, rng.random()])])
    ink = int(rng.integers(*LINE_INK))
    pen.curve(_draw_bezier(rng, start, end, LINE_BEND_SD), int(rng.integers(1, 3)), ink)
    if happens(rng, ELECTRODE_PROBABILITY):
        pen.disc(start, uniform(rng, ELECTRODE_RADIUS), int(rng.integers(*ELECTRODE_INK)))


def _draw_pacemaker(rng: np.random.Generator, pen: _Pen) -> None:
    """Below the left clavicle; its lead ends in the right ventricle."""
    case = np.array([rng.uniform(0.55, 0.8), rng.uniform(0.15, 0.32)])
    tip = np.array([rng.uniform(0.5, 0.62), rng.uniform(0.55, 0.75)])
    pen.disc(case, rng.uniform(0.04, 0.06), PACEMAKER_INK, flat=0.8)
    pen.curve(_draw_bezier(rng, case, tip, LEAD_BEND_SD), 1.28, LEAD_INK)


def _draw_wires(rng: np.random.Generator, pen: _Pen) -> None:
    for number in range(WIRE_COUNT):
        pen.ring(np.array([rng.normal(0.5, 0.012), 0.25 + 0.06 * number]), 0.006 * OVERSAMPLING)


MARKERS_SHARE = 0.6  # of images
# Any word on any image: a network that reads PA from a marker fails in the next hospital.
WORDS = (
    "L", "R", "L", "R", "LEFT", "PA", "AP", "ERECT", "SUPINE", "PORTABLE", "12:41", "LAT",
    "STANDING", "A1", "III", "SEMI",
)  # fmt: skip
WORD_COUNT = (1, 4)
MARKER_FONT_SIZE: Span = (10.0, 24.0)  # 1/256 of the long side: one or two letters
WORD_FONT_SIZE: Span = (7.0, 12.0)
MAX_MARKER_LENGTH = 2  # letters
WORD_LEFT: tuple[Span, Span] = ((0.02, 0.15), (0.8, 0.93))  # of the width
WORD_TOP: Span = (0.02, 0.9)  # of the height
INK_OPACITY: Span = (0.7, 1.0)  # opacity
INK_LEVEL: Span = (0.85, 1.0)
MIN_CANVAS_SIDE = 256  # pixels: letters of small images are drawn at this size and reduced


def burn_in(rng: np.random.Generator, image: FloatArray) -> FloatArray:
    """Return the (h, w) image in [0, 1], in 60 % of the cases with letters burned in.

    Letters are side markers, projection, posture and time, independent of the true view.
    """
    if not happens(rng, MARKERS_SHARE):
        return image
    height, width = image.shape
    finer = max(1.0, MIN_CANVAS_SIDE / max(height, width))
    canvas = Image.new("L", (round(width * finer), round(height * finer)), 0)
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(*WORD_COUNT)):
        _draw_word(rng, pen, canvas.size)
    mask = np.asarray(canvas.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    mask *= uniform(rng, INK_OPACITY)
    return image * (1 - mask) + mask * uniform(rng, INK_LEVEL)


def _draw_word(rng: np.random.Generator, pen: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    word = WORDS[rng.integers(len(WORDS))]
    span = MARKER_FONT_SIZE if len(word) <= MAX_MARKER_LENGTH else WORD_FONT_SIZE
    points = uniform(rng, span) * max(size) / MIN_CANVAS_SIDE
    x = uniform(rng, WORD_LEFT[rng.integers(2)]) * size[0]
    pen.text((x, uniform(rng, WORD_TOP) * size[1]), word, fill=255, font=_font(round(points)))


@lru_cache(maxsize=64)
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)
