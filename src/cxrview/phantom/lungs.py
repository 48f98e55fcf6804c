"""Air and gas: the lungs with the organs in them, the airways, and gas in stomach and bowel."""

from dataclasses import dataclass

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.body import Habitus
from cxrview.phantom.random_draws import (
    LEFT,
    RIGHT,
    SIDES,
    Span,
    draw_side,
    happens,
    rotation_matrix,
    uniform,
)
from cxrview.phantom.rays import (
    Solids,
    capsule,
    capsules,
    ellipsoid,
    ellipsoids,
    merge_solids,
    tube,
)

CAVITY_MIDDLE = (0.0, 0.0, -5.0)  # cm: widest low down; the domes cut its lower third away

MEDIASTINUM_HALF_WIDTH: Span = (2.1, 3.4)  # cm, half width
MEDIASTINUM_CHILD_FACTOR = 1.2  # the thymus widens it
MEDIASTINUM_DEPTH: Span = (0.5, 0.62)  # of the half depth
HEART_SIZE_FACTOR: Span = (0.85, 1.4)
HEART_CHILD_FACTOR = 1.1
HEART_OFFSET: Span = (2.2, 3.6)  # cm to the left
HEART_PITCH: Span = (15.0, 40.0)  # degrees: from up and behind,
HEART_ROLL: Span = (15.0, 45.0)  # the apex points down and to the left,
HEART_YAW: Span = (-30.0, 0.0)  # and forward
ARCH_WIDTH_FACTOR: Span = (0.8, 1.3)  # of the aortic knob
AORTA_RADIUS: Span = (1.1, 1.6)  # cm, descending

DOME_TOP = {RIGHT: -9.2, LEFT: -10.6}  # cm: the right dome is higher, above the liver
DOME_SPREAD: Span = (-1.0, 1.0)  # cm
DOME_HALF_HEIGHT: Span = (11.0, 16.0)  # cm, half height of the ellipsoid: flat or round
DOME_TILT: Span = (12.0, 28.0)  # degrees: it falls steeply behind
CHILD_DOME_RISE = 2.0  # cm that they stand higher in a short chest
RECUMBENT_DOME_RISE = 1.5  # cm that the domes stand higher in an AP radiograph

EFFUSION_SHARE = 0.13  # of patients
EFFUSION_TOP: Span = (6.0, 14.0)  # cm
EFFUSION_MIDDLE: Span = (-17.0, -12.0)  # cm

OPACITIES_SHARE = 0.5  # of patients have some
OPACITY_COUNT = (1, 9)
OPACITY_RADIUS: Span = (1.5, 5.0)  # cm
OPACITY_FILLING: Span = (0.3, 0.9)  # of the air in their middle

BRANCH_COUNT = 9  # vessels from each hilum, each with one twig
BRANCH_REACH = ((1.5, 8.0), (-6.0, 6.0), (-10.0, 9.0))  # cm from the hilum, spans of x, y, z
BRANCH_RADIUS: Span = (0.25, 0.55)  # cm
TWIG_START: Span = (0.4, 0.7)  # of the branch
TWIG_LENGTH = 0.4
TWIG_BEND_SD = 1.2  # cm, standard deviation
TWIG_RADIUS = 0.25  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """Air fills the cavity except for the union of `organs`; vessels and opacities displace it."""

    cavity: Solids
    organs: Solids
    vessels: Solids
    opacities: Solids | None
    opacity_filling: float

    @property
    def thickness(self) -> FloatArray:
        """(K,): the largest chord of each opacity along y, cm."""
        matrices = self.opacities.matrices if self.opacities else np.ones((0, 3, 3))
        return np.asarray(2 / np.sqrt(matrices[:, 1, 1]), np.float32)


def draw_lungs(rng: np.random.Generator, habitus: Habitus, recumbent: bool) -> Lungs:
    """Return a patient's lungs. `recumbent`: the abdomen pushes the diaphragm up."""
    sizes = (habitus.half_width, habitus.half_depth, habitus.half_height)
    organs = [
        _mediastinum(rng, habitus), _heart(rng, habitus), _great_vessels(rng),
        *(_dome(rng, habitus, side, recumbent) for side in SIDES), *_hila(), *_effusion(rng),
    ]  # fmt: skip
    return Lungs(
        cavity=ellipsoid(CAVITY_MIDDLE, sizes),
        organs=merge_solids(organs),
        vessels=_vessels(rng),
        opacities=_opacities(rng) if happens(rng, OPACITIES_SHARE) else None,
        opacity_filling=uniform(rng, OPACITY_FILLING),
    )


def _mediastinum(rng: np.random.Generator, habitus: Habitus) -> Solids:
    half = uniform(rng, MEDIASTINUM_HALF_WIDTH) * (MEDIASTINUM_CHILD_FACTOR if habitus.child else 1)
    depth = habitus.half_depth * uniform(rng, MEDIASTINUM_DEPTH)
    return ellipsoids(
        [
            ((0.2, -1.2, 5), (half + 0.5, depth, 17)),  # narrow behind the heart
            ((0.5, 2.6, 0.5), (3, 3.6, 7)),  # in front: thymus, fat, ascending aorta
            ((0, -habitus.half_depth - 0.3, -2), (2.1, 3.8, 30)),  # beside the spine
            ((0, 0, 14.5), (3.2, 4, 9)),  # inlet
            ((0, 0, -17), (3.2, 8, 6)),  # between the domes
        ]
    )


