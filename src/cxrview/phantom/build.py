"""Who stands before the tube: size, sex, fat and posture, drawn at random."""

from dataclasses import dataclass

import numpy as np

from cxrview.phantom.random_draws import Span, between, happens

CHILDREN_FRONTAL = 0.30  # children are filmed from the front far more often than from the side;
CHILDREN_LATERAL = 0.08  # without them nets call narrow chests with dark margins lateral
WOMEN = 0.5  # of the adults
ADULT_SIZE: Span = (0.88, 1.1)  # body height over that of the model
CHILD_SIZE: Span = (0.4, 0.65)  # of the adult drawn: newborn to school age
CHILD_NARROWING: Span = (0.85, 1.0)  # of the chest's width
FAT_SKEW = 1.5  # exponent: more thin people than fat ones
CHILD_FAT = 0.5
CHILD_SHORTENING: Span = (0.78, 0.92)  # of the chest's height: short and wide at its base

HALF_WIDTH: Span = (12.2, 14.2)  # cm, of the thoracic cavity
HALF_DEPTH: Span = (8.2, 10.6)  # cm
HALF_HEIGHT: Span = (18.0, 20.5)  # cm: apices 13 .. 15.5 cm above the middle
DEEPER_LATERAL: Span = (1.0, 1.1)  # a deep breath shows in depth
WALL_WIDTH = (1.6, 2.5)  # cm of chest wall at each side: thin person, added by fat
WALL_DEPTH = (1.5, 3.0)  # cm in front and behind
INSPIRATION: Span = (-1.5, 1.5)  # cm by which the domes stand higher

ARMS_RAISED_ADULT = 0.06  # of frontals; in laterals always
ARMS_RAISED_CHILD = 0.5  # held up by a parent


@dataclass(frozen=True, slots=True)
class Build:
    """Sizes in adult centimetres; `scale` brings them to this person's."""

    lateral: bool  # how the person stands, arms and all
    child: bool
    female: bool
    scale: float
    fat: float  # 0 thin .. 1 obese
    half_width: float
    half_depth: float
    half_height: float
    inspiration: float
    arms_raised: bool

    @property
    def wall_width(self) -> float:
        """Half width of the body at the chest."""
        return self.half_width + WALL_WIDTH[0] + WALL_WIDTH[1] * self.fat

    @property
    def wall_depth(self) -> float:
        """Half depth of the body at the chest."""
        return self.half_depth + WALL_DEPTH[0] + WALL_DEPTH[1] * self.fat


def draw_build(rng: np.random.Generator, lateral: bool) -> Build:
    """A random person, posed for a lateral or a frontal film."""
    child = happens(rng, CHILDREN_LATERAL if lateral else CHILDREN_FRONTAL)
    raised = happens(rng, ARMS_RAISED_CHILD if child else ARMS_RAISED_ADULT)
    deeper = between(rng, DEEPER_LATERAL)
    narrowing = between(rng, CHILD_NARROWING)
    shortening = between(rng, CHILD_SHORTENING)
    size = between(rng, CHILD_SIZE)
    return Build(
        lateral=lateral,
        child=child,
        female=happens(rng, WOMEN) and not child,
        scale=between(rng, ADULT_SIZE) * (size if child else 1),
        fat=float(rng.random() ** FAT_SKEW) * (CHILD_FAT if child else 1),
        half_width=between(rng, HALF_WIDTH) * (narrowing if child else 1),
        half_depth=between(rng, HALF_DEPTH) * (deeper if lateral else 1),
        half_height=between(rng, HALF_HEIGHT) * (shortening if child else 1),
        inspiration=between(rng, INSPIRATION),
        arms_raised=lateral or raised,
    )
