"""Small films, untrained nets and model files of them."""

import numpy as np
import torch

from cxrview.labels import Label
from cxrview.training.export import rounded
from cxrview.training.films import Films
from cxrview.training.model_file import Nets
from cxrview.training.net import Net
from cxrview.views import View


def net(seed: int) -> Net:
    return rounded(Net().initialise(torch.Generator().manual_seed(seed)))


def nets(seed: int = 0) -> Nets:
    return Nets(net(seed), net(seed + 1))


def bars(upright: bool, seed: int) -> np.ndarray:
    """(48, 40) uint8: a bright bar along the film or across it, somewhere, and grain."""
    rng = np.random.default_rng(seed)
    picture = rng.normal(60, 8, (48, 40))
    start = rng.integers(8, 24)
    picture[:, start : start + 8] += 120
    if not upright:
        picture = np.ascontiguousarray(picture[:40, :40].T)
    return picture.clip(0, 255).astype(np.uint8)


def films(count: int, seed: int = 0) -> Films:
    """Every third one is a "lateral"."""
    lateral = np.arange(count) % 3 == 0
    labels = [
        Label(f"{i}.png", View.LATERAL if is_lateral else View.FRONTAL, f"p{i // 2}", "made")
        for i, is_lateral in enumerate(lateral)
    ]
    greys = [bars(not is_lateral, seed + i) for i, is_lateral in enumerate(lateral)]
    return Films(labels, greys, lateral)
