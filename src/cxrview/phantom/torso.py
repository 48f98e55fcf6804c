"""Soft tissue: trunk, shoulders, neck, head, muscles and breasts."""

import numpy as np

from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import SIDES, Span, between, rotation
from cxrview.phantom.solids import Solids, column, ellipsoid, ellipsoids, join, tube

WAIST = -7.0  # cm: below it the trunk is a cylinder, far beyond the film
FEET = -60.0
TRUNK_HALF_HEIGHT = 24.0  # cm
TRUNK_LEAN: Span = (-4.0, 10.0)  # degrees forward
SHOULDER_DEPTH: Span = (7.5, 9.2)  # cm, half
HEAD = ((0.0, 3.0, 29.0), (7.5, 9.5, 10.0))  # cm, middle and radii
CHILD_HEAD = ((0.0, 3.0, 25.5), (9.0, 10.5, 11.0))  # big, on a short neck: the jaw is on the film
RAISED_SHOULDERS = 0.9  # raised arms draw the shoulders in
NECK_RADIUS: Span = (5.0, 6.5)  # cm
FLANK_DEPTH: Span = (6.0, 8.0)  # cm, half: latissimus and serratus

BREAST_SIZE: Span = (0.6, 1.2)  # times the sizes below
BREAST_ASIDE: Span = (6.5, 8.5)  # cm from the midline
BREAST_HEIGHT: Span = (-9.0, -4.0)  # cm
BREAST_BODY = (4.2, 3.8, 4.8)  # cm: the full lower half
BREAST_SLOPE = (3.8, 3.2, 7.5)  # cm: the flat upper half that runs out towards the clavicle
BREAST_SUNK = 2.8  # cm that its middle lies behind the skin: a mound, not a ball
BREAST_SLOPE_RISE = 3.6  # cm
BREAST_SLOPE_TILT = 10.0  # degrees: its upper end lies flat on the wall


def draw_torso(rng: np.random.Generator, build: Build) -> Solids:
    """The trunk without arms. Overlaps are meant: the union counts once."""
    return join([*_trunk(rng, build), _muscles(rng, build), *_breasts(rng, build)])


def _trunk(rng: np.random.Generator, build: Build) -> list[Solids]:
    width, depth = build.wall_width, build.wall_depth
    lean = rotation(between(rng, TRUNK_LEAN))
    shoulders = 18.5 * (RAISED_SHOULDERS if build.arms_raised else 1)
    chest_wall = (build.half_width + 1.3, build.half_depth + 1.4 + 2 * build.fat)
    return [
        column((0, -0.3, 0), (width, depth), FEET, WAIST),
        ellipsoid((0, -0.3, WAIST), (width, depth, TRUNK_HALF_HEIGHT), lean),
        tube((0, -1.5, 10), (0, 1.5, 24), between(rng, NECK_RADIUS)),
        ellipsoids([
            ((0, -2.2, 7.5), (shoulders, between(rng, SHOULDER_DEPTH), 8.5)),
            ((0, 0, -5), (*chest_wall, build.half_height + 1.5)),  # else the lungs poke out
            CHILD_HEAD if build.child else HEAD,
        ]),
    ]  # fmt: skip


def _muscles(rng: np.random.Generator, build: Build) -> Solids:
    """Without these the upper corners of a frontal film are black."""
    rows: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    for side in SIDES:
        rows += [
            ((side * 9, -2, 10), (9.5, 7.8, 6.5)),  # trapezius
            ((side * 6.5, -5.5, -4), (8, 6.5 + 2 * build.fat, 21)),  # erectors of the spine
            ((side * (build.wall_width - 2.2), -2.5, -1), (3.1, between(rng, FLANK_DEPTH), 17)),
        ]
    return ellipsoids(rows)


def _breasts(rng: np.random.Generator, build: Build) -> list[Solids]:
    if not build.female:
        return []
    size, height = between(rng, BREAST_SIZE), between(rng, BREAST_HEIGHT)
    tilt = rotation(BREAST_SLOPE_TILT)
    front = build.wall_depth - BREAST_SUNK
    parts = []
    for side in SIDES:
        aside, low = side * between(rng, BREAST_ASIDE), height + rng.normal(0, 0.4)
        rise = low + BREAST_SLOPE_RISE * size
        body, slope = np.multiply(BREAST_BODY, size), np.multiply(BREAST_SLOPE, size)
        parts += [
            ellipsoid((aside, front, low), body),
            ellipsoid((aside, front, rise), slope, tilt),
        ]
    return parts
