"""The history of labels: durable, append-only, each image to one person, or to two if wanted."""

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.errors import UnusableOutput
from cxrview.labels import CopiedColumns
from cxrview.pages import store as store_module
from cxrview.pages.image_store import ADDED_COLUMNS
from cxrview.pages.records import Answer, ImageClass, ImageFeatures, NewImage, OpenPage, Suggestion
from cxrview.pages.store import LabelStore

ANNA, BEN = OpenPage("anna", "a"), OpenPage("ben", "b")
F, L, N = ImageClass.FRONTAL, ImageClass.LATERAL, ImageClass.NOT_CHEST


def open_store(folder, count=6, overlap=0.0):
    store = LabelStore(folder / "labels.sqlite")
    store.add_images([NewImage(f"/films/{n}.png") for n in range(count)], overlap)
    return store


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    yield store
    store.close()


def label(store, page, label, batch=None, count=1):
    """Label the next `count` images of a page; return their ids."""
    images = store.upcoming(page, count)
    store.record(page.labeler, batch or f"batch {images}", [Answer(i, label) for i in images])
    return images


def labels(store):
    return {(one.image, one.labeler): one.label for one in store.labels()}


def events(store):
    with sqlite3.connect(store.path) as db:
        return db.execute("SELECT image, label, undoes FROM event ORDER BY id").fetchall()


def test_a_label_is_stored_with_who_when_and_what_was_seen(store):
    (image,) = store.upcoming(ANNA, 1)
    store.suggest([Suggestion(image, "lateral", 0.9)], "film@1234")
    store.record("anna", "b", [Answer(image, F, 2.5, was_visible=True)])
    (one,) = store.labels()
    assert (one.image, one.labeler, one.label, one.seconds) == (image, "anna", F, 2.5)
    assert (one.suggestion, one.was_visible) == ("lateral", True)
    assert one.at.endswith("+00:00")


def test_what_is_done_in_one_transaction_is_stored_together_or_not_at_all(store):
    (image,) = store.upcoming(ANNA, 1)

    def label_and_fail():
        with store.transaction():
            store.record("anna", "b", [Answer(image, F)])
            assert store.upcoming(ANNA, 1) != [image]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        label_and_fail()
    assert store.upcoming(ANNA, 1) == [image]
    assert events(store) == []


def test_a_repeated_batch_is_stored_once(store):
    (image,) = store.upcoming(ANNA, 1)
    for _ in range(3):
        store.record("anna", "same", [Answer(image, F)])
    assert len(events(store)) == 1


def test_a_batch_with_an_unknown_image_stores_nothing(store):
    (image,) = store.upcoming(ANNA, 1)
    with pytest.raises(KeyError):
        store.record("anna", "b", [Answer(image, F), Answer(999, F)])
    assert events(store) == []


def test_undo_is_a_new_entry_and_the_image_comes_next(store):
    first, second = label(store, ANNA, F)[0], label(store, ANNA, L)[0]
    assert store.undo(ANNA, "undo 1") == [second]
    assert store.undo(ANNA, "undo 1") == [second]  # repeated: nothing more is taken back
    assert labels(store) == {(first, "anna"): F}
    assert store.upcoming(ANNA, 3)[0] == second
    assert [event[1] for event in events(store)] == [F, L, ""]
    assert store.undo(ANNA, "undo 2") == [first]
    assert store.undo(ANNA, "undo 3") == []


def test_images_of_an_earlier_collection_are_neither_undone_nor_reserved(store):
    label(store, ANNA, F)
    store.upcoming(ANNA, 3)
    store.add_images([NewImage("/other/1.png")])
    (only,) = store.ids().values()
    assert store.upcoming(ANNA, 5) == [only]
    assert store.undo(ANNA, "undo") == []
    assert len(events(store)) == 1


def test_undo_restores_the_label_before(store):
    (image,) = label(store, ANNA, F)
    store.record("anna", "again", [Answer(image, L)])
    assert labels(store) == {(image, "anna"): L}
    store.undo(ANNA, "undo")
    assert labels(store) == {(image, "anna"): F}


