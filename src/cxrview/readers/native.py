"""Pixel data without compression, run lengths, deflated frames -> samples, as few rows as serve."""

import struct
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import imagecodecs
import numpy as np

from cxrview.errors import DamagedImage
from cxrview.images import Pixels
from cxrview.limits import Limits
from cxrview.readers.dicom_file import PixelElement, inflated
from cxrview.readers.dicom_header import Layout
from cxrview.readers.planes import Plane, kept_rows, thinned, thinned_box, whole


def row_bytes(layout: Layout, length: int) -> int:
    """Bytes of one row (of one colour plane, if planar) in pixel data of `length` bytes.

    YBR_FULL_422 holds two bytes for each pixel; some files say so and hold three.
    """
    samples = 1 if layout.is_planar else layout.samples
    full = layout.columns * samples * layout.allocated // 8
    if not layout.photometric_interpretation.endswith("_422") or layout.samples != 3:
        return full
    return full if length >= full * layout.rows * layout.frames else full * 2 // 3


def read_native(stream: BinaryIO, pixels: PixelElement, layout: Layout) -> Plane:
    """Uncompressed pixels -> the rows that suffice; the others are skipped, not read."""
    row = row_bytes(layout, pixels.length)
    planes = layout.samples if layout.is_planar else 1
    frame = row * layout.rows * planes
    if pixels.length < frame * layout.frames:
        raise DamagedImage(f"{pixels.length} bytes of pixels, {frame * layout.frames} are needed")
    _check_end(stream, pixels.offset + frame * layout.frames)
    start = pixels.offset + frame * layout.frame
    if pixels.vr == "OW" and layout.allocated == 8 and not layout.is_little_endian:
        stream, start = _swapped(stream, pixels.offset, start, frame), 0
    kept = kept_rows(layout.rows)
    samples = np.frombuffer(
        b"".join(
            _rows(stream, start + plane * row * layout.rows, row, kept) for plane in range(planes)
        ),
        layout.dtype,
    )
    shaped = _shaped(samples, layout, row, len(kept))
    box = thinned_box(layout.columns, layout.rows)
    return Plane(shaped, layout.columns, layout.rows, box, layout.allocated, is_exact=True)


def _check_end(stream: BinaryIO, end: int) -> None:
    stream.seek(end - 1)
    if not stream.read(1):
        raise DamagedImage("the pixel data break off")


def _rows(stream: BinaryIO, start: int, row: int, kept: range) -> bytearray:
    """The kept rows of one plane, one after the other."""
    if kept.step == 1:
        stream.seek(start)
        return bytearray(stream.read(row * len(kept)))
    buffer = bytearray(row * len(kept))
    view = memoryview(buffer)
    for position, number in enumerate(kept):
        stream.seek(start + number * row)
        stream.readinto(view[position * row : (position + 1) * row])  # type: ignore[attr-defined]
    return buffer


def _swapped(stream: BinaryIO, first: int, start: int, length: int) -> BinaryIO:
    """A frame of bytes in big-endian 16-bit words: each two stand the wrong way round."""
    odd = (start - first) % 2
    stream.seek(start - odd)
    data = np.frombuffer(stream.read((length + odd + 1) // 2 * 2), np.uint16)
    return BytesIO(data.byteswap().tobytes()[odd:])


def _shaped(samples: Pixels, layout: Layout, row: int, rows: int) -> Pixels:
    """Flat samples -> (h, w) or (h, w, 3); of YBR_FULL_422, Y Y Cb Cr, only Y: (h, w)."""
    if layout.samples == 1:
        return samples.reshape(rows, layout.columns)
    if layout.is_planar:
        return np.moveaxis(samples.reshape(layout.samples, rows, layout.columns), 0, 2)
    per_row = row * 8 // layout.allocated
    if per_row == layout.columns * layout.samples:
        return samples.reshape(rows, layout.columns, layout.samples)
    return samples.reshape(rows, -1, 4)[..., :2].reshape(rows, -1)


def decode_rle(data: bytes, layout: Layout, limits: Limits) -> Plane:  # noqa: ARG001 one shape for all
    """Run lengths, DICOM PS3.5 annex G: one segment for each byte of a pixel, planes apart."""
    segments = layout.samples * layout.allocated // 8
    if len(data) < 64 or struct.unpack_from("<I", data)[0] != segments:
        raise DamagedImage(f"run lengths that do not have the {segments} segments they need")
    shape = (layout.samples, layout.rows, layout.columns)
    planes = np.zeros(shape, f"<u{layout.allocated // 8}")
    # Into an array of the right size: run lengths that hold more fail, however much they claim.
    flat = planes.reshape(-1).view(np.uint8)
    if len(imagecodecs.dicomrle_decode(data, planes.dtype, out=flat.data)) < flat.size:
        raise DamagedImage("run lengths that end before the picture does")
    samples = planes[0] if layout.samples == 1 else np.moveaxis(planes, 0, 2)
    return thinned(whole(samples, layout.allocated, is_exact=True))


def decode_deflated(data: bytes, layout: Layout, limits: Limits) -> Plane:
    """One frame, deflated: inside, it is stored as uncompressed pixels are."""
    return decode_fragments(inflated(data, limits), layout, limits)


def decode_fragments(data: bytes, layout: Layout, limits: Limits) -> Plane:  # noqa: ARG001 as above
    """One frame, stored as uncompressed pixels are."""
    single = replace(layout, frames=1)
    return read_native(BytesIO(data), PixelElement(0, "OB", len(data), 0), single)
