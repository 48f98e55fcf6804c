"""A folder, archive or label table -> a sample of its images to label, and the unreadable ones."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from cxrview.csv_text import TableRow, open_table, read_table
from cxrview.datasets.listing import Problem, ProblemKind
from cxrview.engines.outcomes import Engine
from cxrview.errors import MissingInput, WrongUse
from cxrview.labeling.active_learning import DrawReason, Features, features_of, select_images
from cxrview.labels import NOTHING_COPIED, CopiedColumns, copied_columns
from cxrview.model.card import DEFAULT_MODEL
from cxrview.model.classifier import load
from cxrview.rows import COLUMNS, LATER_COLUMNS
from cxrview.sources.files import MEMBER_SEPARATOR, FileSource
from cxrview.sources.find import Item, find, items_named


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that may be drawn, with what a label table states about it beside the view.

    reason: why it was drawn into that table, "" if the table does not say so.
    """

    item: Item
    patient: str = ""
    source: str = ""
    reason: str = ""
    copied: CopiedColumns = NOTHING_COPIED


def candidates_in(path: str) -> list[Candidate]:
    """Return the images of a folder, an archive or (.csv) a label table, each file once.

    The views in a label table are ignored, so a plain list of files, with the column `file` alone,
    is enough. Raises MissingInput where there are no images.
    """
    is_table = path.lower().endswith((".csv", ".csv.gz")) and os.path.isfile(path)  # noqa: PTH113
    found = (
        _candidates_of_table(Path(path)) if is_table else [Candidate(item) for item in find([path])]
    )
    if not found:
        raise MissingInput(f"no images in {path}")
    return found


def _candidates_of_table(table: Path) -> list[Candidate]:
    """Return the rows of a label table; its files are relative to its folder, or absolute.

    Of a table of verdicts, whose columns have other meanings, only the files count.
    """
    states_only_files = holds_verdicts(table)
    folder = str(table.absolute().parent)
    rows: dict[str, TableRow] = {}
    for line, row in read_table(table, ("file",), lower_case=True):
        name = row["file"].strip()
        if not name:
            raise WrongUse(f"{table}, line {line}: no file is named")
        path = os.path.join(folder, name)  # noqa: PTH118 - a path as it is, not normalized
        rows.setdefault(path, row)
    members = items_named(path for path in rows if MEMBER_SEPARATOR in path)
    candidates = []
    for path, row in rows.items():
        item = members.get(path) or Item(path, FileSource(path))
        candidates.append(Candidate(item) if states_only_files else candidate_of(item, row))
    return candidates


def candidate_of(item: Item, row: TableRow) -> Candidate:
    """Return an image with what its row in a label table states; names of columns in lower case."""
    return Candidate(
        item,
        row.get("patient", ""),
        row.get("source", ""),
        row.get("reason", "").strip(),
        copied_columns(row),
    )


def holds_verdicts(path: Path) -> bool:
    """Whether a CSV table is one of `classify`, whose views are not labels of a person."""
    with open_table(path) as (names, _):
        return {*COLUMNS} - {*LATER_COLUMNS} <= {*names}


class SamplingRule(StrEnum):
    """How images are drawn."""

    RANDOM = "random"
    TYPICAL = "typical"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """How many images are drawn, and how."""

    count: int
    seed: int = 0
    rule: SamplingRule = SamplingRule.RANDOM
    model: str = DEFAULT_MODEL  # whose probabilities `typical_images` uses
    pool: int = 5000  # images, drawn at random, from which `typical_images` selects


@dataclass(slots=True)
class Sample:
    """The images drawn, in order, each with the reason, and those that could not be read.

    An image drawn at random from a table that states a reason keeps that one: the images of a
    selected sample are not representative, however they are drawn from it.
    """

    chosen: list[tuple[Candidate, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def draw_sample(candidates: Sequence[Candidate], options: SampleOptions, engine: Engine) -> Sample:
    """Draw without replacement; the same seed and files give the same sample.

    Unreadable images are replaced and listed as problems. The sample is smaller than `count` only
    if there are no more readable images.
    """
    rng = np.random.default_rng(options.seed)
    order = [candidates[i] for i in rng.permutation(len(candidates))]
    if options.rule is SamplingRule.RANDOM:
        return _draw_random(order, options.count, engine)
    return _draw_typical(order[: max(options.pool, options.count)], options, rng, engine)


def _read_candidates(
    candidates: Sequence[Candidate], model: str | None, engine: Engine, sample: Sample
) -> list[tuple[Candidate, Features]]:
    """Return the readable candidates with their features; add the rest to `sample.problems`."""
    classifier = None if model is None else load(model)
    items = [candidate.item for candidate in candidates]
    seen = dict(features_of(items, classifier, engine))
    readable = []
    for index, candidate in enumerate(candidates):
        if error := seen[index].error:
            sample.problems.append(Problem(ProblemKind.UNREADABLE, candidate.item.name, error))
        else:
            readable.append((candidate, seen[index]))
    return readable


def _draw_random(order: Sequence[Candidate], count: int, engine: Engine) -> Sample:
    """Return the first readable images; no more are opened than necessary."""
    sample = Sample()
    start = 0
    while len(sample.chosen) < count and start < len(order):
        stop = start + count - len(sample.chosen)
        readable = _read_candidates(order[start:stop], None, engine, sample)
        sample.chosen += [(one, _reason(one, DrawReason.RANDOM)) for one, _ in readable]
        start = stop
    return sample


def _draw_typical(
    pool: Sequence[Candidate], options: SampleOptions, rng: np.random.Generator, engine: Engine
) -> Sample:
    sample = Sample()
    chest = load(options.model).thresholds.chest
    readable = _read_candidates(pool, options.model, engine, sample)
    features = [feature for _, feature in readable]
    sample.chosen = [
        (one, _reason(one, reason))
        for index, reason in select_images(features, options.count, chest, rng)
        for one, _ in [readable[index]]
    ]
    return sample


def _reason(candidate: Candidate, reason: DrawReason) -> str:
    """Return why an image is in the sample."""
    return candidate.reason or reason if reason is DrawReason.RANDOM else reason
