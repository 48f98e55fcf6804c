"""Precision and threads of training steps: the fastest that a timed step finds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxrview.training.recipe import Precision


@dataclass(frozen=True, slots=True)
class StepSettings:
    """How training steps are computed; the weights depend on it in their last digits."""

    precision: Precision
    threads: int = 1

    def as_text(self) -> dict[str, str]:
        """Return both by name, for the record of a run's environment."""
        return {"precision": self.precision.value, "threads": str(self.threads)}


TRIALS = 3  # timed steps with each setting; the fastest counts


WORTHWHILE_GAIN = 1.2  # another setting is chosen where it is faster by this factor


def timed_settings(
    network: nn.Module, images: Tensor, device: torch.device, max_threads: int,
    clock: Callable[[], float] = time.perf_counter,
) -> StepSettings:  # fmt: skip
    """Return the fastest settings for steps on these images; the network's state stays as it is.

    On some processors bfloat16 is several times slower than float32, on others faster; several
    threads are slower than one where other programs keep the processors busy.
    """
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    candidates = [
        StepSettings(precision, threads)
        for threads in sorted({1, max_threads})
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    ]
    seconds = dict.fromkeys(candidates, float("inf"))
    with torch.random.fork_rng(devices=[]):
        for settings in candidates * TRIALS:
            torch.set_num_threads(settings.threads)
            started = clock()
            half = settings.precision is Precision.BFLOAT16
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                outputs = network(images.to(device))
            outputs.float().square().mean().backward()
            if device.type == "cuda":  # where the calls return before the work is done
                torch.cuda.synchronize(device)
            seconds[settings] = min(seconds[settings], clock() - started)
    torch.set_num_threads(1)
    network.zero_grad()
    network.load_state_dict(buffers, strict=False)
    fastest = min(candidates, key=seconds.__getitem__)
    gain = seconds[candidates[0]] / max(seconds[fastest], 1e-9)
    return fastest if gain > WORTHWHILE_GAIN else candidates[0]
