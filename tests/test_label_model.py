"""Labels and a shipped model's answers -> verdicts, uncertain and different images, error rate."""

import numpy as np
import pytest

from cxrview.labeling.label_model import (
    FEATURES,
    VIEWS,
    KnownLabel,
    UpdateTask,
    describe,
    priors_of,
    update_model,
)
from cxrview.views import Verdict

F, L, N = VIEWS


def clusters(rng, *sizes, spread=6):
    """Images around as many centres, and the cluster of each."""
    centres = rng.integers(30, 220, (len(sizes), FEATURES))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    noise = rng.normal(0, spread, (len(cluster), FEATURES))
    return np.clip(centres[cluster] + noise, 0, 255).astype(np.uint8), cluster


def task(features, labels=(), prior=0.0, chest=1.0, count=5):
    n = len(features)
    priors = np.stack([np.broadcast_to(prior, n), np.broadcast_to(chest, n)], 1)
    return UpdateTask(features, priors.astype(np.float32), np.arange(n) / n, tuple(labels), count)


def test_the_description_of_a_mirrored_image_is_the_same():
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    assert describe(image).shape == (FEATURES,)
    assert (describe(image) == describe(image[:, ::-1])).all()
    assert (describe(image) != describe(image[::-1])).any()


@pytest.mark.parametrize(("p_lateral", "p_chest", "expected"), [
    (0.0, 1.0, (-1, 1)), (1.0, 0.0, (1, -1)), (0.5, 0.4, (0, 0)), (0.75, 0.7, (0.5, 0.5)),
])  # fmt: skip
def test_priors_are_zero_where_the_model_is_undecided(p_lateral, p_chest, expected):
    assert priors_of(p_lateral, p_chest, 0.4) == pytest.approx(expected)


def test_without_labels_the_shipped_model_decides():
    features, _ = clusters(np.random.default_rng(1), 12)
    prior, chest = np.tile([-0.9, 0.9, 0.1], 4), np.repeat([1.0, -0.5], 6)
    update = update_model(task(features, prior=prior, chest=chest))
    assert [VIEWS[code] for code in update.codes] == [F, L, L] * 2 + [N] * 6
    assert not update.is_sure.any()
    assert (update.checked, update.errors) == (0, 0)


def test_labels_spread_to_similar_images_against_the_shipped_model():
    features, cluster = clusters(np.random.default_rng(2), 30, 30, 30)
    wanted = np.array([F, L, N])[cluster]
    labels = [KnownLabel(i, wanted[i], False) for i in (0, 1, 2, 30, 31, 32, 60, 61, 62)]
    update = update_model(task(features, labels, prior=-np.sign(cluster - 0.5) * 0.8))
    assert [VIEWS[code] for code in update.codes] == wanted.tolist()
    assert update.is_sure[:60].all()
    assert (update.p_lateral[30:60] > 0.9).all()


def test_an_image_unlike_all_others_is_not_sure_and_comes_first():
    features, cluster = clusters(np.random.default_rng(3), 20, 20, 1)
    labels = [KnownLabel(i, (F, L)[cluster[i]], False) for i in (0, 1, 2, 20, 21, 22)]
    update = update_model(task(features, labels))
    assert update.is_sure[:40].all()
    assert not update.is_sure[40]
    assert update.chosen[0] == 40


def test_chosen_images_differ_and_have_no_label():
    features, cluster = clusters(np.random.default_rng(4), 40, 40, 10, 10, 10)
    labels = [KnownLabel(i, (F, L)[cluster[i]], False) for i in (0, 1, 2, 40, 41, 42)]
    update = update_model(task(features, labels, count=3))
    assert sorted(cluster[update.chosen]) == [2, 3, 4]  # one of each unknown cluster
    update = update_model(task(features, labels, count=500))
    assert sorted(update.chosen) == sorted(set(range(110)) - {one.index for one in labels})


def test_the_same_task_gives_the_same_update():
    features, cluster = clusters(np.random.default_rng(5), 20, 20)
    labels = [KnownLabel(i, (F, L)[cluster[i]], True) for i in (0, 20, 1)]
    one, two = (update_model(task(features, labels)) for _ in range(2))
    assert (one.chosen == two.chosen).all()
    assert (one.p_lateral == two.p_lateral).all()


def test_each_random_image_is_checked_by_a_model_fitted_without_it():
    features, cluster = clusters(np.random.default_rng(6), 20, 20, 20)
    right = [KnownLabel(i, (F, L, N)[cluster[i]], True) for i in (0, 1, 2, 20, 21, 22, 40, 41, 42)]
    chosen = KnownLabel(6, L, False)  # wrong, but not drawn at random
    wrong = KnownLabel(5, L, True)  # it alone says so
    found = update_model(task(features, [*right, chosen]))
    assert (found.checked, found.errors) == (9, 0)
    found = update_model(task(features, [*right, wrong]))
    assert (found.checked, found.errors) == (10, 1)


def test_leaving_out_is_the_same_as_fitting_without():
    rng = np.random.default_rng(7)
    features, cluster = clusters(rng, 25, 25, spread=60)
    views = np.where(rng.random(50) < 0.25, L, np.array([F, L])[cluster])
    labels = [KnownLabel(i, Verdict(views[i]), True) for i in range(50)]
    wrong = 0
    for left in labels:
        rest = [one for one in labels if one is not left]
        wrong += VIEWS[update_model(task(features, rest)).codes[left.index]] is not left.view
    found = update_model(task(features, labels)).errors
    assert found > 5
    assert abs(found - wrong) <= 2  # weight and amplitude are chosen with the image


@pytest.mark.parametrize("view", [F, L])
def test_labels_of_one_view_make_the_model_sure_of_nothing_far_away(view):
    features, _ = clusters(np.random.default_rng(8), 10, 10)
    update = update_model(task(features, [KnownLabel(i, view, True) for i in range(10)]))
    assert not update.is_sure[10:].any()
