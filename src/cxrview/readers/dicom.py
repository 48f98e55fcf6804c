"""A DICOM file -> Radiograph: the order of the steps."""

from dataclasses import dataclass, replace
from typing import BinaryIO

from cxrview.errors import DamagedImage, NoPixels, UnknownFormat, UnsupportedImage
from cxrview.images import Radiograph
from cxrview.limits import Limits, check_bytes, check_pixels
from cxrview.readers.codestreams import codec_of, decode_codestream, read_checked_header
from cxrview.readers.dicom_dataset import Element, PixelElement
from cxrview.readers.dicom_file import DicomFile, inflate, open_dicom
from cxrview.readers.dicom_header import Layout, header_of, layout_of
from cxrview.readers.dicom_values import bone_bright
from cxrview.readers.fragments import (
    UNDEFINED_LENGTH,
    Fragment,
    IsStart,
    fragments_of,
    join_fragments,
    middle_frame,
)
from cxrview.readers.native import (
    begins_run_lengths,
    decode_fragments,
    decode_rle,
    frame_bytes,
    read_native,
    row_bytes,
)
from cxrview.readers.planes import Plane
from cxrview.readers.plausibility import find_doubts
from cxrview.readers.transfer_syntaxes import TRANSFER_SYNTAXES, Coding

_HEAD_BYTES = 16  # bytes of pixel data that show what they are
_OVERSHOOT = 1.5  # averaged samples of so many times the stored range; wavelets reach 1.34


@dataclass(frozen=True, slots=True)
class Decoded:
    """The samples of the middle frame, its number counted from 0, and how many frames there are."""

    plane: Plane
    frame: int = 0
    frames: int = 1
    warnings: tuple[str, ...] = ()


