"""Drawn negatives: other body parts, slices, scans, documents, shapes; (side, side) in [0, 1].

Radiographs of other body parts are projected through a few solids: lengths in centimetres,
attenuation in 1/cm on the scale of the phantom's soft tissue.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cxrview.phantom.image_formation import blur, smooth_noise
from cxrview.phantom.random_draws import Floats, happens, rotation_matrix, uniform
from cxrview.phantom.rays import (
    Rays,
    Solids,
    capsule,
    column,
    ellipsoid,
    intersect,
    rays_through,
)

FLESH = 0.2
BONE = 0.5
FOCUS = 200.0  # cm from the tube to the middle of the body

Part = tuple[Solids, float]


def _beam(rng: np.random.Generator, side: int, half: float) -> Rays:
    """Rays of a square field, 2 x half cm wide, through a body rotated a little or at random."""
    u, v = np.meshgrid(np.linspace(-half, half, side), np.linspace(half, -half, side))
    rotation = rotation_matrix(
        *(rng.uniform(-180, 180, 3) if happens(rng, 0.5) else rng.normal(0, 17, 3))
    )
    points = u.ravel()[:, None] * rotation[:, 0] + v.ravel()[:, None] * rotation[:, 2]
    directions = points - FOCUS * rotation[:, 1]
    return rays_through(points, directions / np.linalg.norm(directions, axis=1, keepdims=True))


def _through(rays: Rays, parts: list[Part], side: int) -> Floats:
    lengths = [weight * intersect(rays, solids).lengths().sum(axis=1) for solids, weight in parts]
    return np.asarray(np.maximum(np.sum(lengths, axis=0), 0)).reshape(side, side)


def _expose(rng: np.random.Generator, path: Floats) -> Floats:
    """Optical path -> gray levels: scatter, window, gamma, blur, noise; one in twelve inverted."""
    image = -np.log(np.exp(-path) + uniform(rng, (0.003, 0.03)))
    high = max(0.1, float(np.percentile(image, uniform(rng, (95, 99.9)))))
    image = np.clip(image / high, 0, 1) ** uniform(rng, (0.6, 1.6))
    image = blur(image, uniform(rng, (0.4, 1.6))) + rng.normal(0, 0.02, image.shape)
    return np.asarray(1 - image if happens(rng, 0.08) else image)


def hand(rng: np.random.Generator, side: int) -> Floats:
    """Five fingers of three bones, palm, two bones of the forearm."""
    parts: list[Part] = [(ellipsoid((0, 0, -3), (4, 1.3, 4.5)), FLESH)]
    for finger in range(5):
        angle = np.radians(-70 if finger == 0 else -40 + 20 * finger + uniform(rng, (-5, 5)))
        along = np.array([np.sin(angle), 0, np.cos(angle)])
        root = np.array([-3 + 1.5 * finger, 0, -0.5])
        length = uniform(rng, (5.5, 8.5))
        parts.append((capsule(root, root + along * length, 0.95), FLESH))
        ends = [[root + along * length * (k / 3 + x) for x in (0.02, 0.31)] for k in range(3)]
        parts += [(capsule(start, end, 0.4), BONE) for start, end in ends]
        parts.append((capsule((-1.2 + 0.6 * finger, 0, -6), root, 0.45), BONE))
    parts += [(capsule((x, 0, -14), (x, 0, -6.5), 1), BONE) for x in (-1, 1)]
    parts.append((capsule((0, 0, -15), (0, 0, -5), 2.6), FLESH))
    return _expose(rng, _through(_beam(rng, side, uniform(rng, (8, 13))), parts, side))


def limb(rng: np.random.Generator, side: int) -> Floats:
    """A joint between one or two hollow bones above and below."""
    width, middle, knob = uniform(rng, (3, 7)), uniform(rng, (-3, 3)), uniform(rng, (0.5, 2.5))
    parts: list[Part] = [(column((0, 0, 0), (width, width), -40, 40), FLESH)]
    for down in (-20, 20):
        for x in (0.0,) if happens(rng, 0.5) else (-1.6, 1.6):
            end = (x + uniform(rng, (-1, 1)), 0, middle + down)
            parts.append((capsule((x, 0, middle), end, uniform(rng, (0.8, 1.6))), 0.6))
            parts.append((capsule((x, 0, middle), end, 0.5), -0.3))
    knobs = [ellipsoid((0, 0, middle + h * knob), (knob * 1.5, knob, knob)) for h in (0, -2)]
    parts += [(solid, BONE) for solid in knobs]
    return _expose(rng, _through(_beam(rng, side, uniform(rng, (6, 14))), parts, side))


def pelvis(rng: np.random.Generator, side: int) -> Floats:
    """Iliac wings, hip joints, femora, pubic rami, sacrum and lumbar spine, bowel gas."""
    parts: list[Part] = [
        (column((0, 0, 0), (17, 11), -40, 40), FLESH),
        (column((0, -6, 0), (2.2, 2.0), -2, 40), 0.35),
        (ellipsoid((rng.normal(0, 4), 3, rng.normal(5, 3)), (3, 2, 2)), -0.15),
    ]
    for s in (-1, 1):
        wing = rotation_matrix(0, s * 17, s * 34)
        parts += [
            (ellipsoid((s * 8, -2, 3), (6, 1.2, 7), wing), 0.3),
            (ellipsoid((s * 9, 0, -4), (2.5, 2.5, 2.5)), BONE),
            (capsule((s * 11, 0, -5), (s * 10, 0, -22), 1.5), BONE),
            (capsule((s * 8, 0, -3), (s * 1, 4, -7), 1), 0.4),
            (capsule((s * 4, 0, -11), (s * 1, 4, -7), 0.9), 0.4),
        ]
    return _expose(rng, _through(_beam(rng, side, uniform(rng, (12, 18))), parts, side))


def head(rng: np.random.Generator, side: int) -> Floats:
    """A vault with orbits, jaw and neck."""
    parts: list[Part] = [
        (ellipsoid((0, 0, 2), (7.5, 9.5, 9)), FLESH),
        (ellipsoid((0, 0, 2), (7.3, 9.2, 8.7)), BONE),
        (ellipsoid((0, 0, 2), (6.7, 8.6, 8.1)), -BONE),
        (ellipsoid((0, 5, -5), (5, 5, 5)), 0.25),
        (column((0, -3, 0), (5, 6), -40, 2), 0.06),
    ]
    parts += [(ellipsoid((s * 3, 6.5, -1), (1.9, 2.2, 1.7)), -0.2) for s in (-1, 1)]
    return _expose(rng, _through(_beam(rng, side, uniform(rng, (9, 13))), parts, side))


def spine(rng: np.random.Generator, side: int) -> Floats:
    """A neck or a loin: vertebrae and discs in soft tissue, from any side."""
    width = uniform(rng, (6, 15))
    parts: list[Part] = [(column((0, 0, 0), (width, width * 0.7), -40, 40), FLESH)]
    step, bend = uniform(rng, (1.8, 4.0)), uniform(rng, (-0.03, 0.03))
    for level in np.arange(-14, 15, step):
        depth = -2 + bend * level**2
        body = ellipsoid((0, depth, level), (step * 0.75, step * 0.6, step * 0.42))
        process = ellipsoid((0, depth - step * 1.3, level - 0.4), (0.4, step * 0.6, step * 0.3))
        parts += [(body, 0.4), (process, 0.4)]
    return _expose(rng, _through(_beam(rng, side, uniform(rng, (6, 14))), parts, side))


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
