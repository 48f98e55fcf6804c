"""Rows and a tally -> lines for people; no file name reaches a terminal as a command."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cxrview.filenames import escape_name
from cxrview.inference.run_summary import NAMED, RunSummary
from cxrview.rows import Row
from cxrview.views import Agreement, Verdict

STYLES = {Verdict.FRONTAL: "cyan", Verdict.LATERAL: "green", Verdict.UNCERTAIN: "yellow"}


def printable(text: str) -> str:
    """Control characters, which could move the cursor or end a line, as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in escape_name(text)
    )


def print_rows(rows: Sequence[Row]) -> None:
    """A table on stdout."""
    table = Table("file", "view", "P(lateral)", "P(chest)", "header", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*cells(row))
    Console().print(table)


def cells(row: Row) -> tuple[Text, ...]:
    """One row as the terminal shows it."""
    name = Text(printable(row.file), overflow="fold")
    if row.view is None:
        return name, Text(printable(row.error), style="red")
    header = f"{row.header_view or ''}{' !' if row.agreement is Agreement.CONFLICT else ''}"
    return (
        name,
        Text(row.view, style=STYLES.get(row.view, "")),
        Text(f"{row.p_lateral:.4f}"),
        Text("" if row.p_chest is None else f"{row.p_chest:.4f}"),
        Text(header, style="red" if row.agreement is Agreement.CONFLICT else ""),
    )


def summary(tally: RunSummary, seconds: float, judged: int) -> Iterator[str]:
    """What a run came to, line by line; `judged` of its images took it those seconds."""
    counts = ", ".join(f"{tally.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
    yield f"{counted(tally.rows, 'image')}: {counts}, {tally.unreadable:,} unreadable"
    if judged and seconds:
        yield f"{seconds:.1f} s, {judged / seconds:,.1f} images/s"
    yield from conflicts(tally)
    yield from unreadable(tally)


def counted(number: int, noun: str) -> str:
    """1, "image" -> "1 image"; 2, "image" -> "2 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def conflicts(tally: RunSummary) -> Iterator[str]:
    """Where headers contradict, with the first few by name."""
    count = tally.agreements[Agreement.CONFLICT]
    agreed = tally.agreements[Agreement.AGREE]
    if count or agreed:
        yield f"headers: {agreed:,} agree, {count:,} contradict the image"
    for row in tally.conflicts:
        claim = f"header says {row.header_view} ({row.header_source})"
        yield f"  {printable(row.file)}: {row.view}, P(lateral) {row.p_lateral}, {claim}"
    if count > len(tally.conflicts):
        yield f"  ... and {count - NAMED:,} more: agreement is conflict in the table"


def unreadable(tally: RunSummary) -> Iterator[str]:
    """Why there are rows without a verdict, by code, with the first few by name."""
    for code, count in tally.errors.most_common():
        yield f"{code}: {count:,}"
        for row in tally.examples[code]:
            yield f"  {printable(row.file)}: {printable(row.error.partition(': ')[2])}"
        if count > NAMED:
            yield f"  ... and {count - NAMED:,} more"