def test_undo_takes_back_a_whole_grid_of_this_person_alone(store):
    of_ben = label(store, BEN, N)
    grid = label(store, ANNA, F, count=4)
    assert sorted(store.undo(ANNA, "undo")) == sorted(grid)
    assert labels(store) == {(of_ben[0], "ben"): N}
    assert store.upcoming(ANNA, 4) == grid


def test_imported_labels_are_not_undone(store):
    images = store.upcoming(ANNA, 2)
    store.record("anna", "import:1", [Answer(i, F) for i in images])
    assert store.undo(ANNA, "undo") == []


def test_two_pages_never_get_the_same_image(store):
    pages = [ANNA, BEN, OpenPage("anna", "second tab")]
    reserved = [image for page in pages for image in store.upcoming(page, 2)]
    assert len(set(reserved)) == len(reserved) == 6


def test_a_page_keeps_its_images_until_they_are_labelled(store):
    before = store.upcoming(ANNA, 3)
    assert store.upcoming(ANNA, 3) == before
    store.record("anna", "b", [Answer(before[0], F)])
    assert store.upcoming(ANNA, 3)[:2] == before[1:]


def test_a_new_page_gets_what_another_page_of_the_same_person_has_reserved_last(store):
    reserved = store.upcoming(OpenPage("anna", "closed"), 4)
    store.skip(OpenPage("anna", "closed"), reserved[0])
    new = OpenPage("anna", "new")
    others = store.upcoming(new, 6)
    assert len(others) == 2
    label(store, new, F, count=2)
    assert set(store.upcoming(new, 6)) == set(reserved)
    assert store.upcoming(BEN, 6) == []  # they stay with this person


def test_reservations_of_a_page_that_is_gone_end(store, monkeypatch):
    assert len(store.upcoming(ANNA, 6)) == 6
    assert store.upcoming(BEN, 6) == []
    now = store_module.time.time()
    monkeypatch.setattr(store_module.time, "time", lambda: now + store_module.LEASE_SECONDS + 1)
    assert len(store.upcoming(BEN, 6)) == 6


def test_overlap_gives_an_image_to_exactly_two_people(tmp_path):
    store = open_store(tmp_path, 5, overlap=1.0)
    for page in (ANNA, BEN, OpenPage("cleo", "c")):
        while label(store, page, F):
            pass
    people = [sum(1 for image, _ in labels(store) if image == i) for i in store.ids().values()]
    assert people == [2] * 5
    assert store.progress("anna").remaining == 0
    store.close()


def test_overlap_is_the_share_that_was_asked_for(tmp_path):
    store = open_store(tmp_path, 2000, overlap=0.1)
    with sqlite3.connect(store.path) as db:
        (twice,) = db.execute("SELECT count(*) FROM image WHERE needed = 2").fetchone()
    assert 150 < twice < 250
    store.close()


def test_a_skipped_image_comes_last(store):
    first = store.upcoming(ANNA, 1)[0]
    store.skip(ANNA, first)
    assert store.upcoming(ANNA, 6)[-1] == first


def test_an_unreadable_image_leaves_the_queue(store):
    first = store.upcoming(ANNA, 1)[0]
    store.mark_unreadable(first, "damaged: torn")
    assert first not in store.upcoming(ANNA, 6)
    assert store.progress("anna").remaining == 5
    assert [error for _, error in store.unreadable()] == ["damaged: torn"]


def test_the_order_is_random_and_stays_when_files_are_added(tmp_path):
    orders = []
    for name, counts in (("few", [50]), ("grown", [50, 60])):
        (tmp_path / name).mkdir()
        store = open_store(tmp_path / name, counts[0])
        for count in counts:
            store.add_images([NewImage(f"/films/{n}.png") for n in range(count)])
        orders.append([image for image in store.upcoming(ANNA, 60) if image <= 50])
        store.close()
    assert orders[0] == orders[1] != sorted(orders[0])


def test_chosen_images_come_first_and_some_at_random_between_them(tmp_path):
    store = open_store(tmp_path, 30)
    order = sorted(store.ids().values(), key=store.positions().get)
    assert store.upcoming(ANNA, 2) == order[:2]  # reserved: they keep place and reason
    chosen = [order[0], *order[:10:-1]]
    store.choose_next(chosen[:7], every=3, reason="uncertain")
    expected = [*chosen[1:3], order[2], *chosen[3:5], order[3], *chosen[5:7], order[4]]
    assert store.upcoming(ANNA, 11) == [*order[:2], *expected]
    label(store, ANNA, F, count=11)
    reasons = {one.image: one.reason for one in store.labels()}
    assert [reasons[image] for image in expected] == ["uncertain", "uncertain", "random"] * 3
    assert reasons[order[0]] == "random"
    store.close()


