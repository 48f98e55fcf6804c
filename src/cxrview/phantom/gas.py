"""Gas outside the lungs: trachea, main bronchi, the stomach's bubble, bowel."""

import numpy as np

from cxrview.phantom.build import Build
from cxrview.phantom.random_draws import Span, between, happens
from cxrview.phantom.solids import Solids, ellipsoids, join, tube

TRACHEA_RADIUS: Span = (0.75, 1.05)  # cm
LARYNX, CARINA = (0.0, 0.5, 22.0), (-0.3, -2.2, 2.6)  # cm
LEFT_BRONCHUS, RIGHT_BRONCHUS = (3.6, -2.8, -0.6), (-3.4, -2.6, 0.0)
BRONCHUS_RADIUS = 0.62  # cm
STOMACH = 0.75  # of people show its bubble
STOMACH_TOP = -13.8  # cm, before inspiration: under the left dome
BOWEL_LOOPS = (0, 5)


def draw_airways(rng: np.random.Generator) -> Solids:
    """Trachea and two main bronchi."""
    return join([
        tube(LARYNX, CARINA, between(rng, TRACHEA_RADIUS)),
        tube(CARINA, LEFT_BRONCHUS, BRONCHUS_RADIUS),
        tube(CARINA, RIGHT_BRONCHUS, BRONCHUS_RADIUS),
    ])  # fmt: skip


def draw_belly_gas(rng: np.random.Generator, build: Build) -> Solids | None:
    """The stomach's bubble and loops of bowel; None where there is neither."""
    rows = []
    if happens(rng, STOMACH):
        height = STOMACH_TOP + build.inspiration + rng.uniform(-2, 0.3)
        rows.append((
            (rng.uniform(4, 8.5), rng.uniform(-2, 4), height),
            (rng.uniform(1.5, 4.2), rng.uniform(1.5, 3), rng.uniform(0.8, 2.4)),
        ))  # fmt: skip
    rows += [_loop(rng) for _ in range(rng.integers(*BOWEL_LOOPS))]
    return ellipsoids(rows) if rows else None


def _loop(
    rng: np.random.Generator,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    middle = (rng.uniform(-9, 10), rng.uniform(0, 6), rng.uniform(-26, -17))
    return middle, (rng.uniform(1, 3), rng.uniform(1, 3), rng.uniform(0.8, 1.8))
