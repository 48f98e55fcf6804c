"""Chunks of a table -> its survey, in memory that does not grow but for eight bytes a row."""

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.inference.table_reader import TableBatch, not_a_table, read_batches, version_of
from cxrview.stats.folders import FolderCount
from cxrview.stats.sizes import SizeCount
from cxrview.stats.survey import NO_VERDICT, NOTHING, OUTCOMES, Named, Survey
from cxrview.views import Agreement, Verdict, View

STEPS = 50  # of P(lateral)
NAMED = 10  # conflicts and uncertain ones, by name
MOST_KINDS = 10_000  # rows differ in so many ways, if they are ours; a few dozen are usual

Kind = tuple[
    str, str, str, str, str, str
]  # view, header_view, header_source, agreement, code, model
VIEWS = {"", *Verdict}
HEADER_VIEWS = {"", *View}


class Count:
    """Everything that is counted, row by row."""

    def __init__(self, depth: int | None = None) -> None:
        self._kinds: Counter[Kind] = Counter()
        self._folders = FolderCount(depth)
        self._sizes = SizeCount()
        self._p_lateral = np.zeros(STEPS, np.int64)
        self._seen = array("q")  # a hash of each file and model, to notice those that come twice
        self._conflicts: list[Named] = []
        self._uncertain: list[Named] = []

    def add(self, chunk: TableBatch) -> None:
        """Take some more rows into account; ValueError if they contradict themselves."""
        self._add_kinds(chunk)
        self._folders.add(chunk.file, zip(chunk.view, chunk.agreement, strict=True))
        self._sizes.add(chunk.width, chunk.height)
        self._seen.extend(map(hash, zip(chunk.file, chunk.model, strict=True)))
        self._add_probabilities(chunk)
        conflicts = (place for place, said in enumerate(chunk.agreement) if said == "conflict")
        self._conflicts = _first(self._conflicts, chunk, conflicts, lambda p: -abs(p - 0.5))
        uncertain = (place for place, view in enumerate(chunk.view) if view == "uncertain")
        self._uncertain = _first(self._uncertain, chunk, uncertain, lambda p: abs(p - 0.5))

    def _add_kinds(self, chunk: TableBatch) -> None:
        codes = [error.partition(":")[0] for error in chunk.error]
        kinds = Counter(zip(chunk.view, chunk.header_view, chunk.header_source, chunk.agreement,
                            codes, chunk.model, strict=True))  # fmt: skip
        for kind in kinds.keys() - self._kinds.keys():
            _check(kind)
        self._kinds.update(kinds)
        if len(self._kinds) > MOST_KINDS:
            raise ValueError("its views, headers, errors and models are too manifold")

    def _add_probabilities(self, chunk: TableBatch) -> None:
        views = np.array(chunk.view, dtype="U9")
        given = chunk.p_lateral[views != ""]
        if not ((given >= 0) & (given <= 1)).all():
            raise ValueError("a verdict without a p_lateral between 0 and 1")
        chest = chunk.p_lateral[(views != "") & (views != Verdict.NOT_CHEST.value)]
        self._p_lateral += np.histogram(chest, STEPS, (0, 1))[0]

    def survey(self, table: str, version: str) -> Survey:
        """What was counted."""
        return Survey(
            table=table,
            version=version,
            rows=self._kinds.total(),
            repeated=_repeated(np.frombuffer(self._seen, np.int64)),
            models=self._by(lambda kind: kind[5] or "unknown"),
            outcomes={**dict.fromkeys(OUTCOMES, 0), **self._by(lambda kind: kind[0] or NO_VERDICT)},
            errors=self._by(lambda kind: kind[4] or None),
            agreements=_whole(self._by(lambda kind: kind[3] if kind[0] else None)),
            crossing=self._crossing(),
            sources=self._sources(),
            p_lateral=tuple(map(int, self._p_lateral)),
            sizes=self._sizes.sizes(),
            level=self._folders.level(),
            conflicts=tuple(self._conflicts),
            uncertain=tuple(self._uncertain),
        )

    def _by(self, key: Callable[[Kind], str | None]) -> dict[str, int]:
        """Rows by a key, the most frequent first; None is not counted."""
        counts: Counter[str] = Counter()
        for kind, count in self._kinds.items():
            if (name := key(kind)) is not None:
                counts[name] += count
        return dict(counts.most_common())

    def _crossing(self) -> dict[str, dict[str, int]]:
        verdicts = OUTCOMES[:-1]
        table = {name: dict.fromkeys(verdicts, 0) for name in (*View, NOTHING)}
        for (view, header_view, *_), count in self._kinds.items():
            if view:
                table[header_view or NOTHING][view] += count
        return {str(name): counts for name, counts in table.items()}

    def _sources(self) -> dict[str, dict[str, int]]:
        def of(name: str) -> dict[str, int]:
            return self._by(lambda kind: kind[3] if _source(kind) == name else None)

        return {name: _whole(of(name)) for name in self._by(_source)}


def survey_of(path: Path, depth: int | None = None) -> Survey:
    """A table -> its survey. Raises WrongUse or MissingInput where it is no table of ours."""
    count = Count(depth)
    rows = 0
    for chunk in read_batches(path):
        try:
            count.add(chunk)
        except ValueError as error:
            raise not_a_table(path, error) from error
        rows += len(chunk)
    if not rows:
        raise WrongUse(f"{path} holds no rows")
    return count.survey(str(path), version_of(path))


def _source(kind: Kind) -> str | None:
    return kind[2] or NOTHING if kind[0] else None


def _check(kind: Kind) -> None:
    """As `Row` would; ValueError."""
    view, header_view, _, said, code, _ = kind
    if view not in VIEWS or header_view not in HEADER_VIEWS or said not in set(Agreement):
        raise ValueError(f"view {view!r}, header_view {header_view!r}, agreement {said!r}")
    if bool(view) == bool(code):
        raise ValueError("a row has either a view or an error")


def _repeated(hashes: npt.NDArray[np.int64]) -> int:
    """How many stand there for the second time or more often."""
    ordered = np.sort(hashes)  # np.unique takes ten times as long
    return int((ordered[1:] == ordered[:-1]).sum())


def _whole(counts: dict[str, int]) -> dict[str, int]:
    return {said.value: counts.get(said, 0) for said in Agreement}


def _first(
    known: list[Named], chunk: TableBatch, places: Iterable[int], rank: Callable[[float], float]
) -> list[Named]:
    """The lowest in rank; among equals, those that stand first in the table."""
    best = heapq.nsmallest(NAMED, places, key=lambda place: rank(float(chunk.p_lateral[place])))
    new = [
        Named(chunk.file[place], chunk.view[place], float(chunk.p_lateral[place]),
              chunk.header_view[place], chunk.header_source[place])
        for place in best
    ]  # fmt: skip
    return sorted([*known, *new], key=lambda one: rank(one.p_lateral))[:NAMED]
