"""Chart -> SVG, PNG or PDF, by matplotlib. The same chart gives the same bytes."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from cxrview.report.content import COLOURS, BarChart, Chart, Histogram, LineChart

COLOUR_CYCLE = ("#005a9c", "#b34700", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHEET_COLUMNS = 2  # of charts on a sheet
CHART_INCHES = (5.5, 3.0)
DOTS_PER_INCH = 150  # of a PNG
MAX_NAME_LENGTH, MAX_TITLE_LENGTH = 28, 60  # characters
MARKED_POINTS = 20  # a line of so few has a mark at each, so that a single one is visible
MIN_BARS = 4  # a chart has room for so many, so that a single bar is not a block
UNDATED_METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def draw_chart(chart: Chart) -> bytes:
    """One chart without its title, as SVG."""
    width, height = CHART_INCHES
    if isinstance(chart, BarChart):
        height = max(height, 1.2 + 0.25 * len(chart.bars))
    figure = Figure(figsize=(width, height), layout="constrained")
    _draw_chart(figure.subplots(), chart)
    return _save_figure(figure, "svg")


def draw_sheet(charts: Sequence[Chart], title: str, kind: str) -> bytes:
    """All charts with their titles on one sheet, as "svg", "png" or "pdf"."""
    rows = -(-len(charts) // SHEET_COLUMNS)
    width, height = CHART_INCHES
    figure = Figure(figsize=(width * SHEET_COLUMNS, 0.6 + height * rows), layout="constrained")
    figure.suptitle(shorten_text(title, 2 * MAX_TITLE_LENGTH), fontsize=12, parse_math=False)
    places = figure.subplots(rows, SHEET_COLUMNS, squeeze=False).ravel()
    for chart, axes in zip(charts, places, strict=False):
        _draw_chart(axes, chart)
        axes.set_title(
            shorten_text(chart.title, MAX_TITLE_LENGTH), fontsize=10, loc="left", parse_math=False
        )
    for axes in places[len(charts) :]:
        axes.set_axis_off()
    return _save_figure(figure, kind)


def shorten_text(text: str, length: int = MAX_NAME_LENGTH) -> str:
    """The end of a text, its control characters replaced, at most `length` characters."""
    visible = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return visible if len(visible) <= length else "..." + visible[3 - length :]


def _save_figure(figure: Figure, kind: str) -> bytes:
    file = BytesIO()
    with rc_context({"svg.hashsalt": "cxrview", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name may be in any script
        figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=UNDATED_METADATA[kind])
    return file.getvalue()


def _draw_chart(axes: Axes, chart: Chart) -> None:
    match chart:
        case LineChart():
            _draw_lines(axes, chart)
        case BarChart():
            _draw_bars(axes, chart)
        case Histogram():
            _draw_histogram(axes, chart)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, which="both")
    axes.set_axisbelow(True)


def _draw_lines(axes: Axes, chart: LineChart) -> None:
    if chart.has_diagonal:
        axes.plot([0, 1], [0, 1], color="#888888", linestyle="--", linewidth=1)
    for number, one in enumerate(chart.series):
        colour = COLOURS.get(one.name, COLOUR_CYCLE[number % len(COLOUR_CYCLE)])
        style: dict[str, Any] = {"linewidth": 0 if one.is_points else 1.5}
        if one.is_points or len(one.x) <= MARKED_POINTS:
            style["marker"] = "o"
        axes.plot(one.x, one.y, color=colour, label=shorten_text(one.name), zorder=3, **style)
        if one.low:
            axes.vlines(one.x, one.low, one.high, color=colour, linewidth=1.2)
    for x, text in chart.markers:
        axes.axvline(x, color="#555555", linestyle=":", label=text)
    if chart.is_log:
        axes.set_yscale("log")
    if all(isinstance(x, int) for one in chart.series for x in one.x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if chart.x_limits:
        axes.set_xlim(*chart.x_limits)
    axes.set_ylim(*chart.y_limits)
    axes.set_xlabel(chart.x_label, fontsize=9)
    axes.set_ylabel(chart.y_label, fontsize=9)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    if len(chart.series) + len(chart.markers) > 1:
        _legend_below(axes, axes.get_legend_handles_labels()[0])


def _draw_bars(axes: Axes, chart: BarChart) -> None:
    lengths = [sum(length for _, length in bar.parts) for bar in chart.bars]
    for place, bar in enumerate(chart.bars):
        left = 0.0
        for kind, length in bar.parts:
            axes.barh(
                place, length, left=left, color=COLOURS.get(kind, COLOUR_CYCLE[0]), height=0.7
            )
            left += length
        if chart.limit is None:
            axes.annotate(
                shorten_text(bar.text),
                (left, place),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                parse_math=False,
            )
    axes.set_xlim(0, chart.limit or 1.45 * max(lengths) or 1.0)  # with space for the texts
    names = [shorten_text(bar.name) for bar in chart.bars]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(max(len(chart.bars), MIN_BARS) - 0.5, -0.5)  # the first bar on top
    axes.set_xlabel(chart.axis_label, fontsize=9)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    if chart.legend:
        _legend_below(axes, [Patch(color=COLOURS[kind], label=kind) for kind in chart.legend])


def _draw_histogram(axes: Axes, chart: Histogram) -> None:
    width = chart.edges[1] - chart.edges[0]
    axes.bar(chart.edges[:-1], chart.counts, width=0.9 * width, align="edge", color=COLOUR_CYCLE[0])
    if chart.is_log:
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)  # so that a count of 1 is visible
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    axes.set_xlabel(chart.axis_label, fontsize=9)
    axes.set_ylabel("images", fontsize=9)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)


def _legend_below(axes: Axes, handles: Sequence[object]) -> None:
    """A legend outside the data."""
    legend = axes.legend(
        handles=handles,
        fontsize=7,
        frameon=False,
        ncols=len(handles),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.18),
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
