"""ClassifyOptions -> exit status: runs `classify`, with its rows, progress and summary printed."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cxrview import __version__
from cxrview.cli.messages import (
    error_lines,
    exit_status,
    is_closed,
    list_command,
    new_line,
    print_message,
    print_rows,
    summary_lines,
)
from cxrview.cli.options import Allowance, OutputFormat
from cxrview.cli.progress import progress
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.filenames import printable
from cxrview.inference.journal import guard_of
from cxrview.inference.options import ClassifyOptions
from cxrview.inference.run import ClassifyRun, RowSink, find_items, ignore
from cxrview.inference.run_log import RunLog
from cxrview.inference.sorting import FolderSorter
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import CsvWriter, JsonLinesWriter, JsonWriter, RowWriter
from cxrview.report.content import count_text
from cxrview.rows import Row
from cxrview.sources.find import Found, Item
from cxrview.sources.folders import INDEX_FILE

ROWS_ON_SCREEN = 40
MAX_NAMED = 5  # changed files in one message
SCREEN_TABLE = Path("cxrview-views.csv")  # of more images than a screen shows


class Screen:
    """The first rows of a run, to be shown on a terminal."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._count = 0

    def add(self, _item: Item, row: Row) -> None:
        """Keep a row, if there is space for it on the screen."""
        self._count += 1
        if self._count <= ROWS_ON_SCREEN:
            self._rows.append(row)

    def show(self) -> None:
        """Print the rows that fit."""
        print_rows(self._rows)
        if self._count > ROWS_ON_SCREEN:
            more = self._count - ROWS_ON_SCREEN
            print_message(f"... and {more:,} more: all {self._count:,} are in {SCREEN_TABLE}")


def options_for_screen(options: ClassifyOptions) -> tuple[ClassifyOptions, Found]:
    """Options with a table if there are more images than a screen shows, and the images.

    So no result is lost. Raises WrongUse if the table holds the results of other images.
    """
    with_table = replace(options, table=SCREEN_TABLE)
    found = find_items(with_table)
    items = found.items
    if len(items) <= ROWS_ON_SCREEN:
        return options, found
    print_message(
        f"{len(items):,} images are too many for the screen: their rows go into {SCREEN_TABLE} in "
        "this folder (name another table with -o)"
    )
    if SCREEN_TABLE.exists() and not options.may_overwrite:
        guard_of(SCREEN_TABLE, may_overwrite=False).check(SCREEN_TABLE)
        names = {item.name for item in items}
        if any(row.file not in names for row in read_rows(SCREEN_TABLE)):
            raise WrongUse(
                f"{SCREEN_TABLE} also holds results of other images: name another table with -o, "
                "or replace it with --overwrite"
            )
    return with_table, found


class Stdout:
    """The rows on stdout. is_list: of JSON; else it is one object."""

    def __init__(self, output_format: OutputFormat, *, is_list: bool) -> None:
        """Raises WrongUse if stdout is closed."""
        if is_closed(sys.stdout):
            raise WrongUse("standard output is closed: name a table with -o")
        file = sys.stdout.buffer
        self._writer: RowWriter
        if output_format is OutputFormat.JSON:
            self._writer = JsonWriter(file, is_list)
        elif output_format is OutputFormat.JSONL:
            self._writer = JsonLinesWriter(file, "")
        else:
            self._writer = CsvWriter(file, "")

    def add(self, _item: Item, row: Row) -> None:
        """Write a row; raises UnusableOutput, BrokenPipeError."""
        with translate_stdout_errors():
            self._writer.write(row)

    def close(self) -> None:
        """Write what comes last, and the buffers; raises UnusableOutput, BrokenPipeError."""
        with translate_stdout_errors():
            self._writer.close()
            sys.stdout.flush()


@contextmanager
def translate_stdout_errors() -> Iterator[None]:
    """Turn an OSError into UnusableOutput, except where the reader has closed the pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnusableOutput(f"standard output cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What a run prints, and which errors count.

    output_format: of the rows on stdout; None for a table for people on a terminal, else CSV.
    """

    output_format: OutputFormat | None = None
    is_quiet: bool = False
    allowed: Allowance | None = None  # unreadable images


