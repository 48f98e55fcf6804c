"""The tables of layers: the paper's network layer by layer, and torch computes what they say."""

import pytest
import torch

from cxrview.model.layers import (
    ARCHITECTURES,
    PAPER_NETWORK,
    Dropout,
    NormConv,
    parameter_count,
    summarize,
)
from cxrview.training.networks import Network
from makers_networks import network

# Choe and Jo 2021: name, output (h, w, c), parameters
PAPER_TABLE = [
    ("conv2d_1", (62, 62, 16), 448),
    ("max_pooling2d_1", (31, 31, 16), 0),
    ("conv2d_2", (29, 29, 32), 4_640),
    ("max_pooling2d_2", (14, 14, 32), 0),
    ("conv2d_3", (12, 12, 64), 18_496),
    ("max_pooling2d_3", (6, 6, 64), 0),
    ("conv2d_4", (4, 4, 128), 73_856),
    ("average_pooling2d_1", (1, 1, 128), 0),
    ("flatten_1", (128,), 0),
    ("dense_1", (64,), 8_256),
    ("dense_2", (1,), 65),
]
# Without biases before batch normalization, which has two parameters a channel
MULTI_TASK_TABLE = [
    ("conv_1", (48, 48, 16), 9 * 16 + 2 * 16),
    ("conv_2", (24, 24, 16), 9 * 16 * 16 + 2 * 16),
    ("conv_3", (12, 12, 48), 9 * 16 * 48 + 2 * 48),
    ("conv_4", (6, 6, 64), 9 * 48 * 64 + 2 * 64),
    ("conv_5", (6, 6, 128), 9 * 64 * 128 + 2 * 128),
    ("conv_6", (6, 6, 128), 9 * 128 * 128 + 2 * 128),
    ("conv_7", (6, 6, 128), 9 * 128 * 128 + 2 * 128),
    ("global_pool", (256,), 0),
    ("dropout", (256,), 0),
    ("logits", (7,), 256 * 7 + 7),
]


@pytest.mark.parametrize(
    ("name", "table"), [("paper", PAPER_TABLE), ("multitask", MULTI_TASK_TABLE)]
)
def test_shapes_and_parameters_follow_from_the_table(name, table):
    architecture = ARCHITECTURES[name]
    lines = summarize(architecture.layers, architecture.input_shape)
    found = [(line.layer.name, line.output_shape, line.parameters) for line in lines]
    assert found == table
    assert architecture.parameters == sum(parameters for _, _, parameters in table)


def test_the_networks_are_as_large_as_they_say():
    assert parameter_count(PAPER_NETWORK) == ARCHITECTURES["paper"].parameters == 105_761
    assert 90_000 < ARCHITECTURES["multitask-small"].parameters < 110_000
    assert ARCHITECTURES["multitask"].parameters < 500_000  # at most 1 MB in half precision


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torch_has_the_parameters_of_the_table(name):
    made = Network(ARCHITECTURES[name])
    assert sum(p.numel() for p in made.parameters()) == ARCHITECTURES[name].parameters


def paper_network(weights, images: torch.Tensor) -> torch.Tensor:
    """The table read literally: ReLU before pooling, channels first, a gray image three times."""
    values = images.repeat(1, 3, 1, 1)
    for number in (1, 2, 3, 4):
        name = f"conv2d_{number}"
        values = torch.relu(
            torch.conv2d(values, weights[f"{name}.weight"], weights[f"{name}.bias"])
        )
        if number < 4:
            values = torch.max_pool2d(values, 2)
    values = values.mean((2, 3))
    values = torch.relu(values @ weights["dense_1.weight"].T + weights["dense_1.bias"])
    return (values @ weights["dense_2.weight"].T + weights["dense_2.bias"])[:, 0]


def multi_task_network(weights, images: torch.Tensor) -> torch.Tensor:
    """The table read literally, in evaluation: statistics as stored, no dropout."""
    values = images
    for layer in ARCHITECTURES["multitask"].layers:
        if isinstance(layer, NormConv):
            kernel, name = weights[f"{layer.name}.0.weight"], f"{layer.name}.1"
            values = torch.conv2d(values, kernel, padding=1)
            values = torch.max_pool2d(values, layer.pool)
            mean, variance, scale, shift = (
                weights[f"{name}.{part}"][:, None, None]
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            values = torch.relu((values - mean) / torch.sqrt(variance + 1e-5) * scale + shift)
    values = torch.cat([values.mean((2, 3)), values.flatten(2).max(2).values], 1)
    return values @ weights["logits.weight"].T + weights["logits.bias"]


LITERAL = {"paper": paper_network, "multitask": multi_task_network}


@pytest.mark.parametrize("name", LITERAL)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_network_computes_what_its_table_says(name, seed):
    made, side = network(seed, name), ARCHITECTURES[name].side
    images = torch.rand(5, 1, side, side, generator=torch.Generator().manual_seed(seed))
    state = made.state_dict().items()
    weights = {key.removeprefix("layer_modules."): value for key, value in state}
    with torch.inference_mode():
        expected = LITERAL[name](weights, images)
        torch.testing.assert_close(made(images), expected, atol=1e-5, rtol=1e-4)


def test_dropout_and_batch_normalization_act_in_training_only():
    made = network(0, "multitask")
    (share,) = (one.share for one in made.architecture.layers if isinstance(one, Dropout))
    assert 0 < share < 1
    images = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        assert torch.equal(made(images), made(images))
        torch.testing.assert_close(made(images)[:1], made(images[:1]))
        made.train()
        assert not torch.equal(made(images), made(images))


def test_initial_weights_depend_on_the_seed_alone():
    made = [
        Network(ARCHITECTURES["multitask"]).initialize(torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    same, again, other = (one.state_dict() for one in made)
    assert all(torch.equal(same[key], again[key]) for key in same)
    assert not torch.equal(same["layer_modules.conv_4.0.weight"],
                           other["layer_modules.conv_4.0.weight"])  # fmt: skip
    assert torch.equal(same["layer_modules.conv_4.1.weight"], torch.ones(64))
    assert not same["layer_modules.logits.bias"].any()
