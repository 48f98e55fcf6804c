"""Films -> what models say of films that they were not trained on, unaltered and altered."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import torch

from cxrview.evaluation.perturbations import PERTURBATIONS, UNALTERED, perturb
from cxrview.images import radiograph_of
from cxrview.labels import folds_of
from cxrview.model.classifier import Classifier
from cxrview.training.export import rounded
from cxrview.training.films import AT_ONCE, Films, Grey
from cxrview.training.gate_net import NOTHING_DRAWN, Drawn, fit_gate, negative_picture, start_gate
from cxrview.training.model_file import Nets, Starts, classifier_of, plain_card
from cxrview.training.negatives.draw import without_films
from cxrview.training.net import Net
from cxrview.training.recipe import GateRecipe, Recipe
from cxrview.training.view_net import fit_view, start_view

Mask = npt.NDArray[np.bool_]  # (n,)
Folds = npt.NDArray[np.intp]  # (n,)
Judged = npt.NDArray[np.float64]  # (n, 2): P(lateral), P(chest film)


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What was said.

    folds: (n,). films: by alteration, (n, 2), by the model of the fold that a film is not in.
    others: (folds, m, 2), what each fold's model says of pictures that are no chest films.
    starts: where all began.
    """

    folds: npt.NDArray[np.intp]
    films: dict[str, Judged]
    others: npt.NDArray[np.float64]
    starts: Starts = field(default_factory=Starts)


def judged(classifier: Classifier, greys: list[Grey]) -> Judged:
    """Films -> (n, 2)."""
    said = [classifier.predict(radiograph_of(grey)) for grey in greys]
    pairs = [(one.p_lateral, 1.0 if one.p_chest is None else one.p_chest) for one in said]
    return np.array(pairs).reshape(-1, 2)


def judged_altered(
    classifier: Classifier,
    films: Films,
    numbers: npt.NDArray[np.intp],
    names: Iterable[str] = tuple(PERTURBATIONS),
) -> dict[str, Judged]:
    """Films under each alteration; the alteration's chance depends on the film's number alone."""
    pairs = list(zip(films.greys, numbers.tolist(), strict=True))
    return {
        name: judged(classifier, [perturb(grey, name, number) for grey, number in pairs])
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
        return tuple(PERTURBATIONS) if self.is_disturbed else (UNALTERED,)


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What every fold is taught by."""

    plan: Plan
    films: Films
    usable: Mask
    phantoms: Films
    folds: Folds

    def taught(self, fold: int) -> Films:
        """The films of the other folds."""
        return self.films.taken(self.usable & (self.folds != fold))


def _view(fold: int, given: _Given, start: Net | None) -> Net:
    plan, taught = given.plan, given.taught(fold)
    return fit_view(taught, given.phantoms, start, plan.recipe.view, plan.seed).net


def _gate(fold: int, given: _Given, recipe: GateRecipe, start: Net | None, drawn: Drawn) -> Net:
    taught, seed = given.taught(fold), given.plan.seed
    return fit_gate(taught, given.phantoms, recipe, seed, start=start, drawn=drawn).net


def _judge(
    fold: int, nets: tuple[Net, Net | None], given: _Given, others: list[Grey]
) -> tuple[dict[str, Judged], Judged]:
    view, gate = nets
    finished = Nets(rounded(view), None if gate is None else rounded(gate))
    plan = given.plan
    classifier, _ = classifier_of(finished, plain_card(plan.recipe, plan.seed))
    held = given.folds == fold
    numbers = np.flatnonzero(held)
    said = judged_altered(classifier, given.films.taken(held), numbers, plan.alterations)
    return said, judged(classifier, others)


def _one_thread_each(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    )


def _drawn(pool: ProcessPoolExecutor, recipe: GateRecipe | None, seed: int) -> Drawn:
    """Negatives that all folds share."""
    if recipe is None:
        return NOTHING_DRAWN
    numbers = without_films(recipe.negatives)
    make = partial(negative_picture, seed=seed, preparation=recipe.preparation)
    return dict(zip(numbers, pool.map(make, numbers, chunksize=AT_ONCE), strict=True))


def cross_validate(
    films: Films, usable: Mask, others: list[Grey], phantoms: Films, plan: Plan
) -> CrossValidation:
    """One model a fold, each judging the films of patients that it has not seen.

    usable: (n,), films that may be trained on; the others are judged all the same. Every net is
    work of its own, the longer ones first, so that no processor waits long for another.
    """
    recipe, seed, numbers = plan.recipe, plan.seed, range(plan.folds)
    preparations = {part.preparation for part in (recipe.view, recipe.gate) if part}
    folds = folds_of(films.labels, plan.folds, seed)
    with _one_thread_each(plan.jobs) as pool:
        drawn = _drawn(pool, recipe.gate, seed)
        films, phantoms = (some.made_ready(preparations, pool) for some in (films, phantoms))
        given = _Given(plan, films, usable, phantoms, folds)
        starting = [
            pool.submit(start_view, phantoms, recipe.view, seed),
            pool.submit(start_gate, phantoms, recipe.gate, seed, drawn=drawn),
        ]
        starts = Starts(*(one.result() for one in starting))
        views = [pool.submit(_view, fold, given, starts.view) for fold in numbers]
        gates = [
            pool.submit(_gate, fold, given, recipe.gate, starts.gate, drawn)
            for fold in numbers
            if recipe.gate
        ]
        nets = [
            (view.result(), gate.result() if gate else None)
            for view, gate in zip_longest(views, gates)
        ]
        results = list(pool.map(partial(_judge, given=given, others=others), numbers, nets))
    whole = {name: np.zeros((len(films), 2)) for name in plan.alterations}
    for fold, (said, _) in enumerate(results):
        for name, values in said.items():
            whole[name][given.folds == fold] = values
    return CrossValidation(given.folds, whole, np.stack([other for _, other in results]), starts)