def perform(options: ClassifyOptions, reporting: Reporting) -> int:
    """Run, report and log -> exit status 0 or 1.

    Raises WrongUse before any work if it cannot be done.
    """
    log = RunLog(options.log_file)
    shard = options.shard.name if options.shard else None
    log.write("start", cxrview=__version__, jobs=options.jobs, fresh=options.is_fresh, part=shard)
    try:
        run = classify_and_print(options, reporting, log)
        status = exit_status(run.summary, reporting.allowed)
        log.write("end", exit_status=status, **run.report())
    except BaseException as error:
        with suppress(UnusableOutput):
            log.write("failed", error=type(error).__name__)
        raise
    finally:
        log.close()
    return status


def classify_and_print(
    options: ClassifyOptions, reporting: Reporting, run_log: RunLog
) -> ClassifyRun:
    """Classify everything, with rows, progress and summary printed."""
    is_quiet, output_format = reporting.is_quiet, reporting.output_format
    if is_quiet:
        logging.getLogger("cxrview").setLevel(logging.ERROR)
    on_screen = not options.table and output_format is None and sys.stdout.isatty()
    screen, found = Screen() if on_screen else None, None
    if screen:
        options, found = options_for_screen(options)
    stdout = None
    if not options.table and not screen:
        found = find_items(options)
        items = found.items
        is_one_file = len(items) == 1 and items[0].name == options.paths[0]
        stdout = Stdout(output_format or OutputFormat.CSV, is_list=not is_one_file)
    sinks: list[RowSink] = [sink.add for sink in (screen, stdout) if sink]
    show = partial(run_log.progress, partial(progress, is_quiet=is_quiet))
    run = ClassifyRun(options, sinks, show, ignore if is_quiet else print_message, found)
    try:
        run.run()
        if stdout:
            stdout.close()
    except BrokenPipeError:  # the reader of the rows needs no more of them
        raise
    except BaseException:
        if run.classified:
            hint = "; the same command continues from there" if options.table else ""
            print_message(f"interrupted after {count_text(run.classified, 'image')}{hint}")
        raise
    if screen:
        screen.show()
    for line in error_lines(run.summary) if is_quiet else report(run):
        print_message(line)
    return run


def report(run: ClassifyRun) -> Iterator[str]:
    """The lines after a run. The rows of other shards are not known here."""
    options = run.options
    if options.shard:
        yield (
            f"part {options.shard.number}/{options.shard.count}: "
            f"{count_text(run.classified, 'image')} classified in {run.seconds:.1f} s; "
            f"then: cxrview join {options.table}"
        )
        return
    names_in = str(options.review_list or (list_command(options.table) if options.table else ""))
    yield from summary_lines(run.summary, run.seconds, run.classified, printable(names_in))
    if 0 < run.classified < run.summary.rows:
        yield new_line(run.new)
    if run.sorter and options.sort_into:
        renamed = "; names with a suffix, because others are the same: {:,}"
        more = renamed.format(run.sorter.renamed) if run.sorter.renamed else ""
        yield f"{options.sort_into / INDEX_FILE} says where each image is{more}"
        yield from outdated_lines(run.sorter, options.sort_into)
        if options.upright:
            failed = f"; {run.sorter.not_turned:,} could not be" if run.sorter.not_turned else ""
            yield f"{count_text(run.sorter.turned, 'copy', 'copies')} turned upright{failed}"


def outdated_lines(sorter: FolderSorter, folder: Path) -> Iterator[str]:
    """What a run has removed from a sorted folder, and what is outdated and stays there."""
    if sorter.removed:
        images = count_text(sorter.removed, "image")
        yield f"{images} removed from {folder}: no longer in the table, or moved"
    for places, reason in (
        (sorter.orphans, "since it is a copy"),
        (sorter.kept, "since somebody has changed it"),
    ):
        first = ", ".join(printable(str(folder / place)) for place in list(places)[:MAX_NAMED])
        more = f" and {len(places) - MAX_NAMED:,} more" if len(places) > MAX_NAMED else ""
        if places:
            yield f"no longer in the table, but not removed {reason}: {first}{more}"
