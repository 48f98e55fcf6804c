"""Evaluation report -> the sections of its page."""

from collections.abc import Iterator, Mapping, Sequence

from cxrview.evaluation.group_sections import (
    accepted_section,
    group_sections,
    interval_text,
    negatives_section,
    pose_sections,
    robustness_sections,
)
from cxrview.evaluation.results import EvaluationReport, ReviewCase
from cxrview.evaluation.statements import (
    guarantee_scope,
    join_sentences,
    left_out_sentence,
    missed_sentence,
    sure_wrong_sentence,
    threshold_statement,
    unknowns_sentence,
    warnings,
)
from cxrview.metrics.selective import SelectiveThresholds
from cxrview.report.content import (
    Block,
    BulletList,
    Charts,
    Gallery,
    GalleryImage,
    LineChart,
    Page,
    Paragraph,
    Section,
    Series,
    Table,
    confusion_table,
    decimal_text,
    percent_text,
    rate_text,
    table_of,
    to_plain,
)

MAX_LISTED_NAMES = 50  # file names of a list on the page; report.json has all
RISK_LIMITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # where the axis of errors may end

METRICS_NOTE = (
    "At one half: every readable image is assigned to a view by P(lateral) = 0.5. Sensitivity is "
    "the share of laterals found, specificity the share of frontals found. Decided: the verdict is "
    "frontal or lateral; an unreadable image is not decided. Both intervals are 95 % confidence "
    "intervals: by image after Wilson, by patient from a bootstrap of whole patients. Without any "
    "error the bootstrap has no width; use the interval by image."
)
CURVES_NOTE = (
    "The curves describe these images, which were looked at to draw them; they guarantee nothing."
)
GALLERY_NOTE = (
    "These are images of patients: store this page as securely as the images. Errors come first, "
    "then undecided images, then correct ones with the lowest confidence. errors.csv lists all "
    "images that are wrong, undecided or unreadable."
)


def page_of(report: EvaluationReport, thumbnails: Mapping[str, str] | None = None) -> Page:
    """The whole page. thumbnails: data URI by file, "" for none, of the review cases to show."""
    sections = [
        _metrics_section(report),
        Section("Confusion matrix", (confusion_table(report.confusion_matrix),), is_detail=True),
        *group_sections(report),
        _reliability_section(report),
        _guarantee_section(report.selective),
        _curves_section(report),
        *([negatives_section(report.negatives)] if report.negatives else []),
        *accepted_section(report.negatives),
        *robustness_sections(report.robustness),
        *pose_sections(report),
        _review_section(report.review_cases, thumbnails or {}),
        *_name_sections(report),
        _provenance_section(report),
    ]
    collection = report.collection
    where = collection.title if collection else report.provenance.labels
    return Page(
        title=f"{report.model.label} on {where}",
        introduction=(
            *(Paragraph(text, is_warning=True) for text in warnings(report)),
            *([Paragraph(left_out_sentence(collection))] if collection else []),
            Paragraph(f"{'; '.join(join_sentences(report))}."),
            Paragraph(unknowns_sentence(report)),
        ),
        sections=tuple(sections),
    )


def _metrics_section(report: EvaluationReport) -> Section:
    table = table_of(
        report.metrics,
        {
            "metric": lambda one: one.name,
            "value": lambda one: (
                decimal_text(one.value) if one.total is None else percent_text(one.value)
            ),
            "images": lambda one: "" if one.total is None else f"{one.hits:,} of {one.total:,}",
            "95 % by image": lambda one: interval_text(one.wilson),
            "95 % by patient": lambda one: interval_text(one.bootstrap, one.total is not None),
        },
    )
    missed = [
        missed_sentence(report.metric(f"{metric} at one half"), name)
        for metric, name in (("sensitivity", "laterals"), ("specificity", "frontals"))
    ]
    texts = (" ".join(missed), sure_wrong_sentence(report), METRICS_NOTE)
    return Section("Metrics", (table, *map(Paragraph, texts)))


def _guarantee_section(selective: SelectiveThresholds) -> Section:
    views = (selective.frontal, selective.lateral)
    statements = BulletList(tuple(threshold_statement(view, selective) for view in views))
    tolerated = Paragraph(f"Tolerated error: at most {rate_text(selective.max_error)}.")
    return Section("Guarantees", (tolerated, statements, Paragraph(guarantee_scope(selective))))


