"""Findings -> a page with thumbnails, and a table in CSV."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cxrview.audit.findings import AuditedImage, Finding, FindingKind
from cxrview.csv_text import csv_line
from cxrview.filenames import escape_name
from cxrview.report.content import (
    Block,
    Gallery,
    GalleryImage,
    Page,
    Paragraph,
    Section,
    Table,
    count_text,
)

TITLES: dict[FindingKind, tuple[str, str]] = {  # heading, what the finding means
    FindingKind.WRONG_TAG: (
        "Wrong view tags",
        "The tags name one view, the pixels show the other.",
    ),
    FindingKind.SWAPPED_VIEWS: (
        "Studies with swapped views",
        "In one study an image tagged frontal is a lateral, and one tagged lateral is a frontal.",
    ),
    FindingKind.REPEATED_VIEW: (
        "Studies that state one view twice",
        "All tags of the study state the same view, as two PA, but the pixels show both views.",
    ),
    FindingKind.CONTRADICTORY_TAGS: (
        "Contradictory view tags",
        "Two tags of one file state different views: one of them is wrong, independently of the "
        "pixels.",
    ),
    FindingKind.DESCRIPTION: (
        "Descriptions of the other view",
        "The description of the series, or of the procedure, names only the view that the pixels "
        "do not show. This is weak evidence: it often stands for several images.",
    ),
    FindingKind.MISSING_TAG: (
        "Missing view tags",
        "ViewPosition, ViewCodeSequence and PatientOrientation are empty or absent.",
    ),
    FindingKind.OTHER_TAG: (
        "View tags that name neither view",
        "Obliques and other special views, or words that are not known.",
    ),
    FindingKind.NO_FRONTAL: (
        "Studies without a frontal",
        "All chest radiographs of the study that are here are laterals.",
    ),
    FindingKind.DUPLICATE: (
        "Duplicates within a study",
        "The images of a study show the same radiograph, perhaps in another encoding or window.",
    ),
    FindingKind.INVERTED: ("Inverted images", "Bone is dark although the file does not say so."),
    FindingKind.ROTATED: ("Rotated images", "The image is not upright."),
}
COLUMNS = ("finding", "kind", "file", "study", "tags", "tags_view", "pixels_view", "p_lateral",
           "confidence", "explanation")  # fmt: skip
DECIMALS = 6
NO_PERSONS = (
    "This page shows no names of files and no identifiers; look a finding up by its number in {}. "
    "The radiographs may have names burnt in."
)


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that the outputs show.

    shows_headers: whether names of files and identifiers of studies may appear.
    """

    title: str
    images: Sequence[AuditedImage]
    findings: Sequence[Finding]
    unavailable: int  # images of the table that are no longer there, or cannot be read any more
    without_row: int  # images that the table of `--metadata` does not have
    shows_headers: bool
    table: str  # name of the table of all findings

    @property
    def counts(self) -> Counter[FindingKind]:
        """Number of findings by kind."""
        return Counter(finding.kind for finding in self.findings)

    @property
    def missing_rows(self) -> str:
        """How many images the table of `--metadata` does not have, in words; "" for none."""
        if not self.without_row:
            return ""
        verb = "has" if self.without_row == 1 else "have"
        return (
            f"{self.without_row:,} of {count_text(len(self.images), 'image')} {verb} no row in the "
            "metadata: only the tags of the file itself count"
        )

    def study_names(self) -> dict[str, str]:
        """Identifier of a study -> itself, or its number in the order of the findings."""
        found = (self.images[index].study for one in self.findings for index in one.images)
        studies = dict.fromkeys(filter(None, found))
        return {
            study: study if self.shows_headers else str(number)
            for number, study in enumerate(studies, 1)
        }


def write_findings(file: BinaryIO, audit: Audit) -> None:
    """Write one line for each image of each finding; findings are numbered from 1."""
    file.write(csv_line(COLUMNS).encode())
    studies = audit.study_names()
    for number, finding in enumerate(audit.findings, 1):
        for image in (audit.images[index] for index in finding.images):
            row, confidence = image.row, finding.confidence
            values = (
                number,
                finding.kind.value,
                escape_name(row.file),
                studies.get(image.study, ""),
                str(image.tags) if image.tags else "",
                str(image.tagged_view or ""),
                str(image.view),
                row.p_lateral,
                None if confidence is None else round(confidence, DECIMALS),
                finding.explanation,
            )
            file.write(csv_line(values).encode())


def chosen(findings: Sequence[Finding], limit: int) -> dict[FindingKind, list[tuple[int, Finding]]]:
    """The first `limit` findings of each kind that has some, with their numbers."""
    shown: dict[FindingKind, list[tuple[int, Finding]]] = {}
    for number, finding in enumerate(findings, 1):
        some = shown.setdefault(finding.kind, [])
        if len(some) < limit:
            some.append((number, finding))
    return shown


