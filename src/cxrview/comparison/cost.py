"""A net -> what it costs: parameters, multiply-adds, bytes, time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

FLOAT = 4  # bytes
REPEATS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one picture, at the side that was used."""

    parameters: int  # that are trained or, for nearest neighbours, kept
    multiply_adds: int  # biases, activations, pooling and normalisation are not counted
    stored: int  # bytes: all weights in float32, without a file's header


def _count(module: nn.Module, given: Tensor, made: Tensor) -> int:
    """Multiply-adds of one module; none for those without a kernel or a matrix."""
    match module:
        case nn.ConvTranspose2d():  # each value of the input is spread by a kernel
            return given.numel() * module.weight[0].numel()
        case nn.Conv2d():
            return made.numel() * module.weight[0].numel()
        case nn.Linear():
            return made.numel() * module.in_features
        case _:
            return 0


def multiply_adds(net: nn.Module, side: int) -> int:
    """Counted while one black picture passes through."""
    counts: list[int] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        counts.append(_count(module, given[0], made))

    hooks = [module.register_forward_hook(note) for module in net.modules()]
    was_training = net.training
    net.eval()
    with torch.inference_mode():
        net(torch.zeros(1, 1, side, side))
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def cost_of(net: nn.Module, side: int) -> Cost:
    """Of a net for pictures (n, 1, side, side)."""
    floats = [value for value in net.state_dict().values() if value.is_floating_point()]
    return Cost(
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        multiply_adds=multiply_adds(net, side),
        stored=FLOAT * sum(value.numel() for value in floats),
    )


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median of several times, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.process_time()  # what others do on the machine does not count
        work()
        times.append(time.process_time() - begun)
    return 1000 * median(times)
