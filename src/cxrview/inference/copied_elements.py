"""A DICOM file -> its elements for a copy, the file of a copy, and whether it holds all of them.

Pydicom reads and writes the elements. It gives up at faults that the readers pass over, and keeps
only the last of elements that occur twice: such a file cannot be copied.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.uid import UID

from cxrview.errors import DamagedImage, UnsupportedImage
from cxrview.readers.decode import translate_decoder_errors
from cxrview.readers.dicom_elements import AFTER_PIXELS, DELIMITERS, PIXEL_BITS
from cxrview.readers.dicom_file import PREAMBLE_BYTES, DicomFile
from cxrview.readers.dicom_header import layout_of
from cxrview.readers.fragments import UNDEFINED_LENGTH, Fragment, fragments_of

# Specific Character Set and SOP Class UID, which pydicom decodes of every file and pads anew.
_DECODED_TAGS = (0x00080005, 0x00080016)


@contextmanager
def translate_copy_errors() -> Iterator[None]:
    """Translate every error of reading, decoding and writing to an UnreadableImage."""
    with translate_decoder_errors():
        try:
            yield
        except BytesLengthException as error:
            raise DamagedImage("an element has an impossible length") from error


def read_elements(file: DicomFile, stream: BinaryIO, unneeded: frozenset[int] = frozenset()) -> Any:
    """The data set of a file as pydicom reads it.

    file: what the readers found in the stream. unneeded: tags that the copy does without. Raises
    UnsupportedImage where pydicom does not find the same elements as the readers.
    """
    tags = [element.tag for element, _ in file.extents if _is_copied(element.tag)]
    is_cut_off = bool(tags) and tags[-1] in PIXEL_BITS.keys() & unneeded  # is the last element
    stream.seek(0)
    dataset = dcmread(stream, force=True, stop_before_pixels=is_cut_off)
    found = filter(_is_copied, dataset.keys())
    if sorted(set(found) - unneeded) != sorted(tag for tag in tags if tag not in unneeded):
        raise UnsupportedImage("its elements are irregular or occur twice: a copy would lack some")
    return dataset


def file_of(dataset: Any, syntax: UID) -> bytes:
    """The bytes of a data set as a file in a transfer syntax, with a preamble of zeros."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    dataset.preamble = bytes(PREAMBLE_BYTES)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def check_same_elements(source: DicomFile, copy: DicomFile, changed: frozenset[int]) -> None:
    """Raise UnsupportedImage for a copy without the pixels and the other elements of its source.

    changed: the tags that may differ. Pixel data of odd length may have got a zero at their end.
    """
    same_pixels = _pixels(source) == _pixels(copy) and layout_of(source) == layout_of(copy)
    if not same_pixels or source.transfer_syntax != copy.transfer_syntax:
        raise UnsupportedImage("the copy would not hold the same pixels: the file is irregular")
    if _values(source, changed) != _values(copy, changed):
        raise UnsupportedImage("the copy would not hold the same elements: the file is irregular")


def _is_copied(tag: int) -> bool:
    """Whether an element is to be kept: delimiters, padding and group lengths are not."""
    return tag not in DELIMITERS and tag < AFTER_PIXELS and bool(tag & 0xFFFF)


def _values(file: DicomFile, changed: frozenset[int]) -> list[tuple[int, bytes]]:
    """Tag and bytes of the elements, ordered by tag; without padding where pydicom changes it."""
    found = []
    for element, end in file.extents:
        if _is_copied(element.tag) and element.tag not in changed | PIXEL_BITS.keys():
            value = _read(file, element.offset, end)
            if element.tag in _DECODED_TAGS:
                value = b"\\".join(part.strip(b"\0 ") for part in value.split(b"\\"))
            found.append((element.tag, value))
    return sorted(found)


def _pixels(file: DicomFile) -> list[tuple[int, int, list[bytes]]]:
    """All pixel data: tag, length, and the items or the only value, filled up to even lengths."""
    found = []
    for element, end in file.extents:
        if element.tag not in PIXEL_BITS:
            continue
        length, parts = element.length, [Fragment(element.offset, end - element.offset, b"")]
        if length == UNDEFINED_LENGTH:
            parts = fragments_of(file.stream, element.offset, end)
        else:
            length += length % 2
        data = [_read(file, part.offset, part.offset + part.length) for part in parts]
        found.append((element.tag, length, [one + b"\0" * (len(one) % 2) for one in data]))
    return found


def _read(file: DicomFile, start: int, end: int) -> bytes:
    file.stream.seek(start)
    return file.stream.read(end - start)
