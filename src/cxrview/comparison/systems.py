"""The systems of the comparison, one line each, and how each is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from cxrview.comparison.networks import (
    NetworkBuilder,
    alexnet,
    autoencoder,
    densenet121,
    paper_network,
    resnet50,
    resnet101,
    vgg16,
)
from cxrview.errors import WrongUse
from cxrview.images import Floats
from cxrview.model.layers import SIDE
from cxrview.training.augment import FULL_AUGMENTATION, Augmentation
from cxrview.training.losses import Loss, binary_loss
from cxrview.training.networks import logits_of, predict

Scores = npt.NDArray[np.float64]  # (n,): P(lateral), or for a gate the higher, the more a chest
ScoreFunction = Callable[[nn.Module, Floats], Scores]

THUMBNAIL_SIDE = 32  # pixels
# At a rate of 0.001 a network with this many weights and no normalisation does not converge.
LOW_LEARNING_RATE = 1e-4
COMPARISON_AUGMENTATION = Augmentation(black_fill=0.0)


class SystemTask(StrEnum):
    """What a system distinguishes."""

    VIEW = "view"  # frontal, lateral
    GATE = "gate"  # chest radiograph, any other image


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecipe:
    """A network, and in what its training differs from that of the other networks."""

    build: NetworkBuilder
    peak_learning_rate: float = 1e-3
    positive_share: float = 0.5  # of each batch: laterals, or chest radiographs for a gate
    augmentation: Augmentation | None = COMPARISON_AUGMENTATION
    loss: Loss = binary_loss
    score: ScoreFunction = predict


@dataclass(frozen=True, slots=True)
class ClassicalRecipe:
    """A classifier of scikit-learn on the values of the pixels."""

    make: Callable[[], Any]
    peak_learning_rate: None = None


@dataclass(frozen=True, slots=True)
class System:
    """One row of the comparison."""

    name: str
    title: str
    task: SystemTask
    published: float | None  # millions of parameters, as its authors or the field report them
    preprocessing: str  # "paper", "thumbnail" or "framed"
    side: int | None  # of its images, in pixels; None: as the user chooses
    recipe: NetworkRecipe | ClassicalRecipe
    source: str


def reconstruction_loss(outputs: Tensor, images: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG001
    """Mean squared difference between the images and their reconstructions."""
    return functional.mse_loss(outputs, images)


def reconstruction_score(network: nn.Module, images: Floats) -> Scores:
    """(n, 64, 64) -> (n,): minus the mean absolute error of the reconstruction; at best 0.

    The article describes this error; its released program uses structural similarity.
    """
    reconstructed = logits_of(network, images).reshape(images.shape)
    return np.asarray(-np.abs(reconstructed - images).mean((1, 2)), np.float64)


def nearest_neighbor() -> Any:
    """Return a classifier that answers with the view of the most similar training image."""
    return KNeighborsClassifier(n_neighbors=1, algorithm="brute")


def logistic_regression() -> Any:
    """Return a strongly regularised classifier with one weight per pixel, views balanced."""
    return LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)


SYSTEMS: tuple[System, ...] = (
    System("paper", "the paper's network", SystemTask.VIEW, 0.105761, "paper", SIDE,
           NetworkRecipe(build=paper_network), "Choe and Jo 2021"),
    System("alexnet", "AlexNet", SystemTask.VIEW, 61.1, "paper", None,
           NetworkRecipe(build=alexnet, peak_learning_rate=LOW_LEARNING_RATE),
           "Krizhevsky et al. 2012; in one column, arXiv 1404.5997"),
    System("vgg16", "VGG16", SystemTask.VIEW, 138.4, "paper", None,
           NetworkRecipe(build=vgg16, peak_learning_rate=LOW_LEARNING_RATE),
           "Simonyan and Zisserman, arXiv 1409.1556"),
    System("resnet50", "ResNet50", SystemTask.VIEW, 25.6, "paper", None,
           NetworkRecipe(build=resnet50), "He et al., arXiv 1512.03385"),
    System("resnet101", "ResNet101", SystemTask.VIEW, 44.5, "paper", None,
           NetworkRecipe(build=resnet101), "He et al., arXiv 1512.03385"),
    System("densenet121", "DenseNet121", SystemTask.VIEW, 8.0, "paper", None,
           NetworkRecipe(build=densenet121),
           "Huang et al., arXiv 1608.06993; for chest radiographs CheXNet, arXiv 1711.05225"),
    System("nearest", "1-NN on thumbnails", SystemTask.VIEW, None, "thumbnail", THUMBNAIL_SIDE,
           ClassicalRecipe(nearest_neighbor), "Cover and Hart 1967"),
    System("logistic", "logistic regression on thumbnails", SystemTask.VIEW, None, "thumbnail",
           THUMBNAIL_SIDE, ClassicalRecipe(logistic_regression), "Cox 1958"),
    System("gate_net", "gate of cxrview: synthetic negatives", SystemTask.GATE, 0.105761, "framed",
           SIDE,
           NetworkRecipe(build=paper_network, augmentation=replace(FULL_AUGMENTATION, invert=0.2)),
           "this package"),
    System("autoencoder", "Chester's autoencoder", SystemTask.GATE, 16.115872, "framed", SIDE,
           NetworkRecipe(build=autoencoder, positive_share=1.0, augmentation=None,
                         loss=reconstruction_loss, score=reconstruction_score),
           "Cohen et al., arXiv 1901.11210; sizes as in the released network"),
)  # fmt: skip

BY_NAME = {system.name: system for system in SYSTEMS}


def systems_named(names: Sequence[str]) -> list[System]:
    """Return the systems in the order of the table; raises WrongUse, listing the known names."""
    unknown = [name for name in names if name not in BY_NAME]
    if unknown or not names:
        what = f"no system {unknown[0]!r}" if unknown else "no system is named"
        raise WrongUse(f"{what}; known: {', '.join(BY_NAME)}")
    return [system for system in SYSTEMS if system.name in names]
