"""Evaluation report -> the sections of its page."""

from collections.abc import Iterator, Mapping, Sequence

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
from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.rejection import NegativesResult
from cxrview.metrics.selective import SelectiveThresholds
from cxrview.metrics.tables import Group, PerturbationResult, PoseResult
from cxrview.report.content import (
    NOT_DEFINED,
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
    count_text,
    decimal_text,
    percent_text,
    rate_text,
    share_text,
    table_of,
    to_plain,
)

MAX_LISTED_NAMES = 50  # file names of a list on the page; report.json has all
WORST_SHOWN = 12  # perturbations in the main table
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
GROUP_NOTE = (
    "Failed: wrong at one half, or refused with the verdict not_chest; the group with the largest "
    "share comes first. Wrong: whatever the out-of-distribution gate says. In parentheses and by "
    "image: 95 % intervals after Wilson; by patient: from the bootstrap. Sure wrong: as above."
)
ROBUSTNESS_NOTE = (
    "Each image is reduced to 256 pixels and whole gray levels, perturbed, and classified again; "
    "unperturbed images can therefore differ by a few from the metrics above. Failed, wrong, "
    "refused: as in the table of the groups. In parentheses: 95 % intervals by image after Wilson."
)
SOURCE_POSE_NOTE = (
    "The images as they are, without those refused as not_chest. Right: as the columns rotation "
    "and inverted of the label table say. Without these columns the images count as upright with "
    "bright bone: wrong ones are then those that the model finds rotated or inverted."
)
POSE_NOTE = (
    "Right: the rotation and the polarity that the model states are those of the pose. Unsure: it "
    "states none. Unless the label table says otherwise (columns rotation and inverted), the "
    "unaltered images count as upright with bright bone. The pose with the fewest right answers "
    "comes first."
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
        *_group_sections(report),
        _reliability_section(report),
        _guarantee_section(report.selective),
        _curves_section(report),
        *([_negatives_section(report.negatives)] if report.negatives else []),
        *_accepted_section(report.negatives),
        *_robustness_sections(report.robustness),
        *_pose_sections(report),
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


def interval_text(interval: Interval | None, is_share: bool = True) -> str:
    """In percent, or with four decimals."""
    if interval is None:
        return NOT_DEFINED
    if is_share:
        return f"{100 * interval.low:.2f} - {percent_text(interval.high)}"
    return f"{decimal_text(interval.low)} - {decimal_text(interval.high)}"


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


def _group_sections(report: EvaluationReport) -> Iterator[Section]:
    """By source and view, or by view where no source is named; then by original view."""
    groups = report.sources or report.views
    title = "By source and view" if report.sources else "By view"
    yield Section(f"{title}, worst first", (_group_table(groups), Paragraph(GROUP_NOTE)))
    if report.original_views:
        table = _group_table(report.original_views)
        yield Section("By original view, worst first", (table,), is_detail=True)


def _group_table(groups: Sequence[Group]) -> Table:
    return table_of(
        groups,
        {
            "": lambda one: one.name,
            "images": lambda one: one.images,
            "failed": lambda one: one.failed.hits or 0,
            "share": lambda one: percent_text(one.failed.value),
            "95 % by image": lambda one: interval_text(one.failed.wilson),
            "95 % by patient": lambda one: interval_text(one.failed.bootstrap),
            "wrong": lambda one: _count_cell(one.wrong.hits or 0, one.wrong.wilson),
            "refused": lambda one: _count_cell(one.refused.hits or 0, one.refused.wilson),
            "sure wrong": lambda one: one.sure_wrong,
            "uncertain": lambda one: one.outcomes["uncertain"],
        },
    )


def _count_cell(count: int, interval: Interval | None) -> str:
    """A count with the interval of its share: "3 (2.3 - 17.9 %)"."""
    if interval is None:
        return f"{count:,}"
    return f"{count:,} ({100 * interval.low:.1f} - {100 * interval.high:.1f} %)"


def _negatives_section(negatives: NegativesResult) -> Section:
    kinds = (negatives.overall, *negatives.kinds)
    table = table_of(
        kinds,
        {
            "kind": lambda one: one.kind,
            "images": lambda one: one.images,
            "rejected": lambda one: one.rejected,
            "share": lambda one: percent_text(one.share),
            "95 % by image": lambda one: interval_text(one.interval),
        },
    )
    areas = [f"{decimal_text(one.auroc)} for {one.view}s" for one in negatives.aurocs]
    text = (
        f"{count_text(len(negatives.accepted), 'image')} accepted as chest radiographs, "
        f"{negatives.sure:,} of them with a sure view; {negatives.unreadable:,} unreadable. AUROC "
        f"of P(chest) against these images: {', '.join(areas) or 'not defined'}."
    )
    title = "Images that are no chest radiographs, worst kind first"
    return Section(title, (Paragraph(text), table))


def _accepted_section(negatives: NegativesResult | None) -> Iterator[Section]:
    """The images that are wrongly accepted."""
    if negatives and negatives.accepted:
        table = table_of(
            negatives.accepted[:MAX_LISTED_NAMES],
            {
                "file": lambda one: one.file,
                "kind": lambda one: one.kind,
                "verdict": lambda one: one.verdict.value,
                "P(lateral)": lambda one: decimal_text(one.p_lateral),
                "P(chest)": lambda one: decimal_text(one.p_chest),
            },
        )
        yield Section("Accepted images that are no chest radiographs", (table,), is_detail=True)


def _robustness_sections(results: Sequence[PerturbationResult]) -> Iterator[Section]:
    """The worst perturbations, then all of them as a detail."""
    worst = results[:WORST_SHOWN]
    if results:
        note = Paragraph(ROBUSTNESS_NOTE)
        title = "Robustness against perturbations, worst first"
        yield Section(title, (_perturbation_table(worst), note))
    if len(results) > len(worst):
        yield Section("All perturbations", (_perturbation_table(results),), is_detail=True)


def _perturbation_table(results: Sequence[PerturbationResult]) -> Table:
    return table_of(
        results,
        {
            "perturbation, view": lambda one: one.name,
            "images": lambda one: one.images,
            "failed": lambda one: one.failed,
            "share": lambda one: share_text(one.failed, one.images),
            "wrong": lambda one: _count_cell(one.wrong_frontals + one.wrong_laterals, one.interval),
            "refused": lambda one: _count_cell(one.not_chest, one.refused_interval),
            "sure wrong": lambda one: one.sure_wrong,
            "uncertain": lambda one: one.uncertain,
        },
    )


def _pose_sections(report: EvaluationReport) -> Iterator[Section]:
    if report.source_poses:
        table = _pose_table("source", report.source_poses)
        yield Section("Rotation and polarity by source", (table, Paragraph(SOURCE_POSE_NOTE)))
    if report.poses:
        table = _pose_table("pose", report.poses)
        yield Section("Rotation and polarity in eight poses", (table, Paragraph(POSE_NOTE)))


def _pose_table(heading: str, poses: Sequence[PoseResult]) -> Table:
    return table_of(
        poses,
        {
            heading: lambda one: one.name,
            "images": lambda one: one.images,
            "rotation right": lambda one: percent_text(one.rotation.share),
            "95 % by image": lambda one: interval_text(one.rotation.interval),
            "wrong": lambda one: one.rotation.wrong,
            "unsure": lambda one: one.rotation.unsure,
            "polarity right": lambda one: percent_text(one.polarity.share),
            "95 % by image ": lambda one: interval_text(one.polarity.interval),
            "wrong ": lambda one: one.polarity.wrong,
            "unsure ": lambda one: one.polarity.unsure,
        },
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
            blocks.append(Paragraph(f"{more:,} more are listed in report.json."))
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
