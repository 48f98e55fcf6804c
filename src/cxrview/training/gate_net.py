"""Films -> the gate: upright chest films against made-up pictures of other things."""

from collections.abc import Mapping
from dataclasses import replace

from cxrview.training.films import NO_FILMS, Films, Grey, prepared
from cxrview.training.groups import Group, Lesson, lesson_of
from cxrview.training.loop import QUIETLY, Manner, Taught, teach
from cxrview.training.negatives.draw import NOTHING_DRAWN, negatives
from cxrview.training.net import Net
from cxrview.training.recipe import GateRecipe


def _lesson(
    films: Films, phantoms: Films, recipe: GateRecipe, seed: int, drawn: Mapping[int, Grey]
) -> Lesson:
    """Scrambles are made of these films and no others."""
    real, made = (prepared(part.greys, recipe.preparation) for part in (films, phantoms))
    others = list(negatives(recipe.negatives, seed, films.greys or phantoms.greys, drawn))
    frontals, laterals = 1 - recipe.laterals, recipe.laterals
    return lesson_of(
        Group(real[~films.lateral], True, frontals * (1 - recipe.phantom_frontals)),
        Group(made[~phantoms.lateral], True, frontals * recipe.phantom_frontals),
        Group(real[films.lateral], True, laterals * (1 - recipe.phantom_laterals)),
        Group(made[phantoms.lateral], True, laterals * recipe.phantom_laterals),
        Group(prepared(others, recipe.preparation), False, 1),
    )


def start_gate(
    phantoms: Films, recipe: GateRecipe | None, seed: int, manner: Manner = QUIETLY
) -> Net | None:
    """A gate that knows phantoms only, where a gate begins. None for a recipe without any."""
    if recipe is None or not recipe.start_steps or not len(phantoms):
        return None
    alone = replace(recipe, phantom_frontals=1.0, phantom_laterals=1.0)
    lesson = _lesson(NO_FILMS, phantoms, alone, seed, NOTHING_DRAWN)
    schedule = replace(recipe.main, steps=recipe.start_steps, passes=0)
    return teach(lesson, schedule, seed, manner=manner).net


def fit_gate(
    films: Films,
    phantoms: Films,
    recipe: GateRecipe,
    seed: int,
    manner: Manner = QUIETLY,
    start: Net | None = None,
    drawn: Mapping[int, Grey] = NOTHING_DRAWN,
) -> Taught:
    """Train on films that hang upright, on from `start`; `drawn`: negatives that are there."""
    has_phantoms = recipe.phantom_frontals > 0 or recipe.phantom_laterals > 0
    made = phantoms if has_phantoms else NO_FILMS
    return teach(_lesson(films, made, recipe, seed, drawn), recipe.main, seed, start, manner=manner)
