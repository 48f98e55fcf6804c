"""A chest CT and random numbers -> radiographs: frontal, lateral and oblique, labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cxrview.phantom.body import Arms, draw_arms, draw_habitus
from cxrview.phantom.ct_body import Body, load_body
from cxrview.phantom.ct_volume import MAX_HU, MIN_HU
from cxrview.phantom.draw import SOFT_TISSUE_ATTENUATION, expose
from cxrview.phantom.encodings import quantize
from cxrview.phantom.projection import Beam, Projection, draw_beam, image_size, rays_of
from cxrview.phantom.random_draws import (
    Floats,
    Span,
    draw_side,
    happens,
    rotation_matrix,
    uniform,
)
from cxrview.phantom.rays import (
    Rays,
    Solids,
    cut_below,
    intersect,
    merge_solids,
    rays_through,
    union_length,
)
from cxrview.views import View

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
SIZE_SD = (0.06, 0.08, 0.06)  # deviation of the logarithm of height, depth and width
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
    z, y, x = np.exp(rng.normal(0, SIZE_SD)).tolist()
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


def attenuation_table(build: Build) -> Floats:
    """(3001,) float32: attenuation in 1/cm of -1000 .. 2000 HU."""
    hu = np.arange(MIN_HU, MAX_HU + 1)
    bone = np.maximum(hu - BONE_START, 0)
    share = (1 + (hu - bone) / 1000) * np.where(hu < LUNG_LIMIT, build.lung, 1)
    return (build.tissue * (share + build.bone * bone / 1000)).astype(np.float32)


def attenuation_of(body: Body, build: Build) -> Floats:
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


def _breast_depth(body: Body, build: Build) -> Floats:
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


def project(body: Body, grid: Floats, build: Build, rays: Rays) -> Floats:
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


def _voxels_at(body: Body, build: Build, x: Floats, y: Floats, z: Floats) -> Floats:
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


# Phantoms and their fields are described in the frame of an average chest, whose extent is this
LUNG_MIDDLE, LUNG_HALF_HEIGHT = -1.5, 15.5  # cm
HALF_DEPTH, HALF_WIDTH = 13.0, 17.5  # cm, with the chest wall
HANGING_ARMS_SHARE = 0.7  # of frontals; the others have them raised, as in the CT
OBLIQUE_ANGLE: Span = (30.0, 60.0)  # degrees from the frontal projection, to either side


@dataclass(frozen=True, slots=True)
class Pose:
    """A projection, and the degrees by which the patient is turned away from it for an oblique."""

    projection: Projection
    oblique: float = 0.0

    @property
    def view(self) -> View | None:
        """Frontal or lateral, None for an oblique."""
        return None if self.oblique else self.projection.view


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Attenuation of one patient in one pose: (h, w) float32, dimensionless."""

    path: Floats
    pose: Pose
    aspect_ratio: float


def project_pose(rng: np.random.Generator, body: Body, pose: Pose, side: int) -> Projected:
    """Return the projection of a random build; its long side is `side` pixels."""
    lateral = pose.view is View.LATERAL
    habitus = replace(draw_habitus(rng, lateral), child=False, scale=1.0)
    if pose.view is View.FRONTAL:
        habitus = replace(habitus, arms_raised=not happens(rng, HANGING_ARMS_SHARE))
    build = draw_build(rng)
    beam = _fitted_beam(draw_beam(rng, pose.projection, habitus), body, pose)
    height, width = image_size(beam.aspect_ratio, side)
    rays = rays_of(beam, height, width)
    path = project(body, attenuation_of(body, build), build, rays)
    arms = _arms_path(draw_arms(rng, habitus), body, rays, build.tissue, habitus.arms_raised)
    both = path + arms if habitus.arms_raised else np.maximum(path, arms)
    return Projected(both.reshape(height, width), pose, beam.aspect_ratio)


def _frame_factors(body: Body) -> Floats:
    """(3,): size of this chest over that of an average one: width, depth, height."""
    average = (HALF_WIDTH, HALF_DEPTH, LUNG_HALF_HEIGHT)
    return np.array([one / 10 / other for one, other in zip(body.half[::-1], average, strict=True)])


def _fitted_beam(beam: Beam, body: Body, pose: Pose) -> Beam:
    """Turn the beam to the pose, and fit its field to this chest."""
    width, depth, height = _frame_factors(body)
    across = depth if pose.view is View.LATERAL else width
    turn = rotation_matrix(0, 0, pose.oblique)
    return Beam(
        source=turn @ beam.source,
        row_direction=turn @ beam.row_direction,
        up_direction=turn @ beam.up_direction,
        left=beam.left * across,
        right=beam.right * across,
        bottom=(beam.bottom - LUNG_MIDDLE) * height,
        top=(beam.top - LUNG_MIDDLE) * height,
    )


