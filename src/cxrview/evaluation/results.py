"""The results of an evaluation as values: the content of report.json and the source of the page."""

import json
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

from cxrview.filenames import escape_name
from cxrview.metrics.curves import Calibration, RiskCoverage, RocPoint
from cxrview.metrics.predictions import Predictions
from cxrview.metrics.rejection import NegativesResult
from cxrview.metrics.selective import SelectiveThresholds
from cxrview.metrics.tables import GroupMetrics, Metric, PerturbationResult, PoseResult
from cxrview.report.content import to_plain
from cxrview.views import Thresholds, Verdict, View

REPORT_FORMAT = 3
MAX_CORRECT_CASES = 24  # correct predictions with the lowest confidence that are shown as well


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """The model that was evaluated, or the one that wrote the evaluated table."""

    source: str  # the model or table as it was named
    label: str  # as in the column `model`
    sha256: str | None  # None where only a table is known
    thresholds: Thresholds | None
    shared_sources: tuple[str, ...] = ()  # "source, view" that the card lists as training data


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the report was made."""

    version: str  # of cxrview
    created: str  # ISO 8601, UTC
    labels: str  # the table, or the folder of the collection, as it was named
    labels_sha256: str  # of a collection: of the files and views that it lists
    seed: int
    resamples: int


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """A public collection that was evaluated as a whole."""

    name: str  # as in `--dataset`
    title: str
    citation: str  # "" for `folders` and `dicom`
    terms: str  # its licence, or where its terms of use stand
    left_out: dict[str, int]  # reason -> files
    is_complete: bool  # every image of the index is on disk and readable


@dataclass(frozen=True, slots=True)
class JoinSummary:
    """Which labels have a row. File names are escaped as in tables."""

    labels: int
    joined: int
    patients: int  # of the joined; an image without a patient is a patient of its own
    has_patients: bool  # whether the labels name any
    labels_without_row: tuple[str, ...]
    rows_without_label: tuple[str, ...]
    ambiguous: tuple[str, ...]
    unreadable: tuple[str, ...]
    is_selected: bool = False  # `sample --how typical` has drawn labels: no representative sample
    is_by_ending: bool = False  # no path was the same: joined by the end of the paths
    of_other_files: int = 0  # labels without a row, but with one of the same name: of another file


class CaseReason(StrEnum):
    """Why a person should look at an image, the most important first."""

    WRONG = "wrong"
    WRONG_UNCERTAIN = "uncertain, wrong side of one half"
    WRONG_NOT_CHEST = "not_chest, wrong side of one half"
    UNCERTAIN = "uncertain"
    NOT_CHEST = "not_chest"
    UNREADABLE = "unreadable"
    CORRECT = "correct, low confidence"

    @property
    def is_error(self) -> bool:
        """P(lateral) or the verdict contradicts the label."""
        return self in (CaseReason.WRONG, CaseReason.WRONG_UNCERTAIN, CaseReason.WRONG_NOT_CHEST)


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """One image that a person should look at, identified by its file name alone."""

    file: str
    label: View
    verdict: Verdict | None  # None where the image is unreadable
    p_lateral: float | None
    p_chest: float | None
    reason: CaseReason


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Everything that an evaluation found; groups and perturbations: the worst first."""

    provenance: Provenance
    model: EvaluatedModel
    collection: CollectionSummary | None  # None for a label table
    join: JoinSummary
    confusion_matrix: dict[str, dict[str, int]]  # label -> outcome -> images
    metrics: tuple[Metric, ...]
    views: tuple[GroupMetrics, ...]
    sources: tuple[GroupMetrics, ...]  # by source and view; empty where no source is named
    original_views: tuple[GroupMetrics, ...]  # by the source's word for the view, and the view
    calibration: Calibration
    roc: tuple[RocPoint, ...]
    risk_coverage: RiskCoverage
    selective: SelectiveThresholds
    negatives: NegativesResult | None  # None where no negatives were given
    robustness: tuple[PerturbationResult, ...]  # by perturbation and view; empty: not measured
    source_poses: tuple[PoseResult, ...]  # of the images as they are; empty: as of `poses`
    poses: tuple[PoseResult, ...]  # empty where the model determines neither
    review_cases: tuple[ReviewCase, ...]

    def metric(self, name: str) -> Metric:
        """One metric by its name; KeyError for an unknown one."""
        return {metric.name: metric for metric in self.metrics}[name]

    def to_json(self) -> str:
        """The text of report.json."""
        values = {"format": REPORT_FORMAT, **to_plain(self)}
        return json.dumps(values, indent=1, allow_nan=False)


def review_cases_of(predictions: Predictions) -> list[tuple[int, ReviewCase]]:
    """(index, image): wrong ones with high confidence first; undecided ones; correct ones last."""
    wrong = predictions.is_wrong.tolist()
    reasons = [
        reason_for(label.view, row.view, is_wrong)
        for label, row, is_wrong in zip(predictions.labels, predictions.rows, wrong, strict=True)
    ]
    confidence = predictions.confidence.tolist()
    order = sorted(range(len(predictions)), key=lambda n: _priority(reasons[n], confidence[n]))
    correct = [index for index in order if reasons[index] is CaseReason.CORRECT][:MAX_CORRECT_CASES]
    chosen = [index for index in order if reasons[index] is not CaseReason.CORRECT] + correct
    return [(index, _review_case(predictions, index, reasons[index])) for index in chosen]


def reason_for(label: View, verdict: Verdict | None, is_wrong: bool) -> CaseReason:
    """is_wrong: whether P(lateral) is on the wrong side of one half."""
    match verdict:
        case None:
            return CaseReason.UNREADABLE
        case Verdict.NOT_CHEST:
            return CaseReason.WRONG_NOT_CHEST if is_wrong else CaseReason.NOT_CHEST
        case Verdict.UNCERTAIN:
            return CaseReason.WRONG_UNCERTAIN if is_wrong else CaseReason.UNCERTAIN
        case _:
            return CaseReason.CORRECT if verdict.value == label.value else CaseReason.WRONG


def _priority(reason: CaseReason, confidence: float) -> tuple[int, float]:
    """Sorting key: wrong verdicts, other wrong ones, undecided ones, correct ones."""
    if reason.is_error:
        return int(reason is not CaseReason.WRONG), -confidence
    if reason is CaseReason.CORRECT:
        return 3, confidence
    return 2, 1.0 if isnan(confidence) else confidence


def _review_case(predictions: Predictions, index: int, reason: CaseReason) -> ReviewCase:
    label, row = predictions.labels[index], predictions.rows[index]
    return ReviewCase(
        file=escape_name(label.file),
        label=label.view,
        verdict=row.view,
        p_lateral=row.p_lateral,
        p_chest=row.p_chest,
        reason=reason,
    )
