"""One system, the images of the comparison, options -> its result, in a process of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from statistics import median

import numpy as np
import torch
from torch import Generator, nn
from torch.utils.flop_counter import FlopCounterMode

from cxrview.comparison.networks import build_seeded
from cxrview.comparison.results import SystemResult, WrongCounts
from cxrview.comparison.systems import (
    BY_NAME,
    ClassicalRecipe,
    NetworkRecipe,
    Scores,
    System,
    SystemTask,
)
from cxrview.engines.local import unlimited_engine
from cxrview.engines.outcomes import Done
from cxrview.evaluation.perturbations import PERTURBATIONS, UNALTERED, perturb
from cxrview.images import Floats, Mask, radiograph_of
from cxrview.metrics.classification import auroc
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.layers import CHEST, LATERAL, SIDE
from cxrview.model.preprocess import equalize, shrink, stretch, working_image
from cxrview.training.data import TrainingData
from cxrview.training.dataset import TargetGroup, TrainingSet, as_floats, binary_set
from cxrview.training.image_list import ImageList
from cxrview.training.recipe import Precision, Schedule
from cxrview.training.train_model import scrambled_negatives
from cxrview.training.trainer import Trainer
from cxrview.views import View

BATCH_SIZE = 32
FLOAT_BYTES = 4
TIMING_REPEATS = 15
RMS_DECAY = 0.9
PRECISION = Precision.FLOAT32  # of every system on every machine
REFUSED_SHARE = 0.01  # of the held-out images, where a gate's refusals of negatives are counted

Clock = Callable[[], float]  # seconds of processor time
Scorer = Callable[[Floats], Scores]  # (n, side, side) in [0, 1] -> (n,)
FitResult = tuple[SystemResult, Scorer]  # the result with its cost and its training


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images of all systems, mapped from the cache of training; pickles small."""

    data: TrainingData
    is_held_out: Mask  # (n,) of data.labeled
    negatives: int  # drawn, for the training of the gates
    seed: int

    @property
    def training(self) -> ImageList:
        """The images that all systems are trained on."""
        return self.data.labeled.select(~self.is_held_out)

    @property
    def held_out(self) -> ImageList:
        """The images of other patients that all systems are tested on."""
        return self.data.labeled.select(self.is_held_out)


def resize_image(image: Floats, side: int) -> Floats:
    """Working image (h, w) -> (side, side) in [0, 1]: the paper's preprocessing at any side."""
    height, width = image.shape
    gray = stretch(shrink(image, (0, 0, width, height), side, side), 0.0)
    return gray.astype(np.float32) / np.float32(255)


def equalized_thumbnail(image: Floats, side: int) -> Floats:
    """Working image (h, w) -> (side, side) in [0, 1]: equalized, then resized."""
    height, width = image.shape
    return shrink(equalize(stretch(image)), (0, 0, width, height), side, side) / np.float32(255)


PREPARATIONS: dict[str, Callable[[Floats, int], Floats]] = {
    "paper": resize_image,
    "thumbnail": equalized_thumbnail,
}


def prepare_images(
    images: ImageList, preprocessing: str, side: int, perturbation: str = UNALTERED
) -> Floats:
    """Return (n, side, side) in [0, 1]; the row of the label table is a perturbation's seed."""
    if (side, perturbation) == (SIDE, UNALTERED) and preprocessing in images.cache.images:
        return as_floats(images.images(preprocessing))
    prepared = np.empty((len(images), side, side), np.float32)
    for index, (image, row) in enumerate(
        zip(images.working_images(), images.rows.tolist(), strict=True)
    ):
        perturbed = working_image(radiograph_of(perturb(image, perturbation, row)))
        prepared[index] = PREPARATIONS[preprocessing](perturbed, side)
    return prepared


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def weight_bytes(network: nn.Module) -> int:
    """Return the size of all weights in float32, without the header of a file."""
    values = network.state_dict().values()
    return FLOAT_BYTES * sum(int(one.numel()) for one in values if one.is_floating_point())


