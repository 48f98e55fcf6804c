"""Unlabeled images -> those whose predicted view is most certain, labeled with it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cxrview.labels import Label
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.preprocess import Floats, mirror_correlation
from cxrview.training.data import ImageList
from cxrview.training.networks import Weights, network_from, predict
from cxrview.training.recipe import PseudoLabelConfig
from cxrview.views import View

SOURCE = "pseudo-labels"  # the source of such a label


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) -> (n,) ranks in ascending order, scaled to 0 .. 1."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)


def _thumbnails(images: Floats) -> Floats:
    """(n, 64, 64) -> (n, 32, 32): means of four pixels."""
    return np.asarray(images.reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4)), np.float32)


def most_confident(
    p_lateral: npt.NDArray[np.float64],
    evidence: npt.NDArray[np.float64],
    config: PseudoLabelConfig,
) -> Iterator[tuple[int, View]]:
    """Yield index and view of the images to label.

    p_lateral: (n,) probabilities; evidence: (n,), the higher the more likely lateral.
    """
    order = np.argsort(evidence, kind="stable")
    for view, ordered, predicted, share in (
        (View.FRONTAL, order, p_lateral < DECISION_BOUNDARY, config.frontals),
        (View.LATERAL, order[::-1], p_lateral > DECISION_BOUNDARY, config.laterals),
    ):
        count = max(config.minimum, round(share * int(predicted.sum())))
        for index in ordered[predicted[ordered]][:count].tolist():
            yield index, view


def predicted_labels(
    weights: Weights,
    unlabeled: ImageList,
    method: str,
    config: PseudoLabelConfig,
    *,
    by_symmetry: bool,
) -> ImageList:
    """Return the most confident predictions of a view network as labeled images.

    by_symmetry: confident are those that are also least, or most, similar to their mirror image.
    This helps a network that has seen no radiograph: what misleads it is rarely asymmetric as well.
    """
    images = unlabeled.images(method)
    p_lateral = predict(network_from(weights), images)
    evidence = _ranks(p_lateral)
    if by_symmetry:
        evidence = evidence + _ranks(-mirror_correlation(_thumbnails(images)))
    chosen = list(most_confident(p_lateral, evidence, config))
    names = [unlabeled.labels[index].file for index, _ in chosen]
    labels = [
        Label(name, view, f"file {name}", SOURCE)
        for name, (_, view) in zip(names, chosen, strict=True)
    ]
    rows = unlabeled.rows[[index for index, _ in chosen]]
    return ImageList(labels, rows, unlabeled.cache)
