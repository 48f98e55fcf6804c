"""Sampling and training: batches, targets, losses, the chosen epoch, exact resume."""

import errno
import io
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview import atomic
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.model.layers import ARCHITECTURES, CHEST, INVERTED, LATERAL, ROTATION
from cxrview.report.charts import draw_sheet
from cxrview.training import dataset
from cxrview.training import trainer as trainer_module
from cxrview.training.augment import Augmentation
from cxrview.training.callbacks import EpochMetrics, TrainCallbacks, TrainContext
from cxrview.training.dataset import TargetGroup, TrainingSet, binary_set, sampler_for
from cxrview.training.losses import binary_loss, multi_task_loss
from cxrview.training.networks import Network, Outputs, logits_of, predict, round_to_half
from cxrview.training.page import training_charts
from cxrview.training.recipe import Precision, Schedule
from cxrview.training.step_settings import StepSettings, timed_settings
from cxrview.training.tables import history_csv
from cxrview.training.trainer import Trainer, TrainResult, best_epoch
from cxrview.training.trainer import train_network as train_any_network
from makers_networks import bars, network

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = Augmentation(rotation=5, shift=0.05, shear=0, zoom=0, black_fill=0)
STILL = Augmentation(rotation=0, shift=0, shear=0, zoom=0, mirror=0, black_fill=0)
EXACT = {"augmentation": PLAIN, "precision": Precision.FLOAT32}  # the same on any machine
EPOCHS = Schedule(epochs=4, batch=8, keep_best=True, cosine_decay=False, **EXACT)
STEPS = Schedule(steps=350, batch=2, **EXACT)
SHORT = Schedule(steps=60, batch=16, **EXACT)
POSES = replace(PLAIN, quarter_turns=1.0, invert=0.5)
MULTI = Schedule(
    steps=4, batch=6, optimizer="adamw", warmup_steps=2, augmentation=POSES,
    precision=Precision.FLOAT32,
)  # fmt: skip
SMALL = ARCHITECTURES["multitask-small"]


def train_network(name, *rest, **named):
    """Train the paper's network."""
    return train_any_network(name, ARCHITECTURES["paper"], *rest, **named)


def group(images: np.ndarray, value: float, **settings) -> TargetGroup:
    return TargetGroup(
        images=images, rows=np.arange(len(images)), targets={"lateral": value}, **settings
    )


def empty(count: int) -> np.ndarray:
    return np.zeros((count, 4, 4), np.float32)


def bar_set(frontals: int = 12, laterals: int = 5, seed: int = 0) -> TrainingSet:
    def images(upright, count):
        made = [np.resize(bars(upright, seed + i)[:40, :40], (64, 64)) for i in range(count)]
        return np.stack(made).astype(np.float32) / 255

    return binary_set(
        "lateral", [group(images(True, frontals), 0), group(images(False, laterals), 1)]
    )


def multi_set(seed: int = 0, count: int = 4) -> TrainingSet:
    """Noise as frontals, laterals, obliques and negatives, `count` of each."""
    rng = np.random.default_rng(seed)
    chest = {CHEST: 1.0, ROTATION: 0.0, INVERTED: 0.0}
    kinds = [{**chest, LATERAL: lateral} for lateral in (0.0, 1.0, 0.5)]
    groups = [
        TargetGroup(
            images=rng.random((count, SMALL.side, SMALL.side), np.float32),
            rows=np.arange(count),
            targets=targets,
        )
        for targets in (*kinds, {CHEST: 0.0})
    ]
    return TrainingSet(tuple(groups), SMALL.outputs)


# The training set


def test_images_and_targets_follow_the_groups():
    images = np.arange(5 * 16, dtype=np.float32).reshape(5, 4, 4)
    first = TargetGroup(images=images, rows=np.array([3, 1]), targets={"lateral": 0})
    second = TargetGroup(images=images, rows=np.array([2]), targets={"lateral": 1, "rotation": 0})
    both = TrainingSet((first, second), ("rotation", "lateral"))
    assert len(both) == 3
    np.testing.assert_array_equal(both.images(np.array([2, 1, 0])), images[[2, 1, 3]])
    assert both.values[:, 1].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(both.values[:, 0], [np.nan, np.nan, 0])  # NaN: unknown


def test_bytes_stand_for_shares_of_255():
    images = np.array([[[0, 51], [204, 255]]], np.uint8)
    np.testing.assert_array_equal(
        group(images, 0).take(np.array([0])), np.float32([[[0, 51], [204, 255]]]) / np.float32(255)
    )


