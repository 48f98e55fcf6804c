"""A whole random person, and the attenuation that rays meet in it (Beer-Lambert's exponent)."""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.arms import draw_arms
from cxrview.phantom.bones import Bones, bones_of, draw_girdle
from cxrview.phantom.build import Build, draw_build
from cxrview.phantom.gas import draw_airways, draw_belly_gas
from cxrview.phantom.lungs import Lungs, draw_lungs
from cxrview.phantom.random_draws import Floats, Span, between
from cxrview.phantom.rays import Rays, meet, union_length
from cxrview.phantom.ribs import Ribs, draw_ribs, ribs_path
from cxrview.phantom.solids import Solids, join
from cxrview.phantom.spine import Spine, draw_spine, spine_path
from cxrview.phantom.torso import draw_torso

SOFT_TISSUE: Span = (0.17, 0.21)  # 1/cm, water at the tube voltages of chest films
AIR: Span = (0.72, 0.86)  # of that is missing where there is lung: it holds blood and septa
VESSEL = 0.6  # of the missing is back in a vessel; drawn vessels stand for bundles
VESSEL_DEPTH = 2.5  # cm of vessel that one ray can meet at most: near the hilum they overlap
GAS = 0.9  # of soft tissue is missing in a gas
BELLY_GAS_DEPTH = 6.0  # cm at most
BONE: Span = (0.75, 1.15)  # times the densities: age, osteoporosis
CHILD_BONE = 1.2  # times that: thin ribs, but hardly any flesh before them and less voltage
BLOCK = 2048  # rays at a time: their few arrays of some 30 solids then fit the cache


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """Everything that attenuates, in adult centimetres."""

    build: Build
    tissue: float  # 1/cm
    air: float  # 1/cm that lung lacks
    flesh: Solids
    lungs: Lungs
    airways: Solids
    belly_gas: Solids | None
    bones: Bones
    spine: Spine
    ribs: Ribs
    bone: float


def draw_thorax(rng: np.random.Generator, lateral: bool, recumbent: bool) -> Thorax:
    """A random person, posed for a lateral or a frontal film."""
    build = draw_build(rng, lateral)
    tissue = between(rng, SOFT_TISSUE)
    arms = draw_arms(rng, build)
    return Thorax(
        build=build,
        tissue=tissue,
        air=tissue * between(rng, AIR),
        flesh=join([draw_torso(rng, build), *arms.flesh]),
        lungs=draw_lungs(rng, build, recumbent),
        airways=draw_airways(rng),
        belly_gas=draw_belly_gas(rng, build),
        bones=bones_of(draw_girdle(rng, build) + arms.bones),
        spine=draw_spine(rng, build),
        ribs=draw_ribs(rng, build),
        bone=between(rng, BONE) * (CHILD_BONE if build.child else 1),
    )


def attenuation(thorax: Thorax, rays: Rays) -> Floats:
    """(N,): line integral of attenuation along each ray, no unit, at least 0."""
    return np.concatenate([_attenuation(thorax, block) for block in rays.blocks(BLOCK)])


def _attenuation(thorax: Thorax, rays: Rays) -> Floats:
    path = thorax.tissue * union_length(meet(rays, thorax.flesh))
    path -= thorax.air * _air(thorax.lungs, rays)
    path -= GAS * thorax.tissue * _gas(thorax, rays)
    path += thorax.bone * _bone(thorax, rays)
    return np.asarray(np.maximum(path * thorax.build.scale, 0))


def _air(lungs: Lungs, rays: Rays) -> Floats:
    """(N,): centimetres of air in the lungs."""
    cavity = meet(rays, lungs.cavity)
    organs = meet(rays, lungs.organs).within(cavity)
    air = np.maximum(cavity.lengths()[:, 0] - union_length(organs), 0)
    vessels = meet(rays, lungs.vessels).lengths().sum(axis=1)
    blood = VESSEL * np.minimum(vessels, VESSEL_DEPTH) * (air > 0)
    if lungs.opacities is not None:
        chords = meet(rays, lungs.opacities).within(cavity).lengths()
        dense = (chords**2 / lungs.thickness).sum(axis=1)  # soft edges: no ball, an infiltrate
        blood += lungs.filling * np.minimum(dense, air)
    return np.asarray(air - blood)


def _gas(thorax: Thorax, rays: Rays) -> Floats:
    gas = meet(rays, thorax.airways).lengths().sum(axis=1)
    if thorax.belly_gas is not None:
        belly = meet(rays, thorax.belly_gas).lengths().sum(axis=1)
        gas += np.minimum(belly, BELLY_GAS_DEPTH)
    return np.asarray(gas)


def _bone(thorax: Thorax, rays: Rays) -> Floats:
    solid = meet(rays, thorax.bones.solids).lengths() @ thorax.bones.density.astype(np.float32)
    return np.asarray(solid + spine_path(thorax.spine, rays) + ribs_path(thorax.ribs, rays))
