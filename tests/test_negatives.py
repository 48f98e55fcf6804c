"""Made-up negatives: of every kind, reproducible, pictures indeed."""

from dataclasses import replace

import numpy as np
import pytest

from cxrview.errors import WrongUse
from cxrview.training.films import NO_FILMS
from cxrview.training.gate_net import fit_gate
from cxrview.training.negatives.draw import KINDS, negative, negatives, without_films
from cxrview.training.recipe import DEFAULT
from makers_networks import films

GREYS = films(6).greys


@pytest.mark.parametrize("kind", range(KINDS))
def test_every_kind_draws_pictures_that_differ(kind):
    first, again = (negative(kind, 7, GREYS) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    others = [negative(kind + KINDS * number, 7, GREYS) for number in range(1, 5)]
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert min(first.shape) >= 2
    assert any(first.shape != other.shape or (first != other).any() for other in others)


def test_a_list_of_them_is_their_numbers_in_order():
    made = list(negatives(3, 1, GREYS))
    for number, picture in enumerate(made):
        np.testing.assert_array_equal(picture, negative(number, 1, GREYS))


def test_a_jigsaw_keeps_the_pixels_and_not_their_places():
    whole = [np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)]
    scrambled = negative(KINDS - 3, 3, whole)
    assert sorted(scrambled.ravel()) == sorted(whole[0].ravel())
    assert (scrambled != whole[0]).any()


def test_those_without_films_are_the_same_whatever_the_films():
    numbers = without_films(KINDS + 2)
    assert len(numbers) == KINDS + 2 - 3
    whole = list(negatives(KINDS + 2, 5, GREYS))
    for number in numbers:
        np.testing.assert_array_equal(negative(number, 5, ()), whole[number])


def test_a_gate_without_negatives_is_refused_in_words():
    recipe = replace(DEFAULT.gate, negatives=0)
    with pytest.raises(WrongUse, match="both classes"):
        fit_gate(films(6), NO_FILMS, replace(recipe, phantom_frontals=0, phantom_laterals=0), 0)
