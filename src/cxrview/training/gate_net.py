"""Films -> the gate: upright chest films against made-up pictures of other things."""

from cxrview.training.films import Films, prepared
from cxrview.training.groups import Group, lesson_of
from cxrview.training.loop import QUIETLY, Manner, Taught, teach
from cxrview.training.negatives.draw import negatives
from cxrview.training.recipe import GateRecipe


def fit_gate(
    films: Films, phantoms: Films, recipe: GateRecipe, seed: int, manner: Manner = QUIETLY
) -> Taught:
    """Train on films that hang upright; scrambles are made of these films and no others."""
    real, made = (prepared(part.greys, recipe.preparation) for part in (films, phantoms))
    others = prepared(list(negatives(recipe.negatives, seed, films.greys)), recipe.preparation)
    frontals, laterals = 1 - recipe.laterals, recipe.laterals
    lesson = lesson_of(
        Group(real[~films.lateral], True, frontals * (1 - recipe.phantom_frontals)),
        Group(made[~phantoms.lateral], True, frontals * recipe.phantom_frontals),
        Group(real[films.lateral], True, laterals * (1 - recipe.phantom_laterals)),
        Group(made[phantoms.lateral], True, laterals * recipe.phantom_laterals),
        Group(others, False, 1),
    )
    return teach(lesson, recipe.main, seed, manner=manner)
