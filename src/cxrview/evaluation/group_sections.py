"""Groups of images -> sections with the worst first: sources, other kinds, perturbations, poses."""

from collections.abc import Iterator, Sequence

from cxrview.evaluation.results import EvaluationReport
from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.rejection import NegativesResult
from cxrview.metrics.tables import GroupMetrics, PerturbationResult, PoseResult
from cxrview.report.content import (
    NOT_DEFINED,
    Paragraph,
    Section,
    Table,
    count_text,
    decimal_text,
    percent_text,
    share_text,
    table_of,
)

WORST_SHOWN = 12  # perturbations in the main table
MAX_ACCEPTED = 50  # accepted negatives on the page; report.json has all
GROUP_NOTE = (
    "Failed: wrong at one half, or refused with the verdict not_chest; the group with the largest "
    "share comes first. Wrong: also where it is refused as not_chest. In parentheses and by "
    "image: 95 % intervals after Wilson; by patient: from the bootstrap. Sure wrong: as above."
)
ROBUSTNESS_NOTE = (
    "Each image is reduced to 256 pixels and whole grey levels, perturbed, and classified again; "
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


def interval_text(interval: Interval | None, is_share: bool = True) -> str:
    """In percent, or with four decimals."""
    if interval is None:
        return NOT_DEFINED
    if is_share:
        return f"{100 * interval.low:.2f} - {percent_text(interval.high)}"
    return f"{decimal_text(interval.low)} - {decimal_text(interval.high)}"


def group_sections(report: EvaluationReport) -> Iterator[Section]:
    """By source and view, or by view where no source is named; then by original view."""
    groups = report.sources or report.views
    title = "By source and view" if report.sources else "By view"
    yield Section(f"{title}, worst first", (_group_table(groups), Paragraph(GROUP_NOTE)))
    if report.original_views:
        table = _group_table(report.original_views)
        yield Section("By original view, worst first", (table,), is_detail=True)


def _group_table(groups: Sequence[GroupMetrics]) -> Table:
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


def negatives_section(negatives: NegativesResult) -> Section:
    """How many negatives of each kind are rejected, and the AUROC of P(chest) by view."""
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


def accepted_section(negatives: NegativesResult | None) -> Iterator[Section]:
    """The negatives that are accepted; nothing if there are none."""
    if negatives and negatives.accepted:
        table = table_of(
            negatives.accepted[:MAX_ACCEPTED],
            {
                "file": lambda one: one.file,
                "kind": lambda one: one.kind,
                "verdict": lambda one: one.verdict.value,
                "P(lateral)": lambda one: decimal_text(one.p_lateral),
                "P(chest)": lambda one: decimal_text(one.p_chest),
            },
        )
        yield Section("Accepted images that are no chest radiographs", (table,), is_detail=True)


def robustness_sections(results: Sequence[PerturbationResult]) -> Iterator[Section]:
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


def pose_sections(report: EvaluationReport) -> Iterator[Section]:
    """The answers to rotation and polarity by source, and by pose."""
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
