"""The spine: a bent column of vertebral bodies, discs, arches and spinous processes."""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import SIDES, Floats, Span, between
from cxrview.phantom.rays import LEAST, Rays

PITCH = 2.55  # cm from one vertebra to the next
BODY = (1.75, 1.5)  # cm, radii of a vertebral body across and along the beam of a frontal
ARCH = (2.6, 0.75)  # transverse processes and laminae
PEDICLE = (0.38, 0.6)
PROCESS = (0.5, 1.5)  # spinous
ARCH_BACK, PEDICLE_BACK, PROCESS_BACK = -1.7, -1.4, -3.4  # cm behind the body's middle
PEDICLE_ASIDE = 1.1  # cm

# 1/cm above soft tissue: disc, added by the body, added by its end plates, and the arch's parts
DISC, BONE, END_PLATE = 0.03, 0.09, 0.06
ARCH_BONE, PEDICLE_BONE, PROCESS_BONE = 0.10, 0.20, 0.22

KYPHOSIS: Span = (0.4, 1.6)  # times the average curve
KYPHOSIS_CURVE = 0.011 * 0.35 * 0.6  # 1/cm: parabola of the middle thoracic spine
KYPHOSIS_REACH = 110.0  # cm^2: where the parabola crosses the straight line
KYPHOSIS_TOP = -2.0  # cm: height of the point furthest back
BACK = 0.72  # of the cavity's half depth
FORWARD = 0.9  # cm
SCOLIOSIS: Span = (-0.9, 0.9)  # cm to one side
SCOLIOSIS_WAVE = 9.0  # cm per radian


@dataclass(frozen=True, slots=True)
class Spine:
    """One person's curve and the height at which the first vertebra starts."""

    back: float  # cm, of the straight line
    kyphosis: float
    scoliosis: float
    wave: float  # radians
    phase: float  # vertebrae, 0 .. 1


def draw_spine(rng: np.random.Generator, build: Build) -> Spine:
    """A spine behind the cavity."""
    return Spine(
        back=-BACK * build.half_depth + FORWARD,
        kyphosis=between(rng, KYPHOSIS),
        scoliosis=between(rng, SCOLIOSIS),
        wave=between(rng, (0, 6)),
        phase=between(rng, (0, 1)),
    )


def spine_path(spine: Spine, rays: Rays) -> Floats:
    """(N,): attenuation of the spine along each ray, above soft tissue, for scale 1."""
    height = rays.points[:, 2]
    bend = KYPHOSIS_REACH - (height - KYPHOSIS_TOP) ** 2
    y = spine.back - KYPHOSIS_CURVE * spine.kyphosis * bend
    x = spine.scoliosis * np.sin(height / SCOLIOSIS_WAVE + spine.wave)
    phase = (height / PITCH + spine.phase) % 1

    def chord(radii: tuple[float, float], back: float = 0.0, aside: float = 0.0) -> Floats:
        return _chord(rays, radii, x + aside, y + back)

    away = np.abs(phase - 0.5)  # 0 in the middle of a body, 0.5 in a disc
    body = 0.5 + 0.5 * np.tanh((away - 0.13) * -18 + 4.2)
    path = chord(BODY) * (DISC + BONE * body + END_PLATE * _bump(away, 0.36, 0.05))
    path += chord(PROCESS, PROCESS_BACK) * PROCESS_BONE * _bump(phase, 0.35, 0.2)
    path += chord(ARCH, ARCH_BACK) * ARCH_BONE * (0.35 + 0.65 * _bump(phase, 0.6, 0.16))
    for side in SIDES:
        pedicle = chord(PEDICLE, PEDICLE_BACK, side * PEDICLE_ASIDE)
        path += pedicle * PEDICLE_BONE * _bump(phase, 0.68, 0.14)
    return np.asarray(path)


def _bump(value: Floats, middle: float, width: float) -> Floats:
    return np.asarray(np.exp(-np.square((value - middle) / width)))


def _chord(rays: Rays, radii: tuple[float, float], x: Floats, y: Floats) -> Floats:
    """(N,): chord of an upright elliptic cylinder whose middle each ray sees at its own place."""
    rx, ry = radii
    along_x, along_y = rays.directions[:, 0] / rx, rays.directions[:, 1] / ry
    from_x, from_y = (rays.points[:, 0] - x) / rx, (rays.points[:, 1] - y) / ry
    a = along_x**2 + along_y**2 + LEAST
    b = from_x * along_x + from_y * along_y
    inside = b * b - a * (from_x**2 + from_y**2 - 1)
    return np.asarray(2 * np.sqrt(np.maximum(inside, 0)) / a)
