"""The model's verdicts on the images to label, computed in the background in their order."""

import threading
from collections.abc import Callable, Mapping, Sequence

from cxrview.engines.local import LocalEngine
from cxrview.errors import CxrviewError
from cxrview.labeling.active_learning import Features, features_of
from cxrview.labeling.label_model import describe
from cxrview.model.classifier import Classifier
from cxrview.pages.model_updates import NICENESS, ModelStatus, ModelUpdates
from cxrview.pages.records import ImageFeatures, Suggestion
from cxrview.pages.store import LabelStore
from cxrview.sources.find import Item
from cxrview.views import decide

RETRY_SECONDS = 10.0
FIRST_BATCH, BATCH = 4, 32  # images whose verdicts are stored together


class SuggestionRun:
    """Classifies every image, and corrects the verdicts by the labels, once `start` was called.

    Two threads: one reads the images in a worker process of low priority, one waits for labels
    and updates the model. is_active: uncertain and different images are shown first.
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
        self._updates = ModelUpdates(
            store, len(items), classifier, LocalEngine(1), is_active=is_active
        )
        self._stopped = threading.Event()
        self._has_changed = threading.Event()  # labels or images
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def status(self) -> ModelStatus | None:
        """What the model is sure of since its latest update; None before the first labels."""
        return self._updates.status

    def start(self) -> None:
        """Begin; a second call does nothing."""
        with self._lock:
            if not self._threads:
                self._start(self._read)
                self._start(self._learn)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """End after the image or the update in work."""
        self._stopped.set()
        self._has_changed.set()
        for thread in self._threads:
            thread.join()

    def note_labels(self) -> None:
        """Look for new labels; returns at once."""
        self._has_changed.set()

    def _learn(self) -> None:
        while self._has_changed.wait() and not self._stopped.is_set():
            self._has_changed.clear()
            self._updates.update_if_due()

    def _read(self) -> None:
        """Read all images; again after a pause where the results could not be stored."""
        while not self._stopped.is_set():
            try:
                self._read_missing()
            except CxrviewError:  # a full disk
                self._stopped.wait(RETRY_SECONDS)
            else:
                return

    def _read_missing(self) -> None:
        model = self._classifier.label
        self._updates.add(self._store.features(model))
        ids = self._store.without_features(model)
        items = (self._items[image] for image in ids)
        found: list[tuple[int, Features]] = []
        size = FIRST_BATCH
        for index, features in features_of(items, self._classifier, LocalEngine(1), NICENESS):
            if self._stopped.is_set():
                return
            found.append((ids[index], features))
            if len(found) >= size:
                self._store_found(found)
                found, size = [], BATCH
        self._store_found(found)

    def _store_found(self, found: Sequence[tuple[int, Features]]) -> None:
        suggestions = [self._suggestion(image, features) for image, features in found]
        self._store.suggest(suggestions, self._classifier.label)
        readable = [
            ImageFeatures(image, one.p_lateral, one.p_chest, describe(one.thumbnail).tobytes())
            for image, one in found
            if not one.error
        ]
        self._store.add_features(readable, self._classifier.label)
        self._updates.add(readable)
        self._has_changed.set()

    def _suggestion(self, image: int, features: Features) -> Suggestion:
        if features.error:
            return Suggestion(image, "", None, features.error)
        verdict = decide(features.p_lateral, features.p_chest, self._classifier.thresholds)
        return Suggestion(image, verdict, features.p_lateral)
