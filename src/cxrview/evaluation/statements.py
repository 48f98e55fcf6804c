"""Evaluation report -> the sentences that state its results and what they do not cover."""

from collections.abc import Iterator

from cxrview.evaluation.results import CollectionSummary, EvaluationReport
from cxrview.metrics.classification import Share
from cxrview.metrics.predictions import SURE
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
        names = "; ".join(report.model.shared_sources)
        yield f"The model's card lists these groups among its training data: {names}."
    if report.join.is_selected:
        yield (
            "These images were selected by `sample --how typical`, `label` or `review`, so all "
            "numbers are biased: rare and difficult images are too frequent. Evaluate on images "
            "drawn by `sample --how random`."
        )
    if report.collection and report.collection.citation:
        yield (
            "The views are those that the collection states; its own errors count as errors of the "
            f"model. Cite {report.collection.citation}. Terms: {report.collection.terms}."
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
    if join.of_other_files:
        yield f"{join.of_other_files:,} of these have a row of the same name, of another file"
    if join.ambiguous:
        labels = count_text(len(join.ambiguous), "label")
        yield f"{labels} ambiguous and left out (several rows, or one row of several labels)"
    if join.is_by_ending:
        yield "no path was the same, so labels and rows were matched by the end of their paths"
    if join.rows_without_label:
        yield f"{count_text(len(join.rows_without_label), 'row')} without a label"


def left_out_sentence(collection: CollectionSummary) -> str:
    """How many files of a collection are not evaluated, and why."""
    if not collection.left_out:
        return f"{collection.title}: every file has a label."
    reasons = "; ".join(f"{count:,} {reason}" for reason, count in collection.left_out.items())
    files = count_text(sum(collection.left_out.values()), "file")
    return f"{collection.title}: left out {files}: {reasons}."


def unknowns_sentence(report: EvaluationReport) -> str:
    """What the evaluation does not tell, in one sentence."""
    unknowns = ["how the model does on images of other hospitals and devices than these"]
    names = (one.name.rpartition(", ") for one in report.sources)
    laterals = [source for source, _, view in names if view == View.LATERAL]  # "": not stated
    if len(laterals) == 1 and laterals[0] and len(report.sources) > len(report.views):
        unknowns[0] += f" (all laterals are of one source, {laterals[0]})"
    highest = [
        f"{rate_text(one.failed.wilson.high)} of the {one.name}s"
        for one in report.views
        if one.failed.wilson
    ]
    unknowns.append(
        f"whether more than were counted are wrong or refused (up to {' and '.join(highest)} are "
        "compatible with these counts)"
    )
    if report.negatives is None:
        unknowns.append("how many images that are no chest radiographs it accepts (--negatives)")
    if not report.robustness:
        unknowns.append("how it does on inverted, rotated or cropped images (--robustness)")
    return f"This evaluation does not tell {'; '.join(unknowns)}."


def sure_wrong_sentence(report: EvaluationReport) -> str:
    """The sure wrong answers: on the images as they are, and in the test of robustness."""
    own = report.metric("sure wrong")
    text = f"Sure wrong answers (P of the wrong view at least {SURE:g}, not refused): "
    text += f"{own.hits or 0:,} of {count_text(own.total or 0, 'image')}"
    if report.robustness:
        sure = sum(one.sure_wrong for one in report.robustness)
        share = Share(sure, sum(one.images for one in report.robustness))
        text += (
            f"; {sure:,} of {share.total:,} unaltered and perturbed images "
            f"({rate_text(share.value)})"
        )
    return f"{text}."


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
