"""Drawn negatives: radiographs of body parts other than the chest, (side, side) in [0, 1].

A field of one of the models, seen from one side by parallel rays, is one kind of negative.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.image_formation import develop
from cxrview.phantom.overlays import draw_devices
from cxrview.phantom.random_draws import Span, happens, rotation_matrix, uniform
from cxrview.phantom.rays import Solids, merge_solids
from cxrview.training.negative_models import (
    FLESH,
    Part,
    arm,
    barium_study,
    foot,
    head_and_neck,
    leg,
    legs,
    lower_trunk,
    shoulder,
    whole_body,
)

PEAK_PATH: Span = (1.2, 3.2)  # attenuation that 2 % of a field exceed: the voltage fits the part
FAR = 1e-6  # 1/cm^2, added to quadratic forms: the length of a cylinder without ends is finite
MIN_FLESH_SHARE = 0.15  # of the flesh remains where gas lies in it
VARIANTS = 32  # of each model: made once, seen from many sides
DEVICES_SHARE = 0.5  # of the radiographs may have those devices that the phantom has
PATH_SIDE = 80  # pixels at which attenuation is computed
SCOUT_STREAKS = 0.02  # deviation between the rows of a scout image


@dataclass(frozen=True, slots=True)
class Region:
    """A field on one of the models.

    half_field: half its side, cm; centre: its middle, cm; angles: (tilt about x, turn about z) of
    the views in degrees: (0, 0) from the front, (0, 90) from the side.
    """

    build: Callable[[np.random.Generator], Iterator[Part]]
    half_field: Span
    centre: tuple[float, float, float]
    angles: tuple[tuple[float, float], ...] = ((0, 0),)
    scout: bool = False


FRONT, SIDE_ON, FROM_ABOVE = (0.0, 0.0), (0.0, 90.0), (90.0, 0.0)
REGIONS: dict[str, Region] = {
    "hand": Region(arm, (8, 13), (0, 0, -1), (FRONT, FRONT, (0, 50))),
    "hand that fills the field": Region(arm, (8.5, 11), (0, 0, 0)),
    "elbow": Region(arm, (6, 14), (0, 0, -31), (FRONT, SIDE_ON)),
    "shoulder": Region(shoulder, (7, 11), (-1.5, 0, -2), (FRONT, (0, 20), (0, -30))),
    "knee": Region(leg, (6, 13), (0, 0, 0), (FRONT, SIDE_ON)),
    "foot": Region(leg, (8, 13), (0, 4, -41), (SIDE_ON, (0, 50), FRONT)),
    "foot from above": Region(foot, (8, 13), (0, 4, -41), (FROM_ABOVE, (75, 20), (60, 0))),
    "shaft": Region(leg, (9, 20), (0, 0, -20), (FRONT, SIDE_ON, (0, 45))),
    "hip": Region(lower_trunk, (7, 12), (10.5, 0, -15), (FRONT, FRONT, (0, 30), (-30, 0))),
    "pelvis": Region(lower_trunk, (13, 20), (0, 0, -13)),
    "abdomen": Region(lower_trunk, (15, 22), (0, 0, 1)),
    "lumbar spine": Region(lower_trunk, (8, 14), (0, -2, 4), (FRONT, (0, 45))),
    "lateral lumbar spine": Region(lower_trunk, (9, 17), (0, -2, 1), (SIDE_ON,)),
    "barium study": Region(barium_study, (9, 19), (0, 0, 2), (FRONT, (0, 40), SIDE_ON)),
    "skull": Region(head_and_neck, (10, 14), (0, 0, -4), (FRONT, SIDE_ON, (25, 0), (0, 40))),
    "neck": Region(head_and_neck, (8, 14), (0, -1, -17), (SIDE_ON, SIDE_ON, FRONT)),
    "scout of the head": Region(head_and_neck, (13, 24), (0, 0, -11), (FRONT, SIDE_ON), True),
    "scout of the abdomen": Region(lower_trunk, (20, 34), (0, 0, -8), (FRONT, SIDE_ON), True),
    "scout of the body": Region(whole_body, (38, 60), (0, 0, 0), (FRONT, FRONT, SIDE_ON), True),
    "scout of the legs": Region(legs, (20, 38), (0, 0, -8), (FRONT, SIDE_ON), True),
}


def _view(rng: np.random.Generator, angles: tuple[float, float]) -> FloatArray:
    """(3, 3): columns are the directions of a row of pixels, of the beam, and up the image."""
    tilt, turn = angles
    free = happens(rng, 0.12)
    nod, spin, roll = rng.normal(0, (6, 25 if free else 6, 12 if free else 6))
    placed = rotation_matrix(tilt, 0, turn if happens(rng, 0.5) else -turn)
    return np.asarray(placed @ rotation_matrix(nod, roll, spin))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """K solids and their attenuation in 1/cm, (K,)."""

    solids: Solids
    weights: FloatArray


@lru_cache(maxsize=512)
def _model(build: Callable[[np.random.Generator], Iterator[Part]], variant: int) -> Model:
    solids, weights = zip(*build(np.random.default_rng(variant)), strict=True)
    return Model(merge_solids(solids), np.array(weights))


def _outlines(forms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(K, 3, 3) in the frame of a view -> outlines S, (K, 2, 2), and half extents, (K, 2)."""
    b = forms[:, 1, ::2]
    outlines = forms[:, ::2, ::2] - b[:, :, None] * b[:, None, :] / forms[:, 1, 1, None, None]
    return outlines, np.sqrt(np.linalg.inv(outlines).diagonal(axis1=1, axis2=2))


