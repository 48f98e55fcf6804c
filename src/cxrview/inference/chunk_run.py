"""Completes the chunks of a run: classifies the items that have no row yet, and stores all rows."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from cxrview.errors import UnusableOutput
from cxrview.inference.chunks import Chunk, StoredRow, file_version, write_stored_rows
from cxrview.inference.journal import Journal, Reusable
from cxrview.rows import Row
from cxrview.sources.files import FileVersion
from cxrview.sources.find import Item

SECONDS_BETWEEN_WRITES = 15.0  # between two times that rows of incomplete chunks are written

# Items -> (index, row), in any order
ClassifyFunction = Callable[[Iterable[Item]], Iterator[tuple[int, Row]]]


class OpenChunk:
    """A chunk that is being completed."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._rows: list[StoredRow | None] = [None] * len(chunk)
        self._missing = len(chunk)

    def put(self, position: int, row: StoredRow) -> bool:
        """Store the row of an item; True once none is missing."""
        self._rows[position] = row
        self._missing -= 1
        return not self._missing

    def rows(self) -> list[StoredRow]:
        """The rows so far, in order."""
        return [row for row in self._rows if row is not None]


class ChunkRun:
    """Completes chunks of `items`; rows may come in any order. Serves once."""

    def __init__(self, items: Sequence[Item], journal: Journal) -> None:
        self._items = items
        self._journal = journal
        self._open: dict[str, OpenChunk] = {}
        # chunk, position and file version by the number of an item in work
        self._pending: dict[int, tuple[OpenChunk, int, FileVersion]] = {}
        self._written_at = time.monotonic()
        self._incomplete_path = journal.incomplete_path()

    def complete(
        self,
        chunks: Iterable[Chunk],
        reusable: Reusable,
        classify: ClassifyFunction,
        on_row: Callable[[Row, bool], object],
    ) -> None:
        """Store every chunk; `on_row` receives each row, and whether it was classified now.

        When it is interrupted, the rows so far are stored. Raises UnusableOutput.
        """
        try:
            for number, row in classify(self._items_without_row(chunks, reusable, on_row)):
                chunk, position, version = self._pending.pop(number)
                self._put(chunk, position, StoredRow(row, version))
                on_row(row, True)  # an interrupt between the two loses no row that was counted
        except BaseException:
            with contextlib.suppress(UnusableOutput):  # the first error is the one to report
                self._write_incomplete()
            raise

    def _items_without_row(
        self, chunks: Iterable[Chunk], reusable: Reusable, on_row: Callable[[Row, bool], object]
    ) -> Iterator[Item]:
        """Items to classify; reusable rows of the others are stored on the way.

        The version of a file is looked up before anyone reads it: if it changes meanwhile, its row
        is not taken for one of the new version.
        """
        number = 0
        for chunk in chunks:
            open_chunk = self._open[chunk.name] = OpenChunk(chunk)
            for position in range(len(chunk)):
                item = self._items[chunk.start + position]
                version = file_version(item)
                row = reusable.get((item.name, version))
                if row is None:
                    self._pending[number] = open_chunk, position, version
                    number += 1
                    yield item
                else:
                    on_row(row.row, False)
                    self._put(open_chunk, position, row)

    def _put(self, chunk: OpenChunk, position: int, row: StoredRow) -> None:
        if chunk.put(position, row):
            self._journal.write_chunk(chunk.chunk, chunk.rows())
            del self._open[chunk.chunk.name]
        elif time.monotonic() - self._written_at > SECONDS_BETWEEN_WRITES:
            self._write_incomplete()

    def _write_incomplete(self) -> None:
        rows = [row for chunk in self._open.values() for row in chunk.rows()]
        write_stored_rows(self._incomplete_path, self._journal.producer, rows)
        self._written_at = time.monotonic()