@pytest.mark.parametrize(
    ("groups", "shares"),
    [
        ([(2, 1, 0.5), (1, 1, 0.5), (4, 0, 1)], [0.75, 0.125, 0.125]),
        ([(2, 1, 1), (0, 1, 1), (3, 1, 0), (1, 0, 1)], [0.75, 0.25]),
        ([(1, 0, 3), (5, 0, 1), (2, 1, 7)], [0.5625, 0.1875, 0.25]),
    ],
)
def test_groups_get_their_shares_of_a_batch(groups, shares):
    made = [group(empty(n), value, share=share) for n, value, share in groups]
    assert binary_set("lateral", made, 0.25).shares == pytest.approx(tuple(shares))


def test_a_set_needs_both_classes():
    with pytest.raises(WrongUse, match="both classes"):
        binary_set("lateral", [group(empty(3), 1)])


sizes_and_shares = st.lists(
    st.tuples(st.integers(1, 9), st.floats(0.05, 9)), min_size=1, max_size=4
)


@settings(max_examples=40)
@given(sizes_and_shares, sizes_and_shares)
def test_batches_hold_each_group_in_its_share(negatives, positives):
    groups = [group(empty(n), 0, share=share) for n, share in negatives]
    groups += [group(empty(n), 1, share=share) for n, share in positives]
    made = binary_set("lateral", groups, 0.25)
    sampler = sampler_for(made, replace(STEPS, batch=32), torch.Generator().manual_seed(1))
    drawn = list(sampler.epoch(0))
    counts = np.zeros((len(drawn), len(made.groups)))
    for number, batch in enumerate(drawn):
        assert len(batch) == 32
        assert int((made.values[batch.numpy(), 0] > 0).sum()) == 8
        places = np.searchsorted(made.starts, batch.numpy(), side="right") - 1
        counts[number] = np.bincount(places, minlength=len(made.groups))
    expected = 32 * np.array(made.shares)
    assert np.abs(counts - expected).max() <= 1 + 1e-6
    assert np.abs(counts.mean(0) - expected).max() < 0.25


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 40), st.integers(0, 40))
def test_an_epoch_shows_each_image_as_often_as_its_class_needs(
    frontals, laterals, shown_f, shown_l
):
    made = binary_set("lateral", [group(empty(frontals), 0), group(empty(laterals), 1)])
    schedule = replace(EPOCHS, frontals=shown_f, laterals=shown_l)
    drawn = list(sampler_for(made, schedule, torch.Generator().manual_seed(0)).epoch(0))
    assert all(len(batch) == 8 for batch in drawn[:-1])
    shown = Counter(torch.cat(drawn).tolist())
    for count, wanted, first in ((frontals, shown_f, 0), (laterals, shown_l, frontals)):
        often = [shown[first + i] for i in range(count)]
        assert sum(often) == (wanted or count)
        assert max(often) - min(often) <= 1


# Outputs


@pytest.mark.parametrize(
    ("chest", "rotation", "inverted", "is_blank", "expected"),
    [
        (1, 0, -1, False, True),
        (-1, 0, -1, False, False),
        (1, 2, -1, False, False),
        (1, 0, 1, False, False),
        (1, 0, -1, True, False),
    ],
)
def test_only_upright_chest_radiographs_fit_the_targets(
    chest, rotation, inverted, is_blank, expected
):
    turns = np.eye(4)[rotation]
    logits = np.array([[chest, *turns, inverted, 0.0]])
    assert Outputs(SMALL, logits, np.array([is_blank])).is_upright_chest().tolist() == [expected]


def test_a_network_of_views_alone_takes_every_image_that_is_not_blank_for_one():
    outputs = Outputs(ARCHITECTURES["paper"], np.zeros((2, 1)), np.array([False, True]))
    assert outputs.is_upright_chest().tolist() == [True, False]


# Loss and epochs


def test_unknown_targets_add_no_loss():
    outputs = torch.tensor([[0.5, 9.0], [-1.0, 2.0]])
    targets = torch.tensor([[1.0, torch.nan], [0.0, 1.0]])
    known = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor([0.5, -1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0])
    )
    torch.testing.assert_close(binary_loss(outputs, outputs, targets), known)


NAN = float("nan")
KNOWN_AND_UNKNOWN = torch.tensor([
    # chest, rotation, inverted, lateral
    [1.0, 3.0, 1.0, 0.0],
    [1.0, NAN, NAN, 0.5],
    [0.0, NAN, NAN, NAN],
])  # fmt: skip


