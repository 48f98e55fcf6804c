"""Counts and scores -> rates with intervals, areas under the ROC curve, paired tests."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

CONFIDENCE_LEVEL = 0.95  # of every two-sided interval
SIGNIFICANCE_LEVEL = 0.05  # p-value under which a paired difference is called one


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total` with a 95 % interval by Wilson (1927), which holds for few misses too."""

    hits: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total:
            raise ValueError(f"{self.hits} hits of {self.total}")

    @property
    def value(self) -> float:
        """The share in [0, 1]; NaN if the total is 0."""
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; (0, 1) if the total is 0."""
        if not self.total:
            return 0.0, 1.0
        interval = binomtest(self.hits, self.total).proportion_ci(CONFIDENCE_LEVEL, "wilson")
        return float(interval.low), float(interval.high)


def auroc(positives: Numbers, negatives: Numbers) -> float:
    """P(a positive scores higher than a negative), ties counting half.

    Raises ValueError if one of the two is empty.
    """
    if not positives.size or not negatives.size:
        raise ValueError("an area under the ROC curve needs scores of both classes")
    targets = np.repeat([1, 0], [positives.size, negatives.size])
    return float(roc_auc_score(targets, np.concatenate([positives, negatives])))


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Errors of two models on the same images, and the images on which they differ."""

    images: int
    before: int  # errors of the first model
    after: int  # errors of the second
    corrected: int  # wrong before, right after
    newly_wrong: int  # right before, wrong after

    @property
    def p_value(self) -> float:
        """Two-sided exact test by McNemar (1947); 1 where nothing changed."""
        changed = self.corrected + self.newly_wrong
        return float(binomtest(self.corrected, changed).pvalue) if changed else 1.0

    def text(self) -> str:
        """One sentence for people."""
        is_significant = self.p_value < SIGNIFICANCE_LEVEL
        return (
            f"held-out images: {self.images:,}; errors before: {self.before}, after: {self.after}; "
            f"{self.corrected} corrected, {self.newly_wrong} newly wrong; exact McNemar test "
            f"p = {self.p_value:.3g}: {'a' if is_significant else 'no'} significant difference"
        )


def paired_test(wrong_before: Mask, wrong_after: Mask) -> PairedTest:
    """Two masks (n,) of the errors on the same images; raises ValueError if lengths differ."""
    if wrong_before.shape != wrong_after.shape:
        raise ValueError("a paired test compares two predictions for each image")
    return PairedTest(
        images=wrong_before.size,
        before=int(wrong_before.sum()),
        after=int(wrong_after.sum()),
        corrected=int((wrong_before & ~wrong_after).sum()),
        newly_wrong=int((wrong_after & ~wrong_before).sum()),
    )
