"""A collection and options -> a server that people label with, and the label table at its end."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from starlette.applications import Starlette

from cxrview.datasets.listing import LabelTable
from cxrview.engines.local import engine_for
from cxrview.errors import WrongUse
from cxrview.filenames import escape_name
from cxrview.labeling.active_learning import DrawReason
from cxrview.labeling.sampling import (
    Candidate,
    SampleOptions,
    SamplingRule,
    candidates_in,
    draw_sample,
    holds_verdicts,
)
from cxrview.model.card import DEFAULT_MODEL
from cxrview.model.classifier import Classifier, load
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.label_app import Labeling, label_app
from cxrview.pages.label_import import complete_candidates, import_labels
from cxrview.pages.label_tables import (
    RECORD_FILE,
    agreement_table,
    history_of,
    write_label_table,
)
from cxrview.pages.pictures import PictureService
from cxrview.pages.records import NewImage
from cxrview.pages.server import Address, serve
from cxrview.pages.store import LabelStore
from cxrview.pages.suggestions import SuggestionRun

TYPICAL_IMAGES = 200  # that come first in the order `typical`
MAX_LISTED = 5  # files in one message


class Order(StrEnum):
    """Which images are shown first."""

    RANDOM = "random"
    TYPICAL = "typical"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """What `cxrview label` was asked for."""

    collection: str  # folder, archive or label table
    output: Path
    labeler: str
    order: Order = Order.RANDOM
    overlap: float = 0.0
    imports: tuple[Path, ...] = ()
    model: str = DEFAULT_MODEL
    seed: int = 0
    may_overwrite: bool = False


@dataclass(slots=True)
class LabelRun:
    """An open collection. `serve` answers requests until it is interrupted."""

    options: LabelOptions
    table: LabelTable
    classifier: Classifier
    store: LabelStore
    candidates: dict[int, Candidate]
    unmatched: list[str] = field(default_factory=list)  # imported files that are not there

    def serve(
        self, address: Address, *, show_headers: bool, announce: Callable[[str], object]
    ) -> None:
        """Answer requests as `server.serve`, then write the label table, also after an error."""
        items = {key: candidate.item for key, candidate in self.candidates.items()}
        is_active = self.options.order is Order.ACTIVE
        suggestions = SuggestionRun(self.store, items, self.classifier, is_active=is_active)

        def make_app(pictures: PictureService, sessions: Sessions, origins: Origins) -> Starlette:
            if is_active:
                suggestions.start()
            return label_app(
                Labeling(
                    store=self.store,
                    pictures=pictures,
                    suggestions=suggestions,
                    sessions=sessions,
                    origins=origins,
                    relative=self.table.relative,
                    show_headers=show_headers,
                )
            )

        def close() -> None:
            suggestions.stop()
            self.write()

        serve(address, self.options.labeler, announce, items, make_app, close)

    def write(self) -> None:
        """Write the label table, and beside it the table of images that cannot be read."""
        unreadable = self.store.unreadable()
        write_label_table(self.table, self.store.labels(), self.table.relative, unreadable)

    def agreement(self) -> list[tuple[str, ...]]:
        """Return the rows of `agreement_table`."""
        return agreement_table(self.store.labels())


def open_collection(options: LabelOptions) -> LabelRun:
    """Find the images, open their history, import labels and set the order.

    Raises WrongUse, and reads every image of a sample for the order `typical`.
    """
    history = history_of(options.output)
    if options.output.absolute() == Path(options.collection).absolute():
        raise WrongUse(f"{options.output} is the table to read: name another one with -o")
    table = LabelTable(options.output, options.may_overwrite, history / RECORD_FILE)
    classifier = load(options.model)
    found = candidates_in(options.collection)
    store = LabelStore(history / "labels.sqlite")
    by_name = {_stored_name(candidate): candidate for candidate in found}
    for path in options.imports:
        complete_candidates(by_name, path)
    images = [
        NewImage(name, one.patient, one.source, one.reason or DrawReason.RANDOM, one.copied)
        for name, one in by_name.items()
    ]
    store.add_images(images, options.overlap, options.seed)
    ids = store.ids()
    candidates = {ids[name]: candidate for name, candidate in by_name.items()}
    run = LabelRun(options, table, classifier, store, candidates)
    tables = list(options.imports)
    collection = Path(options.collection)
    if collection.name.lower().endswith((".csv", ".csv.gz")) and not holds_verdicts(collection):
        tables.insert(0, collection)
    for path in tables:
        run.unmatched += import_labels(store, ids, path)
    if options.order is Order.TYPICAL:
        _put_typical_first(store, ids, options, found)
    return run


def _stored_name(candidate: Candidate) -> str:
    return escape_name(os.path.abspath(candidate.item.name))  # noqa: PTH100 - odd bytes


def _put_typical_first(
    store: LabelStore, ids: dict[str, int], options: LabelOptions, found: list[Candidate]
) -> None:
    sample_options = SampleOptions(
        count=TYPICAL_IMAGES, seed=options.seed, rule=SamplingRule.TYPICAL, model=options.model
    )
    sample = draw_sample(found, sample_options, engine_for())
    store.put_first([(ids[_stored_name(one)], reason) for one, reason in sample.chosen])
