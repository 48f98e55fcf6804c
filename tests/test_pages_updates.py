"""Updates of the model beside the page: when they run, what they store, what a failure does."""

import numpy as np
import pytest

from cxrview.engines.outcomes import Crashed, Done
from cxrview.labeling.label_model import FEATURES, update_model
from cxrview.model.classifier import Classifier
from cxrview.pages.model_updates import LABELS_PER_UPDATE, ModelUpdates
from cxrview.pages.records import Answer, ImageClass, ImageFeatures, NewImage, OpenPage
from cxrview.pages.store import LabelStore
from makers_model import model_bytes

ANNA = OpenPage("anna", "a")
F, L = ImageClass.FRONTAL, ImageClass.LATERAL


class Engine:
    """Fits in this process, or fails."""

    restarts, has_crashed, calls = 0, False, 0

    def map(self, _, items):
        self.calls += 1
        for index, item in enumerate(items):
            yield index, Crashed("SIGKILL") if self.has_crashed else Done(update_model(item))


class Work:
    """Two kinds of images, a fifth of them laterals, and a person who labels them."""

    def __init__(self, folder, count=100, is_active=True, unread=0):
        rng = np.random.default_rng(0)
        self.store = LabelStore(folder / "labels.sqlite")
        self.store.add_images([NewImage(f"/films/{n}.png") for n in range(count)])
        self.ids = list(self.store.ids().values())
        kinds = rng.integers(60, 180, (2, FEATURES))
        direction = rng.integers(-50, 50, FEATURES)
        self.truth = {image: (F, L)[n % 5 == 0] for n, image in enumerate(self.ids)}
        found = []
        for image in self.ids:
            vector = kinds[int(self.truth[image] is L)] + rng.random() * direction
            found.append(ImageFeatures(image, 0.5, 1.0, vector.astype(np.uint8).tobytes()))
        self.engine, self.batches = Engine(), 0
        self.updates = ModelUpdates(
            self.store, count, Classifier(model_bytes()), self.engine, is_active=is_active
        )
        self.updates.add(found[unread:])

    def label(self, count):
        for _ in range(count):
            self.batches += 1
            image = self.store.upcoming(ANNA, 1)[0]
            self.store.record("anna", f"b{self.batches}", [Answer(image, self.truth[image])])
            self.updates.update_if_due()


@pytest.fixture
def work(tmp_path):
    work = Work(tmp_path)
    yield work
    work.store.close()


def test_the_model_is_fitted_after_every_ten_labels(work):
    work.updates.update_if_due()
    assert (work.engine.calls, work.updates.status) == (1, None)  # it chose the first images
    work.label(LABELS_PER_UPDATE - 1)
    assert work.engine.calls == 1
    work.label(1)
    assert (work.engine.calls, work.updates.status.labels) == (2, LABELS_PER_UPDATE)
    work.label(LABELS_PER_UPDATE)
    assert work.engine.calls == 3


def test_updates_come_at_multiples_of_ten_whenever_the_first_choice_was(work):
    work.label(15)
    assert (work.engine.calls, work.updates.status.labels) == (2, 10)


def test_in_active_order_every_fifth_image_is_drawn_at_random_and_checked(work):
    work.updates.update_if_due()
    work.label(40)
    reasons = [one.reason for one in work.store.labels()]
    assert (reasons.count("uncertain"), reasons.count("random")) == (32, 8)
    status = work.updates.status
    assert (status.checked, status.errors, status.rest) == (8, 0, 60)
    assert status.low == 0
    assert 0.3 < status.high < 0.4


def test_in_random_order_every_label_is_checked_and_none_is_preferred(tmp_path):
    work = Work(tmp_path, is_active=False)
    work.label(20)
    order = sorted(work.ids, key=work.store.positions().get)
    assert {one.image for one in work.store.labels()} == set(order[:20])
    assert work.updates.status.checked == 20
    work.store.close()


def test_the_verdicts_are_those_of_the_model_and_the_status_says_when_more_labels_hardly_help(work):
    work.updates.update_if_due()
    work.label(70)
    rest = [image for image in work.ids if image not in {one.image for one in work.store.labels()}]
    known = work.store.suggestions(work.ids)
    verdicts = {image: known[image].verdict for image in rest}
    sure = [image for image in rest if verdicts[image] != "uncertain"]
    assert all(verdicts[image] == work.truth[image] for image in sure)
    assert all((known[image].p_lateral > 0.5) == (work.truth[image] is L) for image in rest)
    status = work.updates.status
    assert (status.sure, status.rest, status.is_settled) == (len(sure), 30, True)
    assert status.sure > 20


def test_more_labels_may_help_while_most_images_are_not_read(tmp_path):
    work = Work(tmp_path, unread=20)
    work.updates.update_if_due()
    work.label(70)
    status = work.updates.status
    assert (status.images, status.is_settled) == (100, False)
    work.store.close()


def test_a_surprise_means_that_more_labels_help(work):
    work.updates.update_if_due()
    work.label(60)
    assert work.updates.status.is_settled
    (image,) = work.store.upcoming(ANNA, 1)
    work.truth[image] = L if work.truth[image] is F else F
    work.label(10)
    assert not work.updates.status.is_settled


def test_an_update_that_dies_changes_no_label_and_is_tried_again(work):
    work.updates.update_if_due()
    work.label(10)
    work.engine.has_crashed = True
    work.label(10)
    assert len(work.store.labels()) == 20
    assert (work.updates.status.labels, work.updates.status.has_failed) == (10, True)
    work.engine.has_crashed = False
    work.label(1)
    assert (work.updates.status.labels, work.updates.status.has_failed) == (21, False)


def test_labels_taken_back_are_not_used(work):
    work.updates.update_if_due()
    work.label(9)
    work.store.undo(ANNA, "u1")
    work.label(1)
    assert work.updates.status is None
    work.label(1)
    assert work.updates.status.labels == 10
