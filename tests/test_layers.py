"""The network is the paper's, layer by layer."""

import pytest
import torch

from cxrview.model.layers import PAPER_NETWORK, parameter_count, summarize
from cxrview.training.networks import Network

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


def test_the_table_matches_the_paper():
    table = [
        (line.layer.name, line.output_shape, line.parameters) for line in summarize(PAPER_NETWORK)
    ]
    assert table == PAPER_TABLE
    assert parameter_count(PAPER_NETWORK) == 105_761


def test_torch_has_the_parameters_of_the_table():
    assert sum(p.numel() for p in Network().parameters()) == 105_761


def plain(network: Network, pictures: torch.Tensor) -> torch.Tensor:
    """The table read literally: ReLU before pooling, channels first."""
    weights = network.state_dict()
    values = pictures.repeat(1, 3, 1, 1)
    for number in (1, 2, 3, 4):
        name = f"layer_modules.conv2d_{number}"
        values = torch.relu(
            torch.conv2d(values, weights[f"{name}.weight"], weights[f"{name}.bias"])
        )
        if number < 4:
            values = torch.max_pool2d(values, 2)
    values = values.mean((2, 3))
    values = torch.relu(
        values @ weights["layer_modules.dense_1.weight"].T + weights["layer_modules.dense_1.bias"]
    )
    return (
        values @ weights["layer_modules.dense_2.weight"].T + weights["layer_modules.dense_2.bias"]
    )[:, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_pooling_before_relu_changes_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    network = Network().initialize(generator)
    pictures = torch.rand(5, 1, 64, 64, generator=generator)
    torch.testing.assert_close(network(pictures), plain(network, pictures), atol=1e-5, rtol=1e-4)
