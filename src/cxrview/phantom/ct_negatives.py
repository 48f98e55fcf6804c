"""A chest CT and random numbers -> images that are no chest radiographs: slices, other parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.images import FloatArray
from cxrview.phantom.ct_body import Body, load_body
from cxrview.phantom.ct_draw import (
    compress_range,
    numbered_rng,
)
from cxrview.phantom.ct_projection import attenuation_of, draw_build, project
from cxrview.phantom.ct_volume import Voxels
from cxrview.phantom.draw import expose
from cxrview.phantom.encodings import quantize
from cxrview.phantom.image_formation import resize
from cxrview.phantom.overlays import burn_in
from cxrview.phantom.projection import Beam, image_size, rays_of
from cxrview.phantom.random_draws import Span, draw_side, happens, rotation_matrix, uniform

NEGATIVE_KEY = 6  # separates these random numbers from those of the radiographs
# HU, center and width
WINDOWS = ((-600, 1500), (-450, 1900), (-300, 1400), (40, 400), (50, 350), (400, 1800))
WINDOW_CENTER_SD, WINDOW_WIDTH_SD = 50.0, 0.25  # HU; deviation of the logarithm
PROJECTED_WINDOW = ((300, 1200), (100, 700))  # of maximum intensity projections
GRAIN: Span = (0.0, 0.03)
CROP: Span = (0.0, 0.16)  # of a side
SLICE_THICKNESS: Span = (0.0, 12.0)  # mm, of reformatted slices
LUNG_AIR_HU = -970  # air outside the body is darker than lung
OPACITY_CELLS, OPACITY_HU = (3, 14), (150.0, 900.0)  # across the plane; at their densest


def draw_ct_negative(
    paths: Sequence[str], number: int, seed: int, side: int
) -> npt.NDArray[np.uint8]:
    """Return negative `number` of a seed, (h, w) uint8; it depends on the arguments alone.

    The kinds and the CTs take turns. Raises what load_body raises.
    """
    rng = numbered_rng(seed, number, NEGATIVE_KEY)
    rounds, kind = divmod(number, len(KINDS))
    body = load_body(paths[(rounds + kind) % len(paths)])
    return quantize(KINDS[kind](rng, body, side), 8).astype(np.uint8)


def _slice(rng: np.random.Generator, body: Body, side: int, axis: int) -> FloatArray:
    """One plane across an axis, thin or averaged, in a window for lung, soft tissue or bone."""
    hu = np.moveaxis(_measured(body), axis, 0)
    low, high = ((0.05, 0.95), (0.25, 0.75), (0.3, 0.7))[axis]
    start = int(len(hu) * rng.uniform(low, high))
    count = max(1, round(uniform(rng, SLICE_THICKNESS) / body.spacing[axis]))
    plane = hu[start : start + count].mean(0, dtype=np.float32)
    if happens(rng, 0.5):
        plane = _with_opacities(rng, plane)
    window = WINDOWS[rng.integers(len(WINDOWS))]
    return _windowed(rng, plane, _plane_spacing(body, axis), window, side)


def _with_opacities(rng: np.random.Generator, plane: FloatArray) -> FloatArray:
    """A plane of HU whose lungs have opacities, from hazy to consolidated."""
    cells = rng.standard_normal((rng.integers(*OPACITY_CELLS),) * 2, dtype=np.float32)
    height, width = plane.shape
    density = resize(cells, height, width, Image.Resampling.BICUBIC) - rng.uniform(-0.5, 1.0)
    lung = np.clip(-plane / 600 - 0.3, 0, 1) * (plane > LUNG_AIR_HU)
    return np.asarray(plane + lung * np.clip(density, 0, 1) * uniform(rng, OPACITY_HU))


def _maximum(rng: np.random.Generator, body: Body, side: int, axis: int) -> FloatArray:
    """The maximum intensity projection of a slab along an axis, or of the whole volume."""
    hu = np.moveaxis(_measured(body), axis, 0)
    if happens(rng, 0.5):
        thickness = max(2, round(uniform(rng, (10.0, 60.0)) / body.spacing[axis]))
        start = int(rng.uniform(0.25, 0.6) * len(hu))
        hu = hu[start : start + thickness]
    window = PROJECTED_WINDOW[rng.integers(len(PROJECTED_WINDOW))]
    return _windowed(rng, hu.max(0), _plane_spacing(body, axis), window, side)


def _measured(body: Body) -> Voxels:
    return body.hu[body.ends[0] : body.ends[1] + 1]


def _plane_spacing(body: Body, axis: int) -> tuple[float, float]:
    rows, columns = (size for number, size in enumerate(body.spacing) if number != axis)
    return rows, columns


def _windowed(
    rng: np.random.Generator,
    plane: Voxels | FloatArray,
    spacing: tuple[float, float],
    window: tuple[int, int],
    side: int,
) -> FloatArray:
    """A plane of HU in a window, with square pixels, in [0, 1]."""
    center = window[0] + rng.normal(0, WINDOW_CENTER_SD)
    width = window[1] * np.exp(rng.normal(0, WINDOW_WIDTH_SD))
    grey = np.clip((plane.astype(np.float32) - center) / width + 0.5, 0, 1)
    top, bottom, left, right = rng.uniform(*CROP, 4) * np.repeat(grey.shape, 2)
    grey = grey[int(top) : grey.shape[0] - int(bottom), int(left) : grey.shape[1] - int(right)]
    aspect = grey.shape[1] * spacing[1] / (grey.shape[0] * spacing[0])
    image = resize(grey, *image_size(aspect, side), Image.Resampling.BILINEAR)
    grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(uniform(rng, GRAIN))
    image = np.clip(image + grain, 0, 1)
    return burn_in(rng, image[:, ::-1] if happens(rng, 0.5) else image)


DISTANCE: Span = (90.0, 180.0)  # cm from the tube to the body
TURN_SD = 6.0  # degrees about the axis of the body
LUNG_LIMIT, SOFT_TISSUE_HU = -300, 40  # what is below becomes soft tissue above an abdomen
FRONT, SIDE = 0.0, 90.0  # degrees by which the patient is turned


@dataclass(frozen=True, slots=True)
class Field:
    """Edges in cm from the middle of the lungs, and the direction of the beam in degrees."""

    top: float
    bottom: float
    left: float
    right: float
    turn: float = FRONT
    tilt: float = 0.0  # 90 runs along the body


def _abdomen(rng: np.random.Generator, body: Body, side: int, turn: float) -> FloatArray:
    """What lies below the lungs; lung behind the diaphragm is replaced by soft tissue."""
    lung = (body.hu < LUNG_LIMIT) & (body.skin_distance == 0)
    base = -body.half[0] / 10
    end = (body.center[0] - body.ends[1]) * body.spacing[0] / 10
    across = body.half[1 if turn else 2] / 10 * uniform(rng, (0.5, 1.1))
    field = Field(
        base + uniform(rng, (4.0, 12.0)), end - uniform(rng, (-1.0, 5.0)), -across, across, turn
    )
    filled = replace(body, hu=np.where(lung, np.int16(SOFT_TISSUE_HU), body.hu))
    return _exposed(rng, filled, field, side)


def _neck(rng: np.random.Generator, body: Body, side: int, turn: float) -> FloatArray:
    """Neck and shoulders, with the apices of the lungs at most."""
    apex, across = body.half[0] / 10, uniform(rng, (8.0, 18.0))
    top, bottom = apex + uniform(rng, (8.0, 14.0)), apex - uniform(rng, (-1.0, 2.0))
    return _exposed(rng, body, Field(top, bottom, -across, across, turn), side)


def _shoulder(rng: np.random.Generator, body: Body, side: int) -> FloatArray:
    """One shoulder, with little lung."""
    middle = draw_side(rng) * body.half[2] / 10 * uniform(rng, (0.6, 0.85))
    height, half = body.half[0] / 10 + uniform(rng, (-3.0, 3.0)), uniform(rng, (5.0, 8.0))
    field = Field(height + half, height - half, middle - half, middle + half)
    return _exposed(rng, body, field, side)


def _from_above(rng: np.random.Generator, body: Body, side: int) -> FloatArray:
    """The beam along the body."""
    across = body.half[2] / 10 * uniform(rng, (0.9, 1.3))
    depth = body.half[1] / 10 * uniform(rng, (1.0, 1.4))
    tilt = draw_side(rng) * uniform(rng, (65.0, 90.0))
    return _exposed(rng, body, Field(depth, -depth, -across, across, tilt=tilt), side)


def _exposed(rng: np.random.Generator, body: Body, field: Field, side: int) -> FloatArray:
    """The radiograph of a field, long side `side`, in [0, 1], bone bright."""
    turn, tilt = rng.normal((field.turn, field.tilt), TURN_SD)
    rotation = rotation_matrix(tilt) @ rotation_matrix(0, 0, turn)
    beam = Beam(
        source=rotation @ np.array([0, uniform(rng, DISTANCE), 0]),
        row_direction=rotation @ np.array([1.0, 0, 0]),
        up_direction=rotation @ np.array([0, 0, 1.0]),
        left=field.left,
        right=field.right,
        bottom=field.bottom,
        top=field.top,
    )
    height, width = image_size(beam.aspect_ratio, side)
    build = draw_build(rng)
    path = project(body, attenuation_of(body, build), build, rays_of(beam, height, width))
    flat = compress_range(rng, path.reshape(height, width))
    pixels, inverted = expose(rng, flat, field.turn == SIDE, height, width)
    return 1 - pixels if inverted else pixels


KINDS: tuple[Callable[[np.random.Generator, Body, int], FloatArray], ...] = (
    *[partial(_slice, axis=axis) for axis in (0, 0, 0, 1, 1, 1, 1, 2, 2)],
    *[partial(_maximum, axis=axis) for axis in (0, 1, 1, 2)],
    *[partial(_abdomen, turn=turn) for turn in (FRONT, FRONT, FRONT, SIDE, SIDE)],
    *[partial(_neck, turn=turn) for turn in (FRONT, SIDE)],
    _shoulder, _shoulder, _from_above,
)  # fmt: skip
