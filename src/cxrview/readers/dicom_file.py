"""A DICOM file -> its data set up to the pixel data, and where those begin. Reads no pixels."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from cxrview.errors import DamagedImage
from cxrview.limits import Limits, check_bytes, read_all

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"

UNDEFINED = 0xFFFFFFFF  # the length of pixel data that are cut into fragments
PREAMBLE = 128  # bytes of anything, then DICM
LONGEST_VALUE = 1 << 22  # bytes of an element that is read; the longest true ones are tables

_FLOAT_PIXELS, _DOUBLE_PIXELS, _PIXELS = 0x7FE00008, 0x7FE00009, 0x7FE00010
PIXEL_BITS = {_PIXELS: 0, _FLOAT_PIXELS: 32, _DOUBLE_PIXELS: 64}  # of a float sample; 0: integers

_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"))
_VRS = _LONG_VRS | frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"SV", b"TM", b"UI", b"UL", b"US", b"UV")
)  # fmt: skip

# All that is ever read of a data set. Everything else, names and dates of people above all, is
# skipped in the file and never reaches memory.
WANTED = (
    0x00080016,  # SOP Class UID
    0x00080060,  # Modality
    0x00180015,  # Body Part Examined
    0x00185101,  # View Position
    0x00200020,  # Patient Orientation
    0x00540220,  # View Code Sequence
    *range(0x00280002, 0x00280012),  # samples, photometric interpretation, frames, rows, columns
    *range(0x00280100, 0x00280104),  # bits and sign
    0x00280120,  # Pixel Padding Value
    0x00280121,  # Pixel Padding Range Limit
    0x00281053,  # Rescale Slope
    *range(0x00281101, 0x00281104),  # palettes
    *range(0x00281201, 0x00281204),
    *range(0x00281221, 0x00281224),
    0x00283000,  # Modality LUT Sequence
    0x7FE00001,  # Extended Offset Table
    0x7FE00002,
)


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The element that holds the pixels: `length` bytes (or UNDEFINED) from `offset` on."""

    tag: int
    vr: str  # "" in implicit files
    length: int
    offset: int


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A data set without its pixels, and the stream to read those from."""

    dataset: Dataset
    transfer_syntax: str  # "" where the file does not say
    is_little_endian: bool
    stream: BinaryIO  # not the file itself if that was deflated
    pixels: PixelElement | None


def open_dicom(stream: BinaryIO, limits: Limits, wanted: tuple[int, ...] = WANTED) -> DicomFile:
    """Read a DICOM file up to its pixel data; with or without preamble and file meta."""
    stream.seek(0)
    stream.seek(PREAMBLE + 4 if stream.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM" else 0)
    transfer_syntax = _transfer_syntax(stream)
    if transfer_syntax == DEFLATED_LITTLE_ENDIAN:
        stream = BytesIO(inflated(read_all(stream, limits), limits))
    is_implicit, is_little_endian = _encoding(transfer_syntax, stream)
    found: list[PixelElement] = []
    values = frozenset(wanted)

    def reaches_pixels(tag: int, vr: str | None, length: int) -> bool:
        if tag in PIXEL_BITS:
            found.append(PixelElement(int(tag), vr or "", length, stream.tell()))
        elif tag in values and LONGEST_VALUE < length < UNDEFINED:
            raise DamagedImage(f"an element of the header claims {length} bytes")
        return tag in PIXEL_BITS

    dataset = read_dataset(
        stream, is_implicit, is_little_endian,
        stop_when=reaches_pixels, specific_tags=list(wanted),
    )  # fmt: skip
    pixels = found[-1] if found else None
    return DicomFile(dataset, transfer_syntax, is_little_endian, stream, pixels)


def inflated(data: bytes, limits: Limits) -> bytes:
    """Raw deflate -> bytes, never more than the limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    out = inflater.decompress(data, limits.bytes + 1)
    check_bytes(len(out), limits)
    if not inflater.eof:
        raise DamagedImage("the deflated data break off")
    return out


def looks_like_dicom(head: bytes) -> bool:
    """Could these be the first 8 bytes of a data set without preamble? A cheap first look.

    A file begins with group 0002 (file meta), 0004 (DICOMDIR) or 0008, of either byte order.
    """
    if len(head) < 8:
        return False
    group, element, vr, length = struct.unpack("<HH2sI", head[:6] + head[4:8])
    if vr in _VRS:
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
        if vr in _LONG_VRS:
            (length,) = struct.unpack("<I", stream.read(4))
        elif vr not in _VRS:  # an implicit meta group: wrong, but seen
            (length,) = struct.unpack("<I", head[4:])
        if element == 0x0010 and length <= 64:
            transfer_syntax = stream.read(length).decode("ascii", "replace").strip("\0 ")
        else:
            stream.seek(length, 1)


def _encoding(transfer_syntax: str, stream: BinaryIO) -> tuple[bool, bool]:
    """Is the data set of implicit VR, is it little endian; guessed where the file is silent."""
    if transfer_syntax == EXPLICIT_BIG_ENDIAN:
        return False, False
    if transfer_syntax:
        return transfer_syntax == IMPLICIT_LITTLE_ENDIAN, True
    start = stream.tell()
    head = stream.read(6)
    stream.seek(start)
    is_implicit = head[4:6] not in _VRS
    return is_implicit, is_implicit or head[:1] != b"\x00"  # group 0008 is 08 00, or 00 08
