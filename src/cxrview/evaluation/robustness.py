"""Labelled images and a model -> how it classifies them under every perturbation and pose."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.evaluation.labelled_images import LabelledImages, Progress
from cxrview.evaluation.perturbations import PERTURBATIONS, POSES, make_perturbed_classifier
from cxrview.labels import Label
from cxrview.metrics.tables import (
    PerturbationResult,
    PoseResult,
    count_answers,
    perturbation_result,
)
from cxrview.model.classifier import Prediction, load
from cxrview.views import Thresholds, View

Predicted = Sequence[tuple[Label, dict[str, Prediction]]]  # by perturbation, of each image


def predict_perturbed_images(
    images: LabelledImages, model: str, jobs: int | None, progress: Progress
) -> Predicted:
    """Classify every image under every perturbation; images that are unreadable are left out."""
    numbered = list(enumerate(images.items()))
    found: dict[int, dict[str, Prediction]] = {}
    with progress(len(numbered)) as step:
        engine, make_worker = engine_for(jobs), partial(make_perturbed_classifier, model)
        for index, outcome in engine.map(make_worker, numbered):
            if isinstance(outcome, Done):
                found[index] = dict(zip(PERTURBATIONS, outcome.value, strict=True))
            step()
    return [(images.labels[index], found[index]) for index in sorted(found)]


def perturbation_results(predicted: Predicted, model: str) -> tuple[PerturbationResult, ...]:
    """Return the counts by perturbation and view; the most wrong or refused images come first."""
    thresholds = load(model).thresholds
    results = [
        _result_of_view(name, view, predicted, thresholds)
        for name in PERTURBATIONS
        for view in View
        if any(label.view is view for label, _ in predicted)
    ]
    order = sorted(results, key=lambda one: (-one.failed / one.images, -one.interval.high))
    return tuple(order)


def _result_of_view(
    name: str, view: View, predicted: Predicted, thresholds: Thresholds
) -> PerturbationResult:
    ones = [by_name[name] for label, by_name in predicted if label.view is view]
    # P(chest) is 1 for a model that does not compute it
    values = [(one.p_lateral, 1.0 if one.p_chest is None else one.p_chest) for one in ones]
    is_lateral = np.full(len(ones), view is View.LATERAL)
    return perturbation_result(f"{name}, {view}", np.array(values), is_lateral, thresholds)


def pose_results(predicted: Predicted) -> tuple[PoseResult, ...]:
    """Return the answers by pose, the fewest right ones first; none if the model gives none."""
    results = [_pose_result(name, predicted) for name in POSES] if predicted else []
    answered = sum(
        one.images - part.unsure for one in results for part in (one.rotation, one.polarity)
    )
    if not answered:
        return ()
    return tuple(sorted(results, key=lambda one: min(one.rotation.share, one.polarity.share)))


def _pose_result(name: str, predicted: Predicted) -> PoseResult:
    """The labels say how the unaltered images lie; without a word they are upright."""
    degrees, is_inverted = POSES[name]
    ones = [by_name[name] for _, by_name in predicted]
    rotations = [(label.rotation + degrees) % 360 for label, _ in predicted]
    polarities = [label.inverted != is_inverted for label, _ in predicted]
    return PoseResult(
        name=name,
        images=len(ones),
        rotation=count_answers([one.rotation for one in ones], rotations),
        polarity=count_answers([one.inverted for one in ones], polarities),
    )
