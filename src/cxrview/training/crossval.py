"""Cross-validation by patient: one model per fold, evaluated on images it was not trained on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from cxrview.engines.local import LocalEngine, SerialEngine, available_processors
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import CxrviewError, WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS, UNALTERED, perturb
from cxrview.images import radiograph_of
from cxrview.inference.classification import row_from
from cxrview.labels import folds_of
from cxrview.model.preprocess import preprocess
from cxrview.training.config import TrainConfig
from cxrview.training.data import ImageList, TrainingData
from cxrview.training.networks import ModelNetworks, Predictions
from cxrview.training.recipe import Recipe
from cxrview.training.train_model import Pretrained, predict_images, train_networks, view_set
from cxrview.training.trainer import TrainContext

Folds = npt.NDArray[np.intp]  # (n,)


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Predictions on held-out images.

    folds: (n,) of the labeled images. predictions: (n, 2) by perturbation, each image by the model
    of the fold that it belongs to. negatives: (folds, m, 2), what each fold's model predicts of
    images that are no chest radiographs.
    """

    folds: Folds
    predictions: Mapping[str, Predictions]
    negatives: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidationPlan:
    """What every fold needs; pickles small, since images are mapped from the cache."""

    data: TrainingData
    folds: Folds
    recipe: Recipe
    seed: int
    perturbations: tuple[str, ...]
    pretrained: Pretrained = field(default_factory=Pretrained)

    def training_images(self, fold: int) -> ImageList:
        """The images of the other folds that may be trained on."""
        return self.data.labeled.select((self.folds != fold) & self.data.may_train)

    def held_out(self, fold: int) -> ImageList:
        """The images of the fold, whether or not they may be trained on."""
        return self.data.labeled.select(self.folds == fold)


FoldResult = tuple[dict[str, Predictions], Predictions]


def predict_perturbed(
    networks: ModelNetworks, images: ImageList, recipe: Recipe, name: str, seeds: list[int]
) -> Predictions:
    """(n, 2) for images under a perturbation, each with its own seed."""
    if name == UNALTERED:
        return predict_images(networks, images, recipe.preprocessing)
    view, gate = recipe.view.preprocessing, recipe.preprocessing[-1]
    altered = (
        radiograph_of(perturb(image, name, seed))
        for image, seed in zip(images.working_images(), seeds, strict=True)
    )
    ready = [preprocess(radiograph, *recipe.preprocessing) for radiograph in altered]
    if not ready:
        return np.zeros((0, 2))
    return networks.predict(
        np.stack([one.images[view] for one in ready]),
        np.stack([one.images[gate] for one in ready]),
        np.array([one.is_blank for one in ready]),
    )


def train_fold(fold: int, plan: CrossValidationPlan) -> FoldResult:
    """Train on the other folds; predict the fold under each perturbation, and the negatives."""
    torch.set_num_threads(1)
    model = train_networks(
        plan.training_images(fold), plan.data, plan.pretrained, plan.recipe, plan.seed,
        TrainContext(),
    )  # fmt: skip
    held = plan.held_out(fold)
    seeds = np.flatnonzero(plan.folds == fold).tolist()
    predictions = {
        name: predict_perturbed(model.networks, held, plan.recipe, name, seeds)
        for name in plan.perturbations
    }
    negatives = plan.data.evaluation_negatives
    return predictions, predict_images(model.networks, negatives, plan.recipe.preprocessing)


def _make_fold_trainer(plan: CrossValidationPlan) -> Callable[[int], FoldResult]:
    """What each worker makes once."""
    return partial(train_fold, plan=plan)


def _fold_engine(jobs: int | None) -> Engine:
    """Workers without limits of time and memory."""
    if jobs == 0:
        return SerialEngine()
    workers = jobs or available_processors()
    return LocalEngine(workers, math.inf, bytes_per_worker=0, growth_per_worker=0)


def plan_folds(config: TrainConfig, data: TrainingData) -> CrossValidationPlan:
    """Assign patients to folds; raises WrongUse where a fold could not be trained."""
    labels, folds, recipe = data.labeled.labels, config.folds, config.recipe
    patients = len({label.patient for label in labels})
    if folds > patients:
        raise WrongUse(f"--folds is {folds}, but the images are of {patients} patients")
    names = tuple(PERTURBATIONS) if config.robustness else (UNALTERED,)
    fold_of = folds_of(labels, folds, config.seed)
    plan = CrossValidationPlan(data, fold_of, recipe, config.seed, names)
    for fold in range(folds):
        try:
            view_set(plan.training_images(fold), data.phantoms, recipe.view)
        except WrongUse as error:
            raise WrongUse(f"fold {fold + 1} of {folds}: {error}") from error
    return plan


def cross_validate(plan: CrossValidationPlan, jobs: int | None) -> CrossValidation:
    """Train one model per fold in worker processes; jobs: 0 works in this process.

    Raises CxrviewError where the training of a fold failed.
    """
    count, n = int(plan.folds.max()) + 1, len(plan.folds)
    predictions = {name: np.zeros((n, 2)) for name in plan.perturbations}
    negatives = np.zeros((count, len(plan.data.evaluation_negatives), 2))
    for fold, outcome in _fold_engine(jobs).map(partial(_make_fold_trainer, plan), range(count)):
        if not isinstance(outcome, Done):
            raise CxrviewError(
                f"the training of fold {fold + 1} failed: {row_from('', outcome, '').error}"
            )
        of_fold, negatives[fold] = outcome.value
        for name, values in of_fold.items():
            predictions[name][plan.folds == fold] = values
    return CrossValidation(plan.folds, predictions, negatives)
