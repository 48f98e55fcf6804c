"""Labels in the store -> a model fitted to them, its verdicts, and the images to label next.

`label_model` is fitted in a process of its own with low priority, after every LABELS_PER_UPDATE
labels. No request waits for it; where it fails, the status says so and labelling goes on.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import CxrviewError
from cxrview.labeling.label_model import (
    FEATURES,
    VIEWS,
    KnownLabel,
    Update,
    UpdateTask,
    priors_of,
    update_model,
)
from cxrview.metrics.classification import Share
from cxrview.model.classifier import Classifier
from cxrview.pages.records import ImageClass, ImageFeatures, Suggestion
from cxrview.pages.store import LabelStore
from cxrview.views import Verdict

LABELS_PER_UPDATE = 10
RANDOM_EVERY = 5  # in active order: of so many images, one is drawn at random
FIRST_CHOICE = 200  # images that must be known before the first are chosen
STORED_TOGETHER = 500  # verdicts; a label that comes meanwhile waits for so many
LEAST_CHANGE = 0.02  # of P(lateral), from which a verdict is stored again
SETTLED_UPDATES = 3  # in a row as expected, after which more labels hardly help
SETTLED_SHARE = 0.001  # of the verdicts that may change in such an update
SETTLED_READ = 0.9  # share of the images that must have been read; some may be unreadable
NICENESS = 10  # of the worker processes
UNCERTAIN = "uncertain"  # reason in the label table


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """What the page says about the model.

    labels: to which it is fitted. read: images that it has seen, of `images`. rest: those of them
    without a label, of which it is sure of `sure`. checked, errors, low, high: images drawn at
    random that it gets wrong when fitted without them, and the interval of that rate. is_settled:
    more labels hardly help. has_failed: the latest update did.
    """

    labels: int
    read: int
    images: int
    rest: int
    sure: int
    checked: int
    errors: int
    low: float
    high: float
    is_settled: bool
    has_failed: bool = False


def make_background_update() -> Callable[[UpdateTask], Update]:
    """Return what the process of an update applies; other work goes first."""
    os.nice(NICENESS)
    return update_model


class ModelUpdates:
    """Fits the model when there are enough new labels.

    `add` and `update_if_due` may be called from two threads. count: of all images. is_active:
    also choose which images are shown next.
    """

    def __init__(
        self,
        store: LabelStore,
        count: int,
        classifier: Classifier,
        engine: Engine,
        *,
        is_active: bool,
    ) -> None:
        self._store, self._classifier, self._engine = store, classifier, engine
        self._is_active = is_active
        self._position = store.positions()
        self._lock = threading.Lock()  # of what `add` changes
        self._images: list[int] = []  # the id of each row
        self._rows: dict[int, int] = {}
        self._features = np.zeros((count, FEATURES), np.uint8)
        self._priors = np.zeros((count, 2), np.float32)
        self._positions = np.zeros(count)
        self._task: UpdateTask | None = None  # the latest, and what followed from it
        self._update: Update | None = None
        self._as_expected = 0  # updates in a row
        self.status: ModelStatus | None = None  # None before LABELS_PER_UPDATE labels

    def add(self, found: Sequence[ImageFeatures]) -> None:
        """Use these images from the next update on; those that it has already are left out."""
        threshold = self._classifier.thresholds.chest
        with self._lock:
            for one in found:
                if one.image in self._rows:
                    continue
                row = self._rows[one.image] = len(self._images)
                self._images.append(one.image)
                self._features[row] = np.frombuffer(one.vector, np.uint8)
                self._priors[row] = priors_of(one.p_lateral, one.p_chest, threshold)
                self._positions[row] = self._position[one.image]

    def update_if_due(self) -> None:
        """Fit the model if there are enough new labels, or many new images to choose from."""
        task = self._next_task()
        if not self._is_due(task):
            return
        try:
            update = self._run(task)
            self._count_as_expected(task, update)
            self._store_update(task, update)
        except CxrviewError:  # the next labels start another attempt
            if self.status:
                self.status = replace(self.status, has_failed=True)

    def _store_update(self, task: UpdateTask, update: Update) -> None:
        if self._is_active:
            chosen = [self._images[row] for row in update.chosen]
            self._store.choose_next(chosen, RANDOM_EVERY, UNCERTAIN)
        if len(task.labels) >= LABELS_PER_UPDATE:
            self._store_verdicts(task, update)
            self.status = self._status_of(task, update)
        self._task, self._update = task, update

    def _next_task(self) -> UpdateTask:
        given = self._store.given_labels()
        with self._lock:
            known = len(self._images)
            labels = tuple(
                KnownLabel(self._rows[one.image], Verdict(one.label), one.is_random)
                for one in given
                if one.image in self._rows and one.label is not ImageClass.UNSURE
            )
        return UpdateTask(
            self._features[:known], self._priors[:known], self._positions[:known], labels,
            2 * LABELS_PER_UPDATE,
        )  # fmt: skip

    def _is_due(self, task: UpdateTask) -> bool:
        known, labels = len(task.positions), len(task.labels)
        if self._task is None:
            is_ready = known >= min(FIRST_CHOICE, len(self._positions))
            return known > 0 and (labels >= LABELS_PER_UPDATE or (self._is_active and is_ready))
        has_grown = known >= 2 * len(self._task.positions)
        return (
            has_grown or labels // LABELS_PER_UPDATE > len(self._task.labels) // LABELS_PER_UPDATE
        )

    def _run(self, task: UpdateTask) -> Update:
        """Raises CxrviewError where the process dies, takes too long or does not start."""
        [(_, outcome)] = self._engine.map(make_background_update, [task])
        match outcome:
            case Done(value=Update() as update):
                return update
        raise CxrviewError(f"the model was not updated: {outcome}")

    def _count_as_expected(self, task: UpdateTask, update: Update) -> None:
        """Count an update if the model predicted its labels and it changes hardly a verdict."""
        if self._task is None or self._update is None or len(task.labels) == len(self._task.labels):
            return
        before, old = self._update.codes, {label.index for label in self._task.labels}
        new = [one for one in task.labels if one.index not in old and one.index < len(before)]
        is_predicted = all(VIEWS[before[one.index]] is one.view for one in new)
        is_open = _open_rows(task)[: len(before)]
        changed = (before != update.codes[: len(before)])[is_open]
        is_as_expected = is_predicted and changed.sum() <= SETTLED_SHARE * len(changed)
        self._as_expected = self._as_expected + 1 if is_as_expected else 0

    def _store_verdicts(self, task: UpdateTask, update: Update) -> None:
        """Store the verdicts on images without a label that have changed, a few at a time."""
        rows = np.flatnonzero(_open_rows(task))
        if self._update is not None:
            known = rows[rows < len(self._update.codes)]
            is_same = (
                (self._update.codes[known] == update.codes[known])
                & (self._update.is_sure[known] == update.is_sure[known])
                & (np.abs(self._update.p_lateral[known] - update.p_lateral[known]) < LEAST_CHANGE)
            )
            rows = np.setdiff1d(rows, known[is_same])
        model = f"{self._classifier.label} and {len(task.labels)} labels"
        for start in range(0, len(rows), STORED_TOGETHER):
            self._store.suggest(
                [self._suggestion(update, row) for row in rows[start : start + STORED_TOGETHER]],
                model,
            )

    def _suggestion(self, update: Update, row: int) -> Suggestion:
        verdict = VIEWS[update.codes[row]] if update.is_sure[row] else Verdict.UNCERTAIN
        return Suggestion(self._images[row], verdict, float(update.p_lateral[row]))

    def _status_of(self, task: UpdateTask, update: Update) -> ModelStatus:
        is_open = _open_rows(task)
        low, high = Share(update.errors, update.checked).exact_interval
        return ModelStatus(
            labels=len(task.labels), read=len(is_open), images=len(self._positions),
            rest=int(is_open.sum()), sure=int((update.is_sure & is_open).sum()),
            checked=update.checked, errors=update.errors, low=low, high=high,
            is_settled=self._as_expected >= SETTLED_UPDATES
            and len(is_open) >= SETTLED_READ * len(self._positions),
        )  # fmt: skip


def _open_rows(task: UpdateTask) -> npt.NDArray[np.bool_]:
    """Return (n,) whether an image has no label."""
    is_open = np.ones(len(task.positions), bool)
    is_open[[label.index for label in task.labels]] = False
    return is_open
