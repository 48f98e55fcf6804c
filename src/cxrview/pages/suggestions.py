"""The model's verdicts on the images to label, computed in the background in their order."""

import threading
from collections.abc import Iterator, Mapping

from cxrview.engines.local import LocalEngine
from cxrview.inference.classification import numbered_rows
from cxrview.model.classifier import Classifier
from cxrview.pages.records import Suggestion
from cxrview.pages.store import LabelStore
from cxrview.rows import Row
from cxrview.sources.find import Item

FIRST_BATCH, BATCH = 4, 32  # images whose verdicts are stored together
UNCERTAIN = "uncertain"  # reason in the label table


def uncertainty_of(row: Row) -> float:
    """Return the distance of the nearest probability from 0.5: 0 is the least certain."""
    probabilities = [p for p in (row.p_lateral, row.p_chest) if p is not None]
    return min((abs(p - 0.5) for p in probabilities), default=1.0)


class SuggestionRun:
    """Classifies every image that has no verdict of this model yet, once `start` was called.

    is_active: the uncertain images are shown first.
    """

    def __init__(
        self,
        store: LabelStore,
        items: Mapping[int, Item],
        classifier: Classifier,
        *,
        is_active: bool,
    ) -> None:
        self._store, self._items, self._classifier = store, items, classifier
        self._is_active = is_active
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a second call does nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End after the image in work."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        batch: list[Suggestion] = []
        size = FIRST_BATCH
        for suggestion in self._suggestions():
            batch.append(suggestion)
            if len(batch) >= size:
                self._store.suggest(batch, self._classifier.label, UNCERTAIN)
                batch, size = [], BATCH
        self._store.suggest(batch, self._classifier.label, UNCERTAIN)

    def _suggestions(self) -> Iterator[Suggestion]:
        ids = self._store.without_suggestion(self._classifier.label)
        items = (self._items[image] for image in ids)
        for index, row in numbered_rows(items, self._classifier, LocalEngine(1)):
            if self._stopped.is_set():
                return
            priority = uncertainty_of(row) if self._is_active and not row.error else None
            yield Suggestion(ids[index], str(row.view or ""), row.p_lateral, priority, row.error)