def page_of(audit: Audit, thumbnails: Mapping[int, str], limit: int) -> Page:
    """The whole page. thumbnails: data URIs by image."""
    shown, studies = chosen(audit.findings, limit), audit.study_names()
    sections = [
        _section(audit, kind, findings, thumbnails, studies) for kind, findings in shown.items()
    ]
    return Page(
        audit.title, (Section("Findings", tuple(_overview(audit, shown))), *sections),
        tuple(_introduction(audit)),
    )  # fmt: skip


def _introduction(audit: Audit) -> Iterator[Block]:
    readable = sum(bool(image.view) for image in audit.images)
    tagged = sum(image.tags is not None for image in audit.images)
    models = ", ".join(sorted({image.row.model for image in audit.images if image.row.model}))
    yield Paragraph(
        f"{count_text(len(audit.images), 'image')}, {readable:,} of them readable, {tagged:,} with "
        f"a header. What the pixels show is the verdict of the model {models or 'unknown'}, and P "
        f"its confidence. {audit.table} has all findings, the most confident of each kind first."
    )
    if not audit.shows_headers:
        yield Paragraph(NO_PERSONS.format(audit.table))
    if audit.unavailable:
        yield Paragraph(
            f"{count_text(audit.unavailable, 'image')} of the table could not be read again: they "
            "have no thumbnail, and only the view that the table has for their header counts.",
            is_warning=True,
        )
    if audit.missing_rows:
        yield Paragraph(f"{audit.missing_rows}.", is_warning=True)


def _overview(
    audit: Audit, shown: Mapping[FindingKind, list[tuple[int, Finding]]]
) -> Iterator[Block]:
    counts = audit.counts
    rows = tuple(
        (TITLES[kind][0], f"{counts[kind]:,}", f"{len(some):,}") for kind, some in shown.items()
    )
    if rows:
        yield Table(("what", "findings", "shown here"), rows)
    if absent := [TITLES[kind][0].lower() for kind in FindingKind if kind not in shown]:
        yield Paragraph(f"Not found: {', '.join(absent)}.")
    if any(image.tags for image in audit.images):
        yield Paragraph(
            "How often each tag names the view of the pixels, of the images that have a header and "
            "whose pixels show one of the two views:"
        )
        yield tag_table(audit.images)


def tag_table(images: Sequence[AuditedImage]) -> Table:
    """How often each tag is there, and whether the view that it names is that of the pixels."""
    counts: dict[str, Counter[str]] = {
        source: Counter() for source in ("ViewPosition", "ViewCodeSequence", "PatientOrientation")
    }
    decided = [image for image in images if image.tags and image.is_decided]
    for image in decided:
        tags = image.tags
        for tag in [*tags.tags, *filter(None, [tags.description])] if tags else ():
            kind = "neither" if not tag.view else "agree" if tag.view == image.view else "differ"
            counts.setdefault(tag.source, Counter())[kind] += 1
    rows = tuple(
        (
            source,
            *(f"{count[kind]:,}" for kind in ("agree", "differ", "neither")),
            f"{len(decided) - count.total():,}",
        )
        for source, count in counts.items()
    )
    return Table(("tag", "same view", "other view", "neither", "empty or absent"), rows)


def _section(
    audit: Audit,
    kind: FindingKind,
    findings: Sequence[tuple[int, Finding]],
    thumbnails: Mapping[int, str],
    studies: Mapping[str, str],
) -> Section:
    title, meaning = TITLES[kind]
    total = audit.counts[kind]
    more = total - len(findings)
    rest = (
        f" The first {len(findings):,} are shown; {more:,} more are in {audit.table}."
        if more
        else ""
    )
    images = tuple(
        GalleryImage(
            thumbnails.get(index, ""),
            tuple(_caption(audit, number, finding, index, studies)),
            is_error=audit.images[index].is_wrong,
        )
        for number, finding in findings
        for index in finding.images
    )
    return Section(f"{title}: {total:,}", (Paragraph(meaning + rest), Gallery(images)))


def _caption(
    audit: Audit, number: int, finding: Finding, index: int, studies: Mapping[str, str]
) -> Iterator[str]:
    image, count = audit.images[index], len(finding.images)
    if count == 1:
        yield f"#{number}"
    else:
        yield f"#{number}, image {finding.images.index(index) + 1} of {count}"
        stated = image.tags.stated if image.tags else None
        yield f"{stated} names {stated.view}" if stated else "no tag names a view"
        yield image.shown
    if count == 1 or finding.kind is FindingKind.DUPLICATE:
        yield finding.explanation
    if image.study:
        yield f"study {studies[image.study]}"
    if audit.shows_headers:
        yield escape_name(image.row.file)
