"""Films -> the gate: upright chest films against made-up pictures of other things."""

import numpy as np

from cxrview.training.films import Films, prepared
from cxrview.training.loop import Report, fit
from cxrview.training.negatives.draw import negatives
from cxrview.training.net import Net
from cxrview.training.recipe import GateRecipe


def fit_gate(films: Films, recipe: GateRecipe, seed: int, report: Report | None = None) -> Net:
    """Train on films that hang upright; scrambles are made of these films and no others."""
    made = list(negatives(recipe.negatives, seed, films.greys))
    real, others = (prepared(greys, recipe.preparation) for greys in (films.greys, made))
    weights = np.ones(len(films) + len(made), np.float32)
    weights[np.flatnonzero(films.lateral)] = recipe.lateral_weight
    classes = np.arange(len(weights)) < len(films)
    return fit(
        np.concatenate([real, others]), classes, recipe.main, seed, weights=weights, report=report
    )