def test_a_multi_task_loss_weighs_the_mean_cross_entropy_of_each_output():
    logits = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    chest, rotation, inverted, lateral = KNOWN_AND_UNKNOWN.T
    p_turns = torch.softmax(logits[0, 1:5], 0)
    p = torch.sigmoid(logits)
    expected = (
        -(torch.log(p[0, 0]) + torch.log(p[1, 0]) + torch.log(1 - p[2, 0])) / 3
        - 0.5 * torch.log(p_turns[int(rotation[0])])
        - 0.5 * torch.log(p[0, 5])
        - 0.5 * (torch.log(1 - p[0, 6]) + (torch.log(p[1, 6]) + torch.log(1 - p[1, 6])) / 2) / 2
    )
    assert (chest[2], inverted[0], lateral[1]) == (0, 1, 0.5)
    torch.testing.assert_close(multi_task_loss(SMALL)(logits, logits, KNOWN_AND_UNKNOWN), expected)


def test_unknown_targets_of_an_output_have_no_gradient():
    logits = torch.ones(3, 7, requires_grad=True)
    multi_task_loss(SMALL)(logits, logits, KNOWN_AND_UNKNOWN).backward()
    assert torch.isfinite(logits.grad).all()
    changes = (logits.grad != 0).tolist()
    assert changes == [[True] * 7, [True, *[False] * 5, True], [True, *[False] * 6]]


def test_without_a_known_target_an_output_adds_nothing():
    targets = KNOWN_AND_UNKNOWN[2:]
    logits = torch.tensor([[0.0, *[9.0] * 6]])
    assert float(multi_task_loss(SMALL)(logits, logits, targets)) == pytest.approx(np.log(2))


def test_an_oblique_is_pulled_towards_one_half():
    logits = torch.zeros(3, 7)
    logits[:, 6] = torch.tensor([-3.0, 0.0, 3.0])
    logits.requires_grad_()
    targets = torch.full((3, 4), NAN)
    targets[:, 3] = 0.5
    multi_task_loss(SMALL)(logits, logits, targets).backward()
    below, at, above = logits.grad[:, 6].tolist()
    assert (below < 0, at, above > 0) == (True, 0, True)


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(0.9, 0.1), (1.0, 0.5), (1.0, 0.3), (1.0, 0.3), (0.99, 0.01)], 3),
        ([(1.0, 0.2)], 1),
        ([(0.5, 0.1), (0.4, 0.0)], 1),
    ],
)
def test_the_epoch_with_the_best_accuracy_then_the_lowest_loss_is_chosen(rows, best):
    history = [EpochMetrics(i + 1, 0, 0, loss, accuracy) for i, (accuracy, loss) in enumerate(rows)]
    assert best_epoch(history, keep_best=True) == best
    assert best_epoch(history, keep_best=False) == len(rows)


def test_the_last_epoch_is_chosen_where_nothing_is_held_out():
    assert best_epoch([EpochMetrics(i + 1, 0, 0) for i in range(3)], keep_best=True) == 3
    first, last = (
        train_network("net", bar_set(), replace(EPOCHS, epochs=epochs), 0) for epochs in (1, 3)
    )
    assert last.chosen_epoch == 3
    assert not all(
        torch.equal(weights, last.network.state_dict()[name])
        for name, weights in first.network.state_dict().items()
    )


def test_a_network_learns_to_separate_two_classes():
    trained = train_network("net", bar_set(24, 24), SHORT, 0).network
    unseen = bar_set(24, 24, seed=1000)
    images, expected = unseen.images(np.arange(len(unseen))), unseen.values[:, 0] > 0
    assert ((predict(trained, images) > 0.5) == expected).mean() > 0.9
    assert ((predict(network(0), images) > 0.5) == expected).mean() < 0.9


def test_the_same_seed_makes_the_same_network():
    first, again, other = (
        train_network("net", bar_set(), replace(SHORT, steps=5), seed).network.state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(weights, again[name]) for name, weights in first.items())
    assert not all(torch.equal(weights, other[name]) for name, weights in first.items())


