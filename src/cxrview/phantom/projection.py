"""Projection, source distance, field and pose of a patient -> one ray for each pixel."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.body import Habitus
from cxrview.phantom.random_draws import Span, happens, rotation_matrix, uniform
from cxrview.phantom.rays import Rays, rays_through
from cxrview.views import View


class Projection(StrEnum):
    """View Position (0018,5101) of a chest radiograph."""

    PA = "PA"
    AP = "AP"
    LL = "LL"  # left side on the detector
    RL = "RL"

    @property
    def view(self) -> View:
        """Frontal or lateral."""
        return View.LATERAL if self in LATERALS else View.FRONTAL


LATERALS = frozenset({Projection.LL, Projection.RL})
FORWARD, ACROSS, UP = np.array([0.0, 1, 0]), np.array([1.0, 0, 0]), np.array([0.0, 0, 1])
# Direction from body to tube, and direction of a row. Display convention: whatever the direction of
# the beam, a frontal has the patient's left at the right; a lateral has the front at the right.
BEAM_DIRECTIONS = {
    Projection.PA: (-FORWARD, ACROSS),
    Projection.AP: (FORWARD, ACROSS),
    Projection.LL: (-ACROSS, FORWARD),
    Projection.RL: (ACROSS, FORWARD),
}
SOURCE_DISTANCES: dict[Projection, Span] = {  # cm, tube to the middle of the body
    Projection.PA: (150.0, 200.0),
    Projection.AP: (90.0, 150.0),  # bedside
    Projection.LL: (140.0, 200.0),
    Projection.RL: (140.0, 200.0),
}
LONG_DISTANCE = 500.0  # cm: some beams are nearly parallel
LONG_DISTANCE_SHARE = 0.1

FIELD_TOP: Span = (12.5, 21.0)  # cm, upper edge of the field: clavicles cut off .. larynx
FIELD_BOTTOM: Span = (-23.0, -13.5)  # lower edge: navel .. domes cut off
FIELD_HALF_WIDTH_FRONTAL: Span = (14.5, 22.0)  # landscape more often than not
FIELD_HALF_WIDTH_LATERAL: Span = (10.5, 16.5)  # black margins must not reveal the view
CHILD_FIELD_TOP: Span = (10.0, 18.0)  # images of children are landscape and include arms and jaw
CHILD_FIELD_BOTTOM: Span = (-19.0, -12.0)
CHILD_FIELD_HALF_WIDTH: Span = (13.5, 26.0)  # of frontals
OFF_CENTER_FRONTAL: Span = (-2.0, 2.0)  # cm, middle of the field
OFF_CENTER_LATERAL: Span = (-3.0, 2.0)
OBESE_WIDENING_FRONTAL, OBESE_WIDENING_LATERAL = (
    0.1,
    0.2,
)  # of the field's width, for the most obese

# degrees, standard deviation about x (nodding), y (leaning), z (rotated patient)
ROTATION_SD_FRONTAL = (5.0, 4.0, 3.5)
ROTATION_SD_LATERAL = (4.0, 4.8, 5.0)
LORDOTIC_TILT: dict[Projection, Span] = {  # degrees that the beam comes from above or below
    Projection.PA: (-5.0, 6.0),
    Projection.AP: (-12.0, 18.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Beam:
    """Cone of rays onto a rectangular field through the isocentre, in adult centimetres."""

    source: FloatArray  # (3,)
    row_direction: FloatArray  # (3,), unit: along a row of pixels
    up_direction: FloatArray  # (3,), unit
    left: float  # edges of the field along row and up
    right: float
    bottom: float
    top: float

    @property
    def aspect_ratio(self) -> float:
        """Width over height."""
        return (self.right - self.left) / (self.top - self.bottom)


def draw_beam(rng: np.random.Generator, projection: Projection, habitus: Habitus) -> Beam:
    """Return a random beam, in adult centimetres: for a patient of scale 0.5 distances double."""
    lateral = projection in LATERALS
    distance = (
        LONG_DISTANCE
        if happens(rng, LONG_DISTANCE_SHARE)
        else uniform(rng, SOURCE_DISTANCES[projection])
    )
    rotation = rotation_matrix(
        *rng.normal(0, ROTATION_SD_LATERAL if lateral else ROTATION_SD_FRONTAL)
    )
    if not lateral:
        rotation = rotation @ rotation_matrix(-uniform(rng, LORDOTIC_TILT[projection]))
    tube, row_direction = BEAM_DIRECTIONS[projection]
    half, middle = (
        _draw_half_width(rng, lateral, habitus),
        uniform(rng, OFF_CENTER_LATERAL if lateral else OFF_CENTER_FRONTAL),
    )
    landscape = habitus.child and not lateral
    return Beam(
        source=rotation @ tube * (distance / habitus.scale),
        row_direction=rotation @ row_direction,
        up_direction=rotation @ UP,
        left=middle - half,
        right=middle + half,
        bottom=uniform(rng, CHILD_FIELD_BOTTOM if landscape else FIELD_BOTTOM),
        top=uniform(rng, CHILD_FIELD_TOP if landscape else FIELD_TOP),
    )


def _draw_half_width(rng: np.random.Generator, lateral: bool, habitus: Habitus) -> float:
    """Return half the width of the field, cm."""
    if lateral:
        return uniform(rng, FIELD_HALF_WIDTH_LATERAL) * (1 + OBESE_WIDENING_LATERAL * habitus.fat)
    span = CHILD_FIELD_HALF_WIDTH if habitus.child else FIELD_HALF_WIDTH_FRONTAL
    return uniform(rng, span) * (1 + OBESE_WIDENING_FRONTAL * habitus.fat)


def image_size(aspect_ratio: float, side: int) -> tuple[int, int]:
    """Return (height, width) of width / height `aspect_ratio`, whose long side is `side`."""
    return (
        (max(1, round(side / aspect_ratio)), side)
        if aspect_ratio > 1
        else (side, max(1, round(side * aspect_ratio)))
    )


def rays_of(beam: Beam, height: int, width: int) -> Rays:
    """Return one ray through the centre of each pixel, in row-major order."""
    across = beam.left + (beam.right - beam.left) * (np.arange(width) + 0.5) / width
    along = beam.top - (beam.top - beam.bottom) * (np.arange(height) + 0.5) / height
    rows = along[:, None, None] * beam.up_direction
    points = (rows + across[None, :, None] * beam.row_direction).reshape(-1, 3)
    directions = points - beam.source
    directions /= np.sqrt(np.einsum("nj,nj->n", directions, directions))[:, None]
    return rays_through(points, directions)
