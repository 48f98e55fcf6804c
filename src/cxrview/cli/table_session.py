"""A run into a table: parts that survive whatever ends it, then the table of all of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from cxrview import __version__
from cxrview.cli.printed import counted, printable
from cxrview.cli.progress import progress
from cxrview.cli.request import Request
from cxrview.cli.session import Session, Take, say
from cxrview.inference.chunk_run import PartsRun
from cxrview.inference.chunks import Part, parts_of, share_of
from cxrview.inference.joining import joined, note_plan, share_name
from cxrview.inference.run_folder import RunFolder, folder_for, report_for
from cxrview.inference.run_report import RunReport
from cxrview.inference.table_writers import rows_into, writer_for
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.find import Item


class TableSession(Session):
    """One run whose rows go to `table`."""

    def __init__(self, request: Request, table: Path) -> None:
        """Raises UnusableModel, UnusableOutput, MissingExtra before anything is begun."""
        super().__init__(request)
        self.table = table
        self.classifier = load(request.model)
        maker = f"{self.classifier.label} cxrview {__version__}"
        name = share_name(*request.share) if request.share else ""
        self.folder = RunFolder(folder_for(table.resolve()), maker, name)
        self.begun = datetime.now(UTC)
        self.is_going_on = False  # what is done stays for the next try

    def judge_all(self) -> None:
        """Parts that are not there are made, and the table of all of them."""
        request, folder = self.request, self.folder
        items = self.items()
        writer_for(self.table)
        folder.make()
        with folder.locked():
            if request.is_fresh:
                folder.clear()
            parts = list(parts_of(items, folder.maker))
            if request.share:
                self._make(items, share_of(parts, *request.share), parts)
                note_plan(folder, request.share, self.classifier.label, parts)
            elif self._make(items, parts, parts) or not folder.is_table(self.table, parts):
                self._join(items, parts)
            else:
                self._look_again(items, parts)

    def _make(self, items: list[Item], wanted: list[Part], parts: list[Part]) -> bool:
        """Whether there was anything to do."""
        todo = [part for part in wanted if not self.folder.has(part)]
        if not todo:
            return False
        known = self.folder.known(parts)
        count, done = sum(map(len, todo)), sum(map(len, wanted)) - sum(map(len, todo))
        if done:
            self.say(f"{counted(done, 'image')} are done already; going on with the rest")
        self.is_going_on = True
        with progress(count, self.request.is_quiet, self.restarts) as step:

            def note(row: Row, is_new: bool) -> None:
                self.judged += is_new
                step(row.view is None)

            PartsRun(items, self.folder).make(todo, known, self.request.model, self.engine, note)
        return True

    def _join(self, items: list[Item], parts: list[Part]) -> None:
        with ExitStack() as stack:
            rows = joined(self.folder, parts)
            self.hand_on(items, rows, self.takers(self.classifier.label, stack))
        self.folder.note_table(self.table, parts)
        self.folder.tidy(parts)
        self._report_file().write(report_for(self.table))

    def _look_again(self, items: list[Item], parts: list[Part]) -> None:
        """The table stands; only what else was asked for is done."""
        self.say(f"{printable(str(self.table))} is done already: no image is new or has changed "
                  "(--fresh judges all anew)")  # fmt: skip
        self.hand_on(items, joined(self.folder, parts), self.sorters())

    def _report_file(self) -> RunReport:
        """What is left beside the table."""
        request = self.request
        settings = {"model": request.model, "jobs": self.jobs, "fresh": request.is_fresh}
        return RunReport(
            classifier=self.classifier, settings=settings, tally=self.tally, begun=self.begun,
            ended=datetime.now(UTC), judged=self.judged, restarts=self.restarts(),
        )  # fmt: skip

    def takers(self, label: str, stack: ExitStack) -> Iterator[Take]:
        """The table, and whoever else takes rows."""
        write = stack.enter_context(rows_into(self.table, label))
        yield lambda _, row: write(row)
        yield from self.sorters()

    def report(self, seconds: float) -> None:
        """Of a share, only what this process did: the others' rows are not known here."""
        if not self.request.share:
            super().report(seconds)
            return
        self.say(f"part {self.request.part}: {counted(self.judged, 'image')} judged in "
                 f"{seconds:.1f} s; then: cxrview join {self.request.output}")  # fmt: skip

    def report_break(self) -> None:
        """How to go on."""
        if self.is_going_on:
            say(f"broken off after {counted(self.judged, 'image')}; the same command goes on from "
                "there")  # fmt: skip
