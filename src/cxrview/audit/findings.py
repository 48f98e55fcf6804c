"""View tags and verdicts of images -> what is wrong with them, ranked by confidence."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from cxrview.audit.inspection import FINGERPRINT_SIDE, ViewTags
from cxrview.inference.corrections import Correction
from cxrview.report.content import count_text
from cxrview.rows import Row
from cxrview.views import Verdict, View

# Bits of 256 in which the fingerprints of a duplicate may differ. Measured on 675 pairs of
# radiographs of the same patient and view: the same radiograph from two publications differs in 2
# to 17 bits, another encoding, size, window or equalisation changes at most 13, two different
# radiographs differ in at least 30.
MAX_DUPLICATE_BITS = 20

# A tag can be wrong although the verdict is uncertain or not_chest: from this P(chest) on, the more
# probable view counts. Of 180 images that are no chest radiographs, 152 lie below it; of 300
# phantoms none does.
MIN_CHEST = 0.2

DECIDED = (Verdict.FRONTAL, Verdict.LATERAL)


class FindingKind(StrEnum):
    """What can be wrong, in the order of the page."""

    WRONG_TAG = "wrong_tag"
    SWAPPED_VIEWS = "swapped_views"
    REPEATED_VIEW = "repeated_view"
    CONTRADICTORY_TAGS = "contradictory_tags"
    DESCRIPTION = "description"
    MISSING_TAG = "missing_tag"
    OTHER_TAG = "other_tag"
    NO_FRONTAL = "no_frontal"
    DUPLICATE = "duplicate"
    INVERTED = "inverted"
    ROTATED = "rotated"


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """The row of an image, its view tags, and what a person has stated about it.

    tags: None where there are none to be read: no DICOM file, or it is no longer there.
    fingerprint: None where it was not needed, or the image could not be read.
    """

    row: Row
    tags: ViewTags | None = None
    correction: Correction | None = None
    fingerprint: int | None = None

    @property
    def view(self) -> str:
        """The view of the pixels: the person's if there is one, else the verdict; "" if none."""
        return self.correction.view if self.correction else self.row.view or ""

    @property
    def study(self) -> str:
        """What identifies its study, "" if nothing is known."""
        return self.tags.study if self.tags else ""

    @property
    def is_decided(self) -> bool:
        """Whether the pixels show one of the two views."""
        return self.view in DECIDED

    @property
    def likely_view(self) -> str:
        """The view that the pixels show if they show one: that of the verdict, else the likelier.

        "" where P(chest) is below MIN_CHEST, or a header or a person excludes the image.
        """
        p, is_other_part = self.row.p_lateral, bool(self.tags and self.tags.is_other_part)
        if self.correction or self.is_decided or p is None or self.row.reason or is_other_part:
            return self.view if self.is_decided else ""
        is_chest = self.row.p_chest is None or self.row.p_chest >= MIN_CHEST
        return (Verdict.LATERAL if p > 0.5 else Verdict.FRONTAL) if is_chest else ""

    @property
    def confidence(self) -> float:
        """P(view) P(chest) of the likelier view; 1 for a person's statement, 0 if unreadable."""
        if self.correction:
            return 1.0
        if self.row.p_lateral is None:
            return 0.0
        p_chest = 1.0 if self.row.p_chest is None else self.row.p_chest
        return max(self.row.p_lateral, 1 - self.row.p_lateral) * p_chest

    @property
    def tagged_view(self) -> View | None:
        """The view that the tags state."""
        stated = self.tags.stated if self.tags else None
        return stated.view if stated else None

    @property
    def is_wrong(self) -> bool:
        """Whether the tags name one view and the pixels show the other."""
        return bool(self.likely_view) and self.tagged_view not in (None, self.likely_view)

    @property
    def shown(self) -> str:
        """What the pixels show, for people."""
        if self.correction:
            return f"a person has stated {self.view}"
        verdict = "" if self.is_decided else f", {self.view}"
        view = self.likely_view or "neither view"
        return f"the pixels show {view} (P {self.confidence:.3f}{verdict})"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with one image, or with several of a study.

    images: their indices. confidence: from 0 to 1; see docs/audit.md for each kind.
    """

    kind: FindingKind
    images: tuple[int, ...]
    confidence: float | None
    explanation: str


def findings_of(images: Sequence[AuditedImage]) -> list[Finding]:
    """All findings, by kind; within a kind the highest confidence comes first."""
    found = [one for index, image in enumerate(images) for one in _of_image(index, image)]
    studies: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if image.study:
            studies[image.study].append(index)
    for members in studies.values():
        found += _of_study(members, images)
    order = list(FindingKind)
    return sorted(found, key=lambda one: (order.index(one.kind), -(one.confidence or 0)))


def _of_image(index: int, image: AuditedImage) -> Iterator[Finding]:
    if image.tags and image.likely_view:
        for kind, explanation in _tag_findings(image, image.tags):
            yield Finding(kind, (index,), image.confidence, explanation)
    if image.row.inverted:
        note = "bone is dark and air bright, and the file does not declare it"
        yield Finding(FindingKind.INVERTED, (index,), None, note)
    if image.row.rotation:
        note = f"upright after a turn of {image.row.rotation} degrees clockwise"
        yield Finding(FindingKind.ROTATED, (index,), None, note)


def _tag_findings(image: AuditedImage, tags: ViewTags) -> Iterator[tuple[FindingKind, str]]:
    """(kind, explanation) for the tags of a chest radiograph."""
    stated, description = tags.stated, tags.description
    naming = [tag for tag in tags.tags if tag.view]
    if stated and image.is_wrong:
        yield FindingKind.WRONG_TAG, f"{stated} names {stated.view}, {image.shown}"
    if len({tag.view for tag in naming}) > 1:
        claims = ", ".join(f"{tag} names {tag.view}" for tag in naming)
        yield FindingKind.CONTRADICTORY_TAGS, f"{claims}; {image.shown}"
    if description and image.is_decided and description.view != image.view:
        claim = f"{description.source} names {description.view} only"
        yield FindingKind.DESCRIPTION, f"{claim}, {image.shown}"
    if image.view == Verdict.NOT_CHEST:
        return
    if not tags.tags:
        hint = f"; {description.source} names {description.view}" if description else ""
        yield FindingKind.MISSING_TAG, f"no view tag; {image.shown}{hint}"
    elif not stated:
        yield FindingKind.OTHER_TAG, f"{tags} names neither view; {image.shown}"


def _of_study(members: list[int], images: Sequence[AuditedImage]) -> Iterator[Finding]:
    """Findings about the images of one study."""
    chest = [n for n in members if images[n].likely_view]
    yield from _duplicates(chest, images)
    if chest and all(images[n].view == Verdict.LATERAL for n in chest):
        note = f"{count_text(len(chest), 'chest radiograph')}, none of them frontal"
        yield Finding(FindingKind.NO_FRONTAL, tuple(chest), _joint(chest, images), note)
    wrong = [n for n in chest if images[n].is_wrong]
    if len({images[n].tagged_view for n in wrong}) == 2:
        pairs = ((images[n].tagged_view, images[n].likely_view) for n in wrong)
        note = "tagged " + ", ".join(f"{tag} but {view}" for tag, view in pairs)
        yield Finding(FindingKind.SWAPPED_VIEWS, tuple(wrong), _joint(wrong, images), note)
    tagged = [n for n in chest if images[n].tagged_view]
    views = {images[n].tagged_view for n in tagged}
    if len(tagged) > 1 and len(views) == 1 and wrong and len(wrong) < len(tagged):
        by_pixels = ", ".join(images[n].likely_view for n in tagged)
        note = f"{len(tagged)} images tagged {views.pop()}, but their pixels show {by_pixels}"
        yield Finding(FindingKind.REPEATED_VIEW, tuple(tagged), _joint(wrong, images), note)


def _joint(members: Iterable[int], images: Sequence[AuditedImage]) -> float:
    """The confidence that all verdicts are right, if they err independently."""
    return prod(images[n].confidence for n in members)


def _duplicates(members: list[int], images: Sequence[AuditedImage]) -> Iterator[Finding]:
    """Groups of images that show the same radiograph, each reported once."""
    left = [n for n in members if images[n].fingerprint is not None]
    while left:
        first, *rest = left
        bits = {n: _different_bits(images[first], images[n]) for n in rest}
        same = [n for n in rest if bits[n] <= MAX_DUPLICATE_BITS]
        if same:
            farthest = max(bits[n] for n in same)
            note = f"the same radiograph: at most {farthest} of {FINGERPRINT_SIDE**2} bits differ"
            likeness = 1 - farthest / FINGERPRINT_SIDE**2
            yield Finding(FindingKind.DUPLICATE, (first, *same), likeness, note)
        left = [n for n in rest if n not in same]


def _different_bits(one: AuditedImage, other: AuditedImage) -> int:
    return ((one.fingerprint or 0) ^ (other.fingerprint or 0)).bit_count()
