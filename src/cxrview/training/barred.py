"""What a model says of the films that their licence kept out of its training."""

import numpy as np

from cxrview.metrics.classification import Share
from cxrview.model.card import Metric
from cxrview.training.crossval import Judged, Mask
from cxrview.training.findings import EVEN, metric_of
from cxrview.views import Thresholds


def thresholds_on_own(own: Judged, refused: float) -> Thresholds:
    """The gate's threshold leaves this share of the films that the model was trained on below."""
    return Thresholds(chest=round(float(np.quantile(own[:, 1], refused)), 4))


def metrics_on_barred(
    barred: Judged, lateral: Mask, others: Judged, thresholds: Thresholds
) -> tuple[Metric, ...]:
    """barred: (n, 2), lateral: (n,), others: (m, 2), pictures that are no chest films."""
    right = (barred[:, 0] > EVEN) == lateral
    refused, other = (said[:, 1] < thresholds.chest for said in (barred, others))
    counted = {
        "accuracy, films kept out by licence": right,
        "laterals found, kept out by licence": right[lateral],
        "frontals found, kept out by licence": right[~lateral],
        "chest films refused by the gate, kept out by licence": refused,
        "other pictures refused by the gate": other,
    }
    return tuple(
        metric_of(name, Share(int(hits.sum()), hits.size))
        for name, hits in counted.items()
        if hits.size
    )
