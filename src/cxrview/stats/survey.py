"""A table of verdicts -> everything that is counted in it, in one pass and in bounded memory."""

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.images import Numbers
from cxrview.inference.review import REASONS
from cxrview.inference.table_reader import (
    TableBatch,
    not_a_table,
    read_batches,
    review_reasons,
    writer_version,
)
from cxrview.rows import ROTATIONS
from cxrview.stats.folders import FolderCounter, FolderLevel
from cxrview.views import OUTCOMES, UNREADABLE, Agreement, Verdict, View

NO_HEADER_VIEW = "none"  # a header without a view, and the source of none

P_LATERAL_BINS = 50
MAX_LISTED_ROWS = 10  # conflicts and uncertain images that are listed
MAX_ROW_KINDS = 10_000  # different combinations of short values; a few dozen are usual

MAX_SIDE_PIXELS = 65_535  # pixels; a longer side counts as this one
SIZE_BIN_PIXELS = 250  # pixels, bin width of the histogram
SIZE_BINS = 24  # the last without an upper end
MAX_SIZES = 10_000  # different sizes that are counted
MAX_COMMON_SIZES = 5
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)

# view, header_view, header_source, agreement, error code, model
Kind = tuple[str, str, str, str, str, str]
VIEWS = {"", *Verdict}
UNKNOWN = "unknown"  # a rotation or polarity of which the model is not sure
POLARITIES = {"false": "bone bright", "true": "bone dark", "": UNKNOWN}
HEADER_VIEWS = {"", *View}


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One image that a person should look at, as the table has it."""

    file: str
    view: str
    p_lateral: float
    header_view: str
    header_source: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the full images in pixels, of the rows that have a size."""

    images: int
    quantiles: tuple[int, ...]  # long side: smallest, 5 %, median, 95 %, largest
    long_sides: tuple[int, ...]  # images by long side, in bins of SIZE_BIN_PIXELS
    common: tuple[tuple[int, int, int], ...]  # width, height, images; the most frequent
    portrait: int  # higher than wide
    landscape: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that `cxrview stats` reports. Counts are of rows."""

    table: str
    version: str  # of the cxrview that wrote it, "" if the format does not store it
    rows: int
    repeated: int  # rows whose file and model are in an earlier row as well
    models: dict[str, int]
    outcomes: dict[str, int]  # every verdict, and unreadable
    errors: dict[str, int]  # by code, the most frequent first
    agreements: dict[str, int]  # of rows with a verdict
    verdicts_by_header: dict[str, dict[str, int]]  # header view or none -> verdict -> rows
    sources: dict[str, dict[str, int]]  # DICOM keyword or none -> agreement -> rows
    poses: dict[str, dict[str, int]]  # rotation -> polarity -> chest radiographs
    reviews: dict[str, int]  # rows that need a look by reason, all reasons
    p_lateral: tuple[int, ...]  # chest radiographs by P(lateral), in equal bins from 0 to 1
    sizes: Sizes
    level: FolderLevel | None  # None where the paths do not differ, or in too many folders
    conflicts: tuple[ListedRow, ...]  # the first few, the highest confidence first
    uncertain: tuple[ListedRow, ...]  # the first few, the nearest to one half first

    @property
    def decided(self) -> int:
        """Rows classified as frontal or lateral."""
        return self.outcomes[Verdict.FRONTAL] + self.outcomes[Verdict.LATERAL]

    @property
    def compared(self) -> int:
        """Rows in which both the verdict and the header name a view."""
        return self.agreements["agree"] + self.agreements["conflict"]


def survey_of(path: Path, depth: int | None = None) -> Survey:
    """Count a table. Raises WrongUse or MissingInput unless it is a table of this package."""
    counter = SurveyCounter(depth)
    rows = 0
    for batch in read_batches(path):
        try:
            counter.add(batch)
        except ValueError as error:
            raise not_a_table(path, error) from error
        rows += len(batch)
    if not rows:
        raise WrongUse(f"{path} holds no rows")
    return counter.survey(str(path), writer_version(path))


class SurveyCounter:
    """Counts batch by batch; memory grows by eight bytes a row."""

    def __init__(self, depth: int | None = None) -> None:
        self._kinds: Counter[Kind] = Counter()
        self._folders = FolderCounter(depth)
        self._sizes = SizeCounter()
        self._p_lateral = np.zeros(P_LATERAL_BINS, np.int64)
        self._hashes = array("q")  # of file and model of each row, to find repeated ones
        self._poses: Counter[tuple[float, str]] = Counter()  # -1: unknown rotation
        self._reviews: Counter[str] = Counter()
        self._conflicts: list[ListedRow] = []
        self._uncertain: list[ListedRow] = []

    def add(self, batch: TableBatch) -> None:
        """Count the rows of a batch; raises ValueError for rows that contradict themselves."""
        self._add_kinds(batch)
        self._folders.add(batch.file, zip(batch.view, batch.agreement, strict=True))
        self._sizes.add(batch.width, batch.height)
        self._hashes.extend(map(hash, zip(batch.file, batch.model, strict=True)))
        self._add_probabilities(batch)
        self._add_poses(batch)
        conflicts = (n for n, agreement in enumerate(batch.agreement) if agreement == "conflict")
        self._conflicts = _extend_list(self._conflicts, batch, conflicts, lambda p: -abs(p - 0.5))
        uncertain = (n for n, view in enumerate(batch.view) if view == "uncertain")
        self._uncertain = _extend_list(self._uncertain, batch, uncertain, lambda p: abs(p - 0.5))
        self._reviews.update(filter(None, review_reasons(batch)))

    def _add_kinds(self, batch: TableBatch) -> None:
        codes = [error.partition(":")[0] for error in batch.error]
        kinds = Counter(
            zip(
                batch.view,
                batch.header_view,
                batch.header_source,
                batch.agreement,
                codes,
                batch.model,
                strict=True,
            )
        )
        for kind in kinds.keys() - self._kinds.keys():
            _check_kind(kind)
        self._kinds.update(kinds)
        if len(self._kinds) > MAX_ROW_KINDS:
            raise ValueError("too many different views, headers, errors and models")

    def _add_probabilities(self, batch: TableBatch) -> None:
        views = np.array(batch.view, dtype="U9")
        p_lateral = batch.p_lateral[views != ""]
        if not ((p_lateral >= 0) & (p_lateral <= 1)).all():
            raise ValueError("a verdict without a p_lateral between 0 and 1")
        chest = batch.p_lateral[(views != "") & (views != Verdict.NOT_CHEST.value)]
        self._p_lateral += np.histogram(chest, P_LATERAL_BINS, (0, 1))[0]

    def _add_poses(self, batch: TableBatch) -> None:
        rotations = np.nan_to_num(batch.rotation, nan=-1).tolist()
        for (rotation, inverted, view), count in Counter(
            zip(rotations, batch.inverted, batch.view, strict=True)
        ).items():
            if rotation not in (-1, *ROTATIONS) or inverted not in POLARITIES:
                raise ValueError(f"rotation {rotation:g}, inverted {inverted!r}")
            if view not in ("", Verdict.NOT_CHEST):
                self._poses[rotation, inverted] += count

    def survey(self, table: str, version: str) -> Survey:
        """Everything that was counted."""
        outcomes = self._count_by(lambda kind: kind[0] or UNREADABLE)
        return Survey(
            table=table,
            version=version,
            rows=self._kinds.total(),
            repeated=_count_repeated(np.frombuffer(self._hashes, np.int64)),
            models=self._count_by(lambda kind: kind[5] or "unknown"),
            outcomes={**dict.fromkeys(OUTCOMES, 0), **outcomes},
            errors=self._count_by(lambda kind: kind[4] or None),
            agreements=_all_agreements(self._count_by(lambda kind: kind[3] if kind[0] else None)),
            verdicts_by_header=self._verdicts_by_header(),
            sources=self._sources(),
            poses={
                UNKNOWN if rotation < 0 else str(rotation): {
                    name: self._poses[rotation, key] for key, name in POLARITIES.items()
                }
                for rotation in (*ROTATIONS, -1)
            },
            reviews={reason.value: self._reviews[reason] for reason in REASONS},
            p_lateral=tuple(map(int, self._p_lateral)),
            sizes=self._sizes.sizes(),
            level=self._folders.level(),
            conflicts=tuple(self._conflicts),
            uncertain=tuple(self._uncertain),
        )

    def _count_by(self, key: Callable[[Kind], str | None]) -> dict[str, int]:
        """Rows by a key, the most frequent first; None is not counted."""
        counts: Counter[str] = Counter()
        for kind, count in self._kinds.items():
            if (name := key(kind)) is not None:
                counts[name] += count
        return dict(counts.most_common())

    def _verdicts_by_header(self) -> dict[str, dict[str, int]]:
        table = {str(name): dict.fromkeys(OUTCOMES[:-1], 0) for name in (*View, NO_HEADER_VIEW)}
        for (view, header_view, *_), count in self._kinds.items():
            if view:
                table[header_view or NO_HEADER_VIEW][view] += count
        return table

    def _sources(self) -> dict[str, dict[str, int]]:
        def agreements(name: str) -> dict[str, int]:
            return self._count_by(lambda kind: kind[3] if _header_source(kind) == name else None)

        return {name: _all_agreements(agreements(name)) for name in self._count_by(_header_source)}


class SizeCounter:
    """Counts sizes; memory is that of one number for each possible long side."""

    def __init__(self) -> None:
        self._long_sides = np.zeros(MAX_SIDE_PIXELS + 1, np.int64)
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._portrait = self._landscape = 0

    def add(self, width: Numbers, height: Numbers) -> None:
        """Count more images; NaN has no size. Raises ValueError for sizes below one pixel."""
        known = ~(np.isnan(width) | np.isnan(height))
        sides = np.stack([width[known], height[known]])
        if (sides < 1).any():
            raise ValueError("an image of no width or height")
        long_sides = np.clip(sides.max(axis=0, initial=0), 0, MAX_SIDE_PIXELS).astype(np.int64)
        self._long_sides += np.bincount(long_sides, minlength=MAX_SIDE_PIXELS + 1)
        self._portrait += int((sides[1] > sides[0]).sum())
        self._landscape += int((sides[1] < sides[0]).sum())
        pairs, counts = np.unique(sides.astype(np.int64), axis=1, return_counts=True)
        for pair, count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            if len(self._sizes) < MAX_SIZES or tuple(pair) in self._sizes:
                self._sizes[pair[0], pair[1]] += count

    def sizes(self) -> Sizes:
        """Everything that was counted."""
        images = int(self._long_sides.sum())
        ranks = [max(1, int(np.ceil(quantile * images))) for quantile in QUANTILES]
        found = np.searchsorted(self._long_sides.cumsum(), ranks) if images else ()
        bins = np.minimum(np.arange(MAX_SIDE_PIXELS + 1) // SIZE_BIN_PIXELS, SIZE_BINS - 1)
        return Sizes(
            images=images,
            quantiles=tuple(map(int, found)),
            long_sides=tuple(map(int, np.bincount(bins, self._long_sides))),
            common=tuple(
                (*size, count) for size, count in self._sizes.most_common(MAX_COMMON_SIZES)
            ),
            portrait=self._portrait,
            landscape=self._landscape,
        )


def _header_source(kind: Kind) -> str | None:
    return kind[2] or NO_HEADER_VIEW if kind[0] else None


def _check_kind(kind: Kind) -> None:
    """Raise ValueError where `Row` would."""
    view, header_view, _, agreement, code, _ = kind
    if view not in VIEWS or header_view not in HEADER_VIEWS or agreement not in set(Agreement):
        raise ValueError(f"view {view!r}, header_view {header_view!r}, agreement {agreement!r}")
    if bool(view) == bool(code):
        raise ValueError("a row has either a view or an error")


def _count_repeated(hashes: npt.NDArray[np.int64]) -> int:
    """Number of values that are equal to an earlier one."""
    ordered = np.sort(hashes)  # np.unique takes ten times as long
    return int((ordered[1:] == ordered[:-1]).sum())


def _all_agreements(counts: dict[str, int]) -> dict[str, int]:
    return {agreement.value: counts.get(agreement, 0) for agreement in Agreement}


def _extend_list(
    known: list[ListedRow], batch: TableBatch, indices: Iterable[int], key: Callable[[float], float]
) -> list[ListedRow]:
    """The rows with the lowest key of P(lateral); among equals, the first of the table."""
    best = heapq.nsmallest(MAX_LISTED_ROWS, indices, key=lambda n: key(float(batch.p_lateral[n])))
    new = [
        ListedRow(
            batch.file[n],
            batch.view[n],
            float(batch.p_lateral[n]),
            batch.header_view[n],
            batch.header_source[n],
        )
        for n in best
    ]
    return sorted([*known, *new], key=lambda row: key(row.p_lateral))[:MAX_LISTED_ROWS]