def test_callbacks_get_the_metrics_of_each_epoch():
    seen = []
    context = TrainContext(TrainCallbacks(on_epoch_end=lambda *values: seen.append(values)))
    schedule = replace(SHORT, steps=250)
    train_network("net", bar_set(), schedule, 0, validation=bar_set(seed=500), context=context)
    assert [(name, one.epoch, count) for name, one, count in seen] == [
        ("net", 1, 3), ("net", 2, 3), ("net", 3, 3),
    ]  # fmt: skip
    first, *_, last = (one for _, one, _ in seen)
    assert last.training_loss < first.training_loss
    assert last.training_accuracy > first.training_accuracy
    assert 0 < last.validation_loss < first.training_loss


def test_validation_measures_the_weights_as_the_model_file_stores_them():
    held = bar_set(seed=500)
    generator = torch.Generator().manual_seed(0)
    trainer = Trainer(Network().initialize(generator), bar_set(), SHORT, generator, held)
    metrics = trainer.run_epoch()
    images, targets = held.images(np.arange(len(held))), torch.from_numpy(held.values).double()
    losses = []
    for made in (trainer.network, round_to_half(deepcopy(trainer.network))):
        logits = torch.from_numpy(logits_of(made.eval(), images))
        losses.append(float(binary_loss(logits, logits, targets)))
    assert metrics.validation_loss == losses[1] != losses[0]


def test_the_weights_are_those_of_the_chosen_epoch():
    held = bar_set(seed=900)
    whole = train_network("net", bar_set(), EPOCHS, 0, validation=held)
    shorter = replace(EPOCHS, epochs=whole.chosen_epoch, keep_best=False)
    again = train_network("net", bar_set(), shorter, 0, validation=held)
    for name, weights in again.network.state_dict().items():
        assert torch.equal(weights, whole.network.state_dict()[name])
    assert whole.history[: whole.chosen_epoch] == again.history


@pytest.mark.parametrize(
    ("seconds", "steps"), [(0.1, 60), (25.0, 3), (1000.0, 1)]
)  # at least one step
def test_a_time_limit_ends_a_training_early(seconds, steps):
    class Clock:
        now = 0.0

        def __call__(self):
            self.now += seconds
            return self.now

    schedule = replace(SHORT, minutes=1.0)
    generator = torch.Generator().manual_seed(0)
    trainer = Trainer(
        Network().initialize(generator), bar_set(), schedule, generator, clock=Clock()
    )
    while not trainer.is_finished:
        trainer.run_epoch()
    assert trainer.result().steps == steps


class Recorder(torch.nn.Module):
    """Records the images that it is shown."""

    def __init__(self):
        super().__init__()
        self.bias, self.seen = torch.nn.Parameter(torch.zeros(())), []

    def forward(self, images):
        self.seen.append(images.detach().clone())
        return self.bias.expand(len(images))


@pytest.mark.parametrize(("augmentation", "is_inverted"), [(None, False), ("invert", True)])
def test_networks_are_trained_on_augmented_images(augmentation, is_inverted):
    if augmentation:
        augmentation = replace(STILL, invert=1.0)
    images = np.full((4, 8, 8), 0.25, np.float32)
    made = binary_set("lateral", [group(images, 0), group(images, 1)])
    schedule = replace(SHORT, steps=3, augmentation=augmentation)
    network = Recorder()
    Trainer(network, made, schedule, torch.Generator().manual_seed(0)).run_epoch()
    assert len(network.seen) == 3
    for shown in network.seen:
        assert shown.unique().tolist() == [0.75 if is_inverted else 0.25]


def test_targets_say_how_each_image_was_turned_and_inverted():
    images = np.random.default_rng(0).random((8, 6, 6)).astype(np.float32)
    chest = {CHEST: 1.0, ROTATION: 0.0, INVERTED: 0.0}
    groups = tuple(
        TargetGroup(images=images, rows=np.arange(first, first + 4), targets=targets)
        for first, targets in ((0, {**chest, LATERAL: 1.0}), (4, {CHEST: 0.0}))
    )
    seen = []

    def loss(outputs, images, targets):
        seen.extend(zip(images[:, 0].numpy(), targets.tolist(), strict=True))
        return outputs.sum()

    augmentation = replace(STILL, quarter_turns=1.0, invert=0.5)
    schedule = replace(MULTI, steps=40, batch=8, augmentation=augmentation)
    generator = torch.Generator().manual_seed(0)
    Trainer(
        Recorder(), TrainingSet(groups, SMALL.outputs), schedule, generator, loss=loss
    ).run_epoch()
    poses = Counter()
    for image, (chest, turns, inverted, lateral) in seen:
        if not chest:  # it has no upright pose
            assert np.isnan([turns, inverted, lateral]).all()
            continue
        upright = np.rot90(1 - image if inverted else image, -int(turns))  # clockwise
        assert min(np.abs(upright - one).max() for one in images[:4]) < 1e-6
        assert lateral == 1
        poses[turns, inverted] += 1
    assert len(poses) == 8
    assert min(poses.values()) > 8


