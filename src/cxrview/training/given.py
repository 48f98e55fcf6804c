"""An order -> what a person gave: labels and how they are parted, images without labels."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.errors import WrongUse
from cxrview.labels import Label, read_labels
from cxrview.sources.find import Item
from cxrview.training.check import check_files
from cxrview.training.order import Order
from cxrview.training.parting import TRAINING, Parts, parts_of
from cxrview.training.unlabelled import items_beside


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """labels and parts: n of them; items: images without labels. One of the two may be empty."""

    labels: Sequence[Label]
    parts: Parts
    items: Sequence[Item]


def given_by(order: Order) -> Given:
    """Read the table and find the images, without opening any.

    Raises MissingInput for files that are not there, WrongUse for a table that cannot be used.
    """
    if order.labels is None and not order.unlabelled:
        raise WrongUse("nothing to learn from: name a label table, --unlabelled images, or both")
    if order.unlabelled and order.folds:
        raise WrongUse("--folds measures by labels; it does not go with --unlabelled")
    labels, parts = _labelled(order)
    known = {os.path.realpath(order.folder / label.file) for label in labels}
    return Given(labels, parts, items_beside(order.unlabelled, known))


def _labelled(order: Order) -> tuple[list[Label], Parts]:
    if order.labels is None:
        return [], np.zeros(0, np.intp)
    labels = read_labels(order.labels)
    check_files(labels, order.labels)
    parts = parts_of(labels, order.recipe.split, order.seed, order.labels)
    if order.folds or order.only_free:  # measured by other means: everything is taught
        parts = np.full(len(labels), TRAINING)
    return labels, parts
