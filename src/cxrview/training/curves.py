"""A history -> the paper's figure: loss and accuracy of training and validation, pass by pass."""

from collections.abc import Sequence
from io import BytesIO

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cxrview.training.history import Pass

COLOURS = {"training": "#3465a4", "validation": "#c4511f"}
INCHES = (8.0, 6.4)
LEAST_LOSS = 1e-7  # shown; a net that is sure of everything comes to 1e-20, which says no more


def _curve(axes: Axes, history: Sequence[Pass], what: str) -> None:
    numbers = [one.number for one in history]
    for part, colour in COLOURS.items():
        values = [getattr(one, f"{part}_{what}") for one in history]
        if any(value == value for value in values):
            axes.plot(numbers, values, color=colour, linewidth=0.9, label=part)
    axes.set_ylabel(what)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_curves(history: Sequence[Pass], chosen: int) -> Figure:
    """Losses above, accuracies below, the chosen pass marked."""
    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _curve(upper, history, "loss")
    _curve(lower, history, "accuracy")
    upper.set_yscale("log")
    upper.set_ylim(bottom=LEAST_LOSS)
    lower.set_xlabel("pass")
    for axes in (upper, lower):
        axes.axvline(chosen, color="#555555", linestyle=":", label=f"chosen: pass {chosen}")
    upper.legend(frameon=False, ncols=3, loc="upper right")
    return figure


def figure_text(figure: Figure, kind: str) -> bytes:
    """A figure as "png" or "svg", the same bytes for the same figure."""
    file = BytesIO()
    with rc_context({"svg.hashsalt": "cxrview"}):
        metadata = {"Software": None} if kind == "png" else {"Date": None}
        figure.savefig(file, format=kind, dpi=150, metadata=metadata)
    return file.getvalue()
