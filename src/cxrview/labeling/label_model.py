"""A shipped model's answers and the labels of a person -> verdicts on the rest, and what to label.

Two Gaussian processes (Rasmussen and Williams 2006, chapters 2 and 5), one for lateral against
frontal and one for chest radiograph against other image, correct the answers of the shipped model
by the labels of similar images. They are fitted in less than a second, which a network is not, and
state how uncertain they are. Measured in docs/labeling.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from cxrview.images import FloatArray, Floats, Numbers
from cxrview.labeling.active_learning import Indices, squared_distances
from cxrview.views import Verdict

FEATURES = 256  # numbers that describe an image
NOISE = 0.05  # variance of a target -1 or 1 around the process
AMPLITUDES = (0.03, 0.1, 0.3, 1.0)  # variances of the correction, between which the labels choose
WEIGHTS = (0.0, 0.5, 1.0)  # of the shipped model's answers, between which the labels choose
DEFAULT_AMPLITUDE, DEFAULT_WEIGHT = 1.0, 1.0  # until there are labels of both sides
SURE = 0.95  # probability from which a verdict counts as sure
MAX_LABELS_PER_VIEW = 500  # the latest; the time grows with the cube of their number
CANDIDATES = 400  # the most uncertain images, among which different ones are chosen
CHUNK = 4096  # images that are predicted together
DISTANCE_SAMPLE = 300  # images whose median distance is the length scale

Bytes = npt.NDArray[np.uint8]
VIEWS = (Verdict.FRONTAL, Verdict.LATERAL, Verdict.NOT_CHEST)  # by their code in `Update.codes`
_TARGETS: tuple[dict[Verdict, float], ...] = (
    {Verdict.FRONTAL: -1.0, Verdict.LATERAL: 1.0},
    {Verdict.FRONTAL: 1.0, Verdict.LATERAL: 1.0, Verdict.NOT_CHEST: -1.0},
)


def describe(thumbnail: Floats) -> Bytes:
    """(32, 32) in [0, 1] -> (256,) uint8, the same for an image and its mirror image.

    The first half is the mean of the left half and the mirrored right half at 16 x 8 pixels, the
    second their difference, which is small for a frontal image.
    """
    small = thumbnail.reshape(16, 2, 16, 2).mean(axis=(1, 3))
    left, right = small[:, :8], small[:, :7:-1]
    both = np.concatenate([(left + right).ravel() / 2, np.abs(left - right).ravel() / 2])
    return np.round(255 * both).astype(np.uint8)


def priors_of(p_lateral: float, p_chest: float, chest_threshold: float) -> tuple[float, float]:
    """Two probabilities of a model -> (lateral, chest) in [-1, 1]; 0 is undecided."""
    above = p_chest >= chest_threshold
    span = 1 - chest_threshold if above else chest_threshold
    return 2 * p_lateral - 1, (p_chest - chest_threshold) / span if span else 1.0


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """The label of an image, by its index. is_random: the image was drawn at random."""

    index: int
    view: Verdict
    is_random: bool


@dataclass(frozen=True, slots=True, eq=False)
class UpdateTask:
    """What an update needs; arrays have one row for each of n images.

    features: (n, 256) uint8 of `describe`. priors: (n, 2) of `priors_of`. positions: (n,) decide
    between equally uncertain images. labels: the oldest first. count: images to choose.
    """

    features: Bytes
    priors: Floats
    positions: Numbers
    labels: tuple[KnownLabel, ...]
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What follows from the labels so far.

    codes: (n,) indices in VIEWS of the more likely class. is_sure: (n,) whether that has at least
    the probability SURE. p_lateral: (n,). chosen: indices of uncertain, different images without a
    label. checked, errors: images drawn at random, and how many of them the model gets wrong when
    it is fitted without that one.
    """

    codes: Bytes
    is_sure: npt.NDArray[np.bool_]
    p_lateral: Floats
    chosen: Indices
    checked: int
    errors: int


def update_model(task: UpdateTask) -> Update:
    """Fit both processes to the labels, predict every image and choose the next ones."""
    points = task.features.astype(np.float32)
    scale = _length_scale(points)
    processes = [
        _fit(points, task.priors[:, output], _latest(task.labels, targets), targets, scale)
        for output, targets in enumerate(_TARGETS)
    ]
    means, variances = np.stack([process.predict() for process in processes]).transpose(2, 0, 1)
    certainty = np.abs(means) / np.sqrt(variances)  # (outputs, n)
    codes = _codes(means[0], means[1])
    # whether an image that is no chest radiograph would be a lateral one does not matter
    least = np.where(means[1] < 0, certainty[1], certainty.min(axis=0))
    checked, errors = _check(task.labels, processes, means)
    return Update(
        codes,
        ndtr(least) >= SURE,
        ndtr(means[0] / np.sqrt(variances[0] + NOISE)).astype(np.float32),
        _choose(task, processes, means, least),
        checked,
        errors,
    )


def _codes(lateral: Numbers, chest: Numbers) -> Bytes:
    return np.where(chest < 0, 2, lateral > 0).astype(np.uint8)


