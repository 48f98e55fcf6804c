"""A DICOM file -> the view that its header claims, and whose film it is, under a false name."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cxrview.datasets.entry import Entry
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import NoPixels, UnknownFormat, UnreadableImage
from cxrview.images import HeaderFields, header_view_of
from cxrview.labels import OTHER, UNSAID
from cxrview.limits import Limits
from cxrview.readers.decode import guarded, reader_of
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_file import PREAMBLE, WANTED, open_dicom
from cxrview.readers.dicom_header import header_of, text_of
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item

_PERSON = (0x00100020, 0x0020000D)  # Patient ID, Study Instance UID: hashed at once, never kept
_DIGITS = 16  # of the hexadecimal SHA-256: 64 bits, no two patients alike

# Mammograms know ML and LM as well, and scouts of a CT have an orientation: only these count.
# "" and OT are scanned films and secondary captures.
RADIOGRAPHY = frozenset(("CR", "DX", "DR", "RG", "RF", "XR", "OT", "SC", ""))
CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "PECHO", "PULM")  # anywhere in Body Part Examined


@dataclass(frozen=True, slots=True)
class HeaderLabel:
    """What one header says. problem: why it says nothing; `code` is the error's own."""

    view: str = UNSAID
    original_view: str = ""
    patient: str = ""
    problem: str = ""
    code: str = ""


def view_claimed(header: HeaderFields) -> tuple[str, str]:
    """HeaderFields -> (frontal, lateral, other or empty; the words in which it was said)."""
    words = header.view_position or header.view_code or header.patient_orientation
    part = header.body_part
    odd = (
        header.modality if header.modality not in RADIOGRAPHY
        else part if part and not any(name in part for name in CHEST) else ""
    )  # fmt: skip
    if odd:
        return OTHER, f"{words} ({odd})".strip()
    view = header_view_of(header).view
    return view or (OTHER if words else UNSAID), words


def pseudonym(identity: str, key: bytes) -> str:
    """An identifier of a person -> 16 digits that nobody without the key can trace back."""
    return hmac.new(key, identity.encode("utf-8", "replace"), "sha256").hexdigest()[:_DIGITS]


def claim_of(path: str, key: bytes) -> HeaderLabel:
    """One file on disc -> what its header says; pixels are not read, nothing is raised."""
    try:
        with Item(path, FileSource(path)).open() as stream, guarded():
            if reader_of(stream.read(PREAMBLE + 4)) is not read_dicom:
                raise UnknownFormat("an image, but no DICOM file")
            file = open_dicom(stream, Limits(), (*WANTED, *_PERSON))
            if file.pixels is None:
                raise NoPixels("a DICOM file without a picture")
            view, words = view_claimed(header_of(file))
            person = text_of(file.dataset, "PatientID")
            study = text_of(file.dataset, "StudyInstanceUID")
    except UnreadableImage as error:
        return HeaderLabel(problem=" ".join(str(error).split()), code=error.code)
    identity = f"patient {person}" if person else f"study {study}" if study else ""
    return HeaderLabel(view, words, pseudonym(identity, key) if identity else "")


def _maker(key: bytes) -> Callable[[str], HeaderLabel]:
    """What each worker makes once."""
    return partial(claim_of, key=key)


def claims_of(paths: Iterable[str], key: bytes, engine: Engine) -> list[HeaderLabel]:
    """Files -> what their headers say, in the same order. A header that kills its reader too."""
    claims: dict[int, HeaderLabel] = {}
    for index, outcome in engine.map(partial(_maker, key), paths):
        claims[index] = _claim(outcome)
    return [claims[index] for index in range(len(claims))]


def _claim(outcome: Any) -> HeaderLabel:
    match outcome:
        case Done(value=HeaderLabel() as claim):
            return claim
    return HeaderLabel(problem="its header crashes or stalls the reader", code="decoder_crashed")


def merged(entry: Entry, claim: HeaderLabel, is_public: bool) -> Entry:
    """What the index says, completed by the header; a public collection keeps its own patients."""
    view, words = entry.view, entry.original_view
    if claim.view in ("frontal", "lateral") or not view:
        view, words = claim.view, claim.original_view
    return Entry(entry.places, view, entry.patient if is_public else claim.patient, words)
