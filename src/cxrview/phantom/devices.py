"""Metal and plastic on and in the patient: leads, electrodes, lines, a pacemaker, sternal wires."""

import numpy as np
from PIL import Image, ImageDraw

from cxrview.phantom.random_draws import Floats, Span, between, happens

DEVICES = 0.42  # of films show any
LINES = (1, 6)  # leads, tubes and lines
ELECTRODES = 0.6  # of the lines end in an electrode
ELECTRODE_RADIUS: Span = (0.008, 0.022)  # of the long side
PACEMAKERS = 0.22  # of films with devices
STERNAL_WIRES = 0.2
WIRES = 6
ATTENUATION: Span = (0.6, 2.0)  # of the densest device, no unit
OVERSAMPLING = 2  # drawn finer, then averaged: Pillow's lines have hard edges
CURVE_POINTS = 14
LINE_INK, ELECTRODE_INK = (40, 140), (60, 255)  # of 255
PACEMAKER_INK, LEAD_INK = 255, 200
BEND = 0.15  # of the picture, standard deviation of a line's middle
LEAD_BEND = 0.12

XY = Floats  # (2,), in 0 .. 1 of width and height


def draw_devices(rng: np.random.Generator, height: int, width: int) -> Floats | None:
    """(height, width) attenuation to add, or None for a patient without devices."""
    if not happens(rng, DEVICES):
        return None
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    image = Image.new("L", size, 0)
    pen = _Pen(ImageDraw.Draw(image), np.array(size))
    for _ in range(rng.integers(*LINES)):
        _line(rng, pen)
    if happens(rng, PACEMAKERS):
        _pacemaker(rng, pen)
    if happens(rng, STERNAL_WIRES):
        _wires(rng, pen)
    ink = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    return ink * np.float32(between(rng, ATTENUATION))


class _Pen:
    """Draws in units of the picture."""

    def __init__(self, pen: ImageDraw.ImageDraw, size: Floats) -> None:
        self._pen, self._size, self._side = pen, size, float(size.max())

    def curve(self, points: Floats, thickness: float, ink: int) -> None:
        """(n, 2) points; thickness in 1/128 of the long side, at least one fine pixel."""
        pixels = [tuple(point) for point in points * self._size]
        wide = max(1, round(thickness * self._side / (128 * OVERSAMPLING)))
        self._pen.line(pixels, fill=ink, width=wide, joint="curve")

    def disc(self, middle: XY, radius: float, ink: int, flat: float = 1.0) -> None:
        """Radius as a share of the long side; flat < 1 presses it down."""
        self._pen.ellipse(self._box(middle, radius, flat), fill=ink)

    def ring(self, middle: XY, radius: float) -> None:
        self._pen.ellipse(self._box(middle, radius, 1.0), outline=255)

    def _box(self, middle: XY, radius: float, flat: float) -> list[float]:
        x, y = middle * self._size
        rx, ry = radius * self._side, radius * flat * self._side
        return [float(x - rx), float(y - ry), float(x + rx), float(y + ry)]


def _bezier(rng: np.random.Generator, start: XY, end: XY, bend: float) -> Floats:
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    middle = (start + end) / 2 + rng.normal(0, bend, 2)
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end)


def _line(rng: np.random.Generator, pen: _Pen) -> None:
    start = rng.uniform(0.2, 0.8, 2)
    end = np.array([rng.uniform(-0.1, 1.1), rng.choice([-0.1, 1.1, rng.random()])])
    ink = int(rng.integers(*LINE_INK))
    pen.curve(_bezier(rng, start, end, BEND), int(rng.integers(1, 3)), ink)
    if happens(rng, ELECTRODES):
        pen.disc(start, between(rng, ELECTRODE_RADIUS), int(rng.integers(*ELECTRODE_INK)))


def _pacemaker(rng: np.random.Generator, pen: _Pen) -> None:
    """Under the left clavicle, its lead ends in the right ventricle."""
    case = np.array([rng.uniform(0.55, 0.8), rng.uniform(0.15, 0.32)])
    tip = np.array([rng.uniform(0.5, 0.62), rng.uniform(0.55, 0.75)])
    pen.disc(case, rng.uniform(0.04, 0.06), PACEMAKER_INK, flat=0.8)
    pen.curve(_bezier(rng, case, tip, LEAD_BEND), 1.28, LEAD_INK)


def _wires(rng: np.random.Generator, pen: _Pen) -> None:
    for number in range(WIRES):
        pen.ring(np.array([rng.normal(0.5, 0.012), 0.25 + 0.06 * number]), 0.006 * OVERSAMPLING)
