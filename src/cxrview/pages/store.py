"""The labels that people give images: an append-only history in the file of the images.

Table `event` is the truth: one entry for each label and each undo. `latest` and `image.missing`
follow from it and are updated in the same transaction. A label is on the disk when `record`
returns (write-ahead log, synchronous=FULL).
"""

import json
import sqlite3
import time
from collections.abc import Container, Sequence
from datetime import UTC, datetime

from cxrview.labels import CopiedColumns
from cxrview.pages.image_store import ImageStore
from cxrview.pages.records import Answer, GivenLabel, ImageClass, LabelRecord, OpenPage, Progress

LEASE_SECONDS = 600.0  # an image stays reserved so long after the last request of its page
PACE_IMAGES = 50  # latest labels whose median time gives the pace

# Images that a page may reserve: not labelled by this person, not on another page of this person,
# and not reserved by as many people as are needed.
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


class LabelStore(ImageStore):
    """Images, the labels of each, and reservations of the images that a page shows next."""

    def upcoming(self, page: OpenPage, count: int) -> list[int]:
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
    def _leased(db: sqlite3.Connection, page: OpenPage, *, is_skipped: bool) -> list[int]:
        rows = db.execute(
            "SELECT image FROM lease WHERE labeler = ? AND tab = ? AND is_skipped = ? "
            "ORDER BY rank",
            (page.labeler, page.tab, is_skipped),
        )
        return [row["image"] for row in rows]

    @staticmethod
    def _lease_more(db: sqlite3.Connection, page: OpenPage, count: int, now: float) -> None:
        free = db.execute(_FREE, {"labeler": page.labeler, "count": count}).fetchall()
        (last,) = db.execute("SELECT coalesce(max(rank), 0) FROM lease").fetchone()
        db.executemany(
            "INSERT INTO lease (image, labeler, tab, rank, until) VALUES (?, ?, ?, ?, ?)",
            (
                (row["id"], page.labeler, page.tab, last + 1 + n, now + LEASE_SECONDS)
                for n, row in enumerate(free)
            ),
        )

    def skip(self, page: OpenPage, image: int) -> None:
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

    def undo(self, page: OpenPage, batch: str, known: Container[int] | None = None) -> list[int]:
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
                "JOIN image ON image.id = latest.image WHERE present "
                "AND latest.labeler = ? AND batch NOT LIKE 'import:%' ORDER BY latest.event DESC",
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
            "at, seconds, event.suggestion, was_visible, copied FROM latest "
            "JOIN event ON event.id = latest.event JOIN image ON image.id = latest.image "
            "WHERE ?1 IS NULL OR latest.image = ?1 ORDER BY name, event.id",
            (image,),
        )
        return [
            LabelRecord(**{**dict(row), "label": ImageClass(row["label"]),
                           "was_visible": bool(row["was_visible"]),
                           "copied": CopiedColumns(**json.loads(row["copied"]))})
            for row in rows
        ]  # fmt: skip

    def labels_ever_given(self) -> set[tuple[int, str, str]]:
        """Return (image, labeler, label) of all labels, also of those replaced or taken back."""
        return set(map(tuple, self._select("SELECT image, labeler, label FROM event")))

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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
