"""Films and phantoms -> the view net: upright frontals against laterals that lie anyhow.

The gate turns each film upright before the view net sees it. It never errs on frontals but does on
some laterals, which look alike from all sides to it; so laterals are taught in all four turns.
"""

from cxrview.training.films import NO_FILMS, Films
from cxrview.training.groups import Group, Lesson, Pictures, lesson_of, turned
from cxrview.training.loop import QUIETLY, Manner, Taught, teach
from cxrview.training.net import Net
from cxrview.training.recipe import ViewRecipe


def start_view(
    phantoms: Films, recipe: ViewRecipe, seed: int, manner: Manner = QUIETLY
) -> Net | None:
    """A net that knows phantoms only: where a view net begins. None for a recipe without any."""
    if not recipe.phantoms:
        return None
    made = phantoms.pictures(recipe.preparation)
    lesson = lesson_of(
        Group(made[~phantoms.lateral], False, 1), Group(made[phantoms.lateral], True, 1)
    )
    return teach(lesson, recipe.start, seed, manner=manner).net


def _held(films: Films | None, recipe: ViewRecipe) -> Lesson | None:
    """Films to watch the training by, as they lie."""
    if films is None or not len(films):
        return None
    pictures = films.pictures(recipe.preparation)
    return lesson_of(
        Group(pictures[~films.lateral], False, 1), Group(pictures[films.lateral], True, 1)
    )


def fit_view(
    films: Films,
    phantoms: Films,
    start: Net | None,
    recipe: ViewRecipe,
    seed: int,
    held: Films | None = None,
    manner: Manner = QUIETLY,
    guessed: Films = NO_FILMS,
) -> Taught:
    """Train on from `start`, real films and phantoms in the recipe's shares; `held` watches.

    guessed: films that no person labelled; those that one did count for as much, however few.
    """

    def lying(pictures: Pictures) -> Pictures:
        return turned(pictures) if recipe.turns_laterals else pictures

    given = (
        (films, 1 - recipe.phantom_frontals, 1 - recipe.phantom_laterals),
        (guessed, 1 - recipe.phantom_frontals, 1 - recipe.phantom_laterals),
        (phantoms, recipe.phantom_frontals, recipe.phantom_laterals),
    )
    groups = []
    for some, frontals, laterals in given:
        if frontals <= 0 and laterals <= 0:
            continue
        pictures = some.pictures(recipe.preparation)
        groups.append(Group(pictures[~some.lateral], False, frontals))
        groups.append(Group(lying(pictures[some.lateral]), True, laterals))
    lesson = lesson_of(*groups)
    return teach(lesson, recipe.main, seed, start, _held(held, recipe), manner)
