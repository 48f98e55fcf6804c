"""Random size, sex, fat and posture of a patient, and the soft tissue: torso and arms."""

from dataclasses import dataclass

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.random_draws import SIDES, Span, happens, rotation_matrix, uniform
from cxrview.phantom.rays import Solids, capsule, column, ellipsoid, ellipsoids, merge_solids, tube

# Children get frontal radiographs far more often than laterals. Without them, networks take
# narrow chests with dark margins for laterals.
CHILD_SHARE_FRONTAL = 0.30
CHILD_SHARE_LATERAL = 0.08
WOMEN_SHARE = 0.5  # of the adults
ADULT_SIZE: Span = (0.88, 1.1)  # body height over that of the model
CHILD_SIZE_FACTOR: Span = (0.4, 0.65)  # of the adult drawn: newborn to school age
CHILD_WIDTH_FACTOR: Span = (0.85, 1.0)  # of the chest's width
FAT_SKEW = 1.5  # exponent: more thin people than fat ones
CHILD_FAT_FACTOR = 0.5
CHILD_HEIGHT_FACTOR: Span = (0.78, 0.92)  # of the chest's height: short and wide at its base

HALF_WIDTH: Span = (12.2, 14.2)  # cm, of the thoracic cavity
HALF_DEPTH: Span = (8.2, 10.6)  # cm
HALF_HEIGHT: Span = (18.0, 20.5)  # cm: apices 13 .. 15.5 cm above the middle
LATERAL_DEPTH_FACTOR: Span = (1.0, 1.1)  # a deep breath shows in depth
WALL_WIDTH = (1.6, 2.5)  # cm of chest wall at each side: thin person, added by fat
WALL_DEPTH = (1.5, 3.0)  # cm in front and behind
INSPIRATION: Span = (-1.5, 1.5)  # cm by which the domes stand higher

RAISED_ARMS_SHARE_ADULT = 0.06  # of frontals; in laterals always
RAISED_ARMS_SHARE_CHILD = 0.5  # held up by a parent


@dataclass(frozen=True, slots=True)
class Habitus:
    """Size and posture of a patient, in adult centimetres; `scale` converts to real ones."""

    lateral: bool  # posed for a lateral, with raised arms
    child: bool
    female: bool
    scale: float
    fat: float  # 0 thin .. 1 obese
    half_width: float
    half_depth: float
    half_height: float
    inspiration: float
    arms_raised: bool

    @property
    def wall_width(self) -> float:
        """Half width of the body at the chest."""
        return self.half_width + WALL_WIDTH[0] + WALL_WIDTH[1] * self.fat

    @property
    def wall_depth(self) -> float:
        """Half depth of the body at the chest."""
        return self.half_depth + WALL_DEPTH[0] + WALL_DEPTH[1] * self.fat


def draw_habitus(rng: np.random.Generator, lateral: bool) -> Habitus:
    """Return a random patient, posed for a lateral or a frontal radiograph."""
    child = happens(rng, CHILD_SHARE_LATERAL if lateral else CHILD_SHARE_FRONTAL)
    raised = happens(rng, RAISED_ARMS_SHARE_CHILD if child else RAISED_ARMS_SHARE_ADULT)
    deeper = uniform(rng, LATERAL_DEPTH_FACTOR)
    narrowing = uniform(rng, CHILD_WIDTH_FACTOR)
    shortening = uniform(rng, CHILD_HEIGHT_FACTOR)
    size = uniform(rng, CHILD_SIZE_FACTOR)
    return Habitus(
        lateral=lateral,
        child=child,
        female=happens(rng, WOMEN_SHARE) and not child,
        scale=uniform(rng, ADULT_SIZE) * (size if child else 1),
        fat=float(rng.random() ** FAT_SKEW) * (CHILD_FAT_FACTOR if child else 1),
        half_width=uniform(rng, HALF_WIDTH) * (narrowing if child else 1),
        half_depth=uniform(rng, HALF_DEPTH) * (deeper if lateral else 1),
        half_height=uniform(rng, HALF_HEIGHT) * (shortening if child else 1),
        inspiration=uniform(rng, INSPIRATION),
        arms_raised=lateral or raised,
    )


