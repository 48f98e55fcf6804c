"""Films -> the gate: upright chest films against made-up pictures of other things."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from cxrview.model.layers import SIDE
from cxrview.training.films import NO_FILMS, Films, Grey, prepared
from cxrview.training.groups import Group, Lesson, Pictures, lesson_of
from cxrview.training.loop import QUIETLY, Manner, Taught, teach
from cxrview.training.negatives.draw import negative
from cxrview.training.net import Net
from cxrview.training.recipe import GateRecipe

Drawn = Mapping[int, Grey]  # prepared negatives, (64, 64), by number
NOTHING_DRAWN: Drawn = MappingProxyType({})


def negative_picture(number: int, seed: int, preparation: str, films: Sequence[Grey] = ()) -> Grey:
    """Negative `number` of a seed, (64, 64) uint8, as a net is shown it."""
    picture: Grey = prepared([negative(number, seed, films)], preparation)[0]
    return picture


def _negatives(greys: list[Grey], recipe: GateRecipe, seed: int, drawn: Drawn) -> Pictures:
    def picture(number: int) -> Grey:
        done = drawn.get(number)
        return negative_picture(number, seed, recipe.preparation, greys) if done is None else done

    pictures = [picture(number) for number in range(recipe.negatives)]
    return np.array(pictures, np.uint8).reshape(-1, SIDE, SIDE)  # there may be none


def _lesson(films: Films, phantoms: Films, recipe: GateRecipe, seed: int, drawn: Drawn) -> Lesson:
    """Scrambles are made of these films and no others."""
    real, made = (part.pictures(recipe.preparation) for part in (films, phantoms))
    others = _negatives(films.greys or phantoms.greys, recipe, seed, drawn)
    frontals, laterals = 1 - recipe.laterals, recipe.laterals
    return lesson_of(
        Group(real[~films.lateral], True, frontals * (1 - recipe.phantom_frontals)),
        Group(made[~phantoms.lateral], True, frontals * recipe.phantom_frontals),
        Group(real[films.lateral], True, laterals * (1 - recipe.phantom_laterals)),
        Group(made[phantoms.lateral], True, laterals * recipe.phantom_laterals),
        Group(others, False, 1),
    )


def start_gate(
    phantoms: Films,
    recipe: GateRecipe | None,
    seed: int,
    manner: Manner = QUIETLY,
    drawn: Drawn = NOTHING_DRAWN,
) -> Net | None:
    """A gate that knows phantoms only, where a gate begins. None for a recipe without any."""
    if recipe is None or not recipe.start_steps or not len(phantoms):
        return None
    alone = replace(recipe, phantom_frontals=1.0, phantom_laterals=1.0)
    lesson = _lesson(NO_FILMS, phantoms, alone, seed, drawn)
    schedule = replace(recipe.main, steps=recipe.start_steps, passes=0)
    return teach(lesson, schedule, seed, manner=manner).net


def fit_gate(
    films: Films,
    phantoms: Films,
    recipe: GateRecipe,
    seed: int,
    manner: Manner = QUIETLY,
    start: Net | None = None,
    drawn: Drawn = NOTHING_DRAWN,
) -> Taught:
    """Train on films that hang upright, on from `start`; `drawn`: negatives that are there."""
    has_phantoms = recipe.phantom_frontals > 0 or recipe.phantom_laterals > 0
    made = phantoms if has_phantoms else NO_FILMS
    return teach(_lesson(films, made, recipe, seed, drawn), recipe.main, seed, start, manner=manner)
