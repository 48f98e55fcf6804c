"""Films and phantoms -> the view net: upright frontals against laterals that lie anyhow.

The gate turns each film upright before the view net sees it. It never errs on frontals but does on
some laterals, which look alike from all sides to it; so laterals are taught in all four turns.
"""

from cxrview.training.films import Films, prepared
from cxrview.training.groups import Group, lesson_of, turned
from cxrview.training.loop import Report, fit
from cxrview.training.net import Net
from cxrview.training.recipe import ViewRecipe


def start_view(phantoms: Films, recipe: ViewRecipe, seed: int, report: Report | None = None) -> Net:
    """A net that knows phantoms only: where every view net begins."""
    made = prepared(phantoms.greys, recipe.preparation)
    lesson = lesson_of(
        Group(made[~phantoms.lateral], False, 1), Group(made[phantoms.lateral], True, 1)
    )
    return fit(lesson, recipe.start, seed, report=report)


def fit_view(
    films: Films,
    phantoms: Films,
    start: Net,
    recipe: ViewRecipe,
    seed: int,
    report: Report | None = None,
) -> Net:
    """Train on from `start`, real films and phantoms in the recipe's shares."""
    real, made = (prepared(part.greys, recipe.preparation) for part in (films, phantoms))
    lesson = lesson_of(
        Group(real[~films.lateral], False, 1 - recipe.phantom_frontals),
        Group(made[~phantoms.lateral], False, recipe.phantom_frontals),
        Group(turned(real[films.lateral]), True, 1 - recipe.phantom_laterals),
        Group(turned(made[phantoms.lateral]), True, recipe.phantom_laterals),
    )
    return fit(lesson, recipe.main, seed, start=start, report=report)
