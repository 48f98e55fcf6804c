"""Upper arms and their bones: hanging, spread, or raised out of a lateral beam."""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.bones import HUMERAL_HEAD, HUMERUS, MARROW
from cxrview.phantom.build import Build
from cxrview.phantom.dice import SIDES, Floats, Span, between
from cxrview.phantom.solids import Solids, capsule, ellipsoid

RAISED_RADIUS: Span = (4.0, 5.6)  # cm
HANGING_RADIUS: Span = (4.0, 5.2)
SPREAD: Span = (0.15, 0.9)  # 0 hangs straight down, 1 stands straight out
OVER_THE_HEAD = ((11.0, 14.0), (2.0, 10.0), (18.0, 24.0))  # cm, elbow of a lateral: x, y, z spans
RAISED_ASIDE = ((17.0, 27.0), (-2.0, 3.0), (10.0, 24.0))  # cm, of a child held by the hands
HANGING_FRONT: Span = (-3.0, 4.0)  # cm, elbow
SHOULDER_RAISED = (13.0, -1.0, 7.0)  # cm, joint
SHOULDER_HANGING = (16.0, -1.5, 11.0)
BEFORE, BEYOND = 0.15, 0.25  # flesh reaches past shoulder and elbow by so much of the upper arm
BONE_BEYOND = 0.2
BONE_RADIUS, MARROW_RADIUS = 1.15, 0.6  # cm
HEAD_RADII = (2.2, 2.2, 2.3)  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Both arms: flesh for the union with the trunk, and bones."""

    flesh: list[Solids]
    bones: list[tuple[Solids, float]]


def draw_arms(rng: np.random.Generator, build: Build) -> Arms:
    """Two upper arms as the pose wants them."""
    flesh, bones = [], []
    for side in SIDES:
        shoulder, elbow, radius = _pose(rng, build, side)
        along = elbow - shoulder
        flesh.append(capsule(shoulder - BEFORE * along, elbow + BEYOND * along, radius))
        bones += _humerus(shoulder, elbow + BONE_BEYOND * along, side)
    return Arms(flesh, bones)


def _pose(rng: np.random.Generator, build: Build, side: float) -> tuple[Floats, Floats, float]:
    """Shoulder, elbow, radius."""
    mirror = np.array([side, 1, 1])
    if build.arms_raised:
        spans = OVER_THE_HEAD if build.lateral else RAISED_ASIDE
        elbow = np.array([between(rng, span) for span in spans])
        return mirror * SHOULDER_RAISED, mirror * elbow, between(rng, RAISED_RADIUS)
    spread = between(rng, SPREAD)
    elbow = np.array([17 + 14 * spread, between(rng, HANGING_FRONT), 9 - 24 * (1 - 0.7 * spread)])
    return mirror * SHOULDER_HANGING, mirror * elbow, between(rng, HANGING_RADIUS)


def _humerus(shoulder: Floats, end: Floats, side: float) -> list[tuple[Solids, float]]:
    head = shoulder + np.array([-0.5 * side, 0, 0.3])
    return [
        (capsule(shoulder, end, BONE_RADIUS), HUMERUS),
        (capsule(shoulder, end, MARROW_RADIUS), MARROW),
        (ellipsoid(head, HEAD_RADII), HUMERAL_HEAD),
    ]
