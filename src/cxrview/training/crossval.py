"""Cross-validation by patient or by source: one model per fold, evaluated on held-out images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cxrview.engines.local import available_processors, unlimited_engine
from cxrview.engines.outcomes import Done, ObservedEngine
from cxrview.errors import CxrviewError, WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS, UNALTERED, perturb
from cxrview.images import radiograph_of
from cxrview.labels import Label, folds_of
from cxrview.model.preprocess import preprocess
from cxrview.training.callbacks import TrainCallbacks, TrainContext
from cxrview.training.config import TrainConfig
from cxrview.training.data import TrainingData
from cxrview.training.image_list import ImageList
from cxrview.training.networks import Network, Outputs, concatenated, outputs_of
from cxrview.training.recipe import Recipe
from cxrview.training.splitting import Folds, folds_by_source
from cxrview.training.train_model import chest_groups, predict_images, train_model


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Predictions on held-out images.

    folds: (n,) of the labeled images. outputs: of n images by perturbation, each image by the model
    of the fold that it belongs to. negatives: what each fold's model says of m images that are no
    chest radiographs.
    """

    folds: Folds
    outputs: Mapping[str, Outputs]
    negatives: Sequence[Outputs]


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidationPlan:
    """What every fold needs; pickles small, since images are mapped from the cache."""

    data: TrainingData
    folds: Folds
    recipe: Recipe
    seed: int
    perturbations: tuple[str, ...]
    device: str  # on which each fold's network is trained
    checkpoints: Path  # folder from which an interrupted fold resumes, and a finished one is read

    def training_images(self, fold: int) -> ImageList:
        """The images of the other folds that may be trained on."""
        return self.data.labeled.select((self.folds != fold) & self.data.may_train)

    def held_out(self, fold: int) -> ImageList:
        """The images of the fold, whether or not they may be trained on."""
        return self.data.labeled.select(self.folds == fold)


FoldResult = tuple[dict[str, Outputs], Outputs]


def predict_perturbed(
    network: Network, images: ImageList, recipe: Recipe, name: str, seeds: list[int]
) -> Outputs:
    """What the model says of images under a perturbation, each with its own seed."""
    if name == UNALTERED:
        return predict_images(network, images, recipe)
    method = recipe.preprocessing
    altered = (
        radiograph_of(perturb(image, name, seed))
        for image, seed in zip(images.working_images(), seeds, strict=True)
    )
    ready = [preprocess(radiograph, method) for radiograph in altered]
    arrays = np.array([one.images[method] for one in ready], np.float32)
    blank = np.array([one.is_blank for one in ready], np.bool_)
    return outputs_of(network, arrays, blank, averages_turns=recipe.averages_turns)


def train_fold(fold: int, plan: CrossValidationPlan) -> FoldResult:
    """Train on the other folds; predict the fold under each perturbation, and the negatives."""
    torch.set_num_threads(1)
    recipe, images = plan.recipe, plan.training_images(fold)
    context = TrainContext(checkpoints=plan.checkpoints, device=plan.device)
    name = f"fold {fold + 1}"
    network = train_model(
        [images], plan.data.computed, recipe, plan.seed, context, name=name
    ).network
    held, seeds = plan.held_out(fold), np.flatnonzero(plan.folds == fold).tolist()
    outputs = {
        name: predict_perturbed(network, held, recipe, name, seeds) for name in plan.perturbations
    }
    return outputs, predict_images(network, plan.data.evaluation_negatives, recipe)


def _fold_or_error(fold: int, plan: CrossValidationPlan) -> FoldResult | str:
    """The result of `train_fold`, or the message of a CxrviewError, as for a full disk."""
    try:
        return train_fold(fold, plan)
    except CxrviewError as error:
        return str(error)


def _make_fold_trainer(plan: CrossValidationPlan) -> Callable[[int], FoldResult | str]:
    """What each worker makes once."""
    return partial(_fold_or_error, plan=plan)


def _assign_folds(config: TrainConfig, labels: Sequence[Label]) -> Folds:
    if config.leave_source_out:
        return folds_by_source(labels)
    patients = len({label.patient for label in labels})
    if config.folds > patients:
        raise WrongUse(f"--folds is {config.folds}, but the images are of {patients} patients")
    return folds_of(labels, config.folds, config.seed)


def plan_folds(config: TrainConfig, data: TrainingData, checkpoints: Path) -> CrossValidationPlan:
    """Assign patients or sources to folds; raises WrongUse where a fold could not be trained."""
    folds = _assign_folds(config, data.labeled.labels)
    names = tuple(PERTURBATIONS) if config.robustness else (UNALTERED,)
    plan = CrossValidationPlan(
        data, folds, config.recipe, config.seed, names, config.device, checkpoints
    )
    for fold in range(int(folds.max()) + 1):
        try:
            chest_groups([plan.training_images(fold)], data.computed, config.recipe)
        except WrongUse as error:
            raise WrongUse(f"fold {fold + 1}: {error}") from error
    return plan


def cross_validate(
    plan: CrossValidationPlan, jobs: int | None, callbacks: TrainCallbacks
) -> CrossValidation:
    """Train one model per fold in worker processes; jobs: 0 works in this process.

    Raises CxrviewError where the training of a fold failed.
    """
    count = int(plan.folds.max()) + 1
    results: dict[int, FoldResult] = {}
    workers = available_processors() if jobs is None else jobs
    engine = ObservedEngine(unlimited_engine(workers), callbacks.progress, "training folds")
    for fold, outcome in engine.map(partial(_make_fold_trainer, plan), range(count)):
        found = outcome.value if isinstance(outcome, Done) else str(outcome)
        if isinstance(found, str):
            raise CxrviewError(f"the training of fold {fold + 1} failed: {found}")
        results[fold] = found
        callbacks.log(f"fold {fold + 1} is trained: {len(results)} of {count}")
    outputs = {
        name: _joined(plan, {fold: of_fold[name] for fold, (of_fold, _) in results.items()})
        for name in plan.perturbations
    }
    return CrossValidation(plan.folds, outputs, [results[fold][1] for fold in range(count)])


def _joined(plan: CrossValidationPlan, by_fold: Mapping[int, Outputs]) -> Outputs:
    """Outputs of each fold's images -> those of all, in the order of the labels."""
    folds = sorted(by_fold)
    rows = np.concatenate([np.flatnonzero(plan.folds == fold) for fold in folds])
    return concatenated([by_fold[fold] for fold in folds]).select(np.argsort(rows))
