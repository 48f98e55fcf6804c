"""A seed -> random patients and their radiographs, labelled."""

from dataclasses import dataclass

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.body import Habitus, draw_arms, draw_habitus, draw_torso
from cxrview.phantom.image_formation import develop
from cxrview.phantom.lungs import Lungs, draw_airways, draw_belly_gas, draw_lungs
from cxrview.phantom.overlays import burn_in, draw_devices
from cxrview.phantom.projection import LATERALS, Projection, draw_beam, image_size, rays_of
from cxrview.phantom.random_draws import Span, happens, uniform
from cxrview.phantom.rays import Rays, Solids, intersect, merge_solids, union_length
from cxrview.phantom.skeleton import (
    Bones,
    Ribs,
    Spine,
    bones_of,
    draw_girdle,
    draw_ribs,
    draw_spine,
    ribs_path,
    spine_path,
)
from cxrview.views import View

SOFT_TISSUE_ATTENUATION: Span = (
    0.17,
    0.21,
)  # 1/cm, water at the tube voltages of chest radiographs
LUNG_AIR_SHARE: Span = (0.72, 0.86)  # of that is missing in lung, which contains blood and septa
VESSEL_SHARE = 0.6  # of the missing attenuation returns in a vessel (a bundle of real ones)
MAX_VESSEL_DEPTH = 2.5  # cm of vessel on one ray at most: near the hilum they overlap
GAS_SHARE = 0.9  # of soft tissue is missing in gas
MAX_BELLY_GAS_DEPTH = 6.0  # cm at most
BONE_FACTOR: Span = (0.75, 1.15)  # times the densities: age, osteoporosis
CHILD_BONE_FACTOR = 1.2  # times that: thin ribs, but little soft tissue and a lower voltage
RAYS_PER_BLOCK = 2048  # rays at a time: the arrays for about 30 solids then fit the cache


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """Everything in a patient that attenuates, in adult centimetres."""

    habitus: Habitus
    tissue: float  # 1/cm
    air: float  # 1/cm that lung lacks
    soft_tissue: Solids
    lungs: Lungs
    airways: Solids
    belly_gas: Solids | None
    bones: Bones
    spine: Spine
    ribs: Ribs
    bone: float


def draw_thorax(rng: np.random.Generator, lateral: bool, recumbent: bool) -> Thorax:
    """Return a random patient, posed for a lateral or a frontal radiograph."""
    habitus = draw_habitus(rng, lateral)
    tissue = uniform(rng, SOFT_TISSUE_ATTENUATION)
    arms = draw_arms(rng, habitus)
    return Thorax(
        habitus=habitus,
        tissue=tissue,
        air=tissue * uniform(rng, LUNG_AIR_SHARE),
        soft_tissue=merge_solids([draw_torso(rng, habitus), *arms.soft_tissue]),
        lungs=draw_lungs(rng, habitus, recumbent),
        airways=draw_airways(rng),
        belly_gas=draw_belly_gas(rng, habitus),
        bones=bones_of(draw_girdle(rng, habitus) + arms.bones),
        spine=draw_spine(rng, habitus),
        ribs=draw_ribs(rng, habitus),
        bone=uniform(rng, BONE_FACTOR) * (CHILD_BONE_FACTOR if habitus.child else 1),
    )


def attenuation(thorax: Thorax, rays: Rays) -> FloatArray:
    """Return the line integral of attenuation along each ray, (N,), dimensionless, at least 0."""
    return np.concatenate(
        [_block_attenuation(thorax, block) for block in rays.blocks(RAYS_PER_BLOCK)]
    )


def _block_attenuation(thorax: Thorax, rays: Rays) -> FloatArray:
    path = thorax.tissue * union_length(intersect(rays, thorax.soft_tissue))
    path -= thorax.air * _air_depth(thorax.lungs, rays)
    path -= GAS_SHARE * thorax.tissue * _gas_depth(thorax, rays)
    path += thorax.bone * _bone_path(thorax, rays)
    return np.asarray(np.maximum(path * thorax.habitus.scale, 0))


