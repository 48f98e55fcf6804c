"""The history of a training as CSV and figure, and one page about the whole run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from html import escape
from io import BytesIO

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cxrview.model.card import Card
from cxrview.training.data import csv_text
from cxrview.training.networks import Network
from cxrview.training.trainer import EpochMetrics, TrainResult

COLORS = {"training": "#3465a4", "validation": "#c4511f"}
INCHES = (8.0, 6.4)
LOWEST_LOSS = 1e-7  # shown; a network that is certain of everything reaches 1e-20


def history_csv(history: Iterable[EpochMetrics]) -> str:
    """One line per epoch; empty cells where nothing was held out."""
    rows = []
    for metrics in history:
        epoch, *values = astuple(metrics)
        rows.append((epoch, *("" if v != v else f"{v:.6g}" for v in values)))
    return csv_text([field.name for field in fields(EpochMetrics)], rows)


def _curve(axes: Axes, history: Sequence[EpochMetrics], what: str) -> None:
    epochs = [metrics.epoch for metrics in history]
    for part, color in COLORS.items():
        values = [getattr(metrics, f"{part}_{what}") for metrics in history]
        if any(value == value for value in values):
            axes.plot(epochs, values, color=color, linewidth=0.9, label=part)
    axes.set_ylabel(what)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_curves(result: TrainResult[Network]) -> Figure:
    """The paper's figure: losses above, accuracies below, the chosen epoch marked."""
    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _curve(upper, result.history, "loss")
    _curve(lower, result.history, "accuracy")
    upper.set_yscale("log")
    upper.set_ylim(bottom=LOWEST_LOSS)
    lower.set_xlabel("epoch")
    chosen = result.chosen_epoch
    for axes in (upper, lower):
        axes.axvline(chosen, color="#555555", linestyle=":", label=f"chosen: epoch {chosen}")
    upper.legend(frameon=False, ncols=3, loc="upper right")
    return figure


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Return a figure as "png" or "svg", the same bytes for the same figure."""
    file = BytesIO()
    with rc_context({"svg.hashsalt": "cxrview"}):
        metadata = {"Software": None} if kind == "png" else {"Date": None}
        figure.savefig(file, format=kind, dpi=150, metadata=metadata)
    return file.getvalue()


def chosen_text(result: TrainResult[Network]) -> str:
    """The metrics of the chosen epoch as a sentence."""
    metrics = result.history[result.chosen_epoch - 1]
    text = (
        f"epoch {metrics.epoch:,} of {len(result.history):,}: training loss "
        f"{metrics.training_loss:.4g}, accuracy {metrics.training_accuracy:.2%}"
    )
    if metrics.validation_loss != metrics.validation_loss:
        return text
    loss, accuracy = metrics.validation_loss, metrics.validation_accuracy
    return f"{text}; validation loss {loss:.4g}, accuracy {accuracy:.2%}"


STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;
color:#222;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse}td,th{padding:.25rem .9rem .25rem 0;text-align:left;
border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right;font-variant-numeric:
tabular-nums}pre{background:#f6f6f6;padding:1rem;white-space:pre-wrap}svg{max-width:100%;height:auto}"""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    lines = (
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def report_page(
    card: Card,
    counts: Sequence[tuple[str, int, int]],
    curves: Mapping[str, tuple[str, str]],
    recipe: str,
    environment: Mapping[str, str],
) -> str:
    """Return HTML without external resources. curves: by network, chosen epoch and SVG."""
    metrics = [
        (m.name, f"{m.value:.2%}", f"{m.low:.2%} - {m.high:.2%}", m.counted) for m in card.metrics
    ]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(card.name)}</title><style>{STYLE}</style>",
        f"<h1>Training of {escape(card.name)}</h1><p>{escape(card.purpose)}</p>",
        "<h2>Metrics</h2>",
        _table(("metric", "share", "95 % interval", "counted"), metrics)
        if metrics
        else "<p>None: no labeled images were held out.</p>",
        "<h2>Images</h2>",
        _table(("part", "frontal", "lateral"), counts),
    ]
    for name, (chosen, svg) in curves.items():
        parts.append(f"<h2>{escape(name)}</h2><p>{escape(chosen)}</p>{svg[svg.index('<svg') :]}")
    parts += [
        "<h2>Limits</h2><ul>", *(f"<li>{escape(one)}</li>" for one in card.limits), "</ul>",
        "<h2>Model card</h2>", f"<pre>{escape(card.text())}</pre>",
        "<h2>Recipe</h2>", f"<pre>{escape(recipe)}</pre>",
        "<h2>Environment</h2>", _table(("item", "value"), environment.items()), "</html>",
    ]  # fmt: skip
    return "\n".join(parts)