def _length_scale(points: Floats) -> float:
    """Return the median squared distance between images."""
    sample = points[:: max(1, len(points) // DISTANCE_SAMPLE)]
    distances = squared_distances(sample, sample)
    return float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0


def _latest(labels: Sequence[KnownLabel], targets: dict[Verdict, float]) -> list[KnownLabel]:
    """Return the latest labels of each view that has a target."""
    by_view: dict[Verdict, list[KnownLabel]] = defaultdict(list)
    for label in labels:
        if label.view in targets:
            by_view[label.view].append(label)
    return [label for group in by_view.values() for label in group[-MAX_LABELS_PER_VIEW:]]


@dataclass(frozen=True, slots=True, eq=False)
class _Process:
    """A fitted Gaussian process over the images.

    inverse: (m, m) of the covariance of the m labelled images. alpha: (m,) inverse @ residuals.
    """

    points: Floats
    prior: Floats  # (n,), weighted
    scale: float
    amplitude: float
    labelled: Indices  # (m,)
    targets: Numbers  # (m,)
    inverse: FloatArray
    alpha: FloatArray

    def covariance(self, a: Floats, b: Floats) -> Numbers:
        """(k, 256), (l, 256) -> (k, l)."""
        return self.amplitude * (1 + np.exp(squared_distances(a, b) / -self.scale))

    def predict(self) -> Numbers:
        """Return (n, 2): mean and variance of each image."""
        parts = []
        for start in range(0, len(self.points), CHUNK):
            chunk = slice(start, start + CHUNK)
            cross = self.covariance(self.points[chunk], self.points[self.labelled])
            variance = 2 * self.amplitude - ((cross @ self.inverse) * cross).sum(axis=1)
            mean = self.prior[chunk] + cross @ self.alpha
            parts.append(np.stack([mean, np.maximum(variance, 1e-6)], axis=1))
        return np.concatenate(parts)

    def between(self, images: Indices) -> Numbers:
        """Return the covariance (k, k) of images, given the labels."""
        cross = self.covariance(self.points[images], self.points[self.labelled])
        own = self.covariance(self.points[images], self.points[images])
        return own - cross @ self.inverse @ cross.T

    def left_out(self) -> dict[int, float]:
        """Return the mean of each labelled image fitted without it (there: equation 5.12)."""
        means = self.targets - self.alpha / np.diag(self.inverse)
        return dict(zip(self.labelled.tolist(), means.tolist(), strict=True))


def _fit(
    points: Floats,
    prior: Floats,
    labels: Sequence[KnownLabel],
    targets: dict[Verdict, float],
    scale: float,
) -> _Process:
    """Fit a process; weight and amplitude are those under which the labels are most likely.

    Labels of one side alone do not choose them: they would be most likely where nothing differs.
    """
    labelled = np.array([label.index for label in labels], np.intp)
    wanted = np.array([targets[label.view] for label in labels], np.float64)
    similarity = 1 + np.exp(squared_distances(points[labelled], points[labelled]) / -scale)
    best = (-np.inf, DEFAULT_WEIGHT, DEFAULT_AMPLITUDE)
    for amplitude in AMPLITUDES if len(set(wanted)) > 1 else ():
        lower = np.linalg.cholesky(amplitude * similarity + NOISE * np.eye(len(labelled)))
        for weight in WEIGHTS:
            whitened = np.linalg.solve(lower, wanted - weight * prior[labelled])
            likelihood = -whitened @ whitened / 2 - np.log(np.diag(lower)).sum()
            best = max(best, (float(likelihood), weight, amplitude))
    _, weight, amplitude = best
    inverse = np.linalg.inv(amplitude * similarity + NOISE * np.eye(len(labelled)))
    alpha = inverse @ (wanted - weight * prior[labelled])
    return _Process(
        points, weight * prior, scale, amplitude, labelled, wanted, inverse, alpha
    )  # fmt: skip


def _check(
    labels: Sequence[KnownLabel], processes: Sequence[_Process], means: Numbers
) -> tuple[int, int]:
    """Return how many images were drawn at random, and how many of them are wrong when left out."""
    lateral, chest = (process.left_out() for process in processes)
    drawn = [label for label in labels if label.is_random and label.index in chest]
    codes = [
        int(_codes(np.array(lateral.get(i, means[0, i])), np.array(chest[i])))
        for i in (label.index for label in drawn)
    ]
    wrong = sum(VIEWS[code] is not label.view for code, label in zip(codes, drawn, strict=True))
    return len(drawn), wrong


def _choose(
    task: UpdateTask, processes: Sequence[_Process], means: Numbers, certainty: Numbers
) -> Indices:
    """Return uncertain images that differ: each lowers the uncertainty of those like it.

    The variance of a Gaussian process does not depend on the label that an image will get. What
    the labels of the images chosen before will take from the variance of an image, they add to the
    square of its mean, on average; so an image that is like one of them waits.
    """
    is_open = np.ones(len(certainty), bool)
    is_open[[label.index for label in task.labels]] = False
    order = np.lexsort((task.positions, certainty))
    candidates = order[is_open[order]][:CANDIDATES]
    covariances = [process.between(candidates) for process in processes]
    before = np.maximum([np.diag(one) for one in covariances], 1e-6)
    squares = means[:, candidates] ** 2
    chosen: list[int] = []
    while len(chosen) < min(task.count, len(candidates)):
        variances = np.maximum([np.diag(one) for one in covariances], 1e-6)
        now = np.sqrt((squares + before - variances) / variances)
        now = np.where(means[1, candidates] < 0, now[1], now.min(axis=0))
        now[chosen] = np.inf
        best = int(now.argmin())
        chosen.append(best)
        for one in covariances:
            column = one[:, best] / np.sqrt(max(one[best, best], 0.0) + NOISE)
            one -= np.outer(column, column)
    return candidates[chosen]
