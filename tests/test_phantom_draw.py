"""Phantoms are reproducible and have human anatomy."""

import numpy as np
import pytest

from cxrview.phantom.draw import attenuation, draw, draw_one, draw_thorax
from cxrview.phantom.projection import Projection, draw_beam, image_size, rays_of
from cxrview.views import View

SIDE = 48


def path_of(seed, projection, side=SIDE):
    """Attenuation in one projection, (h, w), and the beam."""
    rng = np.random.default_rng(seed)
    lateral = projection.view is View.LATERAL
    thorax = draw_thorax(rng, lateral, recumbent=False)
    beam = draw_beam(rng, projection, thorax.habitus)
    height, width = image_size(beam.aspect_ratio, side)
    return attenuation(thorax, rays_of(beam, height, width)).reshape(height, width), beam


def at(path, beam, across, up):
    """Mean attenuation of the boxes across (low, high) x up (low, high), centimetres."""
    height, width = path.shape
    x = np.linspace(beam.left, beam.right, width)
    z = np.linspace(beam.top, beam.bottom, height)
    rows, columns = (z >= up[0]) & (z <= up[1]), (x >= across[0]) & (x <= across[1])
    return path[np.ix_(rows, columns)].mean()


def symmetry(path, beam, reach=9.0):
    """Correlation of the chest around the middle of the body with its mirror image."""
    height, width = path.shape
    x = np.linspace(beam.left, beam.right, width)
    z = np.linspace(beam.top, beam.bottom, height)
    places = np.linspace(-reach, reach, 33)
    rows = path[(z > -8) & (z < 8)]
    chest = np.array([np.interp(places, x, row) for row in rows])
    return np.corrcoef(chest.ravel(), chest[:, ::-1].ravel())[0, 1]


@pytest.mark.parametrize("number", range(4))
def test_the_same_seed_draws_the_same_image(number):
    first, second = draw_one(11, number, SIDE), draw_one(11, number, SIDE)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.projection is second.projection


def test_seeds_and_numbers_differ():
    images = [draw_one(seed, number, 16) for seed in (1, 2) for number in (0, 1)]
    prints = {image.pixels.tobytes() for image in images}
    assert len(prints) == 4


@pytest.mark.parametrize("projection", Projection)
@pytest.mark.parametrize("side", [16, 64, 300])
def test_images_have_the_side_range_and_view_as_requested(projection, side):
    image = draw(np.random.default_rng(side), projection, side)
    assert max(image.pixels.shape) == side
    assert image.pixels.dtype == np.float32
    assert 0 <= image.pixels.min() < image.pixels.max() <= 1
    assert image.projection is projection
    assert image.view is (View.LATERAL if projection in ("LL", "RL") else View.FRONTAL)


@pytest.mark.parametrize(("share", "views"), [(0.0, {"frontal"}), (1.0, {"lateral"})])
def test_the_share_of_laterals(share, views):
    assert {draw_one(3, number, 16, share).view.value for number in range(8)} == views


def test_images_are_not_all_square_and_some_are_mirrored():
    images = [draw_one(8, number, 16) for number in range(60)]
    assert len({image.pixels.shape for image in images}) > 5
    laterals = [image.mirrored for image in images if image.view is View.LATERAL]
    assert 0.2 < np.mean(laterals) < 0.8
    assert not all(image.child for image in images)
    assert any(image.child for image in images)


@pytest.mark.parametrize("seed", range(8))
def test_lungs_attenuate_less_than_the_mediastinum(seed):
    path, beam = path_of(seed, Projection.PA)
    middle = at(path, beam, (-2, 2), (-4, 4))
    for lung in ((5, 8), (-8, -5)):
        assert at(path, beam, lung, (-4, 4)) < 0.8 * middle


@pytest.mark.parametrize("projection", [Projection.PA, Projection.AP])
def test_the_heart_lies_at_the_right_of_a_frontal(projection):
    paths = [path_of(seed, projection) for seed in range(20)]
    left = [at(path, beam, (4, 8), (-9, -5)) for path, beam in paths]
    right = [at(path, beam, (-8, -4), (-9, -5)) for path, beam in paths]
    assert np.mean(np.array(left) > right) >= 0.8


def test_frontals_are_symmetric_and_laterals_are_not():
    frontals = [symmetry(*path_of(seed, Projection.PA)) for seed in range(20)]
    laterals = [symmetry(*path_of(seed, Projection.LL)) for seed in range(20)]
    assert np.median(frontals) > 0.6
    assert np.median(laterals) < 0.3
    assert np.mean(np.array(frontals) > laterals) >= 0.9


def test_the_abdomen_is_denser_than_the_lungs_from_either_side():
    for projection in Projection:
        path, beam = path_of(2, projection)
        assert at(path, beam, (-5, 5), (-40, -13.0)) > at(path, beam, (-8, 8), (-4, 4))


def test_the_two_laterals_are_nearly_mirror_images():
    rng_paths = [path_of(4, p) for p in (Projection.LL, Projection.RL)]
    (left, beam), (right, _) = rng_paths
    assert left.shape == right.shape
    assert np.corrcoef(left.ravel(), right.ravel())[0, 1] > 0.9  # both are displayed facing right
    assert beam.aspect_ratio > 0
