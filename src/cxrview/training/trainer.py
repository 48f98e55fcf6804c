"""Training set, schedule, seed -> a trained network; the same every time on the same machine."""

import hashlib
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, astuple, dataclass, field
from math import cos, nan, pi
from typing import Any, Generic

import numpy as np
import torch
from torch import Generator, Tensor, nn

from cxrview.model.layers import INVERTED, ROTATION, Architecture
from cxrview.training.augment import Pose, augment
from cxrview.training.callbacks import EpochMetrics, TrainContext
from cxrview.training.checkpoint import Checkpoint
from cxrview.training.dataset import STEPS_PER_EPOCH, TrainingSet, sampler_for
from cxrview.training.losses import Loss, binary_loss, loss_for
from cxrview.training.networks import (
    FORWARD_BATCH,
    AnyNetwork,
    Network,
    Weights,
    logits_of,
    round_to_half,
)
from cxrview.training.recipe import Precision, Schedule
from cxrview.training.step_settings import StepSettings, timed_settings


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult(Generic[AnyNetwork]):
    """A trained network and its history."""

    network: AnyNetwork  # on the processor, in evaluation mode
    history: tuple[EpochMetrics, ...]
    chosen_epoch: int  # whose weights these are
    steps: int = 0
    seconds: float = 0.0  # of processor time
    settings: StepSettings = field(default_factory=lambda: StepSettings(Precision.FLOAT32))


def best_epoch(history: Sequence[EpochMetrics], keep_best: bool) -> int:
    """Return the epoch whose weights are kept: the first of the best, or the last.

    Where nothing is held out, no epoch is known to be better than the last.
    """
    if not keep_best or history[-1].validation_accuracy != history[-1].validation_accuracy:
        return len(history)
    return max(history, key=lambda one: (one.rank, -one.epoch)).epoch


def _count_correct(outputs: Tensor, targets: Tensor) -> tuple[float, int]:
    """How many of a batch have the right last target, the view, and how many have one to check.

    NaN where outputs are images instead of logits.
    """
    if outputs.ndim > 2:
        return nan, 1
    views, expected = outputs.reshape(len(outputs), -1)[:, -1], targets[:, -1]
    known = (expected == 0) | (expected == 1)
    return float(((views > 0) == (expected > 0))[known].sum()), int(known.sum())


def _posed_targets(targets: Tensor, names: Sequence[str], pose: Pose) -> Tensor:
    """(b, k) targets of upright images -> those of the images in a pose; unknown ones stay so."""
    targets = targets.clone()
    for name, change in ((ROTATION, pose.turns), (INVERTED, pose.inverted)):
        if name in names:
            targets[:, names.index(name)] += change
    return targets


def _make_optimizer(
    network: nn.Module, schedule: Schedule, device: torch.device
) -> torch.optim.Optimizer:
    # foreach: all parameters at once would hold a large network's weights twice more
    rate, parameters = schedule.peak_learning_rate, network.parameters()
    if schedule.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=rate, weight_decay=schedule.weight_decay, foreach=False,
            fused=device.type == "cuda",
        )  # fmt: skip
    return torch.optim.RMSprop(parameters, lr=rate, alpha=schedule.rms_decay, foreach=False)


