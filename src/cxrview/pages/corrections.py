"""Corrections of a table by people, row by row, and their history."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from cxrview.filenames import unescape_name
from cxrview.inference.corrections import Correction
from cxrview.pages.label_tables import by_image
from cxrview.pages.records import Answer, ImageClass, LabelRecord, NewImage, OpenPage
from cxrview.pages.review_table import ReviewTable
from cxrview.pages.store import LabelStore
from cxrview.views import Verdict


class Corrections:
    """The labels of the rows of a table. Of several people, the latest label counts.

    All methods may be called from any thread.
    """

    def __init__(self, store: LabelStore, table: ReviewTable) -> None:
        self._store, self._table, self._lock = store, table, threading.Lock()
        self._rows = {file: row for row, file in enumerate(table.file)}
        self._keys: dict[int, int] = {}  # row -> id in the store
        self._by_row: dict[int, Correction] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the history again: another process may have written into it."""
        with self._lock:
            by_row = {}
            for record in self.records():
                if (row := self._rows.get(record.name)) is not None:
                    self._keys[row] = record.image
                    by_row[row] = _correction(record)
            self._by_row = by_row

    def records(self) -> list[LabelRecord]:
        """Return the latest label of every image, also of those that the table lacks by now."""
        return [group[-1] for group in by_image(self._store.labels())]

    def of_row(self, row: int) -> Correction | None:
        """Return the label of a row."""
        return self._by_row.get(row)

    def views(self) -> dict[int, str]:
        """Return the views by row, as of now."""
        return {row: correction.view for row, correction in self._by_row.copy().items()}

    def by_file(self) -> dict[str, Correction]:
        """Return the labels by file."""
        return {unescape_name(record.name): _correction(record) for record in self.records()}

    def changed(self) -> int:
        """Return the number of rows whose verdict was corrected, not confirmed."""
        return sum(view != self._table.view[row] for row, view in self.views().items())

    def record(self, person: str, batch: str, answers: Sequence[Answer]) -> list[int]:
        """Store labels durably; answers name ids, that is rows from 1. Return the rows."""
        rows = [answer.image - 1 for answer in answers]
        stored = [
            replace(answer, image=self._key(row)) for row, answer in zip(rows, answers, strict=True)
        ]
        self._store.record(person, batch, stored)
        for row in rows:
            self._update(row)
        return rows

    def undo(self, page: OpenPage, batch: str) -> list[int]:
        """Take back the latest labels of a person for images of this table; return their rows."""
        images = set(self._store.undo(page, batch, set(self._keys.copy().values())))
        rows = [row for row, key in self._keys.copy().items() if key in images]
        for row in rows:
            self._update(row)
        return rows

    def close(self) -> None:
        """Close the history."""
        self._store.close()

    def _key(self, row: int) -> int:
        if row not in self._keys:
            table, (p_lateral, _) = self._table, self._table.probabilities(row)
            image = NewImage(table.file[row], source=table.sources[table.source[row]])
            self._keys[row] = self._store.add_classified(image, table.view[row], p_lateral)
        return self._keys[row]

    def _update(self, row: int) -> None:
        with self._lock:
            records = self._store.labels(self._keys[row])
            if records:
                self._by_row[row] = _correction(records[-1])
            else:
                self._by_row.pop(row, None)


def _correction(record: LabelRecord) -> Correction:
    is_unsure = record.label is ImageClass.UNSURE
    return Correction(Verdict.UNCERTAIN if is_unsure else record.label.value, record.labeler)
