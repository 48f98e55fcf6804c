"""Rows and summaries -> lines for people. Results go to stdout, everything else to stderr."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrview.cli.options import Allowance
from cxrview.errors import UnlistedFolder
from cxrview.filenames import printable
from cxrview.inference.review import REASONS
from cxrview.inference.summary import MAX_EXAMPLES, RunSummary
from cxrview.report.content import count_text
from cxrview.rows import Row, pose_marks
from cxrview.views import Agreement, Verdict

if TYPE_CHECKING:
    from rich.text import Text

SOME_UNREADABLE = 1
STYLES = {Verdict.FRONTAL: "cyan", Verdict.LATERAL: "green", Verdict.UNCERTAIN: "yellow"}


def print_message(message: str) -> None:
    """Print a message to stderr."""
    print(message, file=sys.stderr)


def is_closed(stream: object) -> bool:
    """Whether a standard stream was closed when the program started (see `cli.main`)."""
    return getattr(stream, "name", "") == os.devnull


def print_rows(rows: Sequence[Row]) -> None:
    """Print a table of rows on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "view", "P(lateral)", "P(chest)", "header", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*cells(row))
    Console().print(table)


def cells(row: Row) -> tuple["Text", ...]:
    """The cells of one row for `print_rows`."""
    from rich.text import Text

    name = Text(printable(row.file), overflow="fold")
    if row.view is None:
        return name, Text(printable(row.error), style="red")
    is_conflict = row.agreement is Agreement.CONFLICT
    return (
        name,
        Text(", ".join([row.view, *pose_marks(row)]), style=STYLES.get(row.view, "")),
        Text(f"{row.p_lateral:.4f}"),
        Text("" if row.p_chest is None else f"{row.p_chest:.4f}"),
        Text(f"{row.header_view or ''}{' !' if is_conflict else ''}", "red" if is_conflict else ""),
    )


def summary_lines(
    summary: RunSummary, seconds: float = 0.0, classified: int = 0, names_in: str = ""
) -> Iterator[str]:
    """The summary of a run, line by line; `classified` of its images took `seconds`.

    names_in: a file, or a command, that names the images to review.
    """
    counts = ", ".join(f"{summary.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
    yield f"{count_text(summary.rows, 'image')}: {counts}, {summary.unreadable:,} unreadable"
    if classified and seconds:
        yield f"{seconds:.1f} s, {classified / seconds:,.1f} images/s"
    if summary.rotated or summary.inverted:
        yield (
            f"rotation and polarity: {count_text(summary.rotated, 'image')} not upright, "
            f"{count_text(summary.inverted, 'image')} inverted (bone dark)"
        )
    yield from review_lines(summary, names_in)
    yield from conflict_lines(summary)
    yield from error_lines(summary)


def review_lines(summary: RunSummary, names_in: str) -> Iterator[str]:
    """How many images need a look, why, and where their names are; nothing if none does."""
    if total := summary.reviews.total():
        reviews = ", ".join(
            f"{summary.reviews[reason]:,} {reason}" for reason in REASONS if summary.reviews[reason]
        )
        yield f"to review: {count_text(total, 'image')}: {reviews}"
        if names_in:
            yield f"  their names: {names_in}"


def list_command(table: Path) -> str:
    """The command that names the images to review."""
    return f"cxrview list {shlex.quote(str(table))} --needs-review"


def conflict_lines(summary: RunSummary) -> Iterator[str]:
    """How often headers agree and conflict, with the first conflicts by name."""
    count = summary.agreements[Agreement.CONFLICT]
    agreed = summary.agreements[Agreement.AGREE]
    if count or agreed:
        yield f"headers: {agreed:,} agree, {count:,} contradict the image"
    for row in summary.conflicts:
        claim = f"header says {row.header_view} ({row.header_source})"
        yield f"  {printable(row.file)}: {row.view}, P(lateral) {row.p_lateral}, {claim}"
    if count > len(summary.conflicts):
        yield f"  ... and {count - MAX_EXAMPLES:,} more: agreement is conflict in the table"


def new_line(new: RunSummary) -> str:
    """What a run has added to the results of earlier ones."""
    counts = ", ".join(f"{new.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
    return (
        f"new in this run: {count_text(new.rows, 'image')}: {counts}, {new.unreadable:,} "
        f"unreadable; {new.reviews.total():,} to review"
    )


def exit_status(summary: RunSummary, allowed: Allowance | None) -> int:
    """0, or 1 if more images are unreadable than allowed, or a folder could not be listed."""
    is_allowed = (allowed or Allowance()).covers(summary.unreadable, summary.rows)
    is_allowed = is_allowed and not summary.errors[UnlistedFolder.code]
    return 0 if is_allowed else SOME_UNREADABLE


def error_lines(summary: RunSummary) -> Iterator[str]:
    """Numbers of unreadable images by error code, with the first of each by name."""
    for code, count in summary.errors.most_common():
        yield f"{code}: {count:,}"
        for row in summary.examples[code]:
            yield f"  {printable(row.file)}: {printable(row.error.partition(': ')[2])}"
        if count > MAX_EXAMPLES:
            yield f"  ... and {count - MAX_EXAMPLES:,} more"
        if code == UnlistedFolder.code:
            yield "  what earlier runs have stored or sorted of the images in there is kept"
