"""A DICOM file -> Radiograph: the order of the steps."""

from typing import BinaryIO

from pydicom.encaps import get_frame
from pydicom.uid import UID

from cxrview.errors import DamagedImage, NoPixels, UnknownFormat, UnsupportedImage
from cxrview.images import Radiograph
from cxrview.limits import Limits, check_bytes, check_pixels
from cxrview.readers.codecs import TRANSFER_SYNTAXES, Coding
from cxrview.readers.codestreams import claim_within, decode_codestream
from cxrview.readers.dicom_file import UNDEFINED, DicomFile, PixelElement, open_dicom
from cxrview.readers.dicom_header import Layout, header_of, layout_of, text_of, value_of
from cxrview.readers.dicom_values import bone_bright
from cxrview.readers.native import decode_deflated, decode_fragments, decode_rle, read_native
from cxrview.readers.planes import Plane

_LABELLED = {
    Coding.RLE: decode_rle,
    Coding.DEFLATED_FRAME: decode_deflated,
    Coding.FRAGMENTS: decode_fragments,
}


def read_dicom(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A DICOM file of any transfer syntax -> its picture, the middle one of several, bone bright.

    Reads as much of the file and decodes as much of the picture as the 64 x 64 picture needs.
    """
    file = open_dicom(stream, limits)
    if file.pixels is None:
        raise _without_pixels(file)
    layout = layout_of(file)
    check_pixels(layout.columns, layout.rows, limits)
    plane = _plane(file, file.pixels, layout, limits)
    pixels = bone_bright(plane, layout, file.dataset)
    frame = layout.frame + 1 if layout.frames > 1 else None
    return Radiograph(pixels, plane.width, plane.height, plane.box, header_of(file), frame)


def _without_pixels(file: DicomFile) -> NoPixels | UnknownFormat:
    """A report or a plan says so by its SOP class; else it is no DICOM file that we know."""
    sop_class = UID(text_of(file.dataset, "SOPClassUID"))
    if not sop_class and not file.transfer_syntax:
        return UnknownFormat("no image format that we read")
    name = f" ({sop_class.name})" if sop_class.is_valid and sop_class.name != sop_class else ""
    return NoPixels(f"a DICOM file without pixel data{name}")


def _plane(file: DicomFile, pixels: PixelElement, layout: Layout, limits: Limits) -> Plane:
    """The samples of the frame to judge."""
    if pixels.length != UNDEFINED:
        return read_native(file.stream, pixels, layout)
    syntax = TRANSFER_SYNTAXES.get(file.transfer_syntax)
    if syntax is None:
        known = UID(file.transfer_syntax)  # a number of somebody's own may be that of a patient
        raise UnsupportedImage(f"transfer syntax {known if known.name != known else 'unknown'}")
    data = _frame(file, pixels, layout)
    check_bytes(len(data), limits)
    if syntax.coding in _LABELLED:
        return _LABELLED[syntax.coding](data, layout, limits)
    return _decoded(data, layout, limits)


def _frame(file: DicomFile, pixels: PixelElement, layout: Layout) -> bytes:
    """The fragments of one frame, put together. DICOM PS3.5 annex A.4."""
    offsets = value_of(file.dataset, "ExtendedOffsetTable")
    lengths = value_of(file.dataset, "ExtendedOffsetTableLengths")
    file.stream.seek(pixels.offset)
    frame: bytes = get_frame(
        file.stream, layout.frame,
        number_of_frames=layout.frames,
        extended_offsets=(offsets, lengths) if offsets and lengths else None,
    )  # fmt: skip
    return frame


def _decoded(data: bytes, layout: Layout, limits: Limits) -> Plane:
    """A codestream, if it is within the limits and of the size that the header says."""
    claim = claim_within(data, limits)
    if (claim.width, claim.height) != (layout.columns, layout.rows):
        raise DamagedImage(
            f"the header says {layout.columns} x {layout.rows} pixels, "
            f"the codestream {claim.width} x {claim.height}"
        )
    # Two's complement in an unsigned codestream jumps at zero: averages would be wrong there.
    averaging = not layout.is_palette and layout.is_signed == claim.is_signed
    return decode_codestream(data, claim, averaging=averaging)
