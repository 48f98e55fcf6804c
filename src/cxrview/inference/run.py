"""One run of `classify`: options -> every input classified, and its row sent to all sinks."""

import functools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cxrview import __version__
from cxrview.atomic import OutputGuard, atomic_write, partial_path, translate_os_errors
from cxrview.engines.local import SerialEngine, available_processors, engine_for
from cxrview.engines.outcomes import Engine, in_order
from cxrview.errors import MissingInput
from cxrview.extras import missing_extra
from cxrview.filenames import printable
from cxrview.inference.chunk_run import ChunkRun
from cxrview.inference.chunks import Chunk, chunks_of, file_version
from cxrview.inference.classification import numbered_rows
from cxrview.inference.journal import Journal, guard_of, journal_path, naming_table
from cxrview.inference.options import ClassifyOptions, EngineKind, report_path
from cxrview.inference.review import ReviewList, ReviewQueue
from cxrview.inference.sorted_files import locked
from cxrview.inference.sorting import FolderSorter, SortOptions
from cxrview.inference.summary import RunSummary, report_values
from cxrview.inference.table_writers import open_table_writer
from cxrview.model.classifier import load
from cxrview.report.content import count_text
from cxrview.rows import Row
from cxrview.sources.find import Found, Item, find_with_roots
from cxrview.views import Verdict

IMAGES_PER_WORKER = 8  # at least; while another one starts, a worker classifies about as many

# Called after each image. Arguments: whether it could not be read, and whether its row is not one
# of an earlier run.
Step = Callable[..., object]
# Shows how far a run is while the context is open. Arguments: the number of images, and `restarts`,
# a function that tells how many workers have been replaced.
Progress = Callable[..., AbstractContextManager[Step]]


class RowSink(Protocol):
    """Receives every row of a run with its item, in the order of the input."""

    def __call__(self, item: Item, row: Row, /) -> object:
        """Take one row; raises UnusableOutput if it cannot be stored."""


def ignore(*_: object) -> None:
    """Do nothing with a message or a step: the default of `ClassifyRun`."""


def no_progress(*_: object, **__: object) -> AbstractContextManager[Step]:
    """Show no progress."""
    return nullcontext(ignore)