def test_images_are_drawn_at_random_from_all_also_from_the_chosen_ones(store):
    order = sorted(store.ids().values(), key=store.positions().get)
    store.choose_next(order[::-1], every=3, reason="uncertain")
    label(store, ANNA, F, count=6)
    drawn = {one.image for one in store.labels() if one.reason == "random"}
    assert drawn == set(order[:2])


def test_a_new_choice_replaces_the_previous_one(store):
    order = sorted(store.ids().values(), key=store.positions().get)
    store.choose_next(order[:3:-1], every=9, reason="uncertain")
    store.choose_next(order[3:4], every=9, reason="uncertain")
    assert store.upcoming(ANNA, 6) == [order[3], *order[:3], *order[4:]]
    label(store, ANNA, F, count=6)
    assert {one.image for one in store.labels() if one.reason == "uncertain"} == {order[3]}


def test_reasons_stay_when_the_collection_is_opened_again(store):
    (first, *_) = store.ids().values()
    store.choose_next([first], every=9, reason="uncertain")
    label(store, ANNA, L)
    store.add_images([NewImage(name) for name in store.ids()])
    assert store.labels()[0].reason == "uncertain"


def test_images_keep_the_reason_for_which_they_are_in_the_collection(tmp_path):
    store = LabelStore(tmp_path / "labels.sqlite")
    store.add_images([NewImage(f"/films/{n}.png", reason="typical") for n in range(6)])
    order = sorted(store.ids().values(), key=store.positions().get)
    store.choose_next([order[3]], every=9, reason="uncertain")  # replaced by the next choice
    store.choose_next(order[4:], every=2, reason="uncertain")  # two of them, and two at random
    label(store, ANNA, F, count=6)
    reasons = {one.image: one.reason for one in store.labels()}
    assert [reasons[image] for image in order] == [*["typical"] * 4, *["uncertain"] * 2]
    assert not any(one.is_random for one in store.given_labels())
    store.close()


def test_images_that_are_there_already_keep_their_reason_once_they_have_a_label(store):
    first, *_, last = store.ids()
    ids = store.ids()
    store.choose_next([ids[first]], every=9, reason="uncertain")
    label(store, ANNA, F)
    store.add_images([NewImage(name, reason="typical") for name in (first, last)])
    label(store, ANNA, F)
    assert {one.name: one.reason for one in store.labels()} == {
        first: "uncertain", last: "typical",
    }  # fmt: skip


def test_an_image_keeps_its_reason_while_a_second_person_is_to_label_it(tmp_path):
    store = open_store(tmp_path, 3, overlap=1.0)
    a, b, c = sorted(store.ids().values(), key=store.positions().get)
    store.choose_next([c], every=9, reason="uncertain")
    label(store, ANNA, F)
    store.choose_next([b], every=9, reason="uncertain")
    store.choose_next([c, a], every=9, reason="likely")
    label(store, BEN, F, count=2)
    assert {(one.image, one.labeler, one.reason) for one in store.labels()} == {
        (c, "anna", "uncertain"), (c, "ben", "uncertain"), (a, "ben", "likely"),
    }  # fmt: skip
    store.close()


def test_what_a_label_table_states_returns_with_the_labels(store):
    columns = CopiedColumns("CC0", "AP", "test", "90", "true")
    store.add_images([NewImage("/films/1.png", copied=columns), NewImage("/films/2.png")])
    label(store, ANNA, F, count=2)
    assert [one.copied for one in store.labels()] == [columns, CopiedColumns()]


def test_labels_for_a_model_are_unanimous_and_say_what_was_drawn_at_random(tmp_path):
    store = open_store(tmp_path, 4, overlap=1.0)
    a, b, c, d = store.ids().values()
    store.choose_next([c], every=9, reason="uncertain")
    store.record("anna", "import:1", [Answer(d, L)])
    for labeler, second in (("anna", F), ("ben", L)):
        store.record(labeler, labeler, [Answer(a, F), Answer(b, second), Answer(c, N)])
    given = {one.image: (one.label, one.is_random) for one in store.given_labels()}
    assert given == {a: (F, True), c: (N, False), d: (L, False)}
    store.close()


