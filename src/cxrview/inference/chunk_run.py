"""Items -> parts with their rows, whatever was done before and whatever dies now."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from cxrview.engines.outcomes import Engine
from cxrview.errors import UnusableOutput
from cxrview.inference.bulk import numbered_rows
from cxrview.inference.chunk_file import Made
from cxrview.inference.chunks import Part, stamp_of
from cxrview.inference.run_folder import Known, RunFolder
from cxrview.rows import Row
from cxrview.sources.files import FileVersion
from cxrview.sources.find import Item

SECONDS = 15.0  # after which rows of parts that are not complete are kept aside


class Draft:
    """A part while its rows come in."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._rows: list[Made | None] = [None] * len(part)
        self._missing = len(part)

    def put(self, place: int, made: Made) -> bool:
        """Take a row; true once none is missing."""
        self._rows[place] = made
        self._missing -= 1
        return not self._missing

    def rows(self) -> list[Made]:
        """Those that are there, in order."""
        return [made for made in self._rows if made is not None]


class PartsRun:
    """One walk over the parts that are not done. Rows may come in any order."""

    def __init__(self, items: Sequence[Item], folder: RunFolder) -> None:
        self._items = items
        self._folder = folder
        self._drafts: dict[str, Draft] = {}
        self._out: dict[
            int, tuple[Draft, int, FileVersion]
        ] = {}  # by number of what was handed out
        self._kept = time.monotonic()
        self._rest = folder.next_rest()

    def make(
        self,
        parts: Iterable[Part],
        known: Known,
        model: str,
        engine: Engine,
        note: Callable[[Row, bool], object],
    ) -> None:
        """Until every part has its file; `note` hears of each row, and whether it was made now.

        Broken off, however it is, it keeps what it has. Raises UnusableOutput, UnusableModel.
        """
        try:
            for index, row in numbered_rows(self._wanting(parts, known, note), model, engine):
                draft, place, stamp = self._out.pop(index)
                note(row, True)
                self._put(draft, place, Made(row, stamp))
        except BaseException:
            with contextlib.suppress(UnusableOutput):  # what went wrong first is told
                self._keep_rest()
            raise

    def _wanting(
        self, parts: Iterable[Part], known: Known, note: Callable[[Row, bool], object]
    ) -> Iterator[Item]:
        """Items without a row; the rows of the others are put in their places on the way.

        The state of a file is noted before anyone reads it: should it change meanwhile, its row is
        not taken for one of the new state.
        """
        number = 0
        for part in parts:
            draft = self._drafts[part.name] = Draft(part)
            for place in range(len(part)):
                item = self._items[part.start + place]
                stamp = stamp_of(item)
                made = known.get((item.name, stamp))
                if made is None:
                    self._out[number] = draft, place, stamp
                    number += 1
                    yield item
                else:
                    note(made.row, False)
                    self._put(draft, place, made)

    def _put(self, draft: Draft, place: int, made: Made) -> None:
        if draft.put(place, made):
            self._folder.keep(draft.part, draft.rows())
            del self._drafts[draft.part.name]
        elif time.monotonic() - self._kept > SECONDS:
            self._keep_rest()

    def _keep_rest(self) -> None:
        rest = [made for draft in self._drafts.values() for made in draft.rows()]
        self._folder.keep_rest(self._rest, rest)
        self._kept = time.monotonic()
