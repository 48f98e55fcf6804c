"""A table of verdicts -> a server on which people correct them, and the files at its end."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette

from cxrview.datasets.listing import LabelTable
from cxrview.errors import WrongUse
from cxrview.inference.corrections import (
    CORRECTED_COLUMN,
    column_names,
    write_corrected_table,
)
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.corrections import Corrections
from cxrview.pages.label_tables import RECORD_FILE, history_of, write_label_table
from cxrview.pages.pictures import PictureService
from cxrview.pages.review_app import Reviewing, review_app
from cxrview.pages.review_table import (
    ReviewTable,
    RowItems,
    read_review_table,
)
from cxrview.pages.server import Address, serve
from cxrview.pages.store import LabelStore
from cxrview.sources.files import is_remote


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """What `cxrview review` was asked for."""

    table: Path
    output: Path
    reviewer: str
    may_overwrite: bool = False

    @property
    def history(self) -> Path:
        """The folder of what people have answered."""
        return history_of(self.output)

    @property
    def copy(self) -> Path:
        """The corrected copy: corrections.csv and views.parquet -> corrections.views.parquet."""
        return self.output.with_name(f"{self.output.stem}.views{self.table.suffix}")

    def check_outputs(self, *paths: Path) -> None:
        """Raise WrongUse if one of the files to write is the table."""
        if os.path.realpath(self.table) in map(os.path.realpath, paths):
            raise WrongUse(f"{self.table} is the table to read: name another file with -o")

    def label_table(self, path: Path) -> LabelTable:
        """Return a table to write. Raises UnusableOutput for one of other origin."""
        return LabelTable(path, self.may_overwrite, self.history / RECORD_FILE)


@dataclass(slots=True)
class ReviewRun:
    """An open table. `serve` answers requests until it is interrupted."""

    options: ReviewOptions
    table: ReviewTable
    folder: Path  # that the names in the table are relative to
    labels: LabelTable
    corrections: Corrections

    def serve(
        self, address: Address, *, show_headers: bool, announce: Callable[[str], object]
    ) -> None:
        """Answer requests as `server.serve`, then write the files, also after an error."""

        def make_app(pictures: PictureService, sessions: Sessions, origins: Origins) -> Starlette:
            return review_app(
                Reviewing(
                    table=self.table,
                    corrections=self.corrections,
                    write=self.write,
                    relative=self.relative,
                    pictures=pictures,
                    sessions=sessions,
                    origins=origins,
                    show_headers=show_headers,
                )
            )

        items = RowItems(self.table, self.folder)
        serve(address, self.options.reviewer, announce, items, make_app, self.write)

    def write(self) -> list[str]:
        """Write the label table and the corrected copy; return their names.

        Both have the corrections of all servers that use this history. Nothing is written while
        nobody has corrected anything.
        """
        self.corrections.refresh()
        records = self.corrections.records()
        if not records and not self.labels.path.exists():
            return []
        write_label_table(self.labels, records, self.relative, [])
        options, by_file = self.options, self.corrections.by_file()
        write_corrected_table(options.table, options.copy, self.labels.guard, by_file)
        return [self.labels.path.name, options.copy.name]

    def relative(self, file: str) -> str:
        """Return a file of the table as it stands in a label table."""
        return self.labels.relative(absolute_name(self.folder, file))


def absolute_name(folder: Path, file: str) -> str:
    """Return the absolute name of a file as it stands in a table; that of a URL is the URL."""
    if is_remote(file):
        return file
    return os.path.abspath(os.path.join(folder, file))  # noqa: PTH100, PTH118 - odd bytes


def open_review(options: ReviewOptions) -> ReviewRun:
    """Read the table and open the history of its corrections. Raises WrongUse."""
    options.check_outputs(options.output, options.copy)
    table = read_review_table(options.table)
    if CORRECTED_COLUMN in column_names(options.table):
        raise WrongUse(f"{options.table} is a corrected copy: review the table it was made from")
    labels = options.label_table(options.output)
    labels.guard.check(options.copy)
    folder = table.folder_of_names()
    corrections = Corrections(LabelStore(options.history / "corrections.sqlite"), table)
    return ReviewRun(options, table, folder, labels, corrections)
