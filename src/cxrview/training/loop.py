"""Pictures, classes, recipe, seed -> a trained net; the same every time on the same machine."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor
from torch.nn import functional

from cxrview.training.augment import augment
from cxrview.training.net import Net
from cxrview.training.recipe import Schedule

Pictures = npt.NDArray[np.uint8]  # (n, 64, 64)
Classes = npt.NDArray[np.bool_]  # (n,)
Weights = npt.NDArray[np.float32]  # (n,), how often each picture is drawn within its class
Report = Callable[[int, float], None]  # step, loss

EVERY = 100  # steps between two reports


def tensor_of(pictures: Pictures) -> Tensor:
    """(n, 64, 64) 0 .. 255 -> (n, 1, 64, 64) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float()[:, None] / 255


class Balanced:
    """Endless batches with a fixed share of either class, drawn with replacement by weight."""

    def __init__(
        self, classes: Classes, weights: Weights | None, recipe: Schedule, generator: Generator
    ) -> None:
        chances = torch.ones(len(classes)) if weights is None else torch.from_numpy(weights)
        wanted = torch.from_numpy(classes)
        self.sides = [torch.where(wanted == side, chances, 0.0) for side in (False, True)]
        if not all(float(side.sum()) > 0 for side in self.sides):
            raise ValueError("a training needs pictures of both classes")
        true = round(recipe.batch * recipe.share)
        self.counts, self.generator = (recipe.batch - true, true), generator

    def draw(self) -> Tensor:
        """(batch,) indices."""
        return torch.cat(
            [
                torch.multinomial(side, count, replacement=True, generator=self.generator)
                for side, count in zip(self.sides, self.counts, strict=True)
            ]
        )


def _cosine(recipe: Schedule, step: int) -> float:
    """The learning rate at a step: from its peak to zero."""
    return recipe.peak_rate * (1 + float(np.cos(np.pi * step / recipe.steps))) / 2


def _learn(net: Net, optimiser: torch.optim.Optimizer, pictures: Tensor, wanted: Tensor) -> float:
    """One step; bfloat16 where it is exact enough (the convolutions), float32 elsewhere."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(pictures)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), wanted)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    optimiser.step()
    return float(loss.detach())


def fit(
    pictures: Pictures,
    classes: Classes,
    recipe: Schedule,
    seed: int,
    weights: Weights | None = None,
    start: Net | None = None,
    report: Report | None = None,
) -> Net:
    """Train a net, or `start` on, to say True or False; raises ValueError if a class is absent."""
    generator = Generator().manual_seed(seed)
    net = Net().initialise(generator)
    if start is not None:
        net.load_state_dict(start.state_dict())
    optimiser = torch.optim.RMSprop(net.parameters(), lr=recipe.peak_rate, alpha=recipe.decay)
    batches = Balanced(classes, weights, recipe, generator)
    given, wanted = tensor_of(pictures), torch.from_numpy(classes).float()
    mean = 0.0
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = _cosine(recipe, step)
        drawn = batches.draw()
        batch = augment(given[drawn], recipe.augmentation, generator)
        mean += _learn(net, optimiser, batch, wanted[drawn]) / EVERY
        if report and (step + 1) % EVERY == 0:
            report(step + 1, mean)
            mean = 0.0
    net.eval()
    return net


def predict(net: Net, pictures: Pictures, at_once: int = 256) -> npt.NDArray[np.float64]:
    """(n, 64, 64) -> (n,) probabilities of True."""
    starts = range(0, len(pictures), at_once)
    with torch.inference_mode():
        parts = [torch.sigmoid(net(tensor_of(pictures[i : i + at_once]))) for i in starts]
    return np.concatenate([np.zeros(0), *(part.double().numpy() for part in parts)])
