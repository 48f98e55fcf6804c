"""What every preprocessing method promises: shape, range, values, what it does not depend on."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cxrview.images import Radiograph, radiograph_of
from cxrview.model.preprocess import (
    INPUT_SIDES,
    PREPROCESSING,
    equalize,
    preprocess,
    stretch,
    trim,
    working_image,
)

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 400)


def scene(height, width, seed=0):
    """Smooth hills with some grain, 20 .. 220."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    hills = np.sin(5 * x + rng.uniform(0, 6)) + np.cos(4 * y + rng.uniform(0, 6))
    grain = rng.normal(0, 3, (height, width))
    return (120 + 45 * hills + grain).clip(20, 220).astype(np.uint8)


def input_of(name, pixels):
    return preprocess(radiograph_of(pixels), name).images[name]


@pytest.mark.parametrize("name", PREPROCESSING)
@example(height=2, width=21, seed=4)  # shares of three pixels that add up to 1 + 1e-7
@given(height=sizes, width=sizes, seed=seeds)
def test_every_image_becomes_a_square_between_0_and_1(name, height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)
    image = input_of(name, pixels)
    assert image.shape == (INPUT_SIDES[name], INPUT_SIDES[name])
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1


def known_image():
    """(320, 235) uint8 in closed form, with black borders on the left and below."""
    y, x = np.mgrid[0:300, 0:220] / 300
    hills = 130 + 60 * np.sin(7 * x + 2 * y) + 45 * np.cos(9 * y - 4 * x * x)
    return np.pad(hills.round().astype(np.uint8), ((0, 20), (15, 0)))


# Models were trained on these values: a method that computes others changes what they answer.
KNOWN_PLACES = ((0.1, 0.1), (0.2, 0.7), (0.5, 0.5), (0.6, 0.9), (0.9, 0.3))  # of the side
KNOWN_VALUES = {
    "film": (0.8661, 0.4368, 0.1481, 0.1075, 0.4048),
    "framed": (0.8275, 0.4471, 0.2157, 0.1647, 0.4314),
    "framed96": (0.8275, 0.4314, 0.2196, 0.1647, 0.4314),
    "paper": (0.7647, 0.5020, 0.4000, 0.3255, 0.4196),
}
KNOWN_MEANS = {"film": 0.4980, "framed": 0.5037, "framed96": 0.5028, "paper": 0.4914}


@pytest.mark.parametrize("name", PREPROCESSING)
def test_a_known_image_has_the_values_that_models_were_trained_on(name):
    image = input_of(name, known_image())
    values = [image[int(down * len(image)), int(across * len(image))]
              for down, across in KNOWN_PLACES]  # fmt: skip
    np.testing.assert_allclose(values, KNOWN_VALUES[name], atol=0.0045)  # one of 255 gray levels
    assert image.mean() == pytest.approx(KNOWN_MEANS[name], abs=0.0005)


def test_all_methods_of_one_call_are_those_of_single_calls():
    radiograph = radiograph_of(known_image())
    together = preprocess(radiograph, *PREPROCESSING)
    assert not together.is_blank
    for name in PREPROCESSING:
        alone = preprocess(radiograph, name)
        np.testing.assert_array_equal(together.images[name], alone.images[name])
    with pytest.raises(KeyError):
        preprocess(radiograph, "unheard")


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(3056, 2544, (256, 213)), (2544, 3056, (213, 256)), (100, 80, (100, 80)), (1, 1, (1, 1))],
)
def test_a_working_image_is_at_most_256_on_its_long_side(height, width, expected):
    radiograph = radiograph_of(np.zeros((height, width), np.uint8))
    assert working_image(radiograph).shape == expected


def test_an_image_read_at_fewer_rows_keeps_the_aspect_of_the_whole():
    pixels = np.zeros((382, 2544), np.uint16)  # every eighth row
    radiograph = Radiograph(pixels, 2544, 3056, (0, 0, 2544, 382))
    assert working_image(radiograph).shape == (256, 213)


@pytest.mark.parametrize("name", PREPROCESSING)
def test_turning_and_mirroring_commute_with_preprocessing(name):
    pixels = scene(300, 220)
    straight = input_of(name, pixels)
    turned = input_of(name, np.ascontiguousarray(np.rot90(pixels)))
    np.testing.assert_allclose(turned, np.rot90(straight), atol=0.02)
    mirrored = input_of(name, np.ascontiguousarray(pixels[:, ::-1]))
    np.testing.assert_allclose(mirrored, straight[:, ::-1], atol=0.02)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("brighter, flatter", lambda p: p * 0.3 + 50),
        ("twelve bits", lambda p: p.astype(np.uint16) * 16),
        ("gamma", lambda p: 255 * (p / 255) ** 2.5),
    ],
)
def test_film_does_not_depend_on_the_gray_curve(what, change):
    pixels = scene(200, 200)
    before, after = (input_of("film", p) for p in (pixels, change(pixels.astype(np.float64))))
    assert np.abs(before - after).mean() < 0.03


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_film_does_not_depend_on_black_borders(top, bottom, left, right):
    pixels = scene(136, 120)  # at most 256 with its borders
    framed = np.pad(pixels, ((top, bottom), (left, right)))
    assert np.abs(input_of("film", pixels) - input_of("film", framed)).mean() < 0.03


def test_side_bars_do_not_hide_the_borders_above_and_below():
    pixels = scene(100, 100)
    framed = np.pad(np.pad(pixels, ((20, 20), (0, 0))), ((0, 0), (30, 30)))
    assert trim(framed).shape == (100, 100)


def test_a_cut_that_would_leave_too_little_is_not_made():
    pixels = np.zeros((100, 100), np.uint8)
    pixels[45:55] = scene(10, 100)
    assert trim(pixels).shape == (100, 100)


def test_equalising_spreads_the_levels_evenly_and_spares_the_borders():
    pixels = scene(100, 100)
    levels = equalize(pixels)
    assert np.abs(np.percentile(levels, [25, 50, 75]) - [64, 128, 191]).max() < 6
    framed = equalize(np.pad(pixels, 30))[30:-30, 30:-30]
    assert np.abs(framed.astype(int) - levels).max() <= 2


@pytest.mark.parametrize(
    ("pixels", "blank"),
    [
        (np.zeros((50, 50), np.uint8), True),
        (np.full((50, 50), 65535, np.uint16), True),
        (np.pad(np.full((2, 2), 255, np.uint8), 100), True),  # a speck
        (scene(50, 50), False),
    ],
)
def test_blank_images_are_recognized(pixels, blank):
    ready = preprocess(radiograph_of(pixels), "film")
    assert ready.is_blank is blank
    assert np.isfinite(ready.images["film"]).all()


def test_floats_are_blank_only_where_all_are_equal():
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    assert not preprocess(radiograph_of(ramp)).is_blank
    assert preprocess(radiograph_of(np.full((10, 10), 0.5, np.float32))).is_blank


def test_one_flat_value_stretches_to_nothing():
    assert not stretch(np.full((9, 9), 7, np.float32)).any()