def _curves_section(report: EvaluationReport) -> Section:
    charts = [_reliability_chart(report), _risk_chart(report)]
    if report.roc:
        charts.append(_roc_chart(report))
    coverages = table_of(
        report.risk_coverage.at.items(),
        {
            "error of the decided images at most": lambda one: f"{100 * float(one[0]):g} %",
            "share of images decided": lambda one: percent_text(one[1]),
        },
    )
    blocks = (Charts(tuple(charts)), coverages, Paragraph(CURVES_NOTE))
    return Section("Curves", blocks, is_detail=True)


def _reliability_section(report: EvaluationReport) -> Section:
    calibration = report.calibration
    table = table_of(
        (one for one in calibration.bins if one.images),
        {
            "P(lateral)": lambda one: f"{one.low:g} - {one.high:g}",
            "images": lambda one: one.images,
            "mean P(lateral)": lambda one: decimal_text(one.mean_p),
            "share of laterals": lambda one: decimal_text(one.share),
            "95 % by image": lambda one: interval_text(one.interval, is_share=False),
        },
    )
    scores = (
        f"Expected calibration error {decimal_text(calibration.ece)}, "
        f"Brier score {decimal_text(calibration.brier)}."
    )
    return Section("Reliability of P(lateral)", (Paragraph(scores), table))


def _reliability_chart(report: EvaluationReport) -> LineChart:
    bins = [
        (one.mean_p, one.share, one.interval.low, one.interval.high)
        for one in report.calibration.bins
        if one.mean_p is not None and one.share is not None and one.interval is not None
    ]
    mean_p, share, low, high = zip(*bins, strict=True) if bins else ((), (), (), ())
    return LineChart(
        title="Reliability in ten bins",
        x_label="mean P(lateral) of a bin",
        y_label="share of laterals",
        x_limits=(0, 1),
        y_limits=(0, 1),
        has_diagonal=True,
        series=(Series("bins", mean_p, share, low, high, is_points=True),),
    )


def _risk_chart(report: EvaluationReport) -> LineChart:
    points = report.risk_coverage.points
    highest = max((point.risk for point in points), default=0.0)
    coverage, risk = [point.coverage for point in points], [point.risk for point in points]
    return LineChart(
        title="Risk and coverage, images with the highest confidence first",
        x_label="share of images decided",
        y_label="error of the decided images",
        x_limits=(0, 1),
        y_limits=(0, next(top for top in RISK_LIMITS if highest <= top)),
        series=(Series("risk", coverage, risk),),
    )


def _roc_chart(report: EvaluationReport) -> LineChart:
    false = [point.false_positive_rate for point in report.roc]
    true = [point.true_positive_rate for point in report.roc]
    return LineChart(
        title="ROC curve of P(lateral)",
        x_label="false positive rate (frontals)",
        y_label="true positive rate (laterals)",
        x_limits=(0, 1),
        y_limits=(0, 1.02),
        has_diagonal=True,
        series=(Series("ROC", false, true),),
    )


def _review_section(cases: Sequence[ReviewCase], thumbnails: Mapping[str, str]) -> Section:
    images = tuple(
        GalleryImage(thumbnails[case.file], _caption(case), case.reason.is_error)
        for case in cases
        if case.file in thumbnails
    )
    gallery = Gallery(images) if images else Paragraph("No images are shown.")
    return Section("Images to review", (Paragraph(GALLERY_NOTE), gallery), is_detail=True)


def _caption(case: ReviewCase) -> tuple[str, ...]:
    return (
        str(case.reason),
        f"label {case.label}, verdict {case.verdict or 'none'}",
        f"P(lateral) {decimal_text(case.p_lateral)}, P(chest) {decimal_text(case.p_chest)}",
        case.file,
    )


def _name_sections(report: EvaluationReport) -> Iterator[Section]:
    """The files that the metrics do not rest on."""
    join = report.join
    for title, names in (
        ("Labels without a row", join.labels_without_row),
        ("Ambiguous labels", join.ambiguous),
        ("Rows without a label", join.rows_without_label),
        ("Unreadable images", join.unreadable),
    ):
        more = len(names) - MAX_LISTED_NAMES
        blocks: list[Block] = [BulletList(names[:MAX_LISTED_NAMES], are_files=True)]
        if more > 0:
            blocks.append(Paragraph(f"report.json lists {more:,} more."))
        if names:
            yield Section(title, tuple(blocks), is_detail=True)


def _provenance_section(report: EvaluationReport) -> Section:
    model = report.model
    rows = (
        ("evaluated", model.source),
        ("model", model.label),
        ("SHA-256 of the model", model.sha256 or "unknown: only its table was given"),
        *(
            (name.replace("_", " "), str(value))
            for name, value in to_plain(report.provenance).items()
        ),
    )
    table = Table(("", ""), rows, is_text=True)
    return Section("How this report was made", (table,), is_detail=True)
