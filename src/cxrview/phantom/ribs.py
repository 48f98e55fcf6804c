"""Ribs: bands on the thoracic ellipsoid where rays enter and leave it. No solids at all.

A rib is where height + drop(angle) falls into a periodic band, divided by the cosine at which the
ray crosses the shell: all ribs for the price of one ellipsoid.
"""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import Floats, Span, between
from cxrview.phantom.rays import Rays, meet
from cxrview.phantom.solids import Solids, ellipsoid

SHELL_OUTSIDE = (0.35, 0.35, 0.8)  # cm that the ribs' shell lies outside the cavity
SHELL_MIDDLE = (0.0, 0.0, -5.0)  # cm, as the cavity's

PITCH = 2.75  # cm from rib to rib
PITCH_SPREAD: Span = (0.92, 1.08)
DROP: Span = (5.5, 8.5)  # cm from the spine down to the side
CHILD_DROP = 0.6  # of it: a child's ribs lie flat
HALF_BAND: Span = (0.22, 0.30)  # of the pitch
STRENGTH: Span = (0.8, 1.3)
LATERAL_STRENGTH = 0.5  # both sides lie over each other: weaker, or the film is all stripes
FRONTAL_STRENGTH = 1.05

MARROW, CORTEX = 0.085, 0.11  # attenuation of a perpendicular crossing: rib, added at its edges
BACK_STRONGER = 0.6  # a rib is thicker behind
UNDER_THE_DOMES = 0.3  # of its contrast is left against the abdomen
LEAST_COSINE = 0.42  # of a grazing ray: the shell is thin, not infinite

TURN_UP = 0.72  # of the way from spine to sternum a rib runs down, then its cartilage runs up
CARTILAGE = 0.82  # of the way bone ends
LOWEST, HIGHEST = -17.5, 11.5  # cm
DOMES = -10.5  # cm


@dataclass(frozen=True, slots=True, eq=False)
class Ribs:
    """One person's rib cage."""

    shell: Solids
    radii: Floats  # (3,), cm
    pitch: float
    drop: float
    half_band: float
    offset: float
    strength: tuple[float, float]  # where a ray enters, where it leaves


def draw_ribs(rng: np.random.Generator, build: Build) -> Ribs:
    """Ribs around the cavity."""
    radii = np.array([build.half_width, build.half_depth, build.half_height]) + SHELL_OUTSIDE
    strength = LATERAL_STRENGTH if build.lateral else FRONTAL_STRENGTH
    return Ribs(
        shell=ellipsoid(SHELL_MIDDLE, radii),
        radii=radii,
        pitch=PITCH * between(rng, PITCH_SPREAD),
        drop=between(rng, DROP) * (CHILD_DROP if build.child else 1),
        half_band=between(rng, HALF_BAND),
        offset=between(rng, (0, 1)),
        strength=(strength * between(rng, STRENGTH), strength * between(rng, STRENGTH)),
    )


def ribs_path(ribs: Ribs, rays: Rays) -> Floats:
    """(N,): attenuation of both crossings of the rib cage, above soft tissue, for scale 1."""
    shell = meet(rays, ribs.shell)
    hit = shell.ends[:, 0] > shell.starts[:, 0]
    crossings = zip((shell.starts, shell.ends), ribs.strength, strict=True)
    return np.asarray(hit * sum(_crossing(ribs, rays, t, strength) for t, strength in crossings))


def _crossing(ribs: Ribs, rays: Rays, t: Floats, strength: float) -> Floats:
    """(N,): what a ray meets where it crosses the shell at t, (N, 1)."""
    points = rays.points + t * rays.directions
    radii = ribs.radii.astype(np.float32)
    unit = (points - np.array(SHELL_MIDDLE, np.float32)) / radii
    way = np.arctan2(np.abs(unit[:, 0]), -unit[:, 1]) / np.pi  # 0 at the spine, 1 at the sternum
    height, level = points[:, 2], points[:, 2] + _drop(way, ribs.drop)
    off = np.abs((level / ribs.pitch + ribs.offset) % 1 - 0.5)
    band = MARROW * _under(off, ribs.half_band, 0.035)
    band += CORTEX * np.exp(-np.square((off - ribs.half_band + 0.05) / 0.05))
    band *= 1 + BACK_STRONGER * (way < 0.5)
    band *= UNDER_THE_DOMES + (1 - UNDER_THE_DOMES) * _over(height, DOMES, 0.8)
    band *= _under(way, CARTILAGE, 0.03) * _under(height, HIGHEST, 0.6)
    band *= _over(level - 0.3 * ribs.drop, LOWEST, 0.4)
    return np.asarray(strength * band / _cosine(unit / radii, rays.directions))


def _drop(way: Floats, drop: float) -> Floats:
    """Cm by which a rib has come down on its way from the spine."""
    down = np.sin(np.minimum(way, TURN_UP) / TURN_UP * (np.pi / 2)) ** 1.3
    return np.asarray(drop * (down - 1.7 * np.maximum(way - TURN_UP, 0)))


def _cosine(normal: Floats, directions: Floats) -> Floats:
    length = np.sqrt(np.einsum("nj,nj->n", normal, normal)) + 1e-9
    cosine = np.abs(np.einsum("nj,nj->n", normal, directions)) / length
    return np.asarray(np.maximum(cosine, LEAST_COSINE))


def _under(value: Floats, limit: float, width: float) -> Floats:
    """A soft step: 1 well under the limit, 0 well over it."""
    return np.asarray(0.5 - 0.5 * np.tanh((value - limit) / (2 * width)))


def _over(value: Floats, limit: float, width: float) -> Floats:
    return _under(-value, -limit, width)
