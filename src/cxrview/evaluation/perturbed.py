"""Labelled films -> what a model says of each under every alteration, in disposable processes."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.evaluation.options import Task
from cxrview.evaluation.perturbations import PERTURBATIONS, perturb
from cxrview.evaluation.verdicts import Watch, items_of
from cxrview.images import radiograph_of
from cxrview.labels import Label
from cxrview.metrics.robustness import Altered, altered_of
from cxrview.model.classifier import Classifier, load
from cxrview.model.preprocess import grey_of, working_image
from cxrview.readers.decode import decode
from cxrview.sources.find import Item

Said = list[tuple[float, float]]  # P(lateral) and P(chest film) under each of PERTURBATIONS
Numbered = tuple[int, Item]  # the number decides what chance does to a film


def said_of_altered(numbered: Numbered, classifier: Classifier) -> Said:
    """One film, under every alteration; raises UnreadableImage."""
    number, item = numbered
    with item.open() as stream:
        grey = grey_of(working_image(decode(stream)))
    judgements = (
        classifier.predict(radiograph_of(perturb(grey, name, number))) for name in PERTURBATIONS
    )
    return [(one.p_lateral, 1.0 if one.p_chest is None else one.p_chest) for one in judgements]


def make_alterer(model: str) -> Callable[[Numbered], Said]:
    """What each worker makes once."""
    return partial(said_of_altered, classifier=load(model))


def altered(task: Task, labels: Sequence[Label], watch: Watch) -> tuple[Altered, ...]:
    """One line an alteration. Films that cannot be read again are left out of the count."""
    numbered = list(enumerate(items_of(task, labels)))
    said: dict[int, Said] = {}
    with watch(len(numbered)) as step:
        for index, outcome in engine_for(task.jobs).map(
            partial(make_alterer, task.given), numbered
        ):
            if isinstance(outcome, Done):
                said[index] = outcome.value
            step()
    read = sorted(said)
    values = np.array([said[index] for index in read]).reshape(len(read), len(PERTURBATIONS), 2)
    lateral = np.array([labels[index].is_lateral for index in read], dtype=bool)
    thresholds = load(task.given).thresholds
    return tuple(
        altered_of(name, values[:, column], lateral, thresholds)
        for column, name in enumerate(PERTURBATIONS)
        if read
    )
