"""Panels -> one page of plots as PNG, PDF or SVG, by matplotlib."""

import warnings
from collections.abc import Sequence
from io import BytesIO

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter

from cxrview.stats.panels import COLOURS, Panel, Shape

COLUMNS = 2
INCHES = (11.0, 3.0)  # width of the page, height of a row of panels
DOTS = 150  # an inch, of a PNG
LEAST_LINES = 4  # lying bars that a panel has room for, so that one is no wall
UNDATED = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_of(panels: Sequence[Panel], title: str) -> Figure:
    """All of them on one page."""
    lines = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(INCHES[0], 0.6 + INCHES[1] * lines), layout="constrained")
    figure.suptitle(title, fontsize=12, parse_math=False)
    places = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for panel, axes in zip(panels, places, strict=False):
        {Shape.LINES: _lines, Shape.STEPS: _steps}[panel.shape](axes, panel)
        axes.set_title(panel.title, fontsize=10, loc="left", parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    return figure


def _lines(axes: Axes, panel: Panel) -> None:
    top = panel.top or max(bar.length for bar in panel.bars) or 1.0
    for place, bar in enumerate(panel.bars):
        left = 0.0
        for kind, length in bar.parts:
            axes.barh(place, length, left=left, color=COLOURS[kind], height=0.7)
            left += length
        if panel.top is None:
            axes.annotate(bar.words, (left, place), (4, 0), textcoords="offset points",
                          va="center", fontsize=8)  # fmt: skip
    axes.set_xlim(0, top if panel.top else 1.45 * top)  # with room for the words behind
    axes.set_yticks(range(len(panel.bars)), [bar.name for bar in panel.bars], parse_math=False)
    axes.set_ylim(max(len(panel.bars), LEAST_LINES) - 0.5, -0.5)  # from above
    axes.set_xlabel(panel.axis, fontsize=9)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    if panel.kinds:
        patches = [Patch(color=COLOURS[kind], label=kind) for kind in panel.kinds]
        axes.legend(handles=patches, fontsize=7, frameon=False, ncols=len(patches),
                    loc="upper center", bbox_to_anchor=(0.5, -0.18))  # fmt: skip


def _steps(axes: Axes, panel: Panel) -> None:
    lefts = [float(bar.name) for bar in panel.bars]
    width = lefts[1] - lefts[0]
    lengths = [bar.length for bar in panel.bars]
    axes.bar(lefts, lengths, width=0.9 * width, align="edge", color=COLOURS["images"])
    if panel.is_log:
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)  # one image must be seen beside none
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    axes.set_xlabel(panel.axis, fontsize=9)
    axes.set_ylabel("images", fontsize=9)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def drawn_by(panels: Sequence[Panel], title: str, kind: str) -> bytes:
    """A page as "png", "pdf" or "svg", the same bytes for the same survey."""
    file = BytesIO()
    with rc_context({"svg.hashsalt": "cxrview", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name may be in any script
        figure_of(panels, title).savefig(file, format=kind, dpi=DOTS, metadata=UNDATED[kind])
    return file.getvalue()
