"""Radiographs of other body parts, projected through a few solids: (side, side) in [0, 1].

Lengths in centimetres; attenuation in 1/cm on the scale of the phantom's soft tissue.
"""

import numpy as np

from cxrview.phantom.image_formation import blur
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
