"""Items -> their view tags and the fingerprints of their pixels, read in worker processes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxrview.engines.outcomes import Done, Engine
from cxrview.images import CHEST_BODY_PARTS, tag_views_of
from cxrview.inference.known_image import UID_TAG, UNKNOWN, KnownImage
from cxrview.limits import Limits
from cxrview.model.preprocess import shrink
from cxrview.readers.decode import decode, reader_of, translate_decoder_errors
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_dataset import FREE_TEXTS, IDENTIFIERS
from cxrview.readers.dicom_file import PREAMBLE_BYTES, WANTED_TAGS, open_dicom
from cxrview.readers.dicom_header import header_of, identity_of
from cxrview.rows import Identity
from cxrview.sources.find import Item
from cxrview.views import View, view_of_description

DESCRIPTION_TAG = "SeriesDescription"
_TAGS = (*WANTED_TAGS, UID_TAG, IDENTIFIERS["StudyInstanceUID"][0], FREE_TEXTS[DESCRIPTION_TAG][0])

FINGERPRINT_SIDE = 16  # comparisons in each row and column: 256 bits


@dataclass(frozen=True, slots=True)
class TagValue:
    """One view tag that is not empty. view: None where it names neither frontal nor lateral."""

    source: str  # DICOM keyword
    value: str  # "" of free texts, which may name a person
    view: View | None

    def __str__(self) -> str:
        """Keyword and value, for people."""
        return f"{self.source} {self.value}".strip()


@dataclass(frozen=True, slots=True)
class ViewTags:
    """The view tags of an image.

    tags: ViewPosition, ViewCodeSequence and PatientOrientation, as far as they are not empty.
    description: the view that a free text names, which describes a series or an order.
    is_other_part: whether the header states a body part that is not the chest.
    """

    tags: tuple[TagValue, ...] = ()
    description: TagValue | None = None
    study: str = ""  # identifies the study; "" if unknown
    is_other_part: bool = False

    @property
    def stated(self) -> TagValue | None:
        """The first tag that names a view: `header_view` of the table; None if there is none."""
        return next((tag for tag in self.tags if tag.view), None)

    def __str__(self) -> str:
        """All tags, for people."""
        return ", ".join(map(str, [*self.tags, *filter(None, [self.description])])) or "none"


def make_tag_reader() -> Callable[[tuple[Item, KnownImage]], ViewTags | None]:
    """The function that workers apply."""
    return lambda task: read_view_tags(*task)


def read_view_tags(item: Item, known: KnownImage = UNKNOWN) -> ViewTags | None:
    """Item -> the view tags of its header; None for other files than DICOM. No pixels are read.

    known: what a table states about the image. Raises UnreadableImage, also for another image.
    """
    with item.open() as stream, translate_decoder_errors():
        if reader_of(stream.read(PREAMBLE_BYTES + 4)) is not read_dicom:
            return None
        file = open_dicom(stream, Limits(), _TAGS)
        known.check(file)
        header = header_of(file)
        tags = tuple(TagValue(*values) for values in tag_views_of(header) if values[1])
        view = view_of_description(file.dataset.text(DESCRIPTION_TAG))
        description = TagValue(DESCRIPTION_TAG, "", view) if view else None
        study, part = identity_of(file, Identity()).study_instance_uid, header.body_part
        is_other_part = bool(part) and not any(name in part for name in CHEST_BODY_PARTS)
        return ViewTags(tags, description, study, is_other_part)


def make_fingerprint() -> Callable[[Item], int]:
    """The function that workers apply."""
    return fingerprint


def fingerprint(item: Item) -> int:
    """Item -> a perceptual hash of 256 bits: which of two neighbouring cells is brighter.

    Another encoding, size, window or equalisation of the same radiograph changes few bits. Raises
    UnreadableImage.
    """
    with item.open() as stream:
        radiograph = decode(stream)
    cells = shrink(radiograph.pixels, radiograph.box, FINGERPRINT_SIDE, FINGERPRINT_SIDE + 1)
    return int.from_bytes(np.packbits(np.diff(cells, axis=1) > 0).tobytes(), "big")


def apply_to_items(
    engine: Engine, make_function: Callable[[], Callable[[Any], Any]], items: Mapping[int, Any]
) -> Iterator[tuple[int, Any]]:
    """(key, result) of each item that could be read, in any order."""
    keys = list(items)
    for index, outcome in engine.map(make_function, items.values()):
        if isinstance(outcome, Done):
            yield keys[index], outcome.value
