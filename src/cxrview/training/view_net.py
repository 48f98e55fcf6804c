"""Films and phantoms -> the view net: upright frontals against laterals that lie anyhow.

The gate turns each film upright before the view net sees it. It never errs on frontals but does on
some laterals, which look alike from all sides to it; so laterals are taught in all four turns.
"""

import numpy as np
import numpy.typing as npt

from cxrview.training.films import Films, prepared
from cxrview.training.loop import Classes, Pictures, Report, Weights, fit
from cxrview.training.net import Net
from cxrview.training.recipe import ViewRecipe


def start_view(phantoms: Films, recipe: ViewRecipe, seed: int, report: Report | None = None) -> Net:
    """A net that knows phantoms only: where every view net begins."""
    pictures = prepared(phantoms.greys, recipe.preparation)
    return fit(pictures, phantoms.lateral, recipe.start, seed, report=report)


def _turned(pictures: Pictures) -> Pictures:
    """(n, 64, 64) -> (4 n, 64, 64), all quarter turns."""
    return np.concatenate([np.rot90(pictures, quarter, (1, 2)) for quarter in range(4)])


def _weights(sizes: list[tuple[int, float]]) -> Weights:
    """Groups of (count, share of what is drawn) -> one weight a picture."""
    parts = [np.full(count, share / count) for count, share in sizes if count]
    return np.concatenate(parts).astype(np.float32)


def _lesson(films: Films, phantoms: Films, recipe: ViewRecipe) -> tuple[Pictures, Classes, Weights]:
    """What is taught: (n, 64, 64), lateral or not, how often each is drawn."""
    real, made = (prepared(part.greys, recipe.preparation) for part in (films, phantoms))
    frontals = (real[~films.lateral], made[~phantoms.lateral])
    laterals = (_turned(real[films.lateral]), _turned(made[phantoms.lateral]))
    groups = [*frontals, *laterals]
    made_frontals = recipe.phantom_frontals if len(frontals[0]) else 1.0
    made_laterals = recipe.phantom_laterals if len(laterals[0]) else 1.0
    shares = [1 - made_frontals, made_frontals, 1 - made_laterals, made_laterals]
    weights = _weights([(len(group), share) for group, share in zip(groups, shares, strict=True)])
    classes: npt.NDArray[np.bool_] = np.repeat([False, False, True, True], [len(g) for g in groups])
    return np.concatenate(groups), classes, weights


def fit_view(
    films: Films,
    phantoms: Films,
    start: Net,
    recipe: ViewRecipe,
    seed: int,
    report: Report | None = None,
) -> Net:
    """Train on from `start`. Where there is no real film of a view, phantoms stand for it."""
    pictures, classes, weights = _lesson(films, phantoms, recipe)
    return fit(pictures, classes, recipe.main, seed, weights=weights, start=start, report=report)
