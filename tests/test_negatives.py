"""Synthetic negatives: of every kind, reproducible, and made from the training images alone."""

import numpy as np
import pytest

from cxrview.training.negatives import (
    KINDS,
    draw_negative,
    is_scrambled,
    negatives,
    scramble_negative,
)
from makers_networks import bars

RADIOGRAPHS = [bars(True, seed) for seed in range(6)]


def negative(number, seed):
    if is_scrambled(number):
        return scramble_negative(number, seed, RADIOGRAPHS)
    return draw_negative(number, seed)


@pytest.mark.parametrize("kind", range(KINDS))
def test_every_kind_draws_images_that_differ(kind):
    first, again = (negative(kind, 7) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    others = [negative(kind + KINDS * number, 7) for number in range(1, 5)]
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert min(first.shape) >= 2
    assert any(first.shape != other.shape or (first != other).any() for other in others)


def test_a_list_of_them_is_their_numbers_in_order():
    made = list(negatives(KINDS, 1, RADIOGRAPHS))
    for number, image in enumerate(made):
        np.testing.assert_array_equal(image, negative(number, 1))
    assert sum(is_scrambled(number) for number in range(KINDS)) == 3


def test_a_jigsaw_keeps_the_pixels_but_not_their_order():
    whole = [np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)]
    scrambled = scramble_negative(KINDS - 3, 3, whole)
    assert sorted(scrambled.ravel()) == sorted(whole[0].ravel())
    assert (scrambled != whole[0]).any()
