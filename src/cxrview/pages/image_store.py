"""The images that people are to label, in an SQLite file: their order, and what models found.

Several processes may use one file at a time.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from cxrview.atomic import translate_os_errors
from cxrview.errors import UnusableOutput
from cxrview.pages.records import ImageFeatures, NewImage, Suggestion

APPLICATION_ID = 0x63787276  # PRAGMA application_id of our files
SCHEMA_VERSION = 3
# Columns of `image` that version 3 adds. drawn_as: the reason in the table that the images come
# from. copied: CopiedColumns as JSON.
ADDED_COLUMNS = {
    "drawn_as": "TEXT NOT NULL DEFAULT 'random'",
    "copied": "TEXT NOT NULL DEFAULT '{}'",
}
BUSY_SECONDS = 30.0  # to wait for another process that writes
REVIEWED = "reviewed"  # reason of an image whose verdict a person has checked
FIRST = -1e9  # priority of images that come before all others


class ImageStore:
    """The images in one file. All methods may be called from any thread.

    Every method raises UnusableOutput where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open, or create with its folder. Raises UnusableOutput for a file of another program."""
        self.path = path
        self._lock = threading.RLock()
        with translate_os_errors(path.parent):
            path.parent.mkdir(exist_ok=True)
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
                known = {row["name"] for row in db.execute("PRAGMA table_info(image)")}
                for name in ADDED_COLUMNS.keys() - known:
                    db.execute(f"ALTER TABLE image ADD COLUMN {name} {ADDED_COLUMNS[name]}")
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
        choice follow from the seed and the names, so they stay when files are added. An image
        that has a label keeps the reason for which it was shown.
        """
        with self.transaction() as db:
            db.execute("UPDATE image SET present = 0, priority = 0")
            db.executemany(
                "INSERT INTO image (name, patient, source, reason, drawn_as, copied, position, "
                "needed, missing, present) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, 0, 1) "
                "ON CONFLICT (name) DO UPDATE SET present = 1, patient = excluded.patient, "
                "source = excluded.source, drawn_as = excluded.drawn_as, "
                "reason = iif(missing < needed, reason, excluded.reason), "
                "copied = excluded.copied, error = '', "
                "position = excluded.position, needed = excluded.needed",
                (
                    (
                        image.name,
                        image.patient,
                        image.source,
                        image.reason,
                        json.dumps(asdict(image.copied)),
                        position,
                        1 + (draw < overlap),
                    )
                    for image in images
                    for position, draw in [_two_numbers(f"{seed} {image.name}")]
                ),
            )
            db.execute(
                "UPDATE image SET missing = needed - "
                "(SELECT count(*) FROM latest WHERE image = image.id)"
            )
            db.execute("DELETE FROM lease WHERE image IN (SELECT id FROM image WHERE NOT present)")

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
                "UPDATE image SET priority = 0, reason = iif(missing < needed, reason, drawn_as) "
                "WHERE id = ?",
                [(row["id"],) for row in preferred if row["id"] not in reserved],
            )
            drawn = db.execute(
                "SELECT id FROM open_image ORDER BY position LIMIT ?",
                (2 * len(chosen) + len(reserved),),
            ).fetchall()
            # Also among the chosen ones: else an error rate would be that of the images left over
            random_ones = (row["id"] for row in drawn)
            order: dict[int, str] = {}
            for image in chosen:
                if image not in reserved:  # it keeps the reason for which it was reserved
                    order.setdefault(image, reason)
                if len(order) % every == every - 1:
                    free = (one for one in random_ones if one not in order and one not in reserved)
                    order.update((one, "random") for one in islice(free, 1))
            self._set_first(db, list(order.items()))

    @staticmethod
    def _set_first(db: sqlite3.Connection, reasons: Sequence[tuple[int, str]]) -> None:
        """Set priority and reason, except the reason of images that somebody has labelled.

        One drawn at random has the reason for which it is in the collection: the images of a
        selected sample are not representative, however they are drawn from it.
        """
        db.executemany(
            "UPDATE image SET priority = ?1, reason = CASE WHEN missing < needed THEN reason "
            "WHEN ?2 = 'random' THEN drawn_as ELSE ?2 END WHERE id = ?3 AND missing > 0",
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
            "SELECT id AS image, suggestion AS verdict, p_lateral FROM image "
            "WHERE suggestion != '' AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(images)),),
        )
        return {row["image"]: Suggestion(**row) for row in rows}

    def mark_unreadable(self, image: int, error: str) -> None:
        """Take an image that cannot be shown out of the queue."""
        with self.transaction() as db:
            db.execute("UPDATE image SET error = ? WHERE id = ?", (error, image))
            db.execute("DELETE FROM lease WHERE image = ?", (image,))

    def unreadable(self) -> list[tuple[str, str]]:
        """Return (name, error) of the images that cannot be shown."""
        rows = self._select("SELECT name, error FROM image WHERE error != '' AND present")
        return [(row["name"], row["error"]) for row in rows]

    def _select(self, query: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._translate_errors():
            return self._db.execute(query, parameters).fetchall()


def _two_numbers(text: str) -> tuple[float, float]:
    """Return two numbers in 0 .. 1 that follow from a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48, int.from_bytes(digest[6:12], "big") / 2**48
