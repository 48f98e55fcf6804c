"""Evaluation report -> the sentences that state its results and what they do not cover."""

from collections.abc import Iterator

from cxrview.evaluation.results import EvaluationReport
from cxrview.metrics.selective import SelectiveThresholds, ViewThreshold
from cxrview.metrics.tables import Metric
from cxrview.report.content import count_text, rate_text
from cxrview.views import View

TRAINING_WARNING = (
    "If these images were used in training, these metrics say nothing about other images."
)


def warnings(report: EvaluationReport) -> Iterator[str]:
    """What the reader must know before any number."""
    yield TRAINING_WARNING
    if report.model.shared_sources:
        names = ", ".join(report.model.shared_sources)
        yield f"The model's card lists sources of these labels among its training data: {names}."
    if report.join.is_selected:
        yield (
            "These images were selected by `sample --how typical`, so all numbers are biased: rare "
            "and difficult images are too frequent. Evaluate on images drawn by `--how random`."
        )
    if not report.join.has_patients:
        yield (
            "The labels name no patients: every image counts as a patient of its own. If there are "
            "several images of a patient, the intervals are too narrow."
        )


def join_sentences(report: EvaluationReport) -> Iterator[str]:
    """Yield how many labels have a row, and what was left out."""
    join = report.join
    patients = count_text(join.patients, "patient")
    yield f"{join.joined:,} of {count_text(join.labels, 'label')} have a row ({patients})"
    if join.labels_without_row:
        yield f"{count_text(len(join.labels_without_row), 'label')} without a row"
    if join.ambiguous:
        yield f"{count_text(len(join.ambiguous), 'label')} ambiguous and left out"
    if join.is_by_ending:
        yield "no path was the same, so labels and rows were matched by the end of their paths"
    if join.rows_without_label:
        yield f"{count_text(len(join.rows_without_label), 'row')} without a label"


def missed_sentence(metric: Metric, name: str) -> str:
    """Errors of one view: "0 of 45 laterals were missed (95 % interval ...)"."""
    if metric.hits is None or metric.total is None or metric.wilson is None:
        return f"No readable {name}."
    low, high = rate_text(1 - metric.wilson.high), rate_text(1 - metric.wilson.low)
    return (
        f"{metric.total - metric.hits:,} of {metric.total:,} {name} were missed at one half "
        f"(95 % interval of the miss rate: {low} to {high})."
    )


def threshold_statement(view: ViewThreshold, selective: SelectiveThresholds) -> str:
    """What one threshold guarantees, or why none does."""
    selection, sign = view.selection, "<=" if view.view is View.FRONTAL else ">="
    seen = (
        f"{count_text(selection.images, 'image')} of {count_text(selection.patients, 'patient')} "
        f"are classified as {view.view}, {selection.wrong_images:,} of them wrongly"
    )
    confidence = f"{1 - selective.delta:.0%}".replace("%", " %")
    if view.threshold is not None:
        return (
            f"{view.view} at P(lateral) {sign} {view.threshold:g}: {seen}. At {confidence} "
            f"confidence, at most {rate_text(selective.max_error)} of the patients classified so "
            "have a wrong image among them."
        )
    wrong = selection.wrong_patients
    needed = f"with {wrong:,} of them wrong" if wrong else "without an error"
    return (
        f"{view.view}: no threshold is supported for an error of at most "
        f"{rate_text(selective.max_error)}. At P(lateral) {sign} {selection.threshold:g}, {seen}; "
        f"at {confidence} confidence this supports an error of at most "
        f"{rate_text(view.upper_bound)}. "
        f"{count_text(view.patients_needed, 'patient')} {needed} would be needed."
    )


def guarantee_scope(selective: SelectiveThresholds) -> str:
    """For which images the guarantees hold."""
    return (
        "These guarantees hold for images from the same population of patients, with the same "
        f"share of laterals; each of them is wrong in at most {rate_text(selective.delta)} of such "
        "evaluations."
    )