def multiply_adds(network: nn.Module, side: int) -> int:
    """Return those of convolutions and dense layers for one image (1, 1, side, side)."""
    was_training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, side, side))
    network.train(was_training)
    return int(counter.get_total_flops()) // 2


def milliseconds(work: Callable[[], object], repeats: int = TIMING_REPEATS) -> float:
    """Return the median processor time of several calls after a first one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.process_time()  # other programs on the machine do not count
        work()
        times.append(time.process_time() - started)
    return 1000 * median(times)


def milliseconds_per_image(score: Scorer, images: Images, empty: SystemResult) -> float:
    """Return the processor time of scoring one held-out image; a network is on the processor."""
    preprocessing = BY_NAME[empty.system].preprocessing
    first = prepare_images(images.held_out, preprocessing, empty.side)[:1]
    return milliseconds(lambda: score(first))


GATE_LATERALS = 0.2  # share of the laterals among the chest radiographs of a gate's batch


def gate_set(images: Images, method: str, chest_share: float) -> TrainingSet:
    """Drawn and scrambled negatives (0) against the chest radiographs that are trained on (1)."""
    training, chest = images.training, {CHEST: 1.0}
    drawn = images.data.computed.negatives[0].images[method]
    working = training.working_images()
    scrambled = scrambled_negatives(images.negatives, method, images.seed, working)
    negatives = [
        TargetGroup(images=one, rows=np.arange(len(one)), targets={CHEST: 0.0}, share=len(one))
        for one in (drawn, scrambled)
    ]
    views = [
        training.group(method, View.FRONTAL, chest, 1 - GATE_LATERALS),
        training.group(method, View.LATERAL, chest, GATE_LATERALS),
    ]
    return binary_set(CHEST, [*negatives, *views], chest_share)


def training_set_of(
    system: System, recipe: NetworkRecipe, images: Images, side: int
) -> TrainingSet:
    """Frontals (0) against laterals (1), or negatives (0) against chest radiographs (1)."""
    training = images.training
    if system.task is SystemTask.GATE:
        return gate_set(images, system.preprocessing, recipe.positive_share)
    prepared, lateral = prepare_images(training, system.preprocessing, side), training.lateral
    views = [
        TargetGroup(
            images=prepared, rows=np.flatnonzero(lateral == value), targets={LATERAL: value}
        )
        for value in (0, 1)
    ]
    return binary_set(LATERAL, views, recipe.positive_share)


def fit_network(
    system: System, recipe: NetworkRecipe, images: Images, empty: SystemResult, clock: Clock
) -> FitResult:
    """Train until the epochs or the minutes are used up, whichever comes first; at least a step.

    The network is trained on the device of the result and scores there; one image is timed on one
    processor core.
    """
    training_set = training_set_of(system, recipe, images, empty.side)
    sizes = zip(training_set.groups, training_set.shares, strict=True)
    steps_per_epoch = ceil(sum(len(group) for group, share in sizes if share) / BATCH_SIZE)
    schedule = Schedule(
        steps=empty.epochs_planned * steps_per_epoch,
        minutes=empty.minutes_allowed,
        augmentation=recipe.augmentation,
        batch=BATCH_SIZE,
        peak_learning_rate=recipe.peak_learning_rate,
        rms_decay=RMS_DECAY,
        precision=PRECISION,
    )
    network = build_seeded(recipe.build, 1, images.seed)
    generator = Generator().manual_seed(images.seed)
    trainer = Trainer(
        network, training_set, schedule, generator,
        device=empty.device, loss=recipe.loss, clock=clock,
    )  # fmt: skip
    while not trainer.is_finished:
        trainer.run_epoch()
    trained = trainer.result()
    score = partial(recipe.score, trained.network)

    result = replace(
        empty,
        parameters=parameter_count(trained.network),
        multiply_adds=multiply_adds(trained.network, empty.side),
        stored=weight_bytes(trained.network),
        milliseconds=milliseconds_per_image(score, images, empty),
        epochs=trained.steps / steps_per_epoch,
        seconds=trained.seconds,
        steps=trained.steps,
        loss=trained.history[-1].training_loss,
    )
    trained.network.to(empty.device)
    return result, score


def fit_classifier(
    system: System, recipe: ClassicalRecipe, images: Images, empty: SystemResult, clock: Clock
) -> FitResult:
    """Fit a classifier to the pixels of the training images and of their mirror images, once."""
    prepared = prepare_images(images.training, system.preprocessing, empty.side)
    started = clock()
    both = np.concatenate([prepared, prepared[:, :, ::-1]]).reshape(2 * len(prepared), -1)
    classifier = recipe.make().fit(both, np.tile(images.training.lateral, 2))
    seconds = clock() - started
    weights = getattr(classifier, "coef_", both)  # nearest neighbors store every image
    size = weights.size + getattr(classifier, "intercept_", np.zeros(0)).size

    def score(batch: Floats) -> Scores:
        pixels = batch.reshape(len(batch), -1)
        return np.asarray(classifier.predict_proba(pixels)[:, 1], np.float64)

    result = replace(
        empty,
        parameters=size,
        multiply_adds=weights.size,
        stored=FLOAT_BYTES * size,
        milliseconds=milliseconds_per_image(score, images, empty),
        epochs=empty.epochs_planned,
        seconds=seconds,
    )
    return result, score


def count_wrong_views(p_lateral: Scores, lateral: Mask) -> WrongCounts:
    """(n,) P(lateral) and labels -> how many frontals and how many laterals are wrong."""
    wrong = (p_lateral > DECISION_BOUNDARY) != lateral
    return int((wrong & ~lateral).sum()), int((wrong & lateral).sum())


def evaluate_views(result: SystemResult, score: Scorer, images: Images) -> SystemResult:
    """Count the errors on the held-out images under every perturbation."""
    held_out, preprocessing = images.held_out, BY_NAME[result.system].preprocessing
    wrong = {}
    for name in PERTURBATIONS:
        p_lateral = score(prepare_images(held_out, preprocessing, result.side, name))
        wrong[name] = count_wrong_views(p_lateral, held_out.lateral)
    return replace(result, wrong=wrong)


def evaluate_gate(result: SystemResult, score: Scorer, images: Images) -> SystemResult:
    """Compare the scores of the held-out images with those of the negatives, if there are any."""
    negatives = images.data.evaluation_negatives
    if not len(negatives):
        return result
    chest, other = (score(as_floats(one.images("framed"))) for one in (images.held_out, negatives))
    threshold = float(np.quantile(chest, REFUSED_SHARE, method="lower"))
    return replace(
        result,
        auroc=auroc(chest, other),
        negatives=len(negatives),
        negatives_refused=int((other < threshold).sum()),
    )


EVALUATIONS = {SystemTask.VIEW: evaluate_views, SystemTask.GATE: evaluate_gate}


def measure(empty: SystemResult, images: Images, clock: Clock = time.process_time) -> SystemResult:
    """Train and test the system of an empty result; one that lacks memory returns the reason."""
    torch.set_num_threads(1)  # two threads on two busy cores were ten times slower
    system = BY_NAME[empty.system]
    try:
        match system.recipe:
            case NetworkRecipe() as recipe:
                result, score = fit_network(system, recipe, images, empty, clock)
            case ClassicalRecipe() as recipe:
                result, score = fit_classifier(system, recipe, images, empty, clock)
        return EVALUATIONS[system.task](result, score, images)
    except (MemoryError, RuntimeError) as error:  # torch raises the latter where memory is short
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return replace(empty, reason=reason)


def _make_measurer(images: Images) -> Callable[[SystemResult], SystemResult]:
    """What the process makes once."""
    return partial(measure, images=images)


def measure_in_own_process(empty: SystemResult, images: Images, jobs: int) -> SystemResult:
    """Measure in a fresh process, since a large network may end it; jobs: 0 works in this one.

    A system whose process dies returns the reason.
    """
    engine = unlimited_engine(min(jobs, 1))
    [(_, outcome)] = engine.map(partial(_make_measurer, images), [empty])
    match outcome:
        case Done(SystemResult() as result):
            return result
    return replace(empty, reason=str(outcome))
