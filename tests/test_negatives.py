"""Synthetic negatives: of every kind, reproducible, and made from the training images alone."""

import numpy as np
import pytest

from cxrview.phantom.random_draws import rotation_matrix
from cxrview.phantom.rays import column, ellipsoid, merge_solids
from cxrview.training.negative_models import FLESH
from cxrview.training.negative_radiographs import Model, attenuation
from cxrview.training.negatives import (
    KINDS,
    NAMES,
    draw_negative,
    is_scrambled,
    negatives,
    scramble_negative,
)
from makers_networks import bars

SCRAMBLES = [kind for kind in range(KINDS) if is_scrambled(kind)]
RADIOGRAPHS = [bars(True, seed) for seed in range(6)]


def negative(number, seed):
    if is_scrambled(number):
        return scramble_negative(number, seed, RADIOGRAPHS)
    return draw_negative(number, seed)


@pytest.mark.parametrize("kind", range(KINDS), ids=NAMES)
def test_every_kind_draws_images_that_differ(kind):
    first, again = (negative(kind, 7) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    others = [negative(kind + KINDS * number, 7) for number in range(1, 5)]
    for image in (first, *others):
        assert image.dtype == np.uint8
        assert image.ndim == 2
        assert min(image.shape) >= 2
    assert sum(image.std() > 1 for image in (first, *others)) >= 3
    assert any(first.shape != other.shape or (first != other).any() for other in others)


def test_a_list_of_them_is_their_numbers_in_order():
    made = list(negatives(KINDS, 1, RADIOGRAPHS))
    for number, image in enumerate(made):
        np.testing.assert_array_equal(image, negative(number, 1))


@pytest.mark.parametrize("count", [16, 32, KINDS])
def test_the_first_numbers_hold_their_share_of_scrambles(count):
    assert 0.15 < sum(is_scrambled(number) for number in range(count)) / count < 0.25


@pytest.mark.parametrize("kind", SCRAMBLES, ids=lambda kind: NAMES[kind])
def test_a_scramble_is_neither_its_source_nor_that_turned_mirrored_or_inverted(kind):
    rng = np.random.default_rng(2)
    whole = rng.integers(0, 255, (128, 128), np.uint8)
    turned = [np.rot90(image, turn) for image in (whole, whole[::-1]) for turn in range(4)]
    for number in range(kind, kind + 20 * KINDS, KINDS):
        scrambled = scramble_negative(number, 3, [whole])
        for legitimate in (*turned, *(255 - image for image in turned)):
            assert not np.array_equal(scrambled, legitimate)


def test_a_jigsaw_keeps_the_pixels_and_moves_every_tile():
    whole = [np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)]
    values = np.arange(16, dtype=np.uint8).repeat(16).reshape(4, 4, 4, 4)
    tiles = values.swapaxes(1, 2).reshape(16, 16)
    for number in range(NAMES.index("jigsaw"), 20 * KINDS, KINDS):
        scrambled = scramble_negative(number, 3, whole)
        assert sorted(scrambled.ravel()) == sorted(whole[0].ravel())
        assert (scramble_negative(number, 3, [tiles]) != tiles).all()


@pytest.mark.parametrize(
    ("name", "largest"), [("patch", 0.36**2), ("strip", 0.25)]
)  # share of the area
def test_pieces_are_too_small_to_be_a_crop_that_training_allows(name, largest):
    whole = np.arange(100 * 100).reshape(100, 100).astype(np.uint8)
    for number in range(NAMES.index(name), 30 * KINDS, KINDS):
        piece = scramble_negative(number, 0, [whole])
        assert piece.size <= largest * whole.size
        assert min(piece.shape) / max(whole.shape) <= 0.36


def test_seams_lie_where_a_crop_to_60_percent_keeps_them():
    """A window of 60 % of a side, moved by up to 15 %, always covers 0.35 .. 0.65 of that side."""
    ramp = np.add.outer(np.arange(128), np.arange(128)).astype(np.uint8)
    for number in range(NAMES.index("shifted"), 30 * KINDS, KINDS):
        image = scramble_negative(number, 0, [ramp]).astype(int)
        seams = [
            np.flatnonzero(np.abs(np.diff(image, axis=k)).mean(axis=1 - k) > 50) for k in (0, 1)
        ]
        (seam,) = np.concatenate(seams).tolist()
        assert 0.35 < seam / 128 < 0.65


AXIS = np.linspace(-10, 10, 81, dtype=np.float32)
TILT = np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])


@pytest.mark.parametrize("view", [np.eye(3), TILT])
def test_paths_are_the_lengths_inside_the_solids(view):
    """Against points counted along each ray."""
    solids = merge_solids([
        ellipsoid((1, 0, 2), (6, 4, 5)), ellipsoid((-3, 0, 0), (4, 7, 6), rotation_matrix(20, 35)),
        column((2, 1, 0), (2, 3), -3.1, 4.1),
    ])  # fmt: skip
    weights = np.array([FLESH, FLESH, 0.5])
    middle = np.array([0.5, 0, -1])
    found = attenuation(Model(solids, weights), view, middle, AXIS)
    depth = np.linspace(-15, 15, 601)
    u, v, t = np.meshgrid(AXIS[::8], AXIS[::-1][::8], depth)
    points = np.stack([u, t, v], axis=-1) @ view.T + middle
    offsets = points[..., None, :] - solids.centres
    inside = np.einsum("...ki,kij,...kj->...k", offsets, solids.matrices, offsets) <= 1
    height = points @ solids.axes.T
    inside &= (height >= solids.low) & (height <= solids.high)
    lengths = inside.sum(axis=2) * (depth[1] - depth[0])
    expected = FLESH * lengths[..., :2].max(axis=-1) + 0.5 * lengths[..., 2]
    np.testing.assert_allclose(found[::8, ::8], expected, atol=0.06)
