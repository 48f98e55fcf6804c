"""Bones: shoulder girdle and sternum as solids, ribs and spine as closed-form attenuation.

Densities are attenuation above soft tissue in 1/cm, before the scale of the patient is applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.body import Habitus
from cxrview.phantom.random_draws import SIDES, Span, rotation_matrix, uniform
from cxrview.phantom.rays import EPSILON, Rays, Solids, capsule, ellipsoid, intersect, merge_solids

# Textbook bone (+0.4) gives a white spine in a black thorax, because real images pass through a
# flattening characteristic curve. These values look right after that of image_formation.py.
SCAPULA_DENSITY, SCAPULA_EDGE_DENSITY = 0.22, 0.24
CLAVICLE_DENSITY = 0.34
STERNUM_DENSITY, MANUBRIUM_DENSITY = 0.14, 0.10
LATERAL_GIRDLE_FACTOR = 0.45  # seen end on and through both shoulders, they are faint

CLAVICLE_HEIGHT: Span = (10.2, 12.4)  # cm, inner end
CLAVICLE_MIDDLE_RISE: Span = (0.3, 2.3)  # cm above the inner end
CLAVICLE_OUTER_RISE: Span = (0.5, 2.5)  # cm above the inner end
CLAVICLE_RADIUS = 0.75  # cm

SCAPULA_OFFSET: Span = (10.0, 12.5)  # cm from the midline
SCAPULA_BACK = 0.72  # of the half depth
SCAPULA_YAW: Span = (25.0, 45.0)  # degrees: it lies on the round of the ribs
SCAPULA_PITCH: Span = (-12.0, 8.0)
SCAPULA_ROLL: Span = (-15.0, 15.0)

STERNUM_LEAN: Span = (-14.0, -6.0)  # degrees: its upper end stands further back


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """K solids and their attenuation above soft tissue, (K,), 1/cm; negative for marrow."""

    solids: Solids
    density: FloatArray


def bones_of(parts: Sequence[tuple[Solids, float]]) -> Bones:
    """Return (solid, 1/cm) rows as one Bones."""
    solids, density = zip(*parts, strict=True)
    return Bones(merge_solids(solids), np.array(density))


def draw_girdle(rng: np.random.Generator, habitus: Habitus) -> list[tuple[Solids, float]]:
    """Return scapulae, clavicles and sternum as (solid, 1/cm) rows."""
    parts = _sternum(rng, habitus)
    for side in SIDES:
        parts += _scapula(rng, habitus, side) + _clavicle(rng, side)
    share = LATERAL_GIRDLE_FACTOR if habitus.lateral else 1.0
    return [(solid, density * share) for solid, density in parts]


def _sternum(rng: np.random.Generator, habitus: Habitus) -> list[tuple[Solids, float]]:
    lean = rotation_matrix(uniform(rng, STERNUM_LEAN))
    front = habitus.half_depth
    return [
        (ellipsoid((0, front + 0.1, 1.5), (1.9, 0.65, 8.2), lean), STERNUM_DENSITY),
        (ellipsoid((0, front - 1.6, 9), (2.6, 0.6, 2.2), lean), MANUBRIUM_DENSITY),
    ]


def _scapula(rng: np.random.Generator, habitus: Habitus, side: float) -> list[tuple[Solids, float]]:
    yaw = -side * uniform(rng, SCAPULA_YAW)
    rotation = rotation_matrix(uniform(rng, SCAPULA_PITCH), side * uniform(rng, SCAPULA_ROLL), yaw)
    middle = np.array(
        [side * uniform(rng, SCAPULA_OFFSET), -SCAPULA_BACK * habitus.half_depth, 3.5]
    )

    def at(out: float, front: float, up: float) -> FloatArray:
        return np.asarray(middle + np.array([side * out, front, up]))

    return [
        (ellipsoid(middle, (4.2, 0.5, 7), rotation), SCAPULA_DENSITY),
        (capsule(at(2.8, 0, 5), at(2.2, 0, -6.5), 0.45), SCAPULA_EDGE_DENSITY),  # lateral border
        (
            capsule(at(-3, -0.5, 4.6), at(4, 0.3, 6.5), 0.6),
            SCAPULA_EDGE_DENSITY,
        ),  # spine and acromion
    ]


def _clavicle(rng: np.random.Generator, side: float) -> list[tuple[Solids, float]]:
    """Two segments that approximate the S shape."""
    height = uniform(rng, CLAVICLE_HEIGHT)
    bend = np.array([side * 8, 3.5, height + uniform(rng, CLAVICLE_MIDDLE_RISE)])
    inner = (side * 1.8, 5.5, height)
    outer = (side * 15, -1, height + uniform(rng, CLAVICLE_OUTER_RISE))
    lap = np.array([side * 0.7, 0, 0])  # the segments overlap: no gap at the bend
    return [
        (capsule(inner, bend + lap, CLAVICLE_RADIUS), CLAVICLE_DENSITY),
        (capsule(bend - lap, outer, CLAVICLE_RADIUS), CLAVICLE_DENSITY),
    ]


SHELL_MARGIN = (0.35, 0.35, 0.8)  # cm between the thoracic cavity and the shell of the ribs
SHELL_MIDDLE = (0.0, 0.0, -5.0)  # cm, as the cavity's

RIB_PITCH = 2.75  # cm from rib to rib
RIB_PITCH_SPREAD: Span = (0.92, 1.08)
RIB_DROP: Span = (5.5, 8.5)  # cm from the spine down to the side
CHILD_RIB_DROP = 0.6  # of it: a child's ribs are nearly horizontal
RIB_HALF_BAND: Span = (0.22, 0.30)  # of the pitch
RIB_STRENGTH: Span = (0.8, 1.3)
LATERAL_RIB_STRENGTH = 0.5  # both sides are superimposed: weaker, or stripes cover the image
FRONTAL_RIB_STRENGTH = 1.05

RIB_MARROW, RIB_CORTEX = 0.085, 0.11  # attenuation of a perpendicular crossing; cortex: at edges
POSTERIOR_RIB_GAIN = 0.6  # a rib is thicker behind
SUBPHRENIC_RIB_CONTRAST = 0.3  # of the contrast remains in front of the abdomen
MIN_COSINE = 0.42  # of a grazing ray: the shell is thin, not infinite

# Of the way from spine to sternum a rib descends, then its cartilage ascends
RIB_TURNING_POINT = 0.72
CARTILAGE_START = 0.82  # of the way, where bone ends
MIN_RIB_HEIGHT, MAX_RIB_HEIGHT = -17.5, 11.5  # cm
DOME_HEIGHT = -10.5  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Ribs:
    """Rib cage: bands on the thoracic ellipsoid, where rays enter and leave it.

    A rib is where height + drop(angle) falls into a periodic band; its attenuation is divided by
    the cosine at which the ray crosses the shell. All ribs cost one ellipsoid.
    """

    shell: Solids
    radii: FloatArray  # (3,), cm
    pitch: float
    drop: float
    half_band: float
    offset: float
    strength: tuple[float, float]  # where a ray enters, where it leaves


def draw_ribs(rng: np.random.Generator, habitus: Habitus) -> Ribs:
    """Return ribs around the thoracic cavity."""
    radii = np.array([habitus.half_width, habitus.half_depth, habitus.half_height]) + SHELL_MARGIN
    strength = LATERAL_RIB_STRENGTH if habitus.lateral else FRONTAL_RIB_STRENGTH
    return Ribs(
        shell=ellipsoid(SHELL_MIDDLE, radii),
        radii=radii,
        pitch=RIB_PITCH * uniform(rng, RIB_PITCH_SPREAD),
        drop=uniform(rng, RIB_DROP) * (CHILD_RIB_DROP if habitus.child else 1),
        half_band=uniform(rng, RIB_HALF_BAND),
        offset=uniform(rng, (0, 1)),
        strength=(strength * uniform(rng, RIB_STRENGTH), strength * uniform(rng, RIB_STRENGTH)),
    )


def ribs_path(ribs: Ribs, rays: Rays) -> FloatArray:
    """(N,): attenuation of both crossings of the rib cage, above soft tissue, for scale 1."""
    shell = intersect(rays, ribs.shell)
    hit = shell.ends[:, 0] > shell.starts[:, 0]
    crossings = zip((shell.starts, shell.ends), ribs.strength, strict=True)
    return np.asarray(hit * sum(_crossing(ribs, rays, t, strength) for t, strength in crossings))


def _crossing(ribs: Ribs, rays: Rays, t: FloatArray, strength: float) -> FloatArray:
    """(N,): attenuation where each ray crosses the shell at t, (N, 1)."""
    points = rays.points + t * rays.directions
    radii = ribs.radii.astype(np.float32)
    unit = (points - np.array(SHELL_MIDDLE, np.float32)) / radii
    way = np.arctan2(np.abs(unit[:, 0]), -unit[:, 1]) / np.pi  # 0 at the spine, 1 at the sternum
    height, level = points[:, 2], points[:, 2] + _drop(way, ribs.drop)
    off = np.abs((level / ribs.pitch + ribs.offset) % 1 - 0.5)
    band = RIB_MARROW * _soft_below(off, ribs.half_band, 0.035)
    band += RIB_CORTEX * np.exp(-np.square((off - ribs.half_band + 0.05) / 0.05))
    band *= 1 + POSTERIOR_RIB_GAIN * (way < 0.5)
    band *= SUBPHRENIC_RIB_CONTRAST + (1 - SUBPHRENIC_RIB_CONTRAST) * _soft_above(
        height, DOME_HEIGHT, 0.8
    )
    band *= _soft_below(way, CARTILAGE_START, 0.03) * _soft_below(height, MAX_RIB_HEIGHT, 0.6)
    band *= _soft_above(level - 0.3 * ribs.drop, MIN_RIB_HEIGHT, 0.4)
    return np.asarray(strength * band / _cosine(unit / radii, rays.directions))


def _drop(way: FloatArray, drop: float) -> FloatArray:
    """Centimetres by which a rib has descended at each `way` from the spine."""
    down = np.sin(np.minimum(way, RIB_TURNING_POINT) / RIB_TURNING_POINT * (np.pi / 2)) ** 1.3
    return np.asarray(drop * (down - 1.7 * np.maximum(way - RIB_TURNING_POINT, 0)))


def _cosine(normal: FloatArray, directions: FloatArray) -> FloatArray:
    length = np.sqrt(np.einsum("nj,nj->n", normal, normal)) + 1e-9
    cosine = np.abs(np.einsum("nj,nj->n", normal, directions)) / length
    return np.asarray(np.maximum(cosine, MIN_COSINE))


def _soft_below(value: FloatArray, limit: float, width: float) -> FloatArray:
    """Soft step: 1 well below the limit, 0 well above it."""
    return np.asarray(0.5 - 0.5 * np.tanh((value - limit) / (2 * width)))


def _soft_above(value: FloatArray, limit: float, width: float) -> FloatArray:
    return _soft_below(-value, -limit, width)


VERTEBRA_PITCH = 2.55  # cm from one vertebra to the next
VERTEBRAL_BODY_RADII = (
    1.75,
    1.5,
)  # cm, radii of a vertebral body across and along the beam of a frontal
VERTEBRAL_ARCH_RADII = (2.6, 0.75)  # transverse processes and laminae
PEDICLE_RADII = (0.38, 0.6)
SPINOUS_PROCESS_RADII = (0.5, 1.5)  # spinous
ARCH_BACK, PEDICLE_BACK, PROCESS_BACK = -1.7, -1.4, -3.4  # cm behind the body's middle
PEDICLE_OFFSET = 1.1  # cm

# 1/cm above soft tissue: disc, added by the body, added by its end plates, and the arch's parts
DISC_DENSITY, VERTEBRA_DENSITY, END_PLATE_DENSITY = 0.03, 0.09, 0.06
ARCH_DENSITY, PEDICLE_DENSITY, PROCESS_DENSITY = 0.10, 0.20, 0.22

KYPHOSIS_FACTOR: Span = (0.4, 1.6)  # times the average curve
KYPHOSIS_CURVE = 0.011 * 0.35 * 0.6  # 1/cm: parabola of the middle thoracic spine
KYPHOSIS_REACH = 110.0  # cm^2: where the parabola crosses the straight line
KYPHOSIS_TOP = -2.0  # cm: height of the point furthest back
SPINE_BACK = 0.72  # of the cavity's half depth
SPINE_FORWARD = 0.9  # cm
SCOLIOSIS_AMPLITUDE: Span = (-0.9, 0.9)  # cm to one side
SCOLIOSIS_WAVE = 9.0  # cm per radian


@dataclass(frozen=True, slots=True)
class Spine:
    """A bent column of vertebrae: its curvature, and the height at which the first one starts."""

    back: float  # cm, of the straight line
    kyphosis: float
    scoliosis: float
    wave: float  # radians
    phase: float  # vertebrae, 0 .. 1


def draw_spine(rng: np.random.Generator, habitus: Habitus) -> Spine:
    """Return a spine behind the thoracic cavity."""
    return Spine(
        back=-SPINE_BACK * habitus.half_depth + SPINE_FORWARD,
        kyphosis=uniform(rng, KYPHOSIS_FACTOR),
        scoliosis=uniform(rng, SCOLIOSIS_AMPLITUDE),
        wave=uniform(rng, (0, 6)),
        phase=uniform(rng, (0, 1)),
    )


def spine_path(spine: Spine, rays: Rays) -> FloatArray:
    """(N,): attenuation of the spine along each ray, above soft tissue, for scale 1."""
    height = rays.points[:, 2]
    bend = KYPHOSIS_REACH - (height - KYPHOSIS_TOP) ** 2
    y = spine.back - KYPHOSIS_CURVE * spine.kyphosis * bend
    x = spine.scoliosis * np.sin(height / SCOLIOSIS_WAVE + spine.wave)
    phase = (height / VERTEBRA_PITCH + spine.phase) % 1

    def chord(radii: tuple[float, float], back: float = 0.0, aside: float = 0.0) -> FloatArray:
        return _chord(rays, radii, x + aside, y + back)

    away = np.abs(phase - 0.5)  # 0 in the middle of a body, 0.5 in a disc
    body = 0.5 + 0.5 * np.tanh((away - 0.13) * -18 + 4.2)
    plates = END_PLATE_DENSITY * _bump(away, 0.36, 0.05)
    path = chord(VERTEBRAL_BODY_RADII) * (DISC_DENSITY + VERTEBRA_DENSITY * body + plates)
    path += chord(SPINOUS_PROCESS_RADII, PROCESS_BACK) * PROCESS_DENSITY * _bump(phase, 0.35, 0.2)
    laminae = 0.35 + 0.65 * _bump(phase, 0.6, 0.16)
    path += chord(VERTEBRAL_ARCH_RADII, ARCH_BACK) * ARCH_DENSITY * laminae
    for side in SIDES:
        pedicle = chord(PEDICLE_RADII, PEDICLE_BACK, side * PEDICLE_OFFSET)
        path += pedicle * PEDICLE_DENSITY * _bump(phase, 0.68, 0.14)
    return np.asarray(path)


def _bump(value: FloatArray, middle: float, width: float) -> FloatArray:
    return np.asarray(np.exp(-np.square((value - middle) / width)))


def _chord(rays: Rays, radii: tuple[float, float], x: FloatArray, y: FloatArray) -> FloatArray:
    """(N,): chord of an upright elliptic cylinder, centred at (x, y) for each ray, (N,)."""
    rx, ry = radii
    along_x, along_y = rays.directions[:, 0] / rx, rays.directions[:, 1] / ry
    from_x, from_y = (rays.points[:, 0] - x) / rx, (rays.points[:, 1] - y) / ry
    a = along_x**2 + along_y**2 + EPSILON
    b = from_x * along_x + from_y * along_y
    inside = b * b - a * (from_x**2 + from_y**2 - 1)
    return np.asarray(2 * np.sqrt(np.maximum(inside, 0)) / a)
