"""Area averaging keeps brightness, commutes with mirrors, and honours the box."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.model.preprocess import _fold_columns, _fold_rows, area_taps, shrink

sizes = st.integers(1, 90)
seeds = st.integers(0, 2**32 - 1)


def picture(height, width, seed):
    return np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)


def whole(pixels):
    return 0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0])


@given(sizes, sizes, seeds)
def test_brightness_is_kept(height, width, seed):
    pixels = picture(height, width, seed)
    small = shrink(pixels, whole(pixels), 64, 64)
    assert small.dtype == np.float32
    assert small.mean() == pytest.approx(pixels.mean(), rel=1e-4)


@given(sizes, sizes, seeds)
def test_a_mirrored_picture_shrinks_to_the_mirror(height, width, seed):
    pixels = picture(height, width, seed)
    mirrored = shrink(np.ascontiguousarray(pixels[:, ::-1]), whole(pixels), 64, 64)
    np.testing.assert_allclose(mirrored, shrink(pixels, whole(pixels), 64, 64)[:, ::-1], rtol=1e-4)


@given(sizes, sizes, seeds)
def test_a_turned_picture_shrinks_to_the_turn(height, width, seed):
    pixels = picture(height, width, seed)
    turned = np.ascontiguousarray(np.rot90(pixels))
    expected = np.rot90(shrink(pixels, whole(pixels), 64, 64))
    np.testing.assert_allclose(shrink(turned, whole(turned), 64, 64), expected, rtol=1e-4)


@given(st.integers(1, 500), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.integers(1, 64))
def test_the_weights_of_a_cell_sum_to_one(length, start, past, cells):
    taps = area_taps(length, start, max(length + past, start + 0.1), cells)
    np.testing.assert_allclose(taps.weights.sum(axis=0), 1, atol=1e-5)
    assert taps.weights.min() >= 0
    assert taps.pixels.min() >= 0
    assert taps.pixels.max() < length


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 4, 1), [0.5, 2.5]),
        ((1, 0, 3, 1), [1, 2]),
        ((0.5, 0, 3.5, 1), [2 / 3, 7 / 3]),  # halves of the outer pixels
        ((-0.5, 0, 4.5, 1), [0.4, 2.6]),  # the outer pixels stand for what is missing
    ],
)
def test_the_box_is_honoured(box, expected):
    row = np.arange(4, dtype=np.uint8)[None, :]
    np.testing.assert_allclose(shrink(row, box, 1, 2)[0], expected, atol=1e-6)


@given(st.integers(64, 300), st.integers(64, 300), seeds)
def test_a_far_larger_picture_keeps_its_brightness_to_the_last_pixel(height, width, seed):
    pixels = picture(height, width, seed)
    small = shrink(pixels, whole(pixels), 8, 8)
    assert small.mean() == pytest.approx(pixels.mean(), rel=1e-4)


def test_far_larger_pictures_are_summed_first_with_hardly_a_difference():
    pixels = picture(640, 1000, 3)
    means = pixels[:640, :1000].reshape(64, 10, 50, 20).mean((1, 3))
    np.testing.assert_allclose(shrink(pixels, whole(pixels), 64, 50), means, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.float32])
@pytest.mark.parametrize(("width", "count"), [(12, 4), (13, 4), (700, 300)])
def test_columns_are_averaged_exactly_as_rows_are(dtype, width, count):
    highest = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = (highest * np.random.default_rng(0).uniform(0.9, 1, (5, width))).astype(dtype)
    means, expected = _fold_columns(pixels, count), _fold_rows(pixels.T, count).T
    full = width // count
    np.testing.assert_array_equal(means[:, :full], expected[:, :full])
    np.testing.assert_allclose(means, expected, rtol=1e-5)
