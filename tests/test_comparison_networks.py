"""The networks of the comparison: sizes as published, seeded weights, counted cost."""

import numpy as np
import pytest
import torch
from torch import nn

from cxrview.comparison.measure import milliseconds, multiply_adds, parameter_count, weight_bytes
from cxrview.comparison.networks import autoencoder, build_seeded
from cxrview.comparison.systems import BY_NAME, SYSTEMS, NetworkRecipe, reconstruction_score

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = [system for system in SYSTEMS if isinstance(system.recipe, NetworkRecipe)]


@pytest.mark.parametrize("system", NETWORKS, ids=lambda system: system.name)
def test_networks_are_as_large_as_published(system):
    with torch.device("meta"):
        built = parameter_count(system.recipe.build(1000))
    assert built == pytest.approx(1e6 * system.published, rel=0.005)


@pytest.mark.parametrize(
    ("name", "count"),
    [("alexnet", 61_100_840), ("vgg16", 138_357_544), ("autoencoder", 16_115_872)],
)
def test_parameters_are_exactly_those_of_the_reference(name, count):
    with torch.device("meta"):
        assert parameter_count(BY_NAME[name].recipe.build(1000)) == count


@pytest.mark.parametrize(
    ("name", "outputs", "count"),
    [
        ("paper", 1, 9_378_048),  # by hand: side² of the output, kernel², channels in and out
        ("resnet50", 1000, 4.09e9 * (64 / 224) ** 2),  # as published, at 224 pixels
    ],
)
def test_multiply_adds_are_those_of_the_reference(name, outputs, count):
    network = build_seeded(BY_NAME[name].recipe.build, outputs, 0)
    assert multiply_adds(network, 64) == pytest.approx(count, rel=0.02 if outputs > 1 else 0)


def test_a_transposed_convolution_counts_each_input_value_once_per_kernel_weight():
    network = nn.ConvTranspose2d(1, 3, 5, stride=2, bias=False)
    assert multiply_adds(network, 6) == 6 * 6 * 3 * 5 * 5


def test_stored_bytes_include_the_means_of_batch_normalisation():
    network = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
    assert parameter_count(network) == 2 * 9 + 2 * 2
    assert weight_bytes(network) == 4 * (2 * 9 + 4 * 2)


def test_the_reported_time_is_the_median_after_a_warm_up():
    calls = []
    assert milliseconds(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4


@pytest.mark.parametrize("name", ["paper", "resnet50", "densenet121"])
def test_networks_return_a_logit_per_image_and_depend_on_the_seed_alone(name):
    build = BY_NAME[name].recipe.build
    before = torch.get_rng_state()
    first, again, other = (build_seeded(build, 1, seed).eval() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    images = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        assert first(images).shape == (2,)
        assert torch.equal(first(images), again(images))
        assert not torch.equal(first(images), other(images))


def test_dropout_acts_in_training_only():
    network = build_seeded(BY_NAME["alexnet"].recipe.build, 1, 0)
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert not torch.equal(network(image), network(image))
        network.eval()
        torch.testing.assert_close(network(image), network(image))


def test_the_autoencoder_is_scored_by_its_reconstruction_error():
    network = build_seeded(autoencoder, 1, 0).eval()
    images = np.random.default_rng(0).random((2, 64, 64), np.float32)
    with torch.inference_mode():
        reconstructed = network(torch.from_numpy(images)[:, None])[:, 0].numpy()
    expected = -np.abs(reconstructed - images).mean((1, 2))
    np.testing.assert_allclose(reconstruction_score(network, images), expected, rtol=1e-5)