WAIST_HEIGHT = -7.0  # cm: below it the trunk is a cylinder, far outside the image
FEET_HEIGHT = -60.0
TRUNK_HALF_HEIGHT = 24.0  # cm
TRUNK_LEAN: Span = (-4.0, 10.0)  # degrees forward
SHOULDER_HALF_DEPTH: Span = (7.5, 9.2)  # cm, half
HEAD = ((0.0, 3.0, 29.0), (7.5, 9.5, 10.0))  # cm, middle and radii
CHILD_HEAD = ((0.0, 3.0, 25.5), (9.0, 10.5, 11.0))  # big, on a short neck: the jaw is in the image
RAISED_SHOULDER_FACTOR = 0.9  # raised arms draw the shoulders in
NECK_RADIUS: Span = (5.0, 6.5)  # cm
FLANK_HALF_DEPTH: Span = (6.0, 8.0)  # cm, half: latissimus and serratus

BREAST_SIZE_FACTOR: Span = (0.6, 1.2)  # times the sizes below
BREAST_OFFSET: Span = (6.5, 8.5)  # cm from the midline
BREAST_HEIGHT: Span = (-9.0, -4.0)  # cm
BREAST_BODY = (4.2, 3.8, 4.8)  # cm: the full lower half
BREAST_SLOPE = (3.8, 3.2, 7.5)  # cm: the flat upper half that runs out towards the clavicle
BREAST_SINK_DEPTH = 2.8  # cm that its middle lies behind the skin: a mound, not a ball
BREAST_SLOPE_RISE = 3.6  # cm
BREAST_SLOPE_TILT = 10.0  # degrees: its upper end lies flat on the wall


def draw_torso(rng: np.random.Generator, habitus: Habitus) -> Solids:
    """Return the torso without arms. The solids overlap; their union attenuates."""
    return merge_solids([*_trunk(rng, habitus), _muscles(rng, habitus), *_breasts(rng, habitus)])


def _trunk(rng: np.random.Generator, habitus: Habitus) -> list[Solids]:
    width, depth = habitus.wall_width, habitus.wall_depth
    lean = rotation_matrix(uniform(rng, TRUNK_LEAN))
    shoulders = 18.5 * (RAISED_SHOULDER_FACTOR if habitus.arms_raised else 1)
    chest_wall = (habitus.half_width + 1.3, habitus.half_depth + 1.4 + 2 * habitus.fat)
    return [
        column((0, -0.3, 0), (width, depth), FEET_HEIGHT, WAIST_HEIGHT),
        ellipsoid((0, -0.3, WAIST_HEIGHT), (width, depth, TRUNK_HALF_HEIGHT), lean),
        tube((0, -1.5, 10), (0, 1.5, 24), uniform(rng, NECK_RADIUS)),
        ellipsoids([
            ((0, -2.2, 7.5), (shoulders, uniform(rng, SHOULDER_HALF_DEPTH), 8.5)),
            # The chest wall around the lungs:
            ((0, 0, -5), (*chest_wall, habitus.half_height + 1.5)),
            CHILD_HEAD if habitus.child else HEAD,
        ]),
    ]  # fmt: skip


def _muscles(rng: np.random.Generator, habitus: Habitus) -> Solids:
    """Without muscles the upper corners of a frontal radiograph are black."""
    rows: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    for side in SIDES:
        rows += [
            ((side * 9, -2, 10), (9.5, 7.8, 6.5)),  # trapezius
            ((side * 6.5, -5.5, -4), (8, 6.5 + 2 * habitus.fat, 21)),  # erectors of the spine
            (
                (side * (habitus.wall_width - 2.2), -2.5, -1),
                (3.1, uniform(rng, FLANK_HALF_DEPTH), 17),
            ),
        ]
    return ellipsoids(rows)


def _breasts(rng: np.random.Generator, habitus: Habitus) -> list[Solids]:
    if not habitus.female:
        return []
    size, height = uniform(rng, BREAST_SIZE_FACTOR), uniform(rng, BREAST_HEIGHT)
    tilt = rotation_matrix(BREAST_SLOPE_TILT)
    front = habitus.wall_depth - BREAST_SINK_DEPTH
    parts = []
    for side in SIDES:
        aside, low = side * uniform(rng, BREAST_OFFSET), height + rng.normal(0, 0.4)
        rise = low + BREAST_SLOPE_RISE * size
        body, slope = np.multiply(BREAST_BODY, size), np.multiply(BREAST_SLOPE, size)
        parts += [
            ellipsoid((aside, front, low), body),
            ellipsoid((aside, front, rise), slope, tilt),
        ]
    return parts


