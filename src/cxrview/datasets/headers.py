"""A DICOM file -> the view stated in its header and a pseudonym of its patient."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cxrview.datasets.public_collections import Entry
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import NoPixels, UnknownFormat, UnreadableImage
from cxrview.images import CHEST_BODY_PARTS, HeaderFields, tag_views_of
from cxrview.labels import OTHER, UNKNOWN
from cxrview.limits import Limits
from cxrview.readers.decode import reader_of, translate_decoder_errors
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_file import PREAMBLE_BYTES, WANTED_TAGS, open_dicom
from cxrview.readers.dicom_header import header_of
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import UNKNOWN_VALUE

_IDENTIFIER_TAGS = (0x00100020, 0x0020000D)  # Patient ID, Study Instance UID: hashed at once
_PSEUDONYM_DIGITS = 16  # hexadecimal, of the SHA-256: 64 bits, so that patients do not collide

# Mammograms have the views ML and LM as well, and localizers of a CT have an orientation: only
# these modalities count. "" and OT are scanned radiographs and secondary captures.
RADIOGRAPHY_MODALITIES = frozenset(("CR", "DX", "DR", "RG", "RF", "XR", "OT", "SC", ""))


@dataclass(frozen=True, slots=True)
class HeaderLabel:
    """What a header states. problem: why it could not be read; code: that of the error."""

    view: str = UNKNOWN
    original_view: str = ""
    patient: str = ""
    problem: str = ""
    code: str = ""


def stated_view(header: HeaderFields) -> tuple[str, str]:
    """Return frontal, lateral, other or empty, and the words in which the header states it.

    Words that are not known, which might be a name, become UNKNOWN_VALUE and state no view.
    """
    tags = [(value, view) for _, value, view in tag_views_of(header) if value]
    words, view = next((tag for tag in tags if tag[1]), tags[0] if tags else ("", None))
    part = header.body_part
    unfit = (
        header.modality if header.modality not in RADIOGRAPHY_MODALITIES
        else part if part and not any(name in part for name in CHEST_BODY_PARTS) else ""
    )  # fmt: skip
    if unfit:
        return OTHER, f"{words} ({unfit})".strip()
    return view or (UNKNOWN if words in ("", UNKNOWN_VALUE) else OTHER), words


def pseudonym(identity: str, key: bytes) -> str:
    """Return 16 hexadecimal digits that cannot be traced back to `identity` without the key."""
    return hmac.new(key, identity.encode("utf-8", "replace"), "sha256").hexdigest()[
        :_PSEUDONYM_DIGITS
    ]


def header_label(path: str, key: bytes) -> HeaderLabel:
    """Return what the header of a file states. Pixels are not read, and nothing is raised."""
    try:
        with Item(path, FileSource(path)).open() as stream, translate_decoder_errors():
            if reader_of(stream.read(PREAMBLE_BYTES + 4)) is not read_dicom:
                raise UnknownFormat("an image, but no DICOM file")
            file = open_dicom(stream, Limits(), (*WANTED_TAGS, *_IDENTIFIER_TAGS))
            if file.pixels is None:
                raise NoPixels("a DICOM file without pixel data")
            view, words = stated_view(header_of(file))
            patient = file.dataset.text("PatientID")
            study = file.dataset.text("StudyInstanceUID")
    except UnreadableImage as error:
        return HeaderLabel(problem=" ".join(str(error).split()), code=error.code)
    identity = f"patient {patient}" if patient else f"study {study}" if study else ""
    return HeaderLabel(view, words, pseudonym(identity, key) if identity else "")


def _make_header_reader(key: bytes) -> Callable[[str], HeaderLabel]:
    """Return what each worker creates once."""
    return partial(header_label, key=key)


def header_labels(paths: Iterable[str], key: bytes, engine: Engine) -> list[HeaderLabel]:
    """Return what the headers of files state, in order, also where one crashes its worker."""
    labels: dict[int, HeaderLabel] = {}
    for index, outcome in engine.map(partial(_make_header_reader, key), paths):
        labels[index] = _label_of_outcome(outcome)
    return [labels[index] for index in range(len(labels))]


def _label_of_outcome(outcome: Any) -> HeaderLabel:
    match outcome:
        case Done(value=HeaderLabel() as label):
            return label
    return HeaderLabel(problem="its header crashes or stalls the reader", code="decoder_crashed")


def complete_entry(entry: Entry, label: HeaderLabel) -> Entry:
    """Return an entry of the index, completed by the header; the patient is that of the index."""
    view, words = entry.view, entry.original_view
    if label.view in ("frontal", "lateral") or not view:
        view, words = label.view, label.original_view
    return Entry(entry.places, view, entry.patient, words)
