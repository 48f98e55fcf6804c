"""A patient from a CT and a random build -> attenuation along rays."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cxrview.images import FloatArray
from cxrview.phantom.ct_body import Body
from cxrview.phantom.ct_volume import MAX_HU, MIN_HU
from cxrview.phantom.draw import SOFT_TISSUE_ATTENUATION
from cxrview.phantom.random_draws import Span, happens, uniform
from cxrview.phantom.rays import Rays

LUNG_LIMIT, BONE_START = -450, 120  # HU: below is lung, above is soft tissue with bone in it
LUNG_FACTOR: Span = (0.5, 1.1)  # times the attenuation of lung: depth of the breath
BONE_FACTOR: Span = (1.2, 2.6)  # times the attenuation above BONE_START: voltage, age, thickness
FAT_ATTENUATION_SHARE = 0.92  # of soft tissue
FAT_THICKNESS = (1.0, 7.0)  # mm, mean and deviation: added around the patient
BREAST_SHARE = 0.4  # of patients get breasts, added to those in the CT
BREAST_DEPTH: Span = (12.0, 42.0)  # mm
BREAST_OFFSET: Span = (55.0, 85.0)  # mm from the midline
BREAST_HEIGHT: Span = (-60.0, 20.0)  # mm below and above the middle of the lungs
BREAST_RADII = (55.0, 62.0)  # mm along the body and across
SIZE_MEAN = (0.06, 0.0, 0.0)  # of the logarithm of height, depth and width: standing, the
SIZE_SD = (0.06, 0.08, 0.06)  # lungs are taller than in a CT; and its deviation
BEND_SD = 9.0  # mm that the back bulges in the middle
BELLY = (0.03, 0.06)  # mean and deviation: growth of the girth per half lung height downwards


@dataclass(frozen=True, slots=True)
class Build:
    """How a patient differs from the one in the CT."""

    tissue: float  # 1/cm
    lung: float
    bone: float
    fat: float  # mm
    breast: float  # mm, 0 for none
    breast_offset: float  # mm from the midline
    breast_height: float  # mm above the middle of the lungs
    size: tuple[float, float, float]  # factors of height, depth and width
    bend: float  # mm
    belly: float


def draw_build(rng: np.random.Generator) -> Build:
    """Return a random build."""
    z, y, x = np.exp(rng.normal(SIZE_MEAN, SIZE_SD)).tolist()
    return Build(
        tissue=uniform(rng, SOFT_TISSUE_ATTENUATION),
        lung=uniform(rng, LUNG_FACTOR),
        bone=uniform(rng, BONE_FACTOR),
        fat=max(0.0, float(rng.normal(*FAT_THICKNESS))),
        breast=uniform(rng, BREAST_DEPTH) if happens(rng, BREAST_SHARE) else 0.0,
        breast_offset=uniform(rng, BREAST_OFFSET),
        breast_height=uniform(rng, BREAST_HEIGHT),
        size=(z, y, x),
        bend=float(rng.normal(0, BEND_SD)),
        belly=float(rng.normal(*BELLY)),
    )


def attenuation_table(build: Build) -> FloatArray:
    """(3001,) float32: attenuation in 1/cm of -1000 .. 2000 HU."""
    hu = np.arange(MIN_HU, MAX_HU + 1)
    bone = np.maximum(hu - BONE_START, 0)
    share = (1 + (hu - bone) / 1000) * np.where(hu < LUNG_LIMIT, build.lung, 1)
    return (build.tissue * (share + build.bone * bone / 1000)).astype(np.float32)


def attenuation_of(body: Body, build: Build) -> FloatArray:
    """(z, y, x) float32: attenuation in 1/cm, with the fat and the breasts of the build."""
    table, grid = attenuation_table(build), np.empty(body.hu.shape, np.float32)
    for plane, hu in zip(grid, body.hu, strict=True):  # indexing needs eight bytes a voxel
        table.take(hu - MIN_HU, out=plane)
    front = int(body.center[1])
    fat = np.float32(FAT_ATTENUATION_SHARE * build.tissue)
    for part, depth in (
        (slice(front), build.fat + _breast_depth(body, build)[:, None, :]),
        (slice(front, None), np.float32(build.fat)),
    ):
        away = body.skin_distance[:, part]
        added = (away > 0) & (away <= depth)
        np.maximum(grid[:, part], fat, out=grid[:, part], where=added)
    return grid


def _breast_depth(body: Body, build: Build) -> FloatArray:
    """(z, x): mm of breast in front of the skin."""
    z, x = (
        (np.arange(body.hu.shape[axis], dtype=np.float32) - body.center[axis]) * body.spacing[axis]
        for axis in (0, 2)
    )
    down = (z + build.breast_height) / BREAST_RADII[0]
    aside = (np.abs(x) - build.breast_offset) / BREAST_RADII[1]
    radius = np.square(down)[:, None] + np.square(aside)
    return np.asarray(build.breast * np.sqrt(np.maximum(0, 1 - radius)))


RAYS_PER_BLOCK = 2048
STEP = 0.4  # cm between the samples of a ray
REACH_MARGIN = 5.0  # cm beyond the middle of the skin: raised arms, breasts, a turned patient


def project(body: Body, grid: FloatArray, build: Build, rays: Rays) -> FloatArray:
    """Return the line integral of attenuation along each ray, (N,), dimensionless.

    grid: (z, y, x), 1/cm. rays: in centimetres; the origin is the centre of the body.
    """
    reach = np.abs(rays.directions.mean(0)) @ np.array(body.half[::-1]) / 10 + REACH_MARGIN
    depth = np.arange(-reach, reach, STEP, dtype=np.float32)[:, None]
    path = np.empty(len(rays), np.float32)
    for start in range(0, len(rays), RAYS_PER_BLOCK):
        block = slice(start, start + RAYS_PER_BLOCK)
        x, y, z = (
            rays.points[block, axis] + depth * rays.directions[block, axis] for axis in range(3)
        )
        voxels = _voxels_at(body, build, x, y, z)
        values = ndimage.map_coordinates(grid, voxels, order=1, mode="nearest")
        path[block] = values.sum(0) * STEP
    return path


def _voxels_at(body: Body, build: Build, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Return (3, ...) voxel indices z, y, x of points to the left, front and head, cm."""
    mm = np.float32(10)
    height = z * mm / build.size[0]
    level = np.clip(height / body.half[0], -1.5, 1.5)  # -1 at the lungs' base, 1 at their apex
    girth = 1 + build.belly * np.maximum(-level, 0)
    front = y * mm / build.size[1] / girth + build.bend * (1 - level * level)
    left = x * mm / build.size[2] / np.sqrt(girth)
    return np.stack([
        body.center[0] - height / body.spacing[0],
        body.center[1] - front / body.spacing[1],
        body.center[2] + left / body.spacing[2],
    ])  # fmt: skip