class ClassifyRun:
    """One run. `summary`, `new`, `seconds` and `sorter` are for the report afterwards."""

    def __init__(
        self,
        options: ClassifyOptions,
        sinks: Sequence[RowSink] = (),
        progress: Progress = no_progress,
        log: Callable[[str], object] = ignore,
        found: Found | None = None,
    ) -> None:
        """Load the model; raises UnusableModel. found: inputs found before."""
        self.options = options
        self.jobs = available_processors() if options.jobs is None else options.jobs
        self.classifier = load(options.model)
        self.engine: Engine = SerialEngine()  # until the inputs are known
        self.summary = RunSummary()
        self.sorter: FolderSorter | None = None
        self.new = RunSummary()  # of the images that this run has classified
        self.seconds = 0.0
        self._guard = (
            guard_of(options.table, options.may_overwrite)
            if options.table
            else OutputGuard(options.may_overwrite)
        )
        self._review = ReviewQueue(options.sheet_images if options.sheet else 0)
        self._sinks = list(sinks)
        self._progress = partial(progress, restarts=lambda: self.engine.restarts)
        self._log = log
        self._found = found
        self._started = datetime.now(UTC)

    @property
    def classified(self) -> int:
        """Number of images that this run has classified."""
        return self.new.rows

    def report(self) -> dict[str, Any]:
        """What the run was and came to, as JSON has it; names no file, person or machine."""
        label, sha256 = self.classifier.label, self.classifier.sha256
        return report_values(label, sha256, self.summary, self.new, self._started) | {
            "workers_replaced": self.engine.restarts
        }

    def run(self) -> RunSummary:
        """Classify everything.

        Raises MissingInput, MissingExtra, UnusableOutput, UnusableModel, WrongUse.
        """
        options, clock = self.options, time.monotonic()
        self._started = datetime.now(UTC)
        found = self._found or find_items(options)
        items = found.items
        self.engine = engine_of(options, len(items))
        for path in options.files:
            self._guard.check(path)
        with ExitStack() as stack:
            sheet = self._open(stack, options.sheet)
            review_list = self._open(stack, options.review_list)
            if options.review_list and review_list:
                self._sinks.append(ReviewList(options.review_list, review_list).add)
            if options.sort_into:
                stack.enter_context(locked(options.sort_into))
                self.sorter = self._make_sorter(options.sort_into, found)
                stack.callback(self.sorter.close)
                self._sinks.append(self.sorter.place)
            if options.table:
                with naming_table(options.table):
                    self._run_into_table(items, options.table)
            else:
                self._run_in_order(items)
            if self.sorter and self.sorter.waiting:
                self._log(f"turning {count_text(self.sorter.waiting, 'image')} upright")
                with self._progress(self.sorter.waiting) as step:
                    self.sorter.place_upright(self.engine, step)
            if self.sorter:
                self.sorter.remove_outdated()
            self.seconds = time.monotonic() - clock
            if options.sheet and sheet:
                from cxrview.inference.contact_sheet import write_sheet

                shown = len(self._review.chosen())
                with translate_os_errors(options.sheet), self._progress(shown) as step:
                    write_sheet(sheet, self._review, self.engine, step)
        return self.summary

    def _make_sorter(self, folder: Path, found: Found) -> FolderSorter:
        options = self.options
        sort_options = SortOptions(
            folder=folder,
            mode=options.placement,
            keeps_tree=options.keeps_tree,
            resort=options.resort,
            upright=options.upright,
            may_overwrite=options.may_overwrite,
            table=options.table,
            is_fresh=options.is_fresh,
        )
        return FolderSorter(sort_options, self.classifier.label, found.roots, found.items)

    def _open(self, stack: ExitStack, path: Path | None) -> BinaryIO | None:
        """Open a file that appears when the stack is closed; None where there is no path."""
        return stack.enter_context(atomic_write(path, self._guard)) if path else None

    def _classify(self, items: Iterable[Item]) -> Iterator[tuple[int, Row]]:
        return numbered_rows(items, self.classifier, self.engine, self.options.identity)

    def _run_in_order(self, items: list[Item]) -> None:
        """Classify without a table: rows go to the sinks as soon as their turn comes."""
        rows = in_order(self._classify(items))
        with self._progress(len(items)) as step:

            def count(_item: Item, row: Row) -> None:
                self.new.add(row)
                step(row.view is None)

            self._dispatch(items, rows, [*self._sinks, count])

    def _run_into_table(self, items: list[Item], table: Path) -> None:
        """Complete the missing chunks in the journal, then make the table of all of them."""
        options = self.options
        producer = f"{self.classifier.label} cxrview {__version__}"
        if options.identity:  # rows without these columns are of no use
            with_accession = options.identity.accession_number is not None
            producer += " ids accession" if with_accession else " ids"
        journal = Journal(journal_path(table), producer, options.shard)
        journal.create()
        with journal.lock():
            if options.is_fresh:
                journal.clear()
            chunks = list(chunks_of(items, producer))
            if options.shard:
                self._complete(items, options.shard.own_chunks(chunks), chunks, journal)
                journal.write_plan(options.shard, self.classifier.label, chunks)
                return
            is_changed = self._complete(items, chunks, chunks, journal)
            if is_changed or not journal.is_current(table, chunks):
                self._write_table(items, chunks, journal, table)
            else:
                name = printable(str(table))
                self._log(f"{name} is up to date: no image is new or has changed "
                          "(--fresh classifies all of them again)")  # fmt: skip
                self._dispatch(items, journal.rows_of(chunks), self._sinks)
            self._write_report(report_path(table))

    def _complete(
        self, items: list[Item], own: list[Chunk], chunks: list[Chunk], journal: Journal
    ) -> bool:
        """Classify the images of `own` chunks that are not complete; False if all are."""
        missing = [chunk for chunk in own if not journal.has(chunk)]
        if not missing:
            return False
        total = sum(map(len, missing))
        members = (items[index] for chunk in missing for index in range(chunk.start, chunk.stop))
        wanted = ((item.name, file_version(item)) for item in members)
        reusable = journal.reusable(chunks, wanted)
        left = total - len(reusable)
        if done := sum(map(len, own)) - left:
            self._log(f"resuming: {count_text(done, 'image')} done already, {left:,} to classify")
        with self._progress(total) as step:

            def on_row(row: Row, is_new: bool) -> None:
                if is_new:
                    self.new.add(row)
                step(row.view is None, is_new)

            run = ChunkRun(items, journal)
            run.complete(missing, reusable, self._classify, on_row)
        return True

    def _write_table(
        self, items: list[Item], chunks: list[Chunk], journal: Journal, table: Path
    ) -> None:
        with open_table_writer(table, self.classifier.label, self._guard) as append:
            sinks = [lambda _, row: append(row), *self._sinks]
            self._dispatch(items, journal.rows_of(chunks), sinks)
        journal.mark_table(table, chunks)
        journal.remove_plans()
        journal.remove_leftovers(chunks)

    def _write_report(self, path: Path) -> None:
        report = self.report() | {"settings": {"jobs": self.jobs, "fresh": self.options.is_fresh}}
        with atomic_write(path, self._guard) as file, translate_os_errors(path):
            file.write((json.dumps(report, indent=1) + "\n").encode())

    def _dispatch(self, items: list[Item], rows: Iterable[Row], sinks: Sequence[RowSink]) -> None:
        """Send each row to the summary, the review queue and the sinks."""
        for item, row in zip(items, rows, strict=True):
            self.summary.add(row)
            self._review.add(item, row)
            for sink in sinks:
                sink(item, row)