# 1/cm above soft tissue; see the densities in skeleton.py
HUMERUS_DENSITY, MARROW_DENSITY, HUMERAL_HEAD_DENSITY = 0.34, -0.18, 0.16

RAISED_ARM_RADIUS: Span = (4.0, 5.6)  # cm
HANGING_ARM_RADIUS: Span = (4.0, 5.2)
ARM_SPREAD: Span = (0.15, 0.9)  # 0 hangs straight down, 1 stands straight out
LATERAL_ELBOW_SPANS = (
    (11.0, 14.0),
    (2.0, 10.0),
    (18.0, 24.0),
)  # cm, elbow of a lateral: x, y, z spans
CHILD_ELBOW_SPANS = ((17.0, 27.0), (-2.0, 3.0), (10.0, 24.0))  # cm, of a child held by the hands
HANGING_ELBOW_FRONT: Span = (-3.0, 4.0)  # cm, elbow
RAISED_SHOULDER_JOINT = (13.0, -1.0, 7.0)  # cm, joint
HANGING_SHOULDER_JOINT = (16.0, -1.5, 11.0)
ARM_BEFORE_SHOULDER, ARM_BEYOND_ELBOW = 0.15, 0.25  # of the upper arm: soft tissue past its ends
BONE_BEYOND_ELBOW = 0.2
BONE_RADIUS, MARROW_RADIUS = 1.15, 0.6  # cm
ELBOW_SD = 1.2  # cm, standard deviation between left and right elbow
LATERAL_ARM_BONE_FACTOR = 0.5  # of the density: two arms over each other in a bright corner
HUMERAL_HEAD_RADII = (2.2, 2.2, 2.3)  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Both upper arms: soft tissue for the union with the torso, and (bone, 1/cm) rows."""

    soft_tissue: list[Solids]
    bones: list[tuple[Solids, float]]


def draw_arms(rng: np.random.Generator, habitus: Habitus) -> Arms:
    """Return both upper arms in the posture of `habitus`."""
    soft_tissue: list[Solids] = []
    bones: list[tuple[Solids, float]] = []
    shoulder, elbow, radius = _draw_arm_pose(rng, habitus)
    share = LATERAL_ARM_BONE_FACTOR if habitus.lateral else 1.0
    for side in SIDES:
        mirror = np.array([side, 1, 1])
        joint = mirror * shoulder
        along = mirror * (elbow + rng.normal(0, ELBOW_SD, 3)) - joint
        soft_tissue.append(
            capsule(
                joint - ARM_BEFORE_SHOULDER * along, joint + (1 + ARM_BEYOND_ELBOW) * along, radius
            )
        )
        bones += _humerus(joint, joint + (1 + BONE_BEYOND_ELBOW) * along, side, share)
    return Arms(soft_tissue, bones)


def _draw_arm_pose(
    rng: np.random.Generator, habitus: Habitus
) -> tuple[FloatArray, FloatArray, float]:
    """Shoulder and elbow of the left arm, and its radius; the right one nearly mirrors it."""
    if habitus.arms_raised:
        spans = LATERAL_ELBOW_SPANS if habitus.lateral else CHILD_ELBOW_SPANS
        elbow = np.array([uniform(rng, span) for span in spans])
        return np.array(RAISED_SHOULDER_JOINT), elbow, uniform(rng, RAISED_ARM_RADIUS)
    spread = uniform(rng, ARM_SPREAD)
    elbow = np.array(
        [17 + 14 * spread, uniform(rng, HANGING_ELBOW_FRONT), 9 - 24 * (1 - 0.7 * spread)]
    )
    return np.array(HANGING_SHOULDER_JOINT), elbow, uniform(rng, HANGING_ARM_RADIUS)


def _humerus(
    joint: FloatArray, end: FloatArray, side: float, share: float
) -> list[tuple[Solids, float]]:
    """Shaft, its marrow and the head, with a share of their density."""
    head = joint + np.array([-0.5 * side, 0, 0.3])
    return [
        (capsule(joint, end, BONE_RADIUS), share * HUMERUS_DENSITY),
        (capsule(joint, end, MARROW_RADIUS), share * MARROW_DENSITY),
        (ellipsoid(head, HUMERAL_HEAD_RADII), share * HUMERAL_HEAD_DENSITY),
    ]