def read_dicom(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A DICOM file of any transfer syntax -> its picture, the middle one of several, bone bright.

    Reads as much of the file and decodes as much of the picture as the 64 x 64 picture needs.
    """
    file, layout, decoded = read_frame(stream, limits)
    plane = decoded.plane
    pixels, window = bone_bright(plane, layout, file.dataset)
    frame = decoded.frame + 1 if decoded.frames > 1 else None
    warnings = decoded.warnings
    if not layout.is_palette:  # numbers of palette entries need not be smooth
        warnings += find_doubts(plane, is_planar=layout.is_planar, is_signed=layout.is_signed)
    if file.damage is not None:
        warnings += (f"header: its elements are damaged at byte {file.damage}",)
    return Radiograph(
        pixels, plane.width, plane.height, plane.box, header_of(file), frame, warnings, window
    )


def read_frame(stream: BinaryIO, limits: Limits) -> tuple[DicomFile, Layout, Decoded]:
    """A DICOM file of any transfer syntax -> its middle frame as stored, and what describes it."""
    file = open_dicom(stream, limits)
    if file.pixels is None:
        raise _without_pixels(file)
    layout = layout_of(file)
    check_pixels(max(0, layout.columns), max(0, layout.rows), limits)
    return file, layout, decode_frame(file, file.pixels, layout, limits)


def _without_pixels(file: DicomFile) -> NoPixels | UnknownFormat | DamagedImage:
    """Why there is no picture: none is meant, or the data set breaks off before it comes.

    Only a SOP class without pixels or a data set that was read cleanly to its end says the first.
    """
    from pydicom.uid import UID

    sop_class = UID(file.dataset.text("SOPClassUID"))
    if not sop_class and not file.transfer_syntax:
        return UnknownFormat("no image format that we read")
    is_known = sop_class.is_valid and sop_class.name != sop_class
    if file.damage is None or (is_known and "Image" not in sop_class.name):
        name = f" ({sop_class.name})" if is_known else ""
        return NoPixels(f"a DICOM file without pixel data{name}")
    return DamagedImage(f"the DICOM header cannot be read from byte {file.damage} on")


def decode_frame(file: DicomFile, pixels: PixelElement, layout: Layout, limits: Limits) -> Decoded:
    """The middle frame, however the pixel data are written: their first bytes decide."""
    syntax = TRANSFER_SYNTAXES.get(file.transfer_syntax)
    if syntax is None:
        raise _unknown_syntax(file.transfer_syntax)
    if layout.allocated == 1:
        raise UnsupportedImage("one bit per pixel: a mask, not a radiograph")
    end = file.size
    if pixels.length != UNDEFINED_LENGTH:
        end = min(end, pixels.offset + pixels.length)
    head = _read_head(file.stream, pixels.offset)
    fragments = list(pixels.fragments) or fragments_of(file.stream, pixels.offset, end)
    if not _are_fragments(fragments, pixels, syntax.coding):
        native = pixels
        if pixels.length == UNDEFINED_LENGTH:
            native = replace(pixels, length=end - pixels.offset)
        if not _is_compressed(head, layout, native, syntax.coding):
            return _decode_native(file, native, layout)
        fragments = [Fragment(pixels.offset, end - pixels.offset, head)]
    return _from_fragments(file.stream, fragments, syntax.coding, layout, limits)


def _unknown_syntax(uid: str) -> UnsupportedImage:
    """The error; it names no number of somebody's own, which may be that of a patient."""
    from pydicom.uid import UID

    known = UID(uid)
    return UnsupportedImage(f"transfer syntax {known if known.name != known else 'unknown'}")


def _read_head(stream: BinaryIO, offset: int) -> bytes:
    stream.seek(offset)
    return stream.read(_HEAD_BYTES)


def _are_fragments(fragments: list[Fragment], pixels: Element, coding: Coding) -> bool:
    """Whether these are items, not uncompressed pixels that look like the tag of one."""
    if not fragments:
        return False
    is_announced = pixels.length == UNDEFINED_LENGTH or coding is not Coding.NATIVE
    heads = [fragment.head for fragment in fragments]
    return is_announced or any(codec_of(head) or begins_run_lengths(head) for head in heads)


def _is_compressed(head: bytes, layout: Layout, pixels: Element, coding: Coding) -> bool:
    """Whether a codestream or run lengths stand where the header announces plain pixels.

    Their first bytes tell, and a length that is not that of whole frames.
    """
    codec = codec_of(head)
    if codec is None and not begins_run_lengths(head):
        return False
    needed = frame_bytes(layout, pixels.length)
    if codec is not None and (coding is Coding.NATIVE and len(codec.magic) <= 2):
        return pixels.length < needed  # two bytes may be those of a pixel
    return needed <= 0 or pixels.length < needed or pixels.length % needed > 1


def _decode_native(file: DicomFile, pixels: Element, layout: Layout) -> Decoded:
    """Uncompressed pixels."""
    plane, frame, frames = read_native(file.stream, pixels, layout)
    warnings: tuple[str, ...] = ()
    if frames < layout.frames:
        warnings = (_fewer_frames(layout.frames, frames),)
    explained = frame_bytes(layout, pixels.length) * frames
    is_cut = frames < layout.frames  # the rest is the beginning of the next frame
    if not is_cut and pixels.length - explained >= row_bytes(layout, pixels.length):
        words = f"{pixels.length} bytes of pixels, of which the header explains {explained}"
        warnings += (f"suspect: {words}",)
    return Decoded(plane, frame, frames, warnings)


def _fewer_frames(announced: int, found: int) -> str:
    return f"frames: {announced} are announced, {found} are there"


def _from_fragments(
    stream: BinaryIO, fragments: list[Fragment], coding: Coding, layout: Layout, limits: Limits
) -> Decoded:
    """The middle frame of encapsulated pixels, recognised by its first bytes."""
    is_labelled = coding in (Coding.FRAGMENTS, Coding.DEFLATED_FRAME)
    is_start = _never if is_labelled else _start_of(fragments)
    frame = middle_frame(fragments, is_start, layout.frames)
    data = join_fragments(stream, frame, limits)
    warnings: tuple[str, ...] = ()
    if frame.count < layout.frames:
        warnings = (_fewer_frames(layout.frames, frame.count),)
    if coding is Coding.DEFLATED_FRAME:
        plane = decode_fragments(inflate(data, limits), layout)
    elif is_start is _never and (coding in _PLAIN or _is_plain(data, layout)):
        plane = decode_fragments(data, layout)
    elif is_start is begins_run_lengths or (coding is Coding.RLE and is_start is _never):
        check_bytes(layout.rows * layout.columns * layout.samples * 4, limits)
        plane = decode_rle(data, layout)
    else:
        plane, found = _decode_codestream(data, layout, limits)
        warnings += found
    return Decoded(plane, frame.number, frame.count, warnings)


_PLAIN = (Coding.FRAGMENTS, Coding.NATIVE)


def _is_plain(data: bytes, layout: Layout) -> bool:
    """Whether a frame that begins like nothing known has the length of uncompressed pixels."""
    needed = frame_bytes(layout, len(data))
    return needed > 0 and len(data) - needed in (0, 1)


def _never(head: bytes) -> bool:  # noqa: ARG001 one shape for all
    return False


def _start_of(fragments: list[Fragment]) -> IsStart:
    """How frames begin, by the first two fragments: the first may be the offset table."""
    for fragment in fragments[:2]:
        codec = codec_of(fragment.head)
        if codec is not None:
            return lambda head: head.startswith(codec.magic)
        if begins_run_lengths(fragment.head):
            return begins_run_lengths
    return _never


def _decode_codestream(
    data: bytes, layout: Layout, limits: Limits
) -> tuple[Plane, tuple[str, ...]]:
    """A codestream, if it is within the limits; its size counts, whatever the header says."""
    header = read_checked_header(data, limits)
    if header.is_colour_unknown and layout.photometric_interpretation == "RGB":
        header = replace(header, is_rgb=True)  # decoders would take it for YCbCr
    # Two's complement in an unsigned codestream jumps at zero: averages would be wrong there.
    may_average = not layout.is_palette and layout.is_signed == header.is_signed
    plane = decode_codestream(data, header, may_average=may_average)
    if _has_unknown_bits(plane, layout) and header.is_lossless:
        plane = decode_codestream(data, header, may_average=False)
    if (header.width, header.height) == (layout.columns, layout.rows):
        return plane, ()
    words = (
        f"size: the header says {layout.columns} x {layout.rows} pixels, "
        f"the codestream {header.width} x {header.height}"
    )
    return plane, (words,)


def _has_unknown_bits(plane: Plane, layout: Layout) -> bool:
    """Do averaged samples exceed the stored bits? An overlay there must not be averaged."""
    if not plane.is_reduced or not 0 < layout.stored < plane.bits or plane.is_offset:
        return False
    return bool(plane.samples.max() >= _OVERSHOOT * (1 << layout.stored))
