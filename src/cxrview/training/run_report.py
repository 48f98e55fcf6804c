"""The history of a training as CSV and curves, and one page about the whole run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields

from cxrview.model.card import Card
from cxrview.report.content import (
    BulletList,
    Charts,
    LineChart,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Series,
    Table,
    percent_text,
    table_of,
)
from cxrview.report.html import html_page
from cxrview.training.data import csv_text
from cxrview.training.networks import Network
from cxrview.training.trainer import EpochMetrics, TrainResult

LOWEST_LOSS = 1e-7  # shown; a network that is certain of everything reaches 1e-20


def history_csv(history: Iterable[EpochMetrics]) -> str:
    """One line per epoch; empty cells where nothing was held out."""
    rows = []
    for metrics in history:
        epoch, *values = astuple(metrics)
        rows.append((epoch, *("" if v != v else f"{v:.6g}" for v in values)))
    return csv_text([field.name for field in fields(EpochMetrics)], rows)


def curves_of(result: TrainResult[Network]) -> tuple[LineChart, LineChart]:
    """The paper's figure: loss and accuracy by epoch, the chosen epoch marked."""
    history, chosen = result.history, result.chosen_epoch
    epochs = [metrics.epoch for metrics in history]
    charts = []
    for what, limits in (("loss", (LOWEST_LOSS, None)), ("accuracy", (None, None))):
        values = {
            part: [getattr(metrics, f"{part}_{what}") for metrics in history]
            for part in ("training", "validation")
        }
        charts.append(
            LineChart(
                title=what.capitalize(),
                x_label="epoch",
                y_label=what,
                series=tuple(
                    Series(part, epochs, y) for part, y in values.items() if any(v == v for v in y)
                ),
                y_limits=limits,
                is_log=what == "loss",
                markers=((chosen, f"chosen: epoch {chosen}"),),
            )
        )
    return charts[0], charts[1]


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


def run_page(
    card: Card,
    counts: Sequence[tuple[str, int, int]],
    results: Mapping[str, TrainResult[Network]],
    recipe: str,
    environment: Mapping[str, str],
) -> str:
    """Return one HTML page. counts: part of the split, frontals, laterals."""
    metrics = table_of(
        card.metrics,
        {
            "metric": lambda m: m.name,
            "share": lambda m: percent_text(m.value),
            "95 % interval": lambda m: f"{percent_text(m.low)} to {percent_text(m.high)}",
            "counted": lambda m: m.counted,
        },
    )
    nothing = Paragraph("No labeled images were held out: nothing was measured.", is_warning=True)
    images = tuple((part, f"{frontals:,}", f"{laterals:,}") for part, frontals, laterals in counts)
    sections = [
        Section("Metrics", (metrics if card.metrics else nothing,)),
        Section("Images", (Table(("part", "frontal", "lateral"), images),)),
    ]
    sections += [
        Section(f"Training of the {name}", (Paragraph(chosen_text(one)), Charts(curves_of(one))))
        for name, one in results.items()
    ]
    machine = tuple(environment.items())
    sections += [
        Section("Limits", (BulletList(card.limits),)),
        Section("Model card", (Preformatted(card.text()),)),
        Section("Recipe", (Preformatted(recipe),)),
        Section("Environment", (Table(("item", "value"), machine, is_text=True),)),
    ]
    return html_page(Page(f"Training of {card.name}", tuple(sections), (Paragraph(card.purpose),)))
