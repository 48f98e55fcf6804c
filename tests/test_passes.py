"""Passes: what each shows, which is chosen, and that a broken course ends as an unbroken one."""

import errno
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cxrview import atomic
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.training.batches import batches_of
from cxrview.training.curves import draw_curves, figure_text
from cxrview.training.groups import Group, lesson_of
from cxrview.training.history import Pass, chosen_pass, history_text
from cxrview.training.loop import Manner, teach
from cxrview.training.memory import Memory
from cxrview.training.recipe import PAPER_RECIPE, Schedule
from makers_nets import bars

PLAIN = replace(PAPER_RECIPE.view.main.augmentation, turn=5, shift=0.05, shear=0, zoom=0)
PASSES = Schedule(passes=4, augmentation=PLAIN, batch=8, keeps_best=True, has_cosine=False)
STEPS = Schedule(steps=350, augmentation=PLAIN, batch=2)


def lesson(frontals=12, laterals=5, seed=0):
    def pictures(upright, count):
        made = [np.resize(bars(upright, seed + i)[:40, :40], (64, 64)) for i in range(count)]
        return np.stack(made)

    return lesson_of(
        Group(pictures(True, frontals), False, 1), Group(pictures(False, laterals), True, 1)
    )


class Broken(Exception):
    """The end of a training before its end."""


def broken_after(count):
    left = [count]

    def report(one, of):
        left[0] -= 1
        if not left[0]:
            raise Broken

    return report


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 40), st.integers(0, 40))
def test_a_pass_shows_each_picture_as_often_as_its_class_needs(
    frontals, laterals, shown_f, shown_l
):
    given = lesson_of(
        Group(np.zeros((frontals, 64, 64), np.uint8), False, 1),
        Group(np.zeros((laterals, 64, 64), np.uint8), True, 1),
    )
    schedule = replace(PASSES, frontals=shown_f, laterals=shown_l)
    batches = batches_of(given, schedule, torch.Generator().manual_seed(0))
    drawn = list(batches.of_pass(0))
    assert all(len(batch) == 8 for batch in drawn[:-1])
    shown = Counter(torch.cat(drawn).tolist())
    for held, wanted, first in ((frontals, shown_f, 0), (laterals, shown_l, frontals)):
        often = [shown[first + i] for i in range(held)]
        assert sum(often) == (wanted or held)
        assert max(often) - min(often) <= 1


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(0.9, 0.1), (1.0, 0.5), (1.0, 0.3), (1.0, 0.3), (0.99, 0.01)], 3),
        ([(1.0, 0.2)], 1),
        ([(0.5, 0.1), (0.4, 0.0)], 1),
    ],
)
def test_the_pass_with_the_best_accuracy_then_the_lowest_loss_is_chosen(rows, best):
    history = [Pass(i + 1, 0, 0, loss, accuracy) for i, (accuracy, loss) in enumerate(rows)]
    assert chosen_pass(history, keeps_best=True) == best
    assert chosen_pass(history, keeps_best=False) == len(rows)


def test_the_weights_kept_are_those_of_the_chosen_pass():
    held = lesson(seed=900)
    whole = teach(lesson(), PASSES, 0, held=held)
    again = teach(lesson(), replace(PASSES, passes=whole.chosen, keeps_best=False), 0, held=held)
    for name, weights in again.net.state_dict().items():
        assert torch.equal(weights, whole.net.state_dict()[name])
    assert whole.history[: whole.chosen] == again.history


@pytest.mark.parametrize("schedule", [PASSES, STEPS], ids=["passes", "steps"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_course_that_is_broken_off_ends_as_an_unbroken_one(tmp_path, schedule, count):
    held = lesson(seed=900)
    memory = Memory(tmp_path / "net.pt")
    for broken in (count, 1):
        with pytest.raises(Broken):
            teach(
                lesson(),
                schedule,
                3,
                held=held,
                manner=Manner(report=broken_after(broken), memory=memory),
            )
    numbers = []
    report = lambda one, of: numbers.append(one.number)  # noqa: E731
    resumed = teach(lesson(), schedule, 3, held=held, manner=Manner(report=report, memory=memory))
    assert numbers == list(range(count + 2, 5))
    whole = teach(lesson(), schedule, 3, held=held)
    assert resumed.history == whole.history
    assert resumed.chosen == whole.chosen
    for name, weights in whole.net.state_dict().items():
        assert torch.equal(weights, resumed.net.state_dict()[name])


@pytest.mark.parametrize(
    "other",
    [
        {"lesson": lesson(seed=1)},
        {"schedule": replace(PASSES, batch=9)},
        {"seed": 4},
        {"held": lesson(seed=901)},
    ],
    ids=["lesson", "schedule", "seed", "held"],
)
def test_the_memory_of_another_course_is_refused(tmp_path, other):
    same = {
        "lesson": lesson(),
        "schedule": replace(PASSES, passes=1),
        "seed": 3,
        "held": lesson(seed=900),
    }
    manner = Manner(memory=Memory(tmp_path / "net.pt"))
    teach(**same, manner=manner)
    with pytest.raises(WrongUse, match="another recipe"):
        teach(**{**same, **other}, manner=manner)


def test_a_torn_memory_is_named(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(WrongUse, match=r"net.pt cannot be read: remove it"):
        teach(lesson(), PASSES, 3, manner=Manner(memory=Memory(tmp_path / "net.pt")))


def test_a_full_disc_is_told_and_loses_one_pass_only(tmp_path, monkeypatch):
    memory = Memory(tmp_path / "net.pt")
    with pytest.raises(Broken):
        teach(lesson(), PASSES, 3, manner=Manner(report=broken_after(2), memory=memory))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(UnusableOutput, match="No space left"):
            teach(lesson(), PASSES, 3, manner=Manner(memory=memory))
    told = []
    report = lambda one, of: told.append(one.number)  # noqa: E731
    teach(lesson(), PASSES, 3, manner=Manner(report=report, memory=memory))
    assert told == [3, 4]


def test_a_history_is_a_table_with_gaps_where_nothing_was_held_out():
    history = [Pass(1, 0.5, 0.75), Pass(2, 0.25, 1.0, 0.125, 0.5)]
    assert history_text(history).splitlines()[1:] == ["1,0.5,0.75,,", "2,0.25,1,0.125,0.5"]


def test_curves_are_drawn_the_same_each_time():
    history = [Pass(i + 1, 1 / (i + 1), 0.9, 0.5, 0.8) for i in range(5)]
    first, again = (figure_text(draw_curves(history, 3), "svg") for _ in range(2))
    assert first == again
    assert b"chosen: pass 3" in first or b"<svg" in first
    assert figure_text(draw_curves(history, 3), "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"steps": 3, "passes": 3}, {"steps": 3, "share": 1.0}, {"passes": 3, "laterals": -1},
     {"steps": 3, "decay": 1.0}, {"steps": 3, "peak_rate": 0}],
)  # fmt: skip
def test_schedules_that_cannot_be(wrong):
    with pytest.raises(ValueError):
        Schedule(augmentation=PLAIN, **wrong)