def attenuation(model: Model, view: FloatArray, middle: FloatArray, axis: FloatArray) -> FloatArray:
    """Return the attenuation along parallel rays through a model, (n, n), top row first.

    view: columns are the directions of u (a row), t (the beam) and v (up); middle: the point seen
    in the middle of the image, cm; axis: (n,) float32, u and v of the pixels, cm, ascending. In the
    frame of the view a solid is a t^2 + 2 t (b . w) + w'Fw <= 1 with w = (u, v) from its middle, so
    a ray meets it at t = -(b . w) / a -+ sqrt((1 - w'Sw) / a).
    """
    solids = model.solids
    forms = view.T @ (solids.matrices + np.eye(3) * FAR) @ view
    axes, middles = solids.axes @ view, (solids.centres - middle) @ view
    outlines, extents = _outlines(forms)
    cut = np.isfinite(solids.low)
    # From its middle to the two ends of a cut solid, whose extents are those of its end discs.
    along = np.einsum("kj,kj->k", solids.axes, solids.centres)
    bounds = np.where(cut, np.stack([solids.low, solids.high]) - along, 0)  # (2, K)
    discs = forms + 1e4 * axes[:, :, None] * axes[:, None, :]
    extents = np.where(cut[:, None], _outlines(discs)[1], extents)
    ends = middles + bounds[:, :, None] * axes
    low = np.searchsorted(axis, (ends.min(axis=0)[:, ::2] - extents)).tolist()
    high = np.searchsorted(axis, (ends.max(axis=0)[:, ::2] + extents)).tolist()
    a = forms[:, 1, 1]
    outlines, b = outlines / a[:, None, None], forms[:, 1, ::2] / a[:, None]
    flesh, added = np.zeros((2, len(axis), len(axis)), np.float32)
    for k, weight in enumerate(model.weights.tolist()):
        (left, bottom), (right, top) = low[k], high[k]
        if left == right or bottom == top:
            continue
        u = axis[left:right] - np.float32(middles[k, 0])
        v = (axis[bottom:top] - np.float32(middles[k, 2]))[:, None]
        (xx, xz), (_, zz) = outlines[k].astype(np.float32)
        half = (np.float32(1 / a[k]) - xx * u * u) - zz * v * v - (2 * xz * v) * u
        half = np.sqrt(np.maximum(half, 0, out=half), out=half)
        if cut[k]:
            bu, bv = b[k].astype(np.float32)
            half = _between_ends(bu * u + bv * v, half, (axes[k], bounds[:, k]), (u, v))
        where = slice(bottom, top), slice(left, right)
        if weight == FLESH:
            flesh[where] = np.maximum(flesh[where], (2 * FLESH) * half)
        else:
            added[where] += (2 * weight) * half
    return np.asarray(np.maximum(flesh + added, MIN_FLESH_SHARE * flesh)[::-1])


def _between_ends(
    lean: FloatArray,
    half: FloatArray,
    ends: tuple[FloatArray, FloatArray],
    pixels: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Half the length of the intervals -lean -+ half between two planes across an axis."""
    (au, at, av), bounds = ends[0].astype(np.float32), ends[1].astype(np.float32)
    speed = at if abs(at) > 1e-4 else np.float32(1e-4)
    height = au * pixels[0] + av * pixels[1]
    first, last = sorted(((bounds[0] - height) / speed, (bounds[1] - height) / speed), key=np.sum)
    length = np.minimum(half - lean, last) - np.maximum(-half - lean, first)
    return np.asarray(np.maximum(length, 0) / 2)


def draw_radiograph(rng: np.random.Generator, side: int, region: Region) -> FloatArray:
    """Return a random radiograph of the region, (side, side) in [0, 1], mostly bone bright."""
    model = _model(region.build, int(rng.integers(VARIANTS)))
    view = _view(rng, region.angles[rng.integers(len(region.angles))])
    half = uniform(rng, region.half_field)
    axis = np.linspace(-half, half, PATH_SIDE, dtype=np.float32)
    middle = np.asarray(region.centre) + rng.normal(0, 0.1 * half, 3)
    path = attenuation(model, view, middle, axis)
    path *= uniform(rng, PEAK_PATH) / max(float(np.percentile(path[::2, ::2], 98)), 0.1)
    if not region.scout and happens(rng, DEVICES_SHARE):
        devices = draw_devices(rng, PATH_SIDE, PATH_SIDE)
        path += 0 if devices is None else devices
    image, _ = develop(rng, path, False, side, side)
    if region.scout:
        image = image + rng.normal(0, SCOUT_STREAKS, (side, 1))
    return np.asarray(image)