def test_an_oblique_counts_as_neither_right_nor_wrong():
    groups = (
        group(np.zeros((2, 8, 8), np.float32), 0),
        group(np.zeros((2, 8, 8), np.float32), 0.5),
    )
    network = Recorder()
    trainer = Trainer(
        network, TrainingSet(groups, (LATERAL,)), replace(SHORT, steps=2),
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert trainer.run_epoch().training_accuracy == 1  # all outputs are 0: frontal


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine():
    schedule = replace(MULTI, steps=8, warmup_steps=4, augmentation=None)
    network, rates = Recorder(), []
    trainer = Trainer(network, bar_set(), schedule, torch.Generator().manual_seed(0))
    network.register_forward_pre_hook(
        lambda *_: rates.append(trainer.optimizer.param_groups[0]["lr"])
    )
    trainer.run_epoch()
    cosine = (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
    expected = schedule.peak_learning_rate * cosine * [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert rates == pytest.approx(expected.tolist())


# Precision


class Stopwatch:
    """A clock by which the trials in float32 and bfloat16, in turn, take these seconds."""

    def __init__(self, *seconds):
        self.now, self.left, self.is_running = 0.0, list(seconds), False

    def __call__(self):
        if self.is_running:
            self.now += self.left.pop(0)
        self.is_running = not self.is_running
        return self.now


FLOAT32, BFLOAT16 = StepSettings(Precision.FLOAT32), StepSettings(Precision.BFLOAT16)


@pytest.mark.parametrize(
    ("max_threads", "seconds", "chosen"),
    [
        (1, (3, 1, 3, 1, 3, 1), BFLOAT16),
        (1, (1, 3, 1, 3, 1, 3), FLOAT32),
        (1, (1.1, 1, 1.1, 1, 1.1, 1), FLOAT32),  # not worth it
        (1, (9, 1, 1, 1, 9, 1), FLOAT32),  # the fastest trial counts
        (2, (3, 9, 2, 9) * 3, StepSettings(Precision.FLOAT32, 2)),
        (2, (3, 9, 2, 1) * 3, StepSettings(Precision.BFLOAT16, 2)),
        (2, (3, 9, 30, 90) * 3, FLOAT32),  # the other processor is busy
    ],
)
def test_the_fastest_settings_are_chosen_and_change_nothing(max_threads, seconds, chosen):
    made = network(0, "multitask-small").train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    random_state = torch.get_rng_state()
    clock = Stopwatch(*seconds)
    images = torch.rand(4, 1, SMALL.side, SMALL.side, generator=torch.Generator().manual_seed(0))
    assert timed_settings(made, images, torch.device("cpu"), max_threads, clock) == chosen
    assert not clock.left
    for name, value in made.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(one.grad is None for one in made.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_resumed_training_keeps_the_settings_that_were_chosen(monkeypatch):
    schedule = replace(MULTI, precision=Precision.AUTO)
    chosen = StepSettings(Precision.BFLOAT16, 2)

    def started():
        generator = torch.Generator().manual_seed(0)
        return Trainer(Network(SMALL).initialize(generator), multi_set(), schedule, generator,
                       loss=multi_task_loss(SMALL))  # fmt: skip

    monkeypatch.setattr(dataset, "STEPS_PER_EPOCH", 1)
    monkeypatch.setattr(trainer_module, "timed_settings", lambda *_: chosen)
    first = started()
    first.run_epoch()
    monkeypatch.setattr(trainer_module, "timed_settings", lambda *_: pytest.fail("timed again"))
    resumed = started()
    resumed.restore(first.state())
    resumed.run_epoch()
    assert resumed.result().settings == chosen
    torch.set_num_threads(1)


# Checkpoints


class Stopped(Exception):
    """The end of a training before its end."""


def stopping_after(count, folder):
    left = [count]

    def on_epoch_end(*_):
        left[0] -= 1
        if not left[0]:
            raise Stopped

    return TrainContext(TrainCallbacks(on_epoch_end=on_epoch_end), folder)


RESUMED = {
    "epochs": ("paper", bar_set, EPOCHS),
    "steps": ("paper", bar_set, STEPS),
    "multi-task": ("multitask-small", multi_set, MULTI),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", RESUMED)
@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, monkeypatch, case, count):
    """Weights, running means and variances of the normalization, and history, bit for bit."""
    architecture, make_set, schedule = RESUMED[case]
    if schedule is MULTI:
        monkeypatch.setattr(dataset, "STEPS_PER_EPOCH", 1)

    def train(context=None):
        return train_any_network(
            "net", ARCHITECTURES[architecture], make_set(), schedule, 3,
            validation=make_set(seed=900), context=context,
        )  # fmt: skip

    for stop in (count, 1):
        with pytest.raises(Stopped):
            train(stopping_after(stop, tmp_path))
    epochs = []
    callbacks = TrainCallbacks(on_epoch_end=lambda _, one, __: epochs.append(one.epoch))
    resumed = train(TrainContext(callbacks, tmp_path))
    assert epochs == list(range(count + 2, 5))
    whole = train()
    assert (resumed.history, resumed.chosen_epoch) == (whole.history, whole.chosen_epoch)
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(
    "other",
    [
        {"training_set": bar_set(seed=1)},
        {"schedule": replace(EPOCHS, epochs=1, batch=9)},
        {"seed": 4},
        {"validation": bar_set(seed=901)},
        {"start": {n: w.numpy() for n, w in network(5).state_dict().items()}},
    ],
    ids=["set", "schedule", "seed", "validation", "start"],
)
def test_the_checkpoint_of_another_training_is_refused(tmp_path, other):
    same = {"training_set": bar_set(), "schedule": replace(EPOCHS, epochs=1), "seed": 3,
            "validation": bar_set(seed=900)}  # fmt: skip
    context = TrainContext(checkpoints=tmp_path)
    train_network("net", **same, context=context)
    with pytest.raises(WrongUse, match="another recipe"):
        train_network("net", **{**same, **other}, context=context)


def saved(content) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("content", [
    b"PK\x03\x04 torn",
    b"\x80\x02X\x01\x00\x00\x00\xff.",  # a pickle of text that is not UTF-8
    saved([1]),
    saved({"fingerprint": "", "state": 5}),
])  # fmt: skip
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(WrongUse, match=r"net.pt cannot be read: remove it"):
        train_network("net", bar_set(), EPOCHS, 3, context=TrainContext(checkpoints=tmp_path))


def test_a_full_disk_is_an_error_and_loses_one_epoch_only(tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        train_network("net", bar_set(), EPOCHS, 3, context=stopping_after(2, tmp_path))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(UnusableOutput, match="No space left"):
            train_network("net", bar_set(), EPOCHS, 3, context=TrainContext(checkpoints=tmp_path))
    epochs = []
    callbacks = TrainCallbacks(on_epoch_end=lambda _, one, __: epochs.append(one.epoch))
    train_network("net", bar_set(), EPOCHS, 3, context=TrainContext(callbacks, tmp_path))
    assert epochs == [3, 4]


# History


def test_a_history_is_a_table_with_gaps_where_nothing_was_held_out():
    history = [EpochMetrics(1, 0.5, 0.75), EpochMetrics(2, 0.25, 1.0, 0.125, 0.5)]
    assert history_csv(history).splitlines()[1:] == ["1,0.5,0.75,,", "2,0.25,1,0.125,0.5"]


@pytest.mark.parametrize(
    ("losses", "lowest"), [((0.5, 0.25), 0.2), ((1.0, 1e-20), 1e-7), ((0.5, 0.0), 1e-7)]
)
def test_the_axis_of_the_loss_fits_the_values(losses, lowest):
    history = tuple(EpochMetrics(i + 1, loss, 0.9) for i, loss in enumerate(losses))
    loss, accuracy = training_charts(TrainResult(network(0), history, 2))
    assert loss.y_limits == (pytest.approx(lowest), None)
    assert accuracy.y_limits == (None, None)
    assert [one.name for one in loss.series] == ["training"]


def test_curves_are_drawn_the_same_each_time():
    history = tuple(EpochMetrics(i + 1, 1 / (i + 1), 0.9, 0.5, 0.8) for i in range(5))
    result = TrainResult(network(0), history, 3)
    first, again = (draw_sheet(training_charts(result), "t", "svg") for _ in range(2))
    assert first == again
    assert b"<svg" in first
    assert draw_sheet(training_charts(result), "t", "png").startswith(b"\x89PNG")
