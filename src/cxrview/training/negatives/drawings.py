"""Drawings of slices, scans, documents, textures and shapes: (side, side) in [0, 1]."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cxrview.phantom.image_formation import blur, smooth_noise
from cxrview.phantom.random_draws import Floats, happens, uniform

Mask = npt.NDArray[np.bool_]
LETTERS = list("abcdefghij klmno prstu ABCDEF 0123456789")


class Canvas:
    """A square with coordinates from -1 to 1 that is filled ellipse by ellipse."""

    def __init__(self, side: int) -> None:
        self.y, self.x = np.mgrid[0:side, 0:side] / side * 2 - 1
        self.grey = np.zeros((side, side))

    def ellipse(self, x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Mask:
        """Mask of the pixels inside an ellipse; turn in radians."""
        cos, sin = np.cos(turn), np.sin(turn)
        u = ((self.x - x) * cos + (self.y - y) * sin) / wide
        v = ((self.y - y) * cos - (self.x - x) * sin) / high
        inside: Mask = u**2 + v**2 < 1
        return inside

    def fill(self, where: Mask, grey: float) -> None:
        """Set the pixels of a mask to one gray level."""
        self.grey[where] = grey

    def speckled(self, rng: np.random.Generator, strength: float) -> Floats:
        """Return the gray levels with noise added."""
        return self.grey + rng.normal(0, strength, self.grey.shape)


def axial_slice(rng: np.random.Generator, side: int) -> Floats:
    """A computed tomogram across the body, with lungs or with organs."""
    canvas = Canvas(side)
    a, b = uniform(rng, (0.7, 0.95)), uniform(rng, (0.5, 0.75))
    canvas.fill(canvas.ellipse(0, 0, a, b), uniform(rng, (0.3, 0.5)))
    canvas.fill(canvas.ellipse(0, 0, a * 0.92, b * 0.9), uniform(rng, (0.5, 0.65)))
    if happens(rng, 0.6):
        tall, air = uniform(rng, (0.6, 0.75)), uniform(rng, (0.02, 0.2))
        for s in (-1, 1):
            canvas.fill(canvas.ellipse(s * a * 0.48, -0.03, a * 0.36, b * tall, s * 0.2), air)
        _vessels(rng, canvas, a * 0.8, b * 0.7)
    else:
        for _ in range(6):
            x, y = rng.normal(0, a * 0.4), rng.normal(0, b * 0.35)
            size = uniform(rng, (0.05, 0.35)), uniform(rng, (0.05, 0.25))
            canvas.fill(
                canvas.ellipse(x, y, *size, uniform(rng, (0, 3))), uniform(rng, (0.3, 0.85))
            )
    canvas.fill(canvas.ellipse(0, b * 0.62, 0.1, 0.09), 0.95)
    for turn in np.arange(10) / 10 * 2 * np.pi:
        x, y = 0.9 * a * np.cos(turn), 0.87 * b * np.sin(turn)
        canvas.fill(canvas.ellipse(x, y, 0.05, 0.025, turn + np.pi / 2), 0.95)
    return canvas.speckled(rng, 0.03)


def _vessels(rng: np.random.Generator, canvas: Canvas, wide: float, high: float) -> None:
    """Small bright discs, as vessels cut across."""
    for _ in range(int(rng.integers(5, 30))):
        x, y = rng.uniform(-wide, wide), rng.uniform(-high, high)
        canvas.fill(canvas.ellipse(x, y, *rng.uniform(0.01, 0.03, 2)), uniform(rng, (0.4, 0.7)))


def coronal_slice(rng: np.random.Generator, side: int) -> Floats:
    """A tomogram along the body: sharp black lungs, bright heart and liver, ribs as dots."""
    canvas = Canvas(side)
    wide, tissue = uniform(rng, (0.6, 0.9)), uniform(rng, (0.4, 0.6))
    canvas.fill(np.abs(canvas.x) < wide * (1 + 0.1 * canvas.y), uniform(rng, (0.25, 0.45)))
    canvas.fill(np.abs(canvas.x) < wide * 0.9, tissue)
    canvas.fill((canvas.y < -0.75) & (np.abs(canvas.x) > 0.3), uniform(rng, (0.0, 0.5)))
    air, top = uniform(rng, (0.0, 0.15)), uniform(rng, (-0.75, -0.5))
    for s in (-1, 1):
        lung = canvas.ellipse(
            s * wide * 0.5, 0.1, wide * 0.36, 0.1 - top + uniform(rng, (-0.1, 0.1))
        )
        canvas.fill(lung & (canvas.y < uniform(rng, (0.1, 0.5))), air)
        for level in np.arange(top, 0.6, 0.16):
            canvas.fill(canvas.ellipse(s * wide * 0.88, level, 0.03, 0.05), 0.95)
    _vessels(rng, canvas, wide * 0.7, 0.5)
    canvas.fill(canvas.ellipse(0.12, 0.2, uniform(rng, (0.15, 0.3)), 0.25), tissue + 0.15)
    if happens(rng, 0.5):
        for level in np.arange(-0.9, 1, 0.17):
            bone = (np.abs(canvas.x) < 0.09) & (np.abs(canvas.y - level) < 0.065)
            canvas.fill(bone, uniform(rng, (0.7, 0.95)))
    return canvas.speckled(rng, 0.03)


def ultrasound(rng: np.random.Generator, side: int) -> Floats:
    """A fan of speckle with dark cysts."""
    y, x = np.mgrid[0:side, 0:side] / side
    middle = 0.5 + uniform(rng, (-0.1, 0.1))
    angle, depth = np.arctan2(x - middle, y + 0.1), np.hypot(x - middle, y + 0.1)
    fan = (np.abs(angle) < uniform(rng, (0.5, 0.9))) & (depth < 1.05) & (depth > 0.15)
    speckle = blur(np.abs(rng.standard_normal((side, side))) * uniform(rng, (0.3, 1)), 0.9)
    grey = np.clip(speckle + 0.5 * smooth_noise(rng, side, side, 6), 0, 1) * fan
    for _ in range(3):
        cx, cy, radius = rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8), rng.uniform(0.03, 0.15)
        grey = grey * ((x - cx) ** 2 + (y - cy) ** 2 >= radius**2)
    return np.asarray(grey)


def mammogram(rng: np.random.Generator, side: int) -> Floats:
    """Half an ellipse at one edge with cloudy tissue in it."""
    y, x = np.mgrid[0:side, 0:side] / side
    wide, high = uniform(rng, (0.5, 0.9)), uniform(rng, (0.35, 0.55))
    inside = 1 - np.sqrt((x / wide) ** 2 + ((y - 0.5) / high) ** 2)
    tissue = 0.4 + 0.3 * blur(np.maximum(smooth_noise(rng, side, side, 12), 0), 1.5)
    grey = np.clip(inside * 3, 0, 1) * tissue
    return np.asarray(grey if happens(rng, 0.5) else grey[:, ::-1])


def document(rng: np.random.Generator, side: int) -> Floats:
    """Lines of text and filled boxes on white, now and then on black."""
    size = 256
    sheet = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(sheet)
    y = uniform(rng, (5, 30))
    while y < size:
        points = uniform(rng, (6, 16))
        words = "".join(rng.choice(LETTERS, int(rng.integers(5, 45))))
        font = ImageFont.load_default(points)
        pen.text((uniform(rng, (5, 40)), y), words, fill=int(rng.integers(0, 80)), font=font)
        y += points * uniform(rng, (1.1, 2.5))
        if happens(rng, 0.15):
            box = [uniform(rng, (10, 100)), y, uniform(rng, (120, 240)), y + uniform(rng, (10, 60))]
            pen.rectangle(box, outline=0, fill=int(rng.integers(60, 255)))
            y += 60
    grey = np.asarray(sheet.resize((side, side), Image.Resampling.BOX), np.float64) / 255
    return grey if happens(rng, 0.85) else 1 - grey


def cloud(rng: np.random.Generator, side: int) -> Floats:
    """Noise at all scales, steep or flat."""
    steep = uniform(rng, (0.3, 1.5))
    grey = np.sum(
        [smooth_noise(rng, side, side, k) * k**-steep for k in (2, 4, 8, 16, 32, 64)], axis=0
    )
    return np.asarray((grey - grey.min()) / (grey.max() - grey.min()))


def gradient(rng: np.random.Generator, side: int) -> Floats:
    """A slope, or an even grey, with hardly any noise."""
    y, x = np.mgrid[0:side, 0:side] / side
    turn = uniform(rng, (0, 2 * np.pi))
    slope = uniform(rng, (0, 1)) if happens(rng, 0.6) else 0.0
    grey = (x * np.cos(turn) + y * np.sin(turn)) * slope + uniform(rng, (0, 1))
    return np.asarray(grey + rng.normal(0, uniform(rng, (0, 0.02)), (side, side)))


def shapes(rng: np.random.Generator, side: int) -> Floats:
    """Rectangles and ellipses at random, softened, with clouds: test patterns, photographs."""
    large = side * 2
    sheet = Image.new("L", (large, large), int(rng.integers(0, 255)))
    pen = ImageDraw.Draw(sheet)
    for _ in range(int(rng.integers(2, 15))):
        box = np.sort(rng.uniform(0, large, (2, 2)), axis=0).ravel().tolist()
        draw = pen.rectangle if happens(rng, 0.5) else pen.ellipse
        draw(box, fill=int(rng.integers(0, 255)))
    grey = np.asarray(sheet.resize((side, side), Image.Resampling.BOX), np.float64) / 255
    return blur(grey + cloud(rng, side) * uniform(rng, (0, 0.4)), uniform(rng, (0.4, 3)))