def _arms_path(arms: Arms, body: Body, rays: Rays, tissue: float, raised: bool) -> Floats:
    """(N,): attenuation of a phantom's arms. Raised arms continue those above the first slice."""
    factors = _frame_factors(body)
    directions = rays.directions / factors
    lengths = np.linalg.norm(directions, axis=1)
    points = rays.points / factors + np.array([0, 0, LUNG_MIDDLE])
    scaled = rays_through(points, directions / lengths[:, None])
    first = (body.center[0] - body.ends[0]) * body.spacing[0] / 10 / factors[2] + LUNG_MIDDLE

    def shown(solids: Solids) -> Solids:
        return cut_below(solids, first) if raised else solids

    path = tissue * union_length(intersect(scaled, shown(merge_solids(arms.soft_tissue))))
    for solids, density in arms.bones:
        path += density * intersect(scaled, shown(solids)).lengths().sum(axis=1)
    return np.asarray(path / lengths)


COARSE_SIGMA = 0.09  # of the long side: what is smoother is large-scale contrast
COARSE_FACTOR: Span = (0.5, 1.05)  # of it remains: a digital system compresses its range
DETAIL_FACTOR: Span = (0.9, 2.2)  # times the rest


def compress_range(rng: np.random.Generator, path: Floats) -> Floats:
    """Weaken large-scale contrast and enhance details, as digital systems do with the logarithm."""
    coarse = ndimage.gaussian_filter(path, COARSE_SIGMA * max(path.shape))
    factor = uniform(rng, COARSE_FACTOR)
    detail = uniform(rng, DETAIL_FACTOR) * (path - coarse)
    return np.asarray(np.maximum(factor * coarse + detail, 0))


EXPOSURES_PER_POSE = 2  # radiographs with different exposure and processing of one projection
POSES = (
    *[Projection.PA] * 3, *[Projection.AP] * 3, *[Projection.LL] * 6, *[Projection.RL] * 5,
    *[None] * 3,
)  # fmt: skip  # shuffled anew for each 20 poses; None is an oblique
POSE_KEY, EXPOSURE_KEY = 2, 3  # separate these random numbers from those of the phantoms
MIRRORED_LATERAL_SHARE = 0.5  # face left


@dataclass(frozen=True, slots=True, eq=False)
class CtRadiograph:
    """A radiograph computed from a CT.

    pixels: (h, w) uint8, bone bright. view: None for an oblique. volume: the path of the CT.
    """

    pixels: npt.NDArray[np.uint8]
    view: View | None
    volume: str


def draw_ct(paths: Sequence[str], number: int, seed: int, side: int) -> CtRadiograph:
    """Return radiograph `number` of a seed, long side `side`; it depends on the arguments alone.

    30 % are frontal, 55 % lateral, 15 % oblique; the CTs take turns. Raises what load_body raises.
    """
    pose_number = number // EXPOSURES_PER_POSE
    volume = paths[pose_number % len(paths)]
    projected = _project_number(volume, pose_number, seed, side)
    rng = numbered_rng(seed, number, EXPOSURE_KEY)
    path, lateral = projected.path, projected.pose.view is View.LATERAL
    if lateral and happens(rng, MIRRORED_LATERAL_SHARE):
        path = path[:, ::-1]
    pixels, inverted = expose(rng, compress_range(rng, path), lateral, *path.shape)
    grey = quantize(1 - pixels if inverted else pixels, 8).astype(np.uint8)
    return CtRadiograph(grey, projected.pose.view, volume)


@lru_cache(maxsize=2)
def _project_number(volume: str, number: int, seed: int, side: int) -> Projected:
    rng = numbered_rng(seed, number, POSE_KEY)
    return project_pose(rng, load_body(volume), _pose_of(rng, number, seed), side)


def _pose_of(rng: np.random.Generator, number: int, seed: int) -> Pose:
    block, place = divmod(number, len(POSES))
    projection = POSES[numbered_rng(seed, block, len(POSES)).permutation(len(POSES))[place]]
    if projection is not None:
        return Pose(projection)
    return draw_oblique(rng)


def draw_oblique(rng: np.random.Generator) -> Pose:
    """Return a PA or AP pose turned by 30 to 60 degrees to one side."""
    projection = Projection.PA if happens(rng, 0.5) else Projection.AP
    return Pose(projection, draw_side(rng) * uniform(rng, OBLIQUE_ANGLE))


def numbered_rng(seed: int, number: int, key: int) -> np.random.Generator:
    """Return random numbers that depend on a seed, the number of an image and a purpose alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, key)))
