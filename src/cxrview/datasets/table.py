"""Findings -> the label table, and beside it the list of problems."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cxrview.atomic import atomic_write
from cxrview.datasets.findings import Fault, Findings, Problem
from cxrview.errors import UnusableOutput
from cxrview.filenames import escape_name

COLUMNS = ("file", "view", "patient", "source", "original_view")
PROBLEM_COLUMNS = ("problem", "file", "reason")


@dataclass(frozen=True, slots=True)
class Table:
    """Where the rows go."""

    path: Path

    def __post_init__(self) -> None:
        if self.path.suffix.lower() != ".csv":
            raise UnusableOutput(f"{self.path}: a label table ends in .csv")
        if not os.path.isdir(self.path.absolute().parent):  # noqa: PTH112 - is_dir raises for long names
            raise UnusableOutput(f"{self.path.parent}: no such folder")

    @property
    def problems(self) -> Path:
        """The list of problems: `labels.csv` -> `labels.problems.csv`."""
        return self.path.with_name(f"{self.path.stem}.problems.csv")

    def named(self, path: str) -> str:
        """An absolute path -> relative to the table if it lies below it."""
        folder = str(self.path.absolute().parent).rstrip("/") + "/"
        return path.removeprefix(folder)


def write_table(table: Table, findings: Findings, root: Path, source: str) -> None:
    """Both files, or neither; an earlier list of problems goes where there are none now.

    A name that is no UTF-8 cannot stand in a label table: it becomes a problem.
    """
    start = str(root.absolute()).rstrip("/") + "/"
    for row in findings.rows:
        if escape_name(row.file) != row.file:
            findings.complain(Fault.UNREADABLE, row.file, "its name is no UTF-8")
    rows = [
        (table.named(start + row.file), row.view, row.patient, source, row.original_view)
        for row in findings.rows
        if escape_name(row.file) == row.file
    ]
    write_both(table, COLUMNS, rows, findings.problems, start)


def write_both(
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    problems: Sequence[Problem],
    start: str = "",
) -> None:
    """Table and list of problems; an earlier list goes where there are none now.

    start: what stands before the names of the problems' files.
    """
    with ExitStack() as stack:
        if problems:
            listed = stack.enter_context(atomic_write(table.problems))
            lines = (
                (problem.fault, escape_name(table.named(start + problem.file)), problem.reason)
                for problem in problems
            )
            _write(listed, PROBLEM_COLUMNS, lines)
        file = stack.enter_context(atomic_write(table.path))
        _write(file, columns, rows)
    if not problems:
        table.problems.unlink(missing_ok=True)


def _write(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    text.flush()
    text.detach()
