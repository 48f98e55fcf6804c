"""The cost of a network for one image: parameters, multiply-adds, bytes and time."""

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

FLOAT_BYTES = 4
REPEATS = 15


def parameters_in(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def stored_bytes(network: nn.Module) -> int:
    """Return the size of all weights in float32, without the header of a file."""
    values = network.state_dict().values()
    return FLOAT_BYTES * sum(int(one.numel()) for one in values if one.is_floating_point())


def multiply_adds(network: nn.Module, side: int) -> int:
    """Return those of convolutions and dense layers for one image (1, 1, side, side)."""
    was_training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, side, side))
    network.train(was_training)
    return int(counter.get_total_flops()) // 2


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median processor time of several calls after a first one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.process_time()  # other programs on the machine do not count
        work()
        times.append(time.process_time() - started)
    return 1000 * median(times)