class Trainer(Generic[AnyNetwork]):
    """A network in training: weights, optimizer, random generator, and the history so far.

    network is changed in place. clock: seconds of processor time, for schedules with a limit.
    max_threads: see TrainContext.
    """

    def __init__(
        self,
        network: AnyNetwork,
        training_set: TrainingSet,
        schedule: Schedule,
        generator: Generator,
        validation: TrainingSet | None = None,
        device: str = "cpu",
        loss: Loss = binary_loss,
        clock: Callable[[], float] = time.process_time,
        max_threads: int = 1,
    ) -> None:
        self.network, self.schedule, self.validation = network, schedule, validation
        self.training_set, self.loss, self.clock = training_set, loss, clock
        self.device, self.generator = torch.device(device), generator
        self.device_generator = Generator(self.device)  # for augmentation, seeded at each epoch
        self.network.to(self.device)
        self.optimizer = _make_optimizer(network, schedule, self.device)
        self.settings, self.max_threads = StepSettings(Precision(schedule.precision)), max_threads
        self.sampler = sampler_for(training_set, schedule, generator)
        self.targets = torch.from_numpy(training_set.values)
        self.history: list[EpochMetrics] = []
        self.best: dict[str, Tensor] = {}
        self.steps, self.seconds = 0, 0.0

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are completed or the time is used up."""
        return len(self.history) >= self.sampler.epochs or self._time_share() >= 1

    def _time_share(self) -> float:
        """Share of the time limit that is used up; 0 where there is none."""
        return self.seconds / (60 * self.schedule.minutes) if self.schedule.minutes else 0.0

    def _set_learning_rate(self) -> None:
        """Cosine decay from the peak to zero, by steps (by epochs for a schedule of epochs).

        In the first steps the rate rises linearly, where the schedule says so.
        """
        rate = self.schedule.peak_learning_rate
        if self.schedule.cosine_decay:
            done = self.steps / self.schedule.steps if self.schedule.steps else (
                len(self.history) / self.schedule.epochs
            )  # fmt: skip
            rate *= (1 + cos(pi * min(1.0, max(done, self._time_share())))) / 2
        if self.steps < self.schedule.warmup_steps:
            rate *= (self.steps + 1) / self.schedule.warmup_steps
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _step(self, indices: Tensor) -> tuple[float, float, int]:
        """Train on one batch; returns the sum of its losses, right views and known views."""
        images = torch.from_numpy(self.training_set.images(indices.numpy()))[:, None]
        images, targets = images.to(self.device), self.targets[indices].to(self.device)
        if self.schedule.augmentation is not None:
            images, pose = augment(images, self.schedule.augmentation, self.device_generator)
            targets = _posed_targets(targets, self.training_set.targets, pose)
        if self.settings.precision is Precision.AUTO:
            self.settings = timed_settings(self.network, images, self.device, self.max_threads)
        torch.set_num_threads(self.settings.threads)
        half = self.settings.precision is Precision.BFLOAT16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            outputs = self.network(images)
        loss = self.loss(outputs.float(), images, targets)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self.optimizer.step()
        right, known = _count_correct(outputs.detach(), targets)
        return float(loss.detach()) * len(indices), right, known

    def run_epoch(self) -> EpochMetrics:
        """Train for one epoch; with keep_best, weights better than all before are copied."""
        epoch, losses, correct, seen, views = len(self.history), 0.0, 0.0, 0, 0
        self.network.train()
        seeds = torch.randint(2**31, (2,), generator=self.generator).tolist()
        self.device_generator.manual_seed(seeds[0])
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
            torch.manual_seed(seeds[1])
            for indices in self.sampler.epoch(epoch):
                if seen and self._time_share() >= 1:
                    break
                started = self.clock()
                self._set_learning_rate()
                loss, right, known = self._step(indices)
                self.steps += 1
                self.seconds += self.clock() - started
                losses, seen = losses + loss, seen + len(indices)
                correct, views = correct + right, views + known
        accuracy = correct / views if views else nan
        metrics = EpochMetrics(epoch + 1, losses / seen, accuracy, *self._validate())
        self.history.append(metrics)
        if self.schedule.keep_best and best_epoch(self.history, True) == metrics.epoch:
            self.best = deepcopy(self.network.state_dict())
        return metrics

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images of the weights as a model file stores them."""
        if self.validation is None:
            return nan, nan
        network = round_to_half(deepcopy(self.network)).eval()
        every, targets = np.arange(len(self.validation)), torch.from_numpy(self.validation.values)
        chunks = np.split(every, range(FORWARD_BATCH, len(every), FORWARD_BATCH))
        outputs = torch.from_numpy(
            np.concatenate([logits_of(network, self.validation.images(chunk)) for chunk in chunks])
        )
        loss = self.loss(outputs, outputs, targets.double())
        right, known = _count_correct(outputs, targets)
        return float(loss), right / known

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "best": self.best,
            "precision": self.settings.precision.value,
            "threads": self.settings.threads,
            "history": [astuple(metrics) for metrics in self.history],
            "steps": self.steps,
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.best = state["best"]
        self.settings = StepSettings(Precision(state["precision"]), state["threads"])
        self.history = [EpochMetrics(*values) for values in state["history"]]
        self.steps, self.seconds = state["steps"], state["seconds"]

    def result(self) -> TrainResult[AnyNetwork]:
        """Return the chosen weights in evaluation mode on the processor."""
        if self.best:
            self.network.load_state_dict(self.best)
        self.network.eval().cpu()
        chosen = best_epoch(self.history, self.schedule.keep_best)
        return TrainResult(
            self.network, tuple(self.history), chosen, self.steps, self.seconds, self.settings
        )


def _fingerprint(
    architecture: Architecture, training_set: TrainingSet, schedule: Schedule, seed: int,
    start: Weights | None, validation: TrainingSet | None,
) -> str:  # fmt: skip
    """Return a digest of everything that determines the trained weights."""
    sets = [one.digest() for one in (training_set, validation) if one is not None]
    text = f"{architecture} {asdict(schedule)} {seed} {torch.__version__} {STEPS_PER_EPOCH} {sets}"
    digest = hashlib.sha256(text.encode())
    for name, array in sorted((start or {}).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def train_network(
    name: str,
    architecture: Architecture,
    training_set: TrainingSet,
    schedule: Schedule,
    seed: int,
    *,
    start: Weights | None = None,
    validation: TrainingSet | None = None,
    context: TrainContext | None = None,
) -> TrainResult[Network]:
    """Train a network from random weights, or from `start`.

    validation: images that are not trained on, evaluated after each epoch. With a checkpoint
    folder the state is saved after each epoch, and a training that was interrupted resumes and
    ends with the same weights, bit for bit. Raises WrongUse where the checkpoint is of another
    training, UnusableOutput where it cannot be saved.
    """
    context = context or TrainContext()
    generator = Generator().manual_seed(seed)
    network = Network(architecture).initialize(generator)
    if start is not None:
        network.load_state_dict({key: torch.from_numpy(array) for key, array in start.items()})
    trainer = Trainer(
        network, training_set, schedule, generator, validation, context.device,
        loss_for(architecture), max_threads=context.max_threads,
    )  # fmt: skip
    checkpoint, fingerprint = None, ""
    if context.checkpoints is not None:
        checkpoint = Checkpoint(context.checkpoints / f"{name.replace(' ', '-')}.pt")
        fingerprint = _fingerprint(architecture, training_set, schedule, seed, start, validation)
        if state := checkpoint.load(fingerprint):
            trainer.restore(state)
    while not trainer.is_finished:
        metrics = trainer.run_epoch()
        if checkpoint:
            checkpoint.save(fingerprint, trainer.state())
        context.callbacks.on_epoch_end(name, metrics, trainer.sampler.epochs)
    return trainer.result()
