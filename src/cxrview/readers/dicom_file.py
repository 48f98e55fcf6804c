"""A DICOM file -> its data set up to the pixel data, and where those are. Reads no pixels."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from cxrview.limits import Limits, check_bytes, read_all
from cxrview.readers.dicom_dataset import (
    DESCRIPTION,
    DataSet,
    Element,
    ElementEncoding,
    Elements,
    PixelElement,
)
from cxrview.readers.dicom_elements import (
    LONG_VRS,
    VRS,
    ElementReader,
)
from cxrview.readers.fragments import UNDEFINED_LENGTH

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"

PREAMBLE_BYTES = 128  # bytes of anything, then DICM

# Everything else, names and dates of people above all, is skipped in the file and never reaches
# memory.
WANTED_TAGS = tuple(tag for tag, _ in DESCRIPTION.values())


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A data set without its pixels, and the stream to read those from."""

    dataset: DataSet
    transfer_syntax: str  # "" where the file does not say
    is_little_endian: bool
    stream: BinaryIO  # not the file itself if that was deflated
    pixels: PixelElement | None
    size: int  # bytes in the stream
    damage: int | None  # where the parser first lost its way; None in sound data sets
    extents: tuple[tuple[Element, int], ...]  # each element, and where in the stream it ends


def open_dicom(
    stream: BinaryIO, limits: Limits, wanted: tuple[int, ...] = WANTED_TAGS
) -> DicomFile:
    """Read a DICOM file up to its pixel data; with or without preamble and file meta."""
    stream.seek(0)
    stream.seek(
        PREAMBLE_BYTES + 4 if stream.read(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] == b"DICM" else 0
    )
    transfer_syntax = _transfer_syntax(stream)
    if transfer_syntax == DEFLATED_LITTLE_ENDIAN and not _begins_a_data_set(stream):
        stream = BytesIO(inflate(read_all(stream, limits), limits))
    encoding = _encoding(transfer_syntax, stream)
    reader = ElementReader(stream, encoding, frozenset(wanted))
    found = reader.read(stream.tell())
    pixels, dataset = _main_picture(found, encoding)
    return DicomFile(
        dataset, transfer_syntax, encoding.is_little_endian, stream, pixels, reader.size,
        found.damage, tuple(found.extents),
    )  # fmt: skip


def _main_picture(
    found: Elements, encoding: ElementEncoding
) -> tuple[PixelElement | None, DataSet]:
    """The largest pixel data, and the description that belongs to them.

    Where an anonymiser has flattened a sequence with a thumbnail, pixel data and their
    description occur twice. A description that explains the length is the right one.
    """
    first = DataSet(found.first, encoding.is_little_endian)
    if not found.pixels:
        return None, first
    pixels = max(found.pixels, key=lambda candidate: candidate.stored_size)
    if not found.is_doubled:
        return pixels, first
    last = DataSet(found.last, encoding.is_little_endian)
    needed = [_frame_bytes(dataset) for dataset in (first, last)]
    if pixels.length == UNDEFINED_LENGTH:
        return pixels, first if needed[0] >= needed[1] else last
    padded = pixels.length - pixels.length % 2
    explains = [size and padded % (size + size % 2) == 0 for size in needed]
    return pixels, last if explains[1] and not explains[0] else first


def _frame_bytes(dataset: DataSet) -> int:
    """Bytes of an uncompressed frame as a data set describes it; 0 where it does not."""
    pixels = dataset.integer("Rows", 0) * dataset.integer("Columns", 0)
    return pixels * dataset.integer("SamplesPerPixel", 1) * dataset.integer("BitsAllocated", 0) // 8


def inflate(data: bytes, limits: Limits) -> bytes:
    """Raw deflate -> bytes, never more than the limit; of data that break off, what there is."""
    out = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limits.bytes + 1)
    check_bytes(len(out), limits)
    return out


def looks_like_dicom(head: bytes) -> bool:
    """Could these be the first 8 bytes of a data set without preamble? A cheap first look.

    A file begins with group 0002 (file meta), 0004 (DICOMDIR) or 0008, of either byte order.
    """
    if len(head) < 8:
        return False
    group, element, vr, length = struct.unpack("<HH2sI", head[:6] + head[4:8])
    if vr in VRS:
        return group in (0x0002, 0x0004, 0x0008, 0x0400, 0x0800)
    return group in (0x0002, 0x0008) and element < 0x0100 and length <= 0x0400


def _transfer_syntax(stream: BinaryIO) -> str:
    """Read the file meta group (always explicit, little endian); stops at the data set."""
    transfer_syntax = ""
    while True:
        start = stream.tell()
        head = stream.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            stream.seek(start)
            return transfer_syntax
        element, vr, length = struct.unpack("<H2sH", head[2:])
        if vr in LONG_VRS:
            (length,) = struct.unpack("<I", stream.read(4))
        elif vr not in VRS:  # an implicit meta group: wrong, but seen
            (length,) = struct.unpack("<I", head[4:])
        if element == 0x0010 and length <= 64:
            transfer_syntax = stream.read(length).decode("ascii", "replace").strip("\0 ")
        else:
            stream.seek(length, 1)


def _peek(stream: BinaryIO) -> bytes:
    """The next 8 bytes, without moving on."""
    start = stream.tell()
    head = stream.read(8)
    stream.seek(start)
    return head


def _begins_a_data_set(stream: BinaryIO) -> bool:
    """Whether a data set begins here, where deflated bytes are announced."""
    head = _peek(stream)
    if head[4:6] in VRS:
        return head[:2] in (b"\x08\x00", b"\x00\x08")
    return head[:2] == b"\x08\x00" and looks_like_dicom(head)


def _encoding(transfer_syntax: str, stream: BinaryIO) -> ElementEncoding:
    """How the data set is written: what its first element shows, since labels err in the field.

    The transfer syntax decides only where the first element shows nothing.
    """
    head = _peek(stream)
    if head[4:6] in VRS:  # a group below 0x100 is 08 00 in little endian, 00 08 in big endian
        return ElementEncoding(is_implicit=False, is_little_endian=bool(head[0]) or not head[1])
    if transfer_syntax == EXPLICIT_BIG_ENDIAN and not head[:1].strip(b"\0"):
        return ElementEncoding(is_implicit=False, is_little_endian=False)
    is_implicit = not (head[4:6].isalpha() and head[4:6].isupper())
    if transfer_syntax and transfer_syntax != IMPLICIT_LITTLE_ENDIAN and not is_implicit:
        return ElementEncoding(is_implicit=False, is_little_endian=True)
    return ElementEncoding(is_implicit=True, is_little_endian=True)
