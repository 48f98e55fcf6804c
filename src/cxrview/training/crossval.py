"""Films -> what models say of films that they were not trained on, unaltered and altered."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import torch

from cxrview.evaluation.alterations import ALTERATIONS, UNALTERED, alter
from cxrview.images import radiograph_of
from cxrview.labels import folds_of
from cxrview.model.classifier import Classifier
from cxrview.training.films import Films, Grey
from cxrview.training.model_file import classifier_of, fit_nets, plain_card
from cxrview.training.net import Net
from cxrview.training.recipe import Recipe
from cxrview.training.view_net import start_view

Mask = npt.NDArray[np.bool_]  # (n,)
Folds = npt.NDArray[np.intp]  # (n,)
Judged = npt.NDArray[np.float64]  # (n, 2): P(lateral), P(chest film)


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What was said.

    folds: (n,). films: by alteration, (n, 2), by the model of the fold that a film is not in.
    others: (folds, m, 2), what each fold's model says of pictures that are no chest films.
    """

    folds: npt.NDArray[np.intp]
    films: dict[str, Judged]
    others: npt.NDArray[np.float64]


def judged(classifier: Classifier, greys: list[Grey]) -> Judged:
    """Films -> (n, 2)."""
    said = [classifier.judge(radiograph_of(grey)) for grey in greys]
    pairs = [(one.p_lateral, 1.0 if one.p_chest is None else one.p_chest) for one in said]
    return np.array(pairs).reshape(-1, 2)


def judged_altered(
    classifier: Classifier,
    films: Films,
    numbers: npt.NDArray[np.intp],
    names: Iterable[str] = tuple(ALTERATIONS),
) -> dict[str, Judged]:
    """Films under each alteration; the alteration's chance depends on the film's number alone."""
    pairs = list(zip(films.greys, numbers.tolist(), strict=True))
    return {
        name: judged(classifier, [alter(grey, name, number) for grey, number in pairs])
        for name in names
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """How a cross-validation is made."""

    recipe: Recipe
    folds: int
    seed: int
    jobs: int = 1
    is_disturbed: bool = False  # judge under every alteration, not only as the films are

    @property
    def alterations(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(ALTERATIONS) if self.is_disturbed else (UNALTERED,)


def _fold(
    fold: int, plan: Plan, films: Films, usable: Mask, others: list[Grey], phantoms: Films,
    start: Net | None, folds: Folds,
) -> tuple[dict[str, Judged], Judged]:  # fmt: skip
    torch.set_num_threads(1)
    taught = films.taken(usable & (folds != fold))
    nets = fit_nets(taught, phantoms, start, plan.recipe, plan.seed)
    classifier, _ = classifier_of(nets, plain_card(plan.recipe, plan.seed))
    held = folds == fold
    numbers = np.flatnonzero(held)
    said = judged_altered(classifier, films.taken(held), numbers, plan.alterations)
    return said, judged(classifier, others)


def cross_validate(
    films: Films, usable: Mask, others: list[Grey], phantoms: Films, plan: Plan
) -> CrossValidation:
    """One model a fold, each judging the films of patients that it has not seen.

    usable: (n,), films that may be trained on; the others are judged all the same.
    """
    folds = folds_of(films.labels, plan.folds, plan.seed)
    start = start_view(phantoms, plan.recipe.view, plan.seed)
    work = partial(
        _fold, plan=plan, films=films, usable=usable, others=others, phantoms=phantoms,
        start=start, folds=folds,
    )  # fmt: skip
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(work, range(plan.folds)))
    whole = {name: np.zeros((len(films), 2)) for name in plan.alterations}
    for fold, (said, _) in enumerate(results):
        for name, values in said.items():
            whole[name][folds == fold] = values
    return CrossValidation(folds, whole, np.stack([other for _, other in results]))