def _air_depth(lungs: Lungs, rays: Rays) -> FloatArray:
    """(N,): centimetres of air in the lungs."""
    cavity = intersect(rays, lungs.cavity)
    organs = intersect(rays, lungs.organs).clipped_to(cavity)
    air = np.maximum(cavity.lengths()[:, 0] - union_length(organs), 0)
    vessels = intersect(rays, lungs.vessels).lengths().sum(axis=1)
    blood = VESSEL_SHARE * np.minimum(vessels, MAX_VESSEL_DEPTH) * (air > 0)
    if lungs.opacities is not None:
        chords = intersect(rays, lungs.opacities).clipped_to(cavity).lengths()
        dense = (chords**2 / lungs.thickness).sum(axis=1)  # soft edges, as of an infiltrate
        blood += lungs.opacity_filling * np.minimum(dense, air)
    return np.asarray(air - blood)


def _gas_depth(thorax: Thorax, rays: Rays) -> FloatArray:
    gas = intersect(rays, thorax.airways).lengths().sum(axis=1)
    if thorax.belly_gas is not None:
        belly = intersect(rays, thorax.belly_gas).lengths().sum(axis=1)
        gas += np.minimum(belly, MAX_BELLY_GAS_DEPTH)
    return np.asarray(gas)


def _bone_path(thorax: Thorax, rays: Rays) -> FloatArray:
    solid = intersect(rays, thorax.bones.solids).lengths() @ thorax.bones.density.astype(np.float32)
    return np.asarray(solid + spine_path(thorax.spine, rays) + ribs_path(thorax.ribs, rays))


# Pixels: larger images are computed at this size and enlarged before noise is added
MAX_COMPUTED_SIDE = 256
LEFT_LATERAL_SHARE = 0.8  # of laterals: the heart lies nearer to the detector
PA_SHARE = 0.5  # of frontals
MIRRORED_LATERAL_SHARE = 0.5  # of laterals are displayed facing left
MIRRORED_FRONTAL_SHARE = 0.03  # of frontals, as if scanned from the back


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A computed radiograph.

    pixels: (h, w) float32 in [0, 1], bone bright unless `inverted`.
    """

    pixels: FloatArray
    projection: Projection
    view: View | None  # None for an oblique
    mirrored: bool  # a frontal with the patient's left at the left; a lateral facing left
    inverted: bool  # wrong polarity: the pixels are bone dark
    child: bool = False
    female: bool = False
    volume: str = ""  # digest of the CT that it was computed from; "" for a synthetic patient


def draw(rng: np.random.Generator, projection: Projection, side: int = 128) -> Phantom:
    """Return a random patient in one projection; the long side of the image is `side` pixels."""
    lateral = projection in LATERALS
    thorax = draw_thorax(rng, lateral, recumbent=projection is Projection.AP)
    habitus = thorax.habitus
    beam = draw_beam(rng, projection, habitus)
    height, width = image_size(beam.aspect_ratio, min(side, MAX_COMPUTED_SIDE))
    path = attenuation(thorax, rays_of(beam, height, width)).reshape(height, width)
    mirrored = happens(rng, MIRRORED_LATERAL_SHARE if lateral else MIRRORED_FRONTAL_SHARE)
    if mirrored:
        path = path[:, ::-1]
    pixels, inverted = expose(rng, path, lateral, *image_size(beam.aspect_ratio, side))
    return Phantom(
        pixels, projection, projection.view, mirrored, inverted, habitus.child, habitus.female
    )


def expose(
    rng: np.random.Generator, path: FloatArray, lateral: bool, height: int, width: int
) -> tuple[FloatArray, bool]:
    """Return the (height, width) radiograph in [0, 1] of attenuation (h, w), and if it is inverted.

    Adds devices and letters at random. An inverted radiograph is bone dark.
    """
    devices = draw_devices(rng, *path.shape)
    exposed = path if devices is None else path + devices
    image, inverted = develop(rng, exposed, lateral, height, width)
    return burn_in(rng, image).astype(np.float32), inverted


def draw_one(seed: int, number: int, side: int = 128, lateral_share: float = 0.5) -> Phantom:
    """Return phantom `number` of a seed; it depends on nothing else."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    return draw(rng, draw_projection(rng, lateral_share), side)


def draw_projection(rng: np.random.Generator, lateral_share: float) -> Projection:
    """Return a random projection, lateral with probability `lateral_share`."""
    if happens(rng, lateral_share):
        return Projection.LL if happens(rng, LEFT_LATERAL_SHARE) else Projection.RL
    return Projection.PA if happens(rng, PA_SHARE) else Projection.AP