def find_items(options: ClassifyOptions) -> Found:
    """The inputs without files that a run writes; raises MissingInput if there are none."""
    found = find_with_roots(options.paths, stdin=sys.stdin, storage=True)
    log = [options.log_file] if options.log_file else []
    items = list(exclude_outputs(found.items, [*options.files, *log], options.sort_into))
    if not items:
        raise MissingInput(f"no images in {', '.join(map(printable, options.paths))}")
    return Found(items, found.roots)


def engine_of(options: ClassifyOptions, images: int) -> Engine:
    """The engine for a number of images; raises MissingExtra where Ray is not installed."""
    if options.engine is EngineKind.LOCAL:
        jobs = available_processors() if options.jobs is None else options.jobs
        return engine_for(min(jobs, math.ceil(images / IMAGES_PER_WORKER)))
    try:
        from cxrview.engines.ray_engine import RayEngine
    except ModuleNotFoundError as error:
        raise missing_extra(error, "ray") from error
    return RayEngine(options.jobs or 0, options.ray_address)


def exclude_outputs(
    items: Iterable[Item], files: Iterable[Path], folder: Path | None
) -> Iterator[Item]:
    """Leave out `files`, their unfinished versions, and images that were sorted into `folder`.

    The journal is hidden, and so is not found at all.
    """
    outputs = [path for file in files for path in (file, partial_path(file))]
    own = {os.path.realpath(path) for path in outputs}
    verdicts = (folder / verdict for verdict in Verdict) if folder else ()
    sorted_ones = tuple(os.path.realpath(path) + os.sep for path in verdicts)
    real_folder = functools.lru_cache(4096)(os.path.realpath)  # once for all files of a folder
    for item in items:
        head, tail = os.path.split(item.name)
        path = os.path.join(real_folder(head), tail)  # noqa: PTH118 - speed, for millions
        if path not in own and not path.startswith(sorted_ones):
            yield item