def test_features_are_stored_by_model_and_labelled_images_are_read_first(store):
    ids = sorted(store.ids().values(), key=store.positions().get)
    store.record("anna", "b", [Answer(ids[4], F)])
    assert store.without_features("film@1") == [ids[4], *ids[:4], ids[5]]
    found = [ImageFeatures(image, 0.25, 0.75, b"12") for image in ids[:5]]
    store.add_features(found, "film@1")
    assert store.without_features("film@1") == ids[5:]
    assert sorted(store.features("film@1"), key=lambda one: ids.index(one.image)) == found
    assert store.features("film@2") == []


def test_a_file_of_the_first_version_gets_what_is_new(tmp_path):
    store = open_store(tmp_path)
    label(store, ANNA, F)
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("DROP TABLE feature")
        db.execute("PRAGMA user_version = 1")
    store = LabelStore(store.path)
    assert len(store.labels()) == 1
    assert store.features("film@1") == []
    store.close()


def test_a_file_of_the_second_version_gets_the_new_columns(tmp_path):
    store = open_store(tmp_path)
    label(store, ANNA, F)
    store.close()
    with sqlite3.connect(store.path) as db:
        for column in ADDED_COLUMNS:
            db.execute(f"ALTER TABLE image DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 2")
    store = LabelStore(store.path)
    (first,) = store.labels()
    assert (first.reason, first.copied) == ("random", CopiedColumns())
    columns = CopiedColumns(rotation="180")
    store.add_images([NewImage(name, reason="typical", copied=columns) for name in store.ids()])
    label(store, ANNA, F)
    assert {(one.reason, one.copied) for one in store.labels()} == {
        ("random", columns), ("typical", columns),
    }  # fmt: skip
    store.close()


def test_images_that_are_gone_keep_their_labels(tmp_path):
    store = open_store(tmp_path, 3)
    label(store, ANNA, F, count=3)
    store.add_images([NewImage("/films/1.png")])
    assert list(store.ids()) == ["/films/1.png"]
    assert len(store.labels()) == 3
    store.close()


def test_a_foreign_database_is_refused_and_unchanged(tmp_path):
    path = tmp_path / "labels.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE precious (x)")
    before = path.read_bytes()
    with pytest.raises(UnusableOutput, match="another program"):
        LabelStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\0" + b"x" * 500])
def test_a_damaged_file_is_an_error(tmp_path, content):
    (tmp_path / "labels.sqlite").write_bytes(content)
    with pytest.raises(UnusableOutput):
        LabelStore(tmp_path / "labels.sqlite")


@settings(max_examples=30)
@given(st.lists(st.sampled_from("FLzZs"), max_size=25))
def test_the_derived_tables_equal_the_history(keys):
    """`latest` and `missing` are what a replay of the events gives."""
    with tempfile.TemporaryDirectory() as folder:
        check_replay(open_store(Path(folder), 4, overlap=0.5), keys)


def check_replay(store, keys):
    for number, key in enumerate(keys):
        page = ANNA if key.isupper() else BEN
        if key in "FL":
            label(store, page, F if key == "F" else L, f"{number}")
        elif key in "zZ":
            store.undo(page, f"{number}")
        else:
            for image in store.upcoming(page, 1):
                store.skip(page, image)
    with sqlite3.connect(store.path) as db:
        history = db.execute("SELECT id, image, labeler, label, undoes FROM event ORDER BY id")
        given_labels, order = {}, {}
        for event, image, labeler, name, undoes in history:
            if undoes is None:
                order.setdefault((image, labeler), []).append((event, name))
            else:
                stack = order[image, labeler]
                order[image, labeler] = [pair for pair in stack if pair[0] != undoes]
        given_labels = {key: stack[-1][1] for key, stack in order.items() if stack}
        assert labels(store) == given_labels
        for image, needed, missing in db.execute("SELECT id, needed, missing FROM image"):
            assert missing == needed - sum(1 for i, _ in given_labels if i == image)
    store.close()
