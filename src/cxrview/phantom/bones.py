"""A bone: a solid with so much attenuation more than soft tissue; and the arms that hold some."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import SIDES, Floats, Span, between, rotation
from cxrview.phantom.solids import Solids, capsule, ellipsoid, join

# 1/cm above soft tissue. Textbook bone (+0.4) gives a white spine in a black thorax; a film's
# curve has flattened it, so the values are what looks right behind our own curve.
HUMERUS, MARROW, HUMERAL_HEAD = 0.34, -0.18, 0.16
BLADE, BLADE_EDGE = 0.22, 0.24
CLAVICLE = 0.34
STERNUM, MANUBRIUM = 0.14, 0.10
LATERAL_GIRDLE = 0.45  # seen end on and through both shoulders, bones of the girdle are faint

CLAVICLE_HEIGHT: Span = (10.2, 12.4)  # cm, inner end
CLAVICLE_MIDDLE: Span = (0.3, 2.3)  # cm above the inner end
CLAVICLE_OUTER: Span = (0.5, 2.5)  # cm above the inner end
CLAVICLE_RADIUS = 0.75  # cm

BLADE_ASIDE: Span = (10.0, 12.5)  # cm from the midline
BLADE_BACK = 0.72  # of the half depth
BLADE_YAW: Span = (25.0, 45.0)  # degrees: it lies on the round of the ribs
BLADE_PITCH: Span = (-12.0, 8.0)
BLADE_ROLL: Span = (-15.0, 15.0)

STERNUM_LEAN: Span = (-14.0, -6.0)  # degrees: its upper end stands further back


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """K solids and their attenuation above soft tissue, (K,), 1/cm. Marrow is negative."""

    solids: Solids
    density: Floats


def bones_of(parts: Sequence[tuple[Solids, float]]) -> Bones:
    """(one solid, 1/cm) rows -> bones."""
    solids, density = zip(*parts, strict=True)
    return Bones(join(solids), np.array(density))


def draw_girdle(rng: np.random.Generator, build: Build) -> list[tuple[Solids, float]]:
    """Shoulder blades, clavicles and sternum."""
    parts = _sternum(rng, build)
    for side in SIDES:
        parts += _blade(rng, build, side) + _clavicle(rng, side)
    share = LATERAL_GIRDLE if build.lateral else 1.0
    return [(solid, density * share) for solid, density in parts]


def _sternum(rng: np.random.Generator, build: Build) -> list[tuple[Solids, float]]:
    lean = rotation(between(rng, STERNUM_LEAN))
    front = build.half_depth
    return [
        (ellipsoid((0, front + 0.1, 1.5), (1.9, 0.65, 8.2), lean), STERNUM),
        (ellipsoid((0, front - 1.6, 9), (2.6, 0.6, 2.2), lean), MANUBRIUM),
    ]


def _blade(rng: np.random.Generator, build: Build, side: float) -> list[tuple[Solids, float]]:
    yaw = -side * between(rng, BLADE_YAW)
    turn = rotation(between(rng, BLADE_PITCH), side * between(rng, BLADE_ROLL), yaw)
    middle = np.array([side * between(rng, BLADE_ASIDE), -BLADE_BACK * build.half_depth, 3.5])

    def at(out: float, front: float, up: float) -> Floats:
        return np.asarray(middle + np.array([side * out, front, up]))

    return [
        (ellipsoid(middle, (4.2, 0.5, 7), turn), BLADE),
        (capsule(at(2.8, 0, 5), at(2.2, 0, -6.5), 0.45), BLADE_EDGE),  # lateral border
        (capsule(at(-3, -0.5, 4.6), at(4, 0.3, 6.5), 0.6), BLADE_EDGE),  # spine and acromion
    ]


def _clavicle(rng: np.random.Generator, side: float) -> list[tuple[Solids, float]]:
    """Two pieces, bent like an S."""
    height = between(rng, CLAVICLE_HEIGHT)
    bend = np.array([side * 8, 3.5, height + between(rng, CLAVICLE_MIDDLE)])
    inner = (side * 1.8, 5.5, height)
    outer = (side * 15, -1, height + between(rng, CLAVICLE_OUTER))
    lap = np.array([side * 0.7, 0, 0])  # the pieces overlap: no gap at the bend
    return [
        (capsule(inner, bend + lap, CLAVICLE_RADIUS), CLAVICLE),
        (capsule(bend - lap, outer, CLAVICLE_RADIUS), CLAVICLE),
    ]
