"""The page of a training run: metrics, confusion matrix, misclassified images, curves, card."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.filenames import escape_name
from cxrview.metrics.predictions import DECISION_BOUNDARY
from cxrview.model.card import Card
from cxrview.report.content import (
    BulletList,
    Charts,
    Gallery,
    GalleryImage,
    LineChart,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Series,
    Table,
    confusion_table,
    percent_text,
    table_of,
)
from cxrview.report.html import html_page, image_uri
from cxrview.training.networks import Network
from cxrview.training.results import Measured
from cxrview.training.trainer import TrainResult
from cxrview.views import Verdict, View, decide

MIN_SHOWN_LOSS = 1e-7  # a network that is certain of everything reaches 1e-20
MAX_SHOWN_IMAGES = 24
CONFUSION_NOTE = "Labels in rows, verdicts by the model's thresholds in columns: {}."
GALLERY_NOTE = (
    "On the wrong side of P(lateral) = 0.5, or refused as no chest radiograph; the surest first, "
    "{} of {} shown, as the network receives them. These are images of patients: store this page "
    "as securely as the images."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What the page shows. images: how many trained or were held out.

    measured: None or without images where nothing was held out. recipe: TOML.
    """

    card: Card
    images: Table
    measured: Measured | None
    result: TrainResult[Network]
    recipe: str
    environment: Mapping[str, str]
    introduction: Sequence[str] = ()


def training_page(report: TrainingReport) -> str:
    """Return the page as HTML."""
    card = report.card
    metrics = table_of(
        card.metrics,
        {
            "metric": lambda m: m.name,
            "share": lambda m: percent_text(m.value),
            "95 % interval": lambda m: f"{percent_text(m.low)} to {percent_text(m.high)}",
            "counted": lambda m: m.counted,
        },
    )
    nothing = Paragraph("No labelled images were held out: nothing was measured.", is_warning=True)
    texts = filter(None, (card.purpose, *report.introduction))
    training = (Paragraph(chosen_epoch_text(report.result)), Charts(training_charts(report.result)))
    machine = Table(("item", "value"), tuple(report.environment.items()), is_text=True)
    sections = (
        Section("Metrics", (metrics if card.metrics else nothing,)),
        *_held_out_sections(report),
        Section("Images", (report.images,)),
        Section("Training", training),
        Section("Limits", (BulletList(card.limits),)),
        Section("Model card", (Preformatted(card.text()),)),
        Section("Recipe", (Preformatted(report.recipe),)),
        Section("Environment", (machine,)),
    )
    return html_page(Page(f"Training of {card.name}", sections, tuple(map(Paragraph, texts))))


def _held_out_sections(report: TrainingReport) -> Iterator[Section]:
    """Confusion matrix and misclassified images of the images that were held out."""
    measured = report.measured
    if measured is None or not len(measured.images):
        return
    verdicts = [decide(p, c, report.card.thresholds) for p, c in measured.predictions.tolist()]
    counts = {view.value: dict.fromkeys(map(str, Verdict), 0) for view in View}
    for label, verdict in zip(measured.images.labels, verdicts, strict=True):
        counts[label.view][verdict] += 1
    note = Paragraph(CONFUSION_NOTE.format(measured.what))
    yield Section("Confusion matrix", (note, confusion_table(counts)))
    wrong = misclassified(measured, verdicts)
    if wrong:
        shown = wrong[:MAX_SHOWN_IMAGES]
        note = Paragraph(GALLERY_NOTE.format(len(shown), len(wrong)))
        gallery = Gallery(tuple(_gallery_image(measured, row, report.card) for row in shown))
        yield Section("Misclassified images", (note, gallery))


def misclassified(measured: Measured, verdicts: list[Verdict]) -> list[int]:
    """Rows that are wrong at one half or refused, those with the surest wrong answer first."""
    p_lateral, p_chest = measured.predictions.T
    lateral = measured.images.lateral
    refused = np.array([verdict is Verdict.NOT_CHEST for verdict in verdicts])
    p_label = np.where(lateral, p_lateral, 1 - p_lateral)
    wrong = ((p_lateral > DECISION_BOUNDARY) != lateral) | refused
    rightness = np.where(refused, np.minimum(p_label, p_chest), p_label)
    order: list[int] = np.argsort(rightness, kind="stable").tolist()
    return [row for row in order if wrong[row]]


def _gallery_image(measured: Measured, row: int, card: Card) -> GalleryImage:
    label, (p_lateral, p_chest) = measured.images.labels[row], measured.predictions[row]
    name = escape_name(label.file.rsplit("/", 1)[-1])
    (method,) = card.preprocessing
    pixels = measured.images.cache.images[method][measured.images.rows[row]]
    chest = f", P(chest) {p_chest:.3f}" if card.has_gate else ""
    numbers = f"P(lateral) {p_lateral:.3f}{chest}"
    return GalleryImage(
        image_uri(pixels, "png"), (name, f"labelled {label.view}", numbers), is_error=True
    )


def training_charts(result: TrainResult[Network]) -> tuple[LineChart, LineChart]:
    """The paper's figure: loss and accuracy by epoch, the chosen epoch marked."""
    history, chosen = result.history, result.chosen_epoch
    has_tasks = len(result.network.architecture.outputs) > 1
    loss_title = "Loss, summed over the outputs" if has_tasks else "Loss"
    epochs = [metrics.epoch for metrics in history]
    charts = []
    for what in ("loss", "accuracy"):
        values = {
            part: [getattr(metrics, f"{part}_{what}") for metrics in history]
            for part in ("training", "validation")
        }
        lowest = min(y for series in values.values() for y in series if y == y)
        charts.append(
            LineChart(
                title=what.capitalize() if what == "accuracy" else loss_title,
                x_label="epoch",
                y_label=what,
                series=tuple(
                    Series(part, epochs, y) for part, y in values.items() if any(v == v for v in y)
                ),
                y_limits=(max(MIN_SHOWN_LOSS, 0.8 * lowest), None)
                if what == "loss"
                else (None, None),
                is_log=what == "loss",
                markers=((chosen, f"chosen: epoch {chosen}"),),
            )
        )
    return charts[0], charts[1]


def chosen_epoch_text(result: TrainResult[Network]) -> str:
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
