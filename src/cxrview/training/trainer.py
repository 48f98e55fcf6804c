"""Training set, schedule, seed -> a trained network; the same every time on the same machine."""

import hashlib
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, astuple, dataclass, field
from math import cos, nan, pi
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from cxrview.training.augment import augment
from cxrview.training.checkpoint import Checkpoint
from cxrview.training.dataset import STEPS_PER_EPOCH, TrainingSet, sampler_for
from cxrview.training.networks import FORWARD_BATCH, Network, Weights, logits_of, weights_of
from cxrview.training.recipe import Schedule

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # outputs, images, targets (b, k) -> ()


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Mean loss (nats) and accuracy of one epoch; NaN where nothing is held out."""

    epoch: int  # 1 ..
    training_loss: float
    training_accuracy: float  # on the augmented images, while they were trained on
    validation_loss: float = nan
    validation_accuracy: float = nan

    @property
    def rank(self) -> tuple[float, float]:
        """Higher is better: validation accuracy, then the lower validation loss (the paper)."""
        return self.validation_accuracy, -self.validation_loss


def ignore_text(_: str) -> None:
    """Discard a log message."""


def ignore_epoch(_name: str, _metrics: EpochMetrics, _epochs: int) -> None:
    """Discard the metrics of an epoch."""


@dataclass(frozen=True, slots=True)
class TrainCallbacks:
    """Callbacks for log messages and for the metrics of each epoch; by default there are none.

    on_epoch_end: (network's name, metrics, number of epochs).
    """

    log: Callable[[str], None] = ignore_text
    on_epoch_end: Callable[[str, EpochMetrics, int], None] = ignore_epoch


@dataclass(frozen=True, slots=True)
class TrainContext:
    """Who is informed, where checkpoints are saved, on what device; never changes the result.

    checkpoints: a folder; None: a training that is interrupted starts again.
    """

    callbacks: TrainCallbacks = field(default_factory=TrainCallbacks)
    checkpoints: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult(Generic[AnyNetwork]):
    """A trained network and its history."""

    network: AnyNetwork  # on the processor, in evaluation mode
    history: tuple[EpochMetrics, ...]
    chosen_epoch: int  # whose weights these are
    steps: int = 0
    seconds: float = 0.0  # of processor time


def best_epoch(history: Sequence[EpochMetrics], keep_best: bool) -> int:
    """Return the epoch whose weights are kept: the first of the best, or the last."""
    if not keep_best:
        return len(history)
    return max(history, key=lambda one: (one.rank, -one.epoch)).epoch


def binary_loss(outputs: Tensor, images: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG001
    """Mean cross-entropy over the known targets; outputs are logits (b,) or (b, k)."""
    known = ~targets.isnan()
    losses = functional.binary_cross_entropy_with_logits(
        outputs.reshape(targets.shape), targets.nan_to_num(), reduction="none"
    )
    return (losses * known).sum() / known.sum()


def _count_correct(outputs: Tensor, targets: Tensor) -> float:
    """How many of a batch have the right first target; NaN where outputs are no logits."""
    if outputs.numel() != targets.numel():
        return nan
    return float(((outputs.reshape(targets.shape) > 0) == (targets > 0))[:, 0].sum())


class Trainer(Generic[AnyNetwork]):
    """A network in training: weights, optimizer, random generator, and the history so far.

    network is changed in place. clock: seconds of processor time, for schedules with a limit.
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
    ) -> None:
        self.network, self.schedule, self.validation = network, schedule, validation
        self.training_set, self.loss, self.clock = training_set, loss, clock
        self.device, self.generator = torch.device(device), generator
        self.network.to(self.device)
        self.optimizer = torch.optim.RMSprop(
            self.network.parameters(),
            lr=schedule.peak_learning_rate,
            alpha=schedule.rms_decay,
            foreach=False,  # all parameters at once would hold a large network's weights twice more
        )
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
        """Cosine decay from the peak to zero, by steps (by epochs for a schedule of epochs)."""
        if not self.schedule.cosine_decay:
            return
        done = self.steps / self.schedule.steps if self.schedule.steps else (
            len(self.history) / self.schedule.epochs
        )  # fmt: skip
        progress = min(1.0, max(done, self._time_share()))
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.peak_learning_rate * (1 + cos(pi * progress)) / 2

    def _step(self, indices: Tensor) -> tuple[float, float]:
        """Train on one batch; returns the sum of its losses and how many were right."""
        images = torch.from_numpy(self.training_set.images(indices.numpy()))[:, None]
        if self.schedule.augmentation is not None:
            images = augment(images, self.schedule.augmentation, self.generator)
        images, targets = images.to(self.device), self.targets[indices].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
            outputs = self.network(images)
        loss = self.loss(outputs.float(), images, targets)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self.optimizer.step()
        return float(loss.detach()) * len(indices), _count_correct(outputs.detach(), targets)

    def run_epoch(self) -> EpochMetrics:
        """Train for one epoch; with keep_best, weights better than all before are copied."""
        epoch, losses, correct, seen = len(self.history), 0.0, 0.0, 0
        self.network.train()
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
            torch.manual_seed(int(torch.randint(2**31, (), generator=self.generator)))
            for indices in self.sampler.epoch(epoch):
                if seen and self._time_share() >= 1:
                    break
                started = self.clock()
                self._set_learning_rate()
                loss, right = self._step(indices)
                self.steps += 1
                self.seconds += self.clock() - started
                losses, correct, seen = losses + loss, correct + right, seen + len(indices)
        metrics = EpochMetrics(epoch + 1, losses / seen, correct / seen, *self._validate())
        self.history.append(metrics)
        if self.schedule.keep_best and best_epoch(self.history, True) == metrics.epoch:
            self.best = deepcopy(self.network.state_dict())
        return metrics

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images, without augmentation."""
        self.network.eval()
        if self.validation is None:
            return nan, nan
        every, targets = np.arange(len(self.validation)), torch.from_numpy(self.validation.values)
        chunks = np.split(every, range(FORWARD_BATCH, len(every), FORWARD_BATCH))
        outputs = torch.from_numpy(
            np.concatenate(
                [logits_of(self.network, self.validation.images(chunk)) for chunk in chunks]
            )
        )
        loss = binary_loss(outputs, outputs, targets.double())
        return float(loss), _count_correct(outputs, targets) / len(every)

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "best": self.best,
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
        self.history = [EpochMetrics(*values) for values in state["history"]]
        self.steps, self.seconds = state["steps"], state["seconds"]

    def result(self) -> TrainResult[AnyNetwork]:
        """Return the chosen weights in evaluation mode on the processor."""
        if self.best:
            self.network.load_state_dict(self.best)
        self.network.eval().cpu()
        chosen = best_epoch(self.history, self.schedule.keep_best)
        return TrainResult(self.network, tuple(self.history), chosen, self.steps, self.seconds)


def _fingerprint(
    training_set: TrainingSet, schedule: Schedule, seed: int, start: Weights | None,
    validation: TrainingSet | None,
) -> str:  # fmt: skip
    """Return a digest of everything that determines the trained weights."""
    sets = [one.digest() for one in (training_set, validation) if one is not None]
    text = f"{asdict(schedule)} {seed} {torch.__version__} {STEPS_PER_EPOCH} {sets}"
    digest = hashlib.sha256(text.encode())
    for name, array in sorted((start or {}).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def train_network(
    name: str,
    training_set: TrainingSet,
    schedule: Schedule,
    seed: int,
    *,
    start: Weights | None = None,
    validation: TrainingSet | None = None,
    context: TrainContext | None = None,
) -> TrainResult[Network]:
    """Train the paper's network from random weights, or from `start`.

    validation: images that are not trained on, evaluated after each epoch. With a checkpoint
    folder the state is saved after each epoch, and a training that was interrupted resumes and
    ends with the same weights, bit for bit. Raises WrongUse where the checkpoint is of another
    training, UnusableOutput where it cannot be saved.
    """
    context = context or TrainContext()
    generator = Generator().manual_seed(seed)
    network = Network().initialize(generator)
    if start is not None:
        network.load_state_dict({key: torch.from_numpy(array) for key, array in start.items()})
    trainer = Trainer(network, training_set, schedule, generator, validation, context.device)
    checkpoint, fingerprint = None, ""
    if context.checkpoints is not None:
        checkpoint = Checkpoint(context.checkpoints / f"{name.replace(' ', '-')}.pt")
        fingerprint = _fingerprint(training_set, schedule, seed, start, validation)
        if state := checkpoint.load(fingerprint):
            trainer.restore(state)
    while not trainer.is_finished:
        metrics = trainer.run_epoch()
        if checkpoint:
            checkpoint.save(fingerprint, trainer.state())
        context.callbacks.on_epoch_end(name, metrics, trainer.sampler.epochs)
    return trainer.result()


def start_weights(result: TrainResult[Network] | None) -> Weights | None:
    """Return the weights from which the next training starts; None for random ones."""
    return None if result is None else weights_of(result.network)
