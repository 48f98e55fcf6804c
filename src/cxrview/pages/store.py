"""Images and the labels that people give them: an append-only history in one SQLite file.

Table `event` is the truth: one entry for each label and each undo. `latest` and `image.missing`
follow from it and are updated in the same transaction. A label is on the disk when `record`
returns (write-ahead log, synchronous=FULL). Several processes may use one file at a time.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from cxrview.errors import UnusableOutput
from cxrview.pages.records import (
    Answer,
    GivenLabel,
    ImageClass,
    ImageFeatures,
    LabelRecord,
    NewImage,
    Page,
    Progress,
    Suggestion,
)

APPLICATION_ID = 0x63787276  # PRAGMA application_id of our files
SCHEMA_VERSION = 2
BUSY_SECONDS = 30.0  # to wait for another process that writes
LEASE_SECONDS = 600.0  # an image stays reserved so long after the last request of its page
PACE_IMAGES = 50  # latest labels whose median time gives the pace
REVIEWED = "reviewed"  # reason of an image whose verdict a person has checked
FIRST = -1e9  # priority of images that come before all others

# Images that a page may reserve: not labelled by this person, and not reserved by so many others
# that nobody else is needed, nor on another page of the same person.
_FREE = """
SELECT id FROM open_image
WHERE NOT EXISTS (SELECT 1 FROM latest WHERE image = open_image.id AND labeler = :labeler)
AND NOT EXISTS (SELECT 1 FROM lease WHERE image = open_image.id AND labeler = :labeler)
AND missing > (SELECT count(*) FROM lease WHERE image = open_image.id)
ORDER BY priority, position LIMIT :count
"""
_LATEST_LABEL = """
SELECT id, label FROM event WHERE image = ? AND labeler = ? AND label != ''
AND NOT EXISTS (SELECT 1 FROM event AS later WHERE later.undoes = event.id)
ORDER BY id DESC LIMIT 1
"""


class LabelStore:
    """The history of labels in one file. All methods may be called from any thread.

    Every method raises UnusableOutput where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create; raises UnusableOutput also if the file is not one of ours."""
        self.path = path
        self._lock = threading.RLock()
        with self._translate_errors():
            self._db = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            (known,) = self._db.execute("PRAGMA application_id").fetchone()
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if known != APPLICATION_ID and tables:
                raise UnusableOutput(f"{path} is a database of another program")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        self._create()

    def _create(self) -> None:
        with self.transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise UnusableOutput(f"{self.path} was written by a later version of cxrview")
            if version < SCHEMA_VERSION:
                schema = (resources.files("cxrview.pages") / "schema.sql").read_text()
                for statement in schema.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnusableOutput(f"{self.path}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside becomes durable together, or nothing does."""
        with self._lock, self._translate_errors():
            if self._db.in_transaction:  # of this thread: it holds the lock
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def add_images(self, images: Sequence[NewImage], overlap: float = 0.0, seed: int = 0) -> None:
        """Make these the present collection; labels of earlier ones stay.

        overlap: share of the images, 0 to 1, that two people are to label. The order and the
        choice follow from the seed and the names, so they stay when files are added.
        """
        with self.transaction() as db:
            db.execute(
                "UPDATE image SET present = 0, priority = 0, "
                "reason = iif(missing < needed, reason, 'random')"  # a label keeps its reason
            )
            db.executemany(
                "INSERT INTO image (name, patient, source, position, needed, missing, present) "
                "VALUES (?, ?, ?, ?, ?, 0, 1) ON CONFLICT (name) DO UPDATE SET present = 1, "
                "patient = excluded.patient, source = excluded.source, error = '', "
                "position = excluded.position, needed = excluded.needed",
                (
                    (image.name, image.patient, image.source, position, 1 + (draw < overlap))
                    for image in images
                    for position, draw in [_two_numbers(f"{seed} {image.name}")]
                ),
            )
            db.execute(
                "UPDATE image SET missing = needed - "
                "(SELECT count(*) FROM latest WHERE image = image.id)"
            )

    def ids(self) -> dict[str, int]:
        """Return the id of every image of the present collection by name."""
        rows = self._select("SELECT name, id FROM image WHERE present")
        return {row["name"]: row["id"] for row in rows}

    def add_classified(self, image: NewImage, verdict: str, p_lateral: float | None) -> int:
        """Add an image with the verdict in a table, unless it is known; return its id."""
        with self.transaction() as db:
            position, _ = _two_numbers(image.name)
            (key,) = db.execute(
                "INSERT INTO image (name, patient, source, reason, position, needed, missing, "
                "present, suggestion, p_lateral) VALUES (?, ?, ?, ?, ?, 1, 1, 1, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET suggestion = excluded.suggestion, "
                "p_lateral = excluded.p_lateral RETURNING id",
                (image.name, image.patient, image.source, REVIEWED, position, verdict, p_lateral),
            ).fetchone()
            return int(key)

    def put_first(self, reasons: Sequence[tuple[int, str]]) -> None:
        """Show these images before all others, in this order; each with the reason."""
        with self.transaction() as db:
            self._set_first(db, reasons)

    def choose_next(self, chosen: Sequence[int], every: int, reason: str) -> None:
        """Show these images first, and after each `every - 1` of them one drawn at random.

        Images of an earlier call that no page has reserved are no longer preferred.
        """
        with self.transaction() as db:
            reserved = {row["image"] for row in db.execute("SELECT image FROM lease")}
            preferred = db.execute("SELECT id FROM open_image WHERE priority < 0").fetchall()
            db.executemany(
                "UPDATE image SET priority = 0, reason = 'random' WHERE id = ?",
                [(row["id"],) for row in preferred if row["id"] not in reserved],
            )
            taken = {*chosen, *reserved}
            drawn = db.execute(
                "SELECT id FROM open_image ORDER BY priority, position LIMIT ?",
                (len(taken) + len(chosen),),
            ).fetchall()
            random_ones = (row["id"] for row in drawn if row["id"] not in taken)
            order: list[tuple[int, str]] = []
            for image in chosen:
                if image not in reserved:  # it keeps the reason for which it was reserved
                    order.append((image, reason))
                if len(order) % every == every - 1 and (drawn_one := next(random_ones, None)):
                    order.append((drawn_one, "random"))
            self._set_first(db, order)

    @staticmethod
    def _set_first(db: sqlite3.Connection, reasons: Sequence[tuple[int, str]]) -> None:
        db.executemany(
            "UPDATE image SET priority = ?, reason = ? WHERE id = ? AND missing > 0",
            ((FIRST + n, reason, image) for n, (image, reason) in enumerate(reasons)),
        )

    def add_features(self, features: Sequence[ImageFeatures], model: str) -> None:
        """Store what a model found in images."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO feature VALUES (?, ?, ?, ?, ?)",
                ((one.image, model, one.p_lateral, one.p_chest, one.vector) for one in features),
            )

    def features(self, model: str) -> list[ImageFeatures]:
        """Return what a model found in the images of the present collection."""
        rows = self._select(
            "SELECT image, feature.p_lateral, p_chest, vector FROM feature JOIN image "
            "ON image.id = feature.image WHERE model = ? AND present AND error = ''",
            (model,),
        )
        return [ImageFeatures(**row) for row in rows]

    def without_features(self, model: str) -> list[int]:
        """Return the images in which this model has found nothing yet, in the order to show.

        Images that have a label come first, for a model is fitted to them.
        """
        rows = self._select(
            "SELECT id FROM image WHERE present AND error = '' AND NOT EXISTS "
            "(SELECT 1 FROM feature WHERE image = image.id AND model = ?) "
            "ORDER BY missing > 0, priority, position",
            (model,),
        )
        return [row["id"] for row in rows]

    def positions(self) -> dict[int, float]:
        """Return the random number, 0 to 1, that orders the images of the present collection."""
        rows = self._select("SELECT id, position FROM image WHERE present")
        return {row["id"]: row["position"] for row in rows}

    def given_labels(self) -> list[GivenLabel]:
        """Return the label of each image on which all people agree, the oldest first.

        is_random: it was drawn at random, not chosen by a rule and not imported.
        """
        rows = self._select(
            "SELECT latest.image, min(latest.label) AS label, count(DISTINCT latest.label) AS n, "
            "reason = 'random' AND min(event.batch NOT LIKE 'import:%') AS is_random "
            "FROM latest JOIN event ON event.id = latest.event "
            "JOIN image ON image.id = latest.image WHERE present "
            "GROUP BY latest.image HAVING n = 1 ORDER BY max(event.id)"
        )
        return [
            GivenLabel(row["image"], ImageClass(row["label"]), bool(row["is_random"]))
            for row in rows
        ]

    def suggest(self, suggestions: Sequence[Suggestion], model: str) -> None:
        """Store the verdicts of a model."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE image SET suggestion = ?, p_lateral = ?, error = ?, suggested_by = ? "
                "WHERE id = ?",
                ((one.verdict, one.p_lateral, one.error, model, one.image) for one in suggestions),
            )

    def suggestions(self, images: Sequence[int]) -> dict[int, Suggestion]:
        """Return the verdicts known for these images."""
        rows = self._select(
            f"SELECT id, suggestion, p_lateral FROM image WHERE id IN ({_question_marks(images)}) "  # noqa: S608 - question marks
            "AND suggestion != ''",
            images,
        )
        return {
            row["id"]: Suggestion(row["id"], row["suggestion"], row["p_lateral"]) for row in rows
        }

    def mark_unreadable(self, image: int, error: str) -> None:
        """Take an image that cannot be shown out of the queue."""
        with self.transaction() as db:
            db.execute("UPDATE image SET error = ? WHERE id = ?", (error, image))
            db.execute("DELETE FROM lease WHERE image = ?", (image,))

    def upcoming(self, page: Page, count: int) -> list[int]:
        """Reserve up to `count` images for a page and return them in the order to show.

        Images that the page has skipped come last. A reservation ends LEASE_SECONDS after the
        latest call.
        """
        with self.transaction() as db:
            now = time.time()
            db.execute("DELETE FROM lease WHERE until < ?", (now,))
            db.execute(
                "UPDATE lease SET until = ? WHERE labeler = ? AND tab = ?",
                (now + LEASE_SECONDS, page.labeler, page.tab),
            )
            held = self._leased(db, page, is_skipped=False)
            if len(held) < count:
                self._lease_more(db, page, count - len(held), now)
                held = self._leased(db, page, is_skipped=False)
            held += self._leased(db, page, is_skipped=True)
            if not held:  # the rest may be reserved for a tab that this person has closed
                db.execute(
                    "UPDATE lease SET tab = ?, is_skipped = 0 WHERE labeler = ?",
                    (page.tab, page.labeler),
                )
                held = self._leased(db, page, is_skipped=False)
            return held[:count]

    @staticmethod
    def _leased(db: sqlite3.Connection, page: Page, *, is_skipped: bool) -> list[int]:
        rows = db.execute(
            "SELECT image FROM lease WHERE labeler = ? AND tab = ? AND is_skipped = ? "
            "ORDER BY rank",
            (page.labeler, page.tab, is_skipped),
        )
        return [row["image"] for row in rows]

    @staticmethod
    def _lease_more(db: sqlite3.Connection, page: Page, count: int, now: float) -> None:
        free = db.execute(_FREE, {"labeler": page.labeler, "count": count}).fetchall()
        (last,) = db.execute("SELECT coalesce(max(rank), 0) FROM lease").fetchone()
        db.executemany(
            "INSERT INTO lease (image, labeler, tab, rank, until) VALUES (?, ?, ?, ?, ?)",
            (
                (row["id"], page.labeler, page.tab, last + 1 + n, now + LEASE_SECONDS)
                for n, row in enumerate(free)
            ),
        )

    def skip(self, page: Page, image: int) -> None:
        """Show an image again only when nothing else is left on this page."""
        with self.transaction() as db:
            db.execute(
                "UPDATE lease SET is_skipped = 1, rank = (SELECT max(rank) + 1 FROM lease) "
                "WHERE image = ? AND labeler = ? AND tab = ?",
                (image, page.labeler, page.tab),
            )

    def record(self, labeler: str, batch: str, answers: Sequence[Answer]) -> None:
        """Store labels durably; a batch that is stored already changes nothing.

        Raises KeyError for an image that does not exist; then nothing is stored.
        """
        with self.transaction() as db:
            for answer in answers:
                row = db.execute(
                    "SELECT suggestion FROM image WHERE id = ?", (answer.image,)
                ).fetchone()
                if row is None:
                    raise KeyError(answer.image)
                inserted = db.execute(
                    "INSERT INTO event (batch, image, labeler, label, at, seconds, suggestion, "
                    "was_visible) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (batch, answer.image, labeler, answer.label, answer.at or _now(),
                     answer.seconds, row["suggestion"], answer.was_visible),
                )  # fmt: skip
                if inserted.rowcount:
                    self._update_latest(db, answer.image, labeler)

    @staticmethod
    def _update_latest(db: sqlite3.Connection, image: int, labeler: str) -> None:
        """Derive `latest` and `image.missing` from the events of one image."""
        db.execute("DELETE FROM latest WHERE image = ? AND labeler = ?", (image, labeler))
        if row := db.execute(_LATEST_LABEL, (image, labeler)).fetchone():
            db.execute(
                "INSERT INTO latest VALUES (?, ?, ?, ?)", (image, labeler, row["id"], row["label"])
            )
            db.execute("DELETE FROM lease WHERE image = ? AND labeler = ?", (image, labeler))
        db.execute(
            "UPDATE image SET missing = needed - (SELECT count(*) FROM latest WHERE image = ?1) "
            "WHERE id = ?1",
            (image,),
        )

    def undo(self, page: Page, batch: str, known: Container[int] | None = None) -> list[int]:
        """Take back this person's latest batch of labels; return its images, which come next.

        known: ids of the images whose labels may be taken back; None: of all. The history
        keeps both. A repeated call with the same batch takes back nothing more.
        """
        with self.transaction() as db:
            repeated = db.execute(
                "SELECT image FROM event WHERE batch = ? AND labeler = ?", (batch, page.labeler)
            ).fetchall()
            if repeated:
                return [row["image"] for row in repeated]
            latest = db.execute(
                "SELECT batch, event.image FROM latest JOIN event ON latest.event = event.id "
                "WHERE latest.labeler = ? AND batch NOT LIKE 'import:%' ORDER BY latest.event DESC",
                (page.labeler,),
            )
            undone = (row["batch"] for row in latest if known is None or row["image"] in known)
            rows = db.execute(
                "SELECT id, image FROM event WHERE label != '' AND labeler = ? AND batch = ? "
                "AND NOT EXISTS (SELECT 1 FROM event AS later WHERE later.undoes = event.id) "
                "ORDER BY id",
                (page.labeler, next(undone, None)),
            ).fetchall()
            (first,) = db.execute("SELECT coalesce(min(rank), 0) FROM lease").fetchone()
            for number, row in enumerate(rows):
                db.execute(
                    "INSERT INTO event (batch, image, labeler, label, at, seconds, suggestion, "
                    "was_visible, undoes) VALUES (?, ?, ?, '', ?, 0, '', 0, ?)",
                    (batch, row["image"], page.labeler, _now(), row["id"]),
                )
                self._update_latest(db, row["image"], page.labeler)
                db.execute(
                    "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, 0, ?)",
                    (row["image"], page.labeler, page.tab, first - len(rows) + number,
                     time.time() + LEASE_SECONDS),
                )  # fmt: skip
            return [row["image"] for row in rows]

    def progress(self, labeler: str) -> Progress:
        """Return how far the work is, for one person."""
        counts = self._select("SELECT label, count(*) AS n FROM latest GROUP BY label")
        (remaining,) = self._select(
            "SELECT (SELECT count(*) FROM open_image) - (SELECT count(*) FROM open_image "
            "WHERE needed > 1 AND EXISTS "
            "(SELECT 1 FROM latest WHERE image = open_image.id AND labeler = ?)) AS n",
            (labeler,),
        )
        seconds = [
            row["seconds"]
            for row in self._select(
                "SELECT seconds FROM event WHERE labeler = ? AND label != '' "
                "ORDER BY id DESC LIMIT ?",
                (labeler, PACE_IMAGES),
            )
        ]
        pace = sorted(seconds)[len(seconds) // 2] if seconds else 0.0
        return Progress({row["label"]: row["n"] for row in counts}, remaining["n"], pace)

    def recent(self, labeler: str, count: int) -> list[tuple[int, ImageClass]]:
        """Return (image, label) of this person's latest labels, the newest first."""
        rows = self._select(
            "SELECT image, label FROM latest WHERE labeler = ? ORDER BY event DESC LIMIT ?",
            (labeler, count),
        )
        return [(row["image"], ImageClass(row["label"])) for row in rows]

    def labels(self, image: int | None = None) -> list[LabelRecord]:
        """Return the latest label of every person for every image, or for one.

        In the order of the names; the labels of an image in the order in which they were given.
        """
        rows = self._select(
            "SELECT image.id AS image, name, patient, source, reason, event.labeler, event.label, "
            "at, seconds, event.suggestion, was_visible FROM latest "
            "JOIN event ON event.id = latest.event JOIN image ON image.id = latest.image "
            "WHERE ?1 IS NULL OR latest.image = ?1 ORDER BY name, event.id",
            (image,),
        )
        return [
            LabelRecord(**{**dict(row), "label": ImageClass(row["label"]),
                           "was_visible": bool(row["was_visible"])})
            for row in rows
        ]  # fmt: skip

    def unreadable(self) -> list[tuple[str, str]]:
        """Return (name, error) of the images that cannot be shown."""
        rows = self._select("SELECT name, error FROM image WHERE error != '' AND present")
        return [(row["name"], row["error"]) for row in rows]

    def _select(self, query: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._translate_errors():
            return self._db.execute(query, parameters).fetchall()


def _question_marks(values: Sequence[Any]) -> str:
    """Return a question mark for each value, for `IN (?, ?)`."""
    return ", ".join("?" * len(values))


def _two_numbers(text: str) -> tuple[float, float]:
    """Return two numbers in 0 .. 1 that follow from a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48, int.from_bytes(digest[6:12], "big") / 2**48


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
