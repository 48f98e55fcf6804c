"""Upper arms and their bones: hanging, spread, or raised out of a lateral beam."""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.bones import HUMERAL_HEAD, HUMERUS, MARROW
from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import SIDES, Floats, Span, between
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
UNLIKE = 1.2  # cm, deviation between left and right elbow
LATERAL_BONE = 0.5  # of the density: two arms over each other in a bright corner
HEAD_RADII = (2.2, 2.2, 2.3)  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Both arms: flesh for the union with the trunk, and bones."""

    flesh: list[Solids]
    bones: list[tuple[Solids, float]]


def draw_arms(rng: np.random.Generator, build: Build) -> Arms:
    """Two upper arms as the pose wants them."""
    flesh: list[Solids] = []
    bones: list[tuple[Solids, float]] = []
    shoulder, elbow, radius = _pose(rng, build)
    share = LATERAL_BONE if build.lateral else 1.0
    for side in SIDES:
        mirror = np.array([side, 1, 1])
        joint = mirror * shoulder
        along = mirror * (elbow + rng.normal(0, UNLIKE, 3)) - joint
        flesh.append(capsule(joint - BEFORE * along, joint + (1 + BEYOND) * along, radius))
        bones += _humerus(joint, joint + (1 + BONE_BEYOND) * along, side, share)
    return Arms(flesh, bones)


def _pose(rng: np.random.Generator, build: Build) -> tuple[Floats, Floats, float]:
    """Shoulder and elbow of the left arm, and its radius; the right one nearly mirrors it."""
    if build.arms_raised:
        spans = OVER_THE_HEAD if build.lateral else RAISED_ASIDE
        elbow = np.array([between(rng, span) for span in spans])
        return np.array(SHOULDER_RAISED), elbow, between(rng, RAISED_RADIUS)
    spread = between(rng, SPREAD)
    elbow = np.array([17 + 14 * spread, between(rng, HANGING_FRONT), 9 - 24 * (1 - 0.7 * spread)])
    return np.array(SHOULDER_HANGING), elbow, between(rng, HANGING_RADIUS)


def _humerus(joint: Floats, end: Floats, side: float, share: float) -> list[tuple[Solids, float]]:
    """Shaft, its marrow and the head, with a share of their density."""
    head = joint + np.array([-0.5 * side, 0, 0.3])
    return [
        (capsule(joint, end, BONE_RADIUS), share * HUMERUS),
        (capsule(joint, end, MARROW_RADIUS), share * MARROW),
        (ellipsoid(head, HEAD_RADII), share * HUMERAL_HEAD),
    ]
