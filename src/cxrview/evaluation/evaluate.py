"""Labels and a model, or the table it wrote -> evaluation report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cxrview import __version__
from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.errors import WrongUse
from cxrview.evaluation.joining import JoinResult, join_labels
from cxrview.evaluation.labelled_images import (
    LabelledImages,
    NegativeImages,
    Progress,
    read_collection,
    read_label_table,
    read_negative_table,
)
from cxrview.evaluation.output_folder import atomic_folder, write_report
from cxrview.evaluation.results import (
    EvaluatedModel,
    EvaluationReport,
    JoinSummary,
    Provenance,
    ReviewCase,
    review_cases_of,
)
from cxrview.evaluation.robustness import (
    Predicted,
    perturbation_results,
    pose_results,
    predict_perturbed_images,
)
from cxrview.filenames import escape_name
from cxrview.inference.classification import classify_items
from cxrview.inference.contact_sheet import make_thumbnails
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES
from cxrview.labels import SELECTIVE_REASONS, Label
from cxrview.metrics.bootstrap import Resampling
from cxrview.metrics.curves import calibration_of, risk_coverage_of, roc_of
from cxrview.metrics.predictions import Predictions, predictions_of
from cxrview.metrics.rejection import NegativesResult, negatives_result
from cxrview.metrics.selective import MIN_TOLERATED_ERROR, selective_thresholds
from cxrview.metrics.tables import (
    GroupMetrics,
    confusion_matrix,
    group_metrics,
    overall_metrics,
    source_poses,
)
from cxrview.model.classifier import SHIPPED_SHA256, Classifier, load
from cxrview.report.content import count_text
from cxrview.report.html import image_uri
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """The options of `cxrview evaluate`; raises WrongUse where they contradict each other."""

    source: str  # a shipped model's name, a model file, or a table
    labels: Path  # the label table, or the folder of the collection
    dataset: str | None = None  # name of the collection; None: `labels` is a table
    negatives: Path | None = None  # table of images that are no chest radiographs
    output: Path | None = None
    max_error: float = 0.001
    jobs: int | None = None  # None: one worker for each processor
    robustness: bool | None = None  # None: wherever there is a model
    gallery: int = 60
    resampling: Resampling = field(default_factory=Resampling)

    def __post_init__(self) -> None:
        if not MIN_TOLERATED_ERROR <= self.max_error < 1:
            limits = f"between {MIN_TOLERATED_ERROR:g} and 1"
            raise WrongUse(f"--max-error is {self.max_error:g} and must lie {limits}")
        if self.robustness and self.is_table:
            raise WrongUse("--robustness needs a model to classify perturbed images, not a table")
        if self.negatives and self.is_table:
            raise WrongUse("--negatives needs a model to classify them, not a table")

    @property
    def is_table(self) -> bool:
        """Whether the source is a table of verdicts instead of a model."""
        return (
            self.source not in SHIPPED_SHA256 and Path(self.source).suffix.lower() in TABLE_SUFFIXES
        )

    @property
    def measures_robustness(self) -> bool:
        """Whether perturbed images are classified as well."""
        return not self.is_table if self.robustness is None else self.robustness


def evaluate(
    options: EvaluateOptions, progress: Progress, log: Callable[[str], object] = lambda _: None
) -> EvaluationReport:
    """Evaluate, and write the output folder if one is asked for.

    progress: shows how many images are classified. log: receives what is done without images.
    Raises WrongUse, MissingInput, UnusableModel or UnusableOutput before any image is opened where
    the options cannot be fulfilled.
    """
    if not options.is_table:
        load(options.source)
    negatives = read_negative_table(options.negatives) if options.negatives else NegativeImages()
    images = (
        read_collection(options.dataset, options.labels, options.jobs, progress)
        if options.dataset
        else read_label_table(options.labels, must_exist=not options.is_table)
    )
    if options.output is None:
        return _evaluate(options, images, negatives, progress, log)[0]
    with atomic_folder(options.output) as folder:
        report, predictions, cases = _evaluate(options, images, negatives, progress, log)
        write_report(folder, report, _thumbnails(options, images, predictions, cases))
    return report


def _evaluate(
    options: EvaluateOptions,
    images: LabelledImages,
    negatives: NegativeImages,
    progress: Progress,
    log: Callable[[str], object],
) -> tuple[EvaluationReport, Predictions, list[tuple[int, ReviewCase]]]:
    answers = _answers(options, images, negatives, progress)
    predictions = answers.predictions
    number, resamples = count_text(len(predictions.rows), "image"), options.resampling.resamples
    log(f"computing the metrics: {number}, {resamples:,} bootstrap resamples")
    cases = review_cases_of(predictions)
    return _report(options, images, answers, [case for _, case in cases]), predictions, cases


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """What the model says of the labelled images, of negatives, and of perturbed images."""

    joined: JoinResult
    model: EvaluatedModel
    predictions: Predictions  # of the images in `joined`
    rejection: NegativesResult | None
    perturbed: Predicted


def _answers(
    options: EvaluateOptions, images: LabelledImages, negatives: NegativeImages, progress: Progress
) -> _Answers:
    """Classify the images, or read the table of verdicts."""
    if options.is_table:
        joined, model = _join_table(options, images)
    else:
        joined, model = _classify(options, images, progress)
    predictions = predictions_of(joined.pairs)
    rejection = None
    if negatives.items:
        rows = _classified_rows(options, negatives.items, progress)
        rejection = negatives_result(rows, negatives.kinds, predictions)
    perturbed: Predicted = ()
    if options.measures_robustness:
        perturbed = predict_perturbed_images(images, options.source, options.jobs, progress)
    return _Answers(joined, model, predictions, rejection, perturbed)


def _report(
    options: EvaluateOptions,
    images: LabelledImages,
    answers: _Answers,
    cases: Sequence[ReviewCase],
) -> EvaluationReport:
    """Compute the metrics."""
    predictions, perturbed = answers.predictions, answers.perturbed
    readable, resampling = predictions.is_readable, options.resampling
    views = [label.view.value for label in predictions.labels]
    return EvaluationReport(
        provenance=_provenance(options, images),
        model=answers.model,
        collection=images.collection,
        join=_join_summary(answers.joined, predictions),
        confusion_matrix=confusion_matrix(predictions),
        metrics=tuple(overall_metrics(predictions, resampling)),
        views=tuple(group_metrics(predictions, views, resampling)),
        sources=_groups(predictions, "source", resampling),
        original_views=_groups(predictions, "original_view", resampling),
        calibration=calibration_of(
            predictions.p_lateral[readable], predictions.is_lateral[readable]
        ),
        roc=roc_of(predictions),
        risk_coverage=risk_coverage_of(predictions),
        selective=selective_thresholds(predictions, options.max_error),
        negatives=answers.rejection,
        robustness=perturbation_results(perturbed, options.source) if perturbed else (),
        source_poses=tuple(
            replace(one, name=escape_name(one.name)) for one in source_poses(predictions)
        ),
        poses=pose_results(perturbed),
        review_cases=tuple(cases),
    )


def _groups(
    predictions: Predictions, column: str, resampling: Resampling
) -> tuple[GroupMetrics, ...]:
    """By a column and the view; none where the column is empty for all images."""
    words = [escape_name(getattr(label, column)) for label in predictions.labels]
    if not any(words):
        return ()
    names = [
        ", ".join(filter(None, (word, label.view)))
        for word, label in zip(words, predictions.labels, strict=True)
    ]
    return tuple(group_metrics(predictions, names, resampling))


def _classified_rows(
    options: EvaluateOptions, items: Sequence[Item], progress: Progress
) -> list[Row]:
    """Classify files in disposable processes."""
    rows = []
    with progress(len(items)) as step:
        for row in classify_items(items, options.source, options.jobs):
            rows.append(row)
            step()
    return rows


def _classify(
    options: EvaluateOptions, images: LabelledImages, progress: Progress
) -> tuple[JoinResult, EvaluatedModel]:
    classifier, labels = load(options.source), images.labels
    rows = _classified_rows(options, images.items(), progress)
    model = _evaluated_model(options.source, classifier.label, classifier, labels)
    return JoinResult(list(zip(labels, rows, strict=True)), [], [], []), model


def _join_table(
    options: EvaluateOptions, images: LabelledImages
) -> tuple[JoinResult, EvaluatedModel]:
    """Find the labelled files in a table of verdicts; raises WrongUse if the table cannot serve."""
    table, rows, labels = options.source, list(read_rows(Path(options.source))), images.labels
    joined = join_labels(labels, images.folder, rows, Path(table).absolute().parent)
    if not joined.pairs and joined.ambiguous:
        raise WrongUse(
            f"{table}: {count_text(len(joined.ambiguous), 'label')} of {options.labels} have "
            "several rows, or share one with another label: leave one row of each image"
        )
    if not joined.pairs and joined.of_other_files:
        raise WrongUse(
            f"{table}: the rows have the names of {count_text(joined.of_other_files, 'label')} of "
            f"{options.labels}, but they are of other files: was the table made of another "
            "folder? For changed copies, put the label table beside the files that were classified"
        )
    if not joined.pairs:
        example = f"the labels name {escape_name(labels[0].file)!r}"
        if rows:
            example += f", the table {escape_name(rows[0].file)!r}"
        raise WrongUse(f"{table}: no row belongs to a label of {options.labels}: {example}")
    views = {label.view for label, _ in joined.pairs}
    if len(views) == 1:
        raise WrongUse(f"{table}: only {views.pop()} labels have a row; both views are needed")
    models = sorted({row.model for row in rows if row.model})
    if len(models) > 1:
        raise WrongUse(f"{table} holds rows of several models: {escape_name(', '.join(models))}")
    label = escape_name(models[0]) if models else "unknown model"
    return joined, _evaluated_model(table, label, _shipped_classifier(label), labels)


def _shipped_classifier(label: str) -> Classifier | None:
    """The model of this package with that label, if there is one."""
    name, _, digits = label.partition("@")
    is_shipped = name in SHIPPED_SHA256 and bool(digits) and SHIPPED_SHA256[name].startswith(digits)
    return load(name) if is_shipped else None


def _evaluated_model(
    source: str, label: str, classifier: Classifier | None, labels: Sequence[Label]
) -> EvaluatedModel:
    if classifier is None:
        return EvaluatedModel(escape_name(source), label, None, None)
    # Cards count the phantoms as such; `cxrview phantom` labels their source in the singular
    trained_on = {name.replace("phantoms, ", "phantom, ") for name in classifier.card.data}
    shared = sorted({f"{one.source}, {one.view}" for one in labels if one.source} & trained_on)
    return EvaluatedModel(
        source=escape_name(source),
        label=label,
        sha256=classifier.sha256,
        thresholds=classifier.thresholds,
        shared_sources=tuple(map(escape_name, shared)),
    )


def _provenance(options: EvaluateOptions, images: LabelledImages) -> Provenance:
    return Provenance(
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=escape_name(str(options.labels)),
        labels_sha256=images.sha256,
        seed=options.resampling.seed,
        resamples=options.resampling.resamples,
    )


def _join_summary(joined: JoinResult, predictions: Predictions) -> JoinSummary:
    total = len(joined.pairs) + len(joined.labels_without_row) + len(joined.ambiguous)
    unreadable = [label.file for label, row in joined.pairs if row.view is None]
    return JoinSummary(
        labels=total,
        joined=len(joined.pairs),
        patients=predictions.patient_count,
        has_patients=any(one.patient != f"file {one.file}" for one in predictions.labels),
        labels_without_row=tuple(escape_name(one.file) for one in joined.labels_without_row),
        rows_without_label=tuple(escape_name(one.file) for one in joined.rows_without_label),
        ambiguous=tuple(escape_name(one.file) for one in joined.ambiguous),
        unreadable=tuple(map(escape_name, unreadable)),
        is_selected=any(one.drawn_as in SELECTIVE_REASONS for one in predictions.labels),
        is_by_ending=joined.is_by_ending,
        of_other_files=joined.of_other_files,
    )


def _thumbnails(
    options: EvaluateOptions,
    images: LabelledImages,
    predictions: Predictions,
    cases: Sequence[tuple[int, ReviewCase]],
) -> dict[str, str]:
    """Data URI of the first `options.gallery` review cases by file; "" where one is unreadable."""
    shown = cases[: options.gallery]
    items = []
    for index, case in shown:
        path = images.path_of(predictions.labels[index])
        readable = path if path.exists() else Path(predictions.rows[index].file)
        items.append(Item(case.file, FileSource(str(readable))))
    thumbnails = dict.fromkeys((case.file for _, case in shown), "")
    for position, outcome in engine_for(options.jobs).map(make_thumbnails, items):
        if isinstance(outcome, Done):
            thumbnails[shown[position][1].file] = image_uri(outcome.value, "jpeg")
    return thumbnails
