"""A generator or a seed -> labelled phantoms."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cxrview.phantom.devices import draw_devices
from cxrview.phantom.film import develop
from cxrview.phantom.letters import burn_in
from cxrview.phantom.projection import LATERALS, Projection, draw_beam, picture_size, rays_of
from cxrview.phantom.random_draws import Floats, happens
from cxrview.phantom.thorax import attenuation, draw_thorax
from cxrview.views import View

FINEST = 256  # px: bigger pictures are drawn at this size and enlarged; the grain is added then
LEFT_LATERALS = 0.8  # of laterals: the heart lies nearer to the detector
PA_SHARE = 0.5  # of frontals
MIRRORED_LATERALS = 0.5  # of laterals hang facing left
MIRRORED_FRONTALS = 0.03  # of frontals were scanned from behind


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A film of a person who never was.

    pixels: (h, w) float32 in [0, 1], bone bright unless `inverted`; the long side is as asked.
    """

    pixels: Floats
    projection: Projection
    view: View
    mirrored: bool  # patient's left at the left of a frontal; a lateral that faces left
    inverted: bool  # wrong polarity: the pixels are bone dark
    child: bool
    female: bool


def draw(rng: np.random.Generator, projection: Projection, side: int = 128) -> Phantom:
    """A random person in one projection; the long side of the film is `side` pixels."""
    lateral = projection in LATERALS
    thorax = draw_thorax(rng, lateral, recumbent=projection is Projection.AP)
    build = thorax.build
    beam = draw_beam(rng, projection, build)
    height, width = picture_size(beam.aspect, min(side, FINEST))
    path = attenuation(thorax, rays_of(beam, height, width)).reshape(height, width)
    mirrored = happens(rng, MIRRORED_LATERALS if lateral else MIRRORED_FRONTALS)
    if mirrored:
        path = path[:, ::-1]
    devices = draw_devices(rng, height, width)
    exposed = path if devices is None else path + devices
    film, inverted = develop(rng, exposed, lateral, *picture_size(beam.aspect, side))
    pixels = burn_in(rng, film).astype(np.float32)
    return Phantom(
        pixels, projection, projection.view, mirrored, inverted, build.child, build.female
    )


def draw_one(seed: int, number: int, side: int = 128, lateral_share: float = 0.5) -> Phantom:
    """Phantom `number` of a seed; the same in every slice and every process."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    if happens(rng, lateral_share):
        left = happens(rng, LEFT_LATERALS)
        return draw(rng, Projection.LL if left else Projection.RL, side)
    posterior = happens(rng, PA_SHARE)
    return draw(rng, Projection.PA if posterior else Projection.AP, side)


def draw_many(
    count: int, seed: int, side: int = 128, lateral_share: float = 0.5, first: int = 0
) -> Iterator[Phantom]:
    """Phantoms first .. first + count - 1 of a seed, one by one."""
    return (draw_one(seed, n, side, lateral_share) for n in range(first, first + count))
