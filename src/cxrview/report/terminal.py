"""Page -> text on a terminal, by Rich. Charts and images stay in the HTML page."""

import sys
from itertools import pairwise
from math import log10

from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from cxrview.filenames import printable
from cxrview.report.content import (
    Block,
    BulletList,
    Charts,
    Gallery,
    Histogram,
    Page,
    Paragraph,
    Preformatted,
    Table,
)

CONSOLE_WIDTH = 1000  # characters: tables stay tables, and a narrow terminal wraps their lines
BAR_WIDTH = 40  # characters
MAX_HISTOGRAM_LINES = 10  # lines of a histogram, where its bins can be joined evenly


def print_page(page: Page, console: Console | None = None) -> None:
    """Print title, introduction and all sections that are not details; default: on stdout."""
    if console is None:
        console = Console(width=CONSOLE_WIDTH)
        with console.capture() as capture:  # Rich itself would end the program on a closed pipe
            print_page(page, console)
        sys.stdout.write(capture.get())
        return
    _print_lines(
        console, page.title, [line for block in page.introduction for line in _block_lines(block)]
    )
    for section in page.sections:
        lines = [line for block in section.blocks for line in _block_lines(block)]
        if lines and not section.is_detail:
            console.print()
            _print_lines(console, section.title, lines)


def _print_lines(console: Console, title: str, lines: list[RenderableType]) -> None:
    for line in (Text(printable(title), style="bold"), *lines):
        console.print(line, soft_wrap=isinstance(line, Text))


def _block_lines(block: Block) -> list[RenderableType]:
    match block:
        case Paragraph():
            return [Text(printable(block.text), style="yellow" if block.is_warning else "")]
        case BulletList():
            return [Text(f"  {printable(item)}") for item in block.items]
        case Preformatted():
            return [Text(printable(line)) for line in block.text.splitlines()]
        case Table():
            return [_rich_table(block)]
        case Charts():
            histograms = (one for one in block.charts if isinstance(one, Histogram))
            return [line for one in histograms for line in _histogram_lines(one)]
        case Gallery():
            return []


def _rich_table(table: Table) -> RichTable:
    made = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(table.header):
        is_right = number > 0 and not table.is_text
        made.add_column(Text(printable(name)), justify="right" if is_right else "left")
    for row in table.rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def _histogram_lines(chart: Histogram) -> list[RenderableType]:
    """One line for each bin, or for several joined; bar lengths are logarithmic."""
    joined = max(1, -(-len(chart.counts) // MAX_HISTOGRAM_LINES))
    counts = [sum(chart.counts[n : n + joined]) for n in range(0, len(chart.counts), joined)]
    edges = [*chart.edges[:-1:joined], chart.edges[-1]]
    ranges = [f"{low:g} - {high:g}" for low, high in pairwise(edges)]
    longest = log10(1 + max(counts)) or 1.0
    names, numbers = max(map(len, ranges)), max(len(f"{count:,}") for count in counts)
    lines = [
        f"{name:{names}}  {count:{numbers},}  {'#' * round(BAR_WIDTH * log10(1 + count) / longest)}"
        for name, count in zip(ranges, counts, strict=True)
    ]
    heading = f"{chart.title}: {chart.axis_label} (bars: logarithmic)"
    return [Text(printable(line.rstrip())) for line in (heading, *lines)]
