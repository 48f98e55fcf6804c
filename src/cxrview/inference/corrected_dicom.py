"""A DICOM file whose view tags are missing or wrong -> a copy with right ones.

Only the view tags, the identity of the instance and its relation to the source change. The pixel
data keep their transfer syntax and their bytes. Runs in worker processes, since it parses untrusted
files.
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from cxrview import __version__
from cxrview.errors import DamagedImage, UnknownFormat, UnsupportedImage
from cxrview.images import HeaderFields, header_view_of, tag_views_of
from cxrview.inference.copied_elements import (
    check_same_elements,
    file_of,
    read_elements,
    translate_copy_errors,
)
from cxrview.inference.known_image import UID_TAG, KnownImage
from cxrview.inference.upright_dicom import check_identifiers, code_item, source_reference
from cxrview.limits import Limits
from cxrview.readers.decode import reader_of
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_file import PREAMBLE_BYTES, WANTED_TAGS, DicomFile, open_dicom
from cxrview.readers.dicom_header import header_of
from cxrview.readers.fragments import fragments_of
from cxrview.views import (
    GENERAL_CODES,
    POSITION_CODES,
    View,
    position_of_code,
    view_of_code,
    view_of_position,
)

# They no longer hold for the changed attributes.
_SIGNATURES = ("MACParametersSequence", "DigitalSignaturesSequence")
_CHANGED = frozenset(map(tag_for_keyword, (
    *_SIGNATURES, "SOPInstanceUID", "SourceImageSequence", "ContributingEquipmentSequence",
    "ViewPosition", "ViewCodeSequence", "PatientOrientation",
)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class ViewChange:
    """The view tags before and after: ViewPosition, Code Value, and Patient Orientation."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorrectedCopy:
    """The bytes of a corrected copy, and what was changed."""

    content: bytes
    change: ViewChange


def corrected_copy(
    stream: BinaryIO, known: KnownImage, view: View, *, by_person: bool
) -> CorrectedCopy | None:
    """A seekable stream of a DICOM file, and its view -> a copy; None if its tags are right.

    known: what the table states about the image. by_person: tags that name neither view, as those
    of obliques, are replaced as well. Raises UnreadableImage where there is no copy to be made; its
    message says why.
    """
    with translate_copy_errors():
        stream.seek(0)
        if reader_of(stream.read(PREAMBLE_BYTES + 4)) is not read_dicom:
            raise UnknownFormat("no DICOM file")
        file = open_dicom(stream, Limits(), (*WANTED_TAGS, UID_TAG))
        if file.pixels is None or file.damage is not None:
            raise DamagedImage("elements of the file are damaged, or it has no pixel data")
        known.check(file)
        header = header_of(file)
        named = {tag_view for _, value, tag_view in tag_views_of(header) if value}
        if view in named and not named - {view, None}:
            return None
        if not by_person and (named == {None} or _names_another_view(file, header)):
            raise UnsupportedImage("its view tags name neither view, as those of an oblique do")
        content, change = _corrected(read_elements(file, stream), header, view)
        copy = open_dicom(BytesIO(content), Limits())
        check_same_elements(file, copy, _CHANGED)
        if header_view_of(header_of(copy)).view is not view:
            raise UnsupportedImage("the copy does not state the view: its header is irregular")
        return CorrectedCopy(content, change)


def _names_another_view(file: DicomFile, header: HeaderFields) -> bool:
    """Whether View Position or View Code hold anything that is neither frontal nor lateral."""
    codes = file.dataset.items("ViewCodeSequence")
    is_other_code = bool(codes and codes[0].values) and view_of_code(header.view_code) is None
    position = file.dataset.text("ViewPosition")
    return is_other_code or (bool(position) and view_of_position(position) is None)


def _corrected(dataset: Any, header: HeaderFields, view: View) -> tuple[bytes, ViewChange]:
    """The bytes of the file with tags that state `view`."""
    check_identifiers(dataset)
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if not syntax:
        raise UnsupportedImage("the file names no transfer syntax")
    before = tuple(value for _, value, _ in tag_views_of(header))
    after, code = _right_tags(header, view)
    source_reference(dataset)
    dataset.ViewPosition = after[0]
    if code:
        dataset.ViewCodeSequence = [code_item(*code)]
    if after[2] != before[2]:
        dataset.PatientOrientation = after[2].split("\\")
    _add_contribution(dataset, f"View tags changed to {view}")
    for keyword in _SIGNATURES:
        if keyword in dataset:
            del dataset[keyword]
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        dataset["PixelData"].value = _of_even_length(dataset["PixelData"].value)
    # the same source and tags give the same file, so that a second run changes nothing
    former = str(dataset.SOPInstanceUID)
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[former, "view", view, *after])
    return file_of(dataset, UID(syntax)), ViewChange(before, after)


def _right_tags(
    header: HeaderFields, view: View
) -> tuple[tuple[str, ...], tuple[str, str, str] | None]:
    """The three view tags that state `view`, and the code of a new View Code Sequence.

    What agrees with the view stays. AP, PA, LL and RL are never invented: they come from another
    tag, or ViewPosition stays empty and the code says frontal or lateral, DICOM PS3.16 CID 4010.
    Of a Patient Orientation of the other view the direction towards head or feet stays; the other
    one is emptied, because it is not known. PS3.5 7.4.1 permits this also where DX requires it.
    """
    right = {source: value for source, value, named in tag_views_of(header) if named is view}
    position = right.get("ViewPosition", "")
    code = right.get("ViewCodeSequence", "")
    position = position or position_of_code(code)
    new_code = None if code else POSITION_CODES.get(position, GENERAL_CODES[view])
    orientation = right.get("PatientOrientation", _along_body(header.patient_orientation))
    return (position, code or (new_code or ("",))[0], orientation), new_code


def _along_body(orientation: str) -> str:
    r"""What two views of a patient have in common: L\F -> \F; "" for nothing."""
    parts = [part if set(part) <= set("HF") else "" for part in orientation.split("\\")]
    return "\\".join(parts) if any(parts) else ""


def _of_even_length(items: bytes) -> bytes:
    """Fragments with their heads -> the same; a last one of odd length gets a zero at its end.

    Pydicom would put it behind the fragment, where a delimiter must stand. DICOM PS3.5 A.4.
    """
    if len(items) % 2 == 0:
        return items
    last = fragments_of(BytesIO(items), 0, len(items))[-1]
    end = last.offset + last.length
    if last.length % 2 == 0 or end != len(items):
        raise UnsupportedImage("fragments of odd length")
    length = struct.pack("<I", last.length + 1)
    return items[: last.offset - len(length)] + length + items[last.offset :] + b"\0"


def _add_contribution(dataset: Dataset, description: str) -> None:
    """Name this program as modifying equipment, DICOM PS3.3 C.12.1.1.5, PS3.16 CID 7005.

    Without a time, so that the same source gives the same file.
    """
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item("109103", "DCM", "Modifying Equipment")]
    item.Manufacturer = item.ManufacturerModelName = "cxrview"
    item.SoftwareVersions = __version__
    item.ContributionDescription = description
    earlier = dataset.get("ContributingEquipmentSequence") or []
    dataset.ContributingEquipmentSequence = [*earlier, item]
