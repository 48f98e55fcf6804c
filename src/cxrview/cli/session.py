"""A run to a screen or a pipe: find, judge, show; what has gone by is not kept."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from cxrview.cli.printed import counted, print_rows, printable, summary
from cxrview.cli.progress import progress
from cxrview.cli.request import STDOUT, Request
from cxrview.engines.outcomes import Engine
from cxrview.errors import MissingExtra, MissingInput
from cxrview.inference.bulk import available_processors, classify_items, engine_for
from cxrview.inference.csv_table import CsvWriter
from cxrview.inference.outputs import exclude_outputs
from cxrview.inference.review_queue import ReviewQueue
from cxrview.inference.run_summary import RunSummary
from cxrview.inference.sorting import FolderSorter, How
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.find import Item, find

ROWS_ON_SCREEN = 40

Take = Callable[[Item, Row], object]  # whatever is done with each row


class Session:
    """One run. What it learns on the way is kept for the summary."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tally = RunSummary()
        self.choice = ReviewQueue(request.sheet_images if request.sheet else 0)
        self.on_screen: list[Row] = []
        self.placement: FolderSorter | None = None
        self.jobs = available_processors() if request.jobs is None else request.jobs
        self.engine = engine_of(request, self.jobs)
        self.judged = 0  # images that were looked at in this run

    def items(self) -> list[Item]:
        """What was asked for, without what we write ourselves; MissingInput if that is nothing."""
        request = self.request
        found = find(request.paths, stdin=sys.stdin, storage=True)
        items = list(exclude_outputs(found, request.files, request.folder))
        if not items:
            raise MissingInput(f"no images in {', '.join(map(printable, request.paths))}")
        return items

    def restarts(self) -> int:
        """Workers that were lost or replaced so far."""
        return self.engine.restarts

    def judge_all(self) -> None:
        """Every item -> its row -> everyone who takes rows."""
        items = self.items()
        label = load(self.request.model).label
        with ExitStack() as stack:
            step = stack.enter_context(progress(len(items), self.request.is_quiet, self.restarts))
            rows = classify_items(items, self.request.model, engine=self.engine)
            takers = [*self.takers(label, stack), lambda _, row: step(row.view is None)]
            self.hand_on(items, rows, takers)
            self.judged = self.tally.rows

    def hand_on(self, items: list[Item], rows: Iterable[Row], takers: Iterable[Take]) -> None:
        """Each row to everyone who takes rows, and to the summary."""
        everyone = [self.note, *takers]
        for item, row in zip(items, rows, strict=True):
            for take in everyone:
                take(item, row)

    def say(self, line: str) -> None:
        """To the person at the terminal, unless that is not wanted."""
        if not self.request.is_quiet:
            say(line)

    def takers(self, label: str, stack: ExitStack) -> Iterator[Take]:
        """Open every place that rows go to, before the first image is opened."""
        request = self.request
        if request.output == STDOUT or not sys.stdout.isatty():
            table = CsvWriter(sys.stdout.buffer, label)
            stack.callback(sys.stdout.flush)
            yield lambda _, row: table.write(row)
        yield from self.sorters()

    def sorters(self) -> Iterator[Take]:
        """What sorts images into folders, where that is wanted."""
        request = self.request
        if request.folder:
            self.placement = FolderSorter(
                request.folder, How.LINK if request.link_into else How.COPY
            )
            yield self.placement.place

    def note(self, item: Item, row: Row) -> None:
        """What the summary, the sheet and the screen need."""
        self.tally.add(row)
        self.choice.add(item, row)
        if len(self.on_screen) < ROWS_ON_SCREEN:
            self.on_screen.append(row)

    def report(self, seconds: float) -> None:
        """Rows for the screen on stdout, if nothing else goes there; the summary on stderr."""
        if self.request.output is None and sys.stdout.isatty():
            if self.tally.rows <= ROWS_ON_SCREEN:
                print_rows(self.on_screen)
            else:
                say(f"{self.tally.rows:,} rows are too many for a screen: use -o views.csv")
        if self.request.is_quiet:
            return
        for line in summary(self.tally, seconds, self.judged):
            say(line)
        if self.placement and self.placement.doubled:
            say(f"{counted(self.placement.doubled, 'image')} linked under another verdict as well, "
                "by a run with another model: sort into a fresh folder")  # fmt: skip

    def report_break(self) -> None:
        """What was done when the run ends before its end."""
        if self.tally.rows:
            say(f"broken off after {counted(self.tally.rows, 'image')}")


def engine_of(request: Request, jobs: int) -> Engine:
    """As asked for; raises MissingExtra where Ray is not installed."""
    if request.engine == "local":
        return engine_for(jobs)
    try:
        from cxrview.engines.ray_engine import RayEngine
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'cxrview[ray]'") from error
    return RayEngine(request.jobs or 0, request.ray_address)


def say(line: str) -> None:
    """To the person at the terminal, beside the results."""
    print(line, file=sys.stderr)