def _heart(rng: np.random.Generator, habitus: Habitus) -> Solids:
    size = uniform(rng, HEART_SIZE_FACTOR) * (
        HEART_CHILD_FACTOR if habitus.child and not habitus.lateral else 1
    )
    rotation = rotation_matrix(
        uniform(rng, HEART_PITCH), uniform(rng, HEART_ROLL), uniform(rng, HEART_YAW)
    )
    ventricle = (uniform(rng, HEART_OFFSET), 2.8, -6.8)
    return merge_solids([
        ellipsoid(ventricle, np.multiply((5.6, 4.6, 6.2), size), rotation),
        ellipsoids([
            ((-1.2, 1.8, -5.5), np.multiply((3.4, 4.5, 6.2), size)),  # right atrium
            ((2.5, 2.5, -9), (6.2 * size, 5.5, 4)),  # rests on the diaphragm
        ]),
    ])  # fmt: skip


def _great_vessels(rng: np.random.Generator) -> Solids:
    return merge_solids([
        ellipsoids([
            ((1.9, -1.2, 4.6), (2.1 * uniform(rng, ARCH_WIDTH_FACTOR), 3.6, 2.2)),  # aortic arch
            ((2.6, 0.5, 1.2), (2, 2.5, 2.6)),  # pulmonary trunk
        ]),
        tube((1.8, -4.5, 5), (1, -4.8, -20), uniform(rng, AORTA_RADIUS)),
    ])  # fmt: skip


def _dome(rng: np.random.Generator, habitus: Habitus, side: float, recumbent: bool) -> Solids:
    rise = RECUMBENT_DOME_RISE * recumbent + CHILD_DOME_RISE * habitus.child
    top = DOME_TOP[side] + habitus.inspiration + uniform(rng, DOME_SPREAD) + rise
    half = uniform(rng, DOME_HALF_HEIGHT)
    radii = (8.2, habitus.half_depth * 1.15, half)
    return ellipsoid((side * 6.2, 0.8, top - half), radii, rotation_matrix(uniform(rng, DOME_TILT)))


def _hila() -> list[Solids]:
    return [capsule((s * 2.3, -1.5, 1), (s * 4.6, -1.8, -3.5), 1.2) for s in SIDES]


def _effusion(rng: np.random.Generator) -> list[Solids]:
    if not happens(rng, EFFUSION_SHARE):
        return []
    middle = (draw_side(rng) * 8, -4, uniform(rng, EFFUSION_MIDDLE))
    return [ellipsoid(middle, (8, 8, uniform(rng, EFFUSION_TOP)))]


def _opacities(rng: np.random.Generator) -> Solids:
    rows = []
    for _ in range(rng.integers(*OPACITY_COUNT)):
        middle = (draw_side(rng) * rng.uniform(4, 10), rng.uniform(-6, 5), rng.uniform(-10, 8))
        radii = uniform(rng, OPACITY_RADIUS) * np.array([1, *rng.uniform(0.7, 1.4, 2)])
        rows.append((middle, radii))
    return ellipsoids(rows)


def _vessels(rng: np.random.Generator) -> Solids:
    side = np.repeat(SIDES, BRANCH_COUNT)
    mirror = np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)
    hilum = mirror * (3.5, -1.6, -1.0)
    low, high = np.transpose(BRANCH_REACH)
    reach = mirror * rng.uniform(low, high, (len(side), 3))
    start = hilum + reach * rng.uniform(*TWIG_START, (len(side), 1))
    bend = rng.normal(0, TWIG_BEND_SD, (len(side), 3))
    return merge_solids([
        capsules(hilum, hilum + reach, rng.uniform(*BRANCH_RADIUS, len(side))),
        capsules(start, start + TWIG_LENGTH * reach + bend, np.full(len(side), TWIG_RADIUS)),
    ])  # fmt: skip


TRACHEA_RADIUS: Span = (0.75, 1.05)  # cm
LARYNX, CARINA = (0.0, 0.5, 22.0), (-0.3, -2.2, 2.6)  # cm
LEFT_BRONCHUS, RIGHT_BRONCHUS = (3.6, -2.8, -0.6), (-3.4, -2.6, 0.0)
BRONCHUS_RADIUS = 0.62  # cm
STOMACH_GAS_SHARE = 0.75  # of patients have a visible gastric bubble
STOMACH_TOP = -13.8  # cm, before inspiration: under the left dome
BOWEL_LOOPS = (0, 5)


def draw_airways(rng: np.random.Generator) -> Solids:
    """Return the trachea and the two main bronchi."""
    return merge_solids([
        tube(LARYNX, CARINA, uniform(rng, TRACHEA_RADIUS)),
        tube(CARINA, LEFT_BRONCHUS, BRONCHUS_RADIUS),
        tube(CARINA, RIGHT_BRONCHUS, BRONCHUS_RADIUS),
    ])  # fmt: skip


def draw_belly_gas(rng: np.random.Generator, habitus: Habitus) -> Solids | None:
    """Return the gastric bubble and gas in bowel loops; None where there is neither."""
    rows = []
    if happens(rng, STOMACH_GAS_SHARE):
        height = STOMACH_TOP + habitus.inspiration + rng.uniform(-2, 0.3)
        rows.append((
            (rng.uniform(4, 8.5), rng.uniform(-2, 4), height),
            (rng.uniform(1.5, 4.2), rng.uniform(1.5, 3), rng.uniform(0.8, 2.4)),
        ))  # fmt: skip
    rows += [_loop(rng) for _ in range(rng.integers(*BOWEL_LOOPS))]
    return ellipsoids(rows) if rows else None


def _loop(
    rng: np.random.Generator,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    middle = (rng.uniform(-9, 10), rng.uniform(0, 6), rng.uniform(-26, -17))
    return middle, (rng.uniform(1, 3), rng.uniform(1, 3), rng.uniform(0.8, 1.8))
