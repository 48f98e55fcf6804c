"""What each perturbation does to an image, and that a seed repeats it."""

import numpy as np
import pytest

from cxrview.evaluation.perturbations import PERTURBATIONS, POSES, perturb

IMAGE = np.random.default_rng(0).integers(20, 200, (120, 100)).astype(np.uint8)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_gives_an_image_and_repeats_itself(name):
    first, again = perturb(IMAGE, name, 5), perturb(IMAGE, name, 5)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("unaltered", lambda a: (a == IMAGE).all()),
        ("inverted", lambda a: (a == 255 - IMAGE).all()),
        ("rotated by 90", lambda a: (a == np.rot90(IMAGE)).all()),
        ("rotated by 270", lambda a: (a == np.rot90(IMAGE, 3)).all()),
        ("rotated by 180", lambda a: (a == IMAGE[::-1, ::-1]).all()),
        ("inverted, rotated by 90", lambda a: (a == 255 - np.rot90(IMAGE)).all()),
        ("inverted, rotated by 180", lambda a: (a == 255 - IMAGE[::-1, ::-1]).all()),
        ("inverted, rotated by 270", lambda a: (a == 255 - np.rot90(IMAGE, 3)).all()),
        ("mirrored", lambda a: (a == IMAGE[:, ::-1]).all()),
        ("cropped to 70 %", lambda a: a.shape == (84, 70)),
        ("padded by 30 %", lambda a: a.shape == (192, 160) and not a[:36].any()),
        ("padded at the sides", lambda a: a.shape == (120, 160) and not a[:, :30].any()),
        ("gamma 0.4", lambda a: a.mean() > IMAGE.mean() + 20),
        ("gamma 2.5", lambda a: a.mean() < IMAGE.mean() - 20),
        ("low contrast", lambda a: np.ptp(a.astype(int)) < np.ptp(IMAGE.astype(int)) / 3),
        ("noise", lambda a: np.std(a - IMAGE.astype(float)) > 40),
        ("blur", lambda a: a.std() < IMAGE.std() / 3),
        ("rotated by 15", lambda a: abs(a.shape[0] - 142) < 2 and abs(a.shape[1] - 128) < 2),
        ("text burned in", lambda a: (a == 0).sum() > 300),
    ],
)
def test_what_a_perturbation_does(name, check):
    assert check(perturb(IMAGE, name, 1))


def test_another_seed_gives_other_noise():
    assert (perturb(IMAGE, "noise", 1) != perturb(IMAGE, "noise", 2)).any()


@pytest.mark.parametrize("name", POSES)
def test_a_pose_is_undone_by_what_it_states(name):
    degrees, is_inverted = POSES[name]
    image = perturb(IMAGE, name, 0)
    upright = np.rot90(image, -degrees // 90)  # clockwise
    np.testing.assert_array_equal(255 - upright if is_inverted else upright, IMAGE)
