"""A chest CT and random numbers -> radiographs: frontal, lateral and oblique, labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cxrview.images import FloatArray
from cxrview.phantom.body import Arms, draw_arms, draw_habitus
from cxrview.phantom.ct_body import Body, load_body
from cxrview.phantom.ct_projection import attenuation_of, draw_build, project
from cxrview.phantom.draw import (
    MAX_COMPUTED_SIDE,
    MIRRORED_FRONTAL_SHARE,
    MIRRORED_LATERAL_SHARE,
    Phantom,
    draw_projection,
    expose,
)
from cxrview.phantom.encodings import quantize
from cxrview.phantom.projection import Beam, Projection, draw_beam, image_size, rays_of
from cxrview.phantom.random_draws import Span, draw_side, happens, rotation_matrix, uniform
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

# Phantoms and their fields are described in the frame of an average chest, whose extent is this
LUNG_MIDDLE, LUNG_HALF_HEIGHT = -1.5, 14.0  # cm
HALF_DEPTH, HALF_WIDTH = 13.0, 18.5  # cm, with the chest wall
HANGING_ARMS_SHARE = 0.4  # of frontals; the others have them raised, as in the CT
OBLIQUE_SHARE = 0.15  # of the images in a folder
OBLIQUE_ANGLE: Span = (30.0, 60.0)  # degrees from the frontal projection, to either side


@dataclass(frozen=True, slots=True)
class CtPose:
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

    path: FloatArray
    pose: CtPose
    aspect_ratio: float


def project_pose(rng: np.random.Generator, body: Body, pose: CtPose, side: int) -> Projected:
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


def _frame_factors(body: Body) -> FloatArray:
    """(3,): size of this chest over that of an average one: width, depth, height."""
    average = (HALF_WIDTH, HALF_DEPTH, LUNG_HALF_HEIGHT)
    return np.array([one / 10 / other for one, other in zip(body.half[::-1], average, strict=True)])


def _fitted_beam(beam: Beam, body: Body, pose: CtPose) -> Beam:
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


def _arms_path(arms: Arms, body: Body, rays: Rays, tissue: float, raised: bool) -> FloatArray:
    """(N,): attenuation of a phantom's arms. Raised arms continue those above the first slice."""
    factors = _frame_factors(body)
    directions = rays.directions / factors
    lengths = np.linalg.norm(directions, axis=1)
    points = rays.points / factors + np.array([0, 0, LUNG_MIDDLE])
    scaled = rays_through(points, directions / lengths[:, None])
    first = (body.center[0] - body.ends[0]) * body.spacing[0] / 10 / factors[2] + LUNG_MIDDLE

    def visible(solids: Solids) -> Solids:
        return cut_below(solids, first) if raised else solids

    path = tissue * union_length(intersect(scaled, visible(merge_solids(arms.soft_tissue))))
    for solids, density in arms.bones:
        path += density * intersect(scaled, visible(solids)).lengths().sum(axis=1)
    return np.asarray(path / lengths)


COARSE_SIGMA = 0.09  # of the long side: what is smoother is large-scale contrast
COARSE_FACTOR: Span = (0.35, 0.95)  # of it remains: a digital system compresses its range
DETAIL_FACTOR: Span = (0.9, 2.0)  # times the rest


def compress_range(rng: np.random.Generator, path: FloatArray) -> FloatArray:
    """Weaken large-scale contrast and enhance details, as digital systems do with the logarithm."""
    coarse = ndimage.gaussian_filter(path, COARSE_SIGMA * max(path.shape))
    factor = uniform(rng, COARSE_FACTOR)
    detail = uniform(rng, DETAIL_FACTOR) * (path - coarse)
    return np.asarray(np.maximum(factor * coarse + detail, 0))


def expose_projected(rng: np.random.Generator, projected: Projected, side: int) -> Phantom:
    """Return a radiograph of the projection with random processing; its long side is `side`."""
    lateral = projected.pose.view is View.LATERAL
    path = compress_range(rng, projected.path)
    mirrored = happens(rng, MIRRORED_LATERAL_SHARE if lateral else MIRRORED_FRONTAL_SHARE)
    if mirrored:
        path = path[:, ::-1]
    size = image_size(projected.aspect_ratio, side)
    pixels, inverted = expose(rng, path, lateral, *size)
    return Phantom(pixels, projected.pose.projection, projected.pose.view, mirrored, inverted)


EXPOSURES_PER_POSE = 2  # radiographs with different exposure and processing of one projection
INTERLEAVED = 2  # poses: two workers that take turns then each use their projections again
POSES = (
    *[Projection.PA] * 3, *[Projection.AP] * 3, *[Projection.LL] * 6, *[Projection.RL] * 5,
    *[None] * 3,
)  # fmt: skip  # shuffled anew for each 20 poses; None is an oblique
# These separate the random numbers from each other and from those of the phantoms
POSE_KEY, EXPOSURE_KEY, ORDER_KEY, FOLDER_KEY = 2, 3, 4, 5


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

    30 % are frontal, 55 % lateral, 15 % oblique; the CTs take turns, and images n and n + 2 share a
    projection. Raises what load_body raises.
    """
    block = number // (EXPOSURES_PER_POSE * INTERLEAVED)
    pose_number = block * INTERLEAVED + number % INTERLEAVED
    path = paths[pose_number % len(paths)]
    projected = _project_number(path, pose_number, seed, side)
    image = expose_projected(numbered_rng(seed, number, EXPOSURE_KEY), projected, side)
    grey = quantize(1 - image.pixels if image.inverted else image.pixels, 8).astype(np.uint8)
    return CtRadiograph(grey, image.view, path)


@lru_cache(maxsize=2 * INTERLEAVED)
def _project_number(path: str, number: int, seed: int, side: int) -> Projected:
    rng = numbered_rng(seed, number, POSE_KEY)
    block, place = divmod(number, len(POSES))
    order = numbered_rng(seed, block, ORDER_KEY).permutation(len(POSES))
    projection = POSES[order[place]]
    pose = CtPose(projection) if projection else draw_oblique(rng)
    return project_pose(rng, load_body(path), pose, side)


def draw_from_ct(
    paths: Sequence[str], number: int, seed: int, side: int, lateral_share: float
) -> Phantom:
    """Return image `number` of a folder, labelled as a phantom is; the CTs take turns.

    15 % of the images are obliques, unless all are to be lateral or frontal.
    """
    rng = numbered_rng(seed, number, FOLDER_KEY)
    body = load_body(paths[number % len(paths)])
    if 0 < lateral_share < 1 and happens(rng, OBLIQUE_SHARE):
        pose = draw_oblique(rng)
    else:
        pose = CtPose(draw_projection(rng, lateral_share))
    projected = project_pose(rng, body, pose, min(side, MAX_COMPUTED_SIDE))
    return replace(expose_projected(rng, projected, side), volume=body.digest)


def draw_oblique(rng: np.random.Generator) -> CtPose:
    """Return a PA or AP pose turned by 30 to 60 degrees to one side."""
    return CtPose(draw_projection(rng, 0.0), draw_side(rng) * uniform(rng, OBLIQUE_ANGLE))


def numbered_rng(seed: int, number: int, key: int) -> np.random.Generator:
    """Return random numbers that depend on a seed, the number of an image and a purpose alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, key)))
