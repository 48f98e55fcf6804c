"""Pixel data without compression, run lengths, deflated frames -> samples, as few rows as serve."""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader, BytesIO, FileIO
from itertools import pairwise
from typing import BinaryIO

import imagecodecs
import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage
from cxrview.images import Pixels
from cxrview.readers.dicom_dataset import Element
from cxrview.readers.dicom_header import Layout
from cxrview.readers.planes import Plane, kept_rows, thin_rows, thinned_box, whole_plane


def row_bytes(layout: Layout, length: int) -> int:
    """Bytes of one row (of one colour plane, if planar) in pixel data of `length` bytes.

    YBR_FULL_422 holds two bytes for each pixel; some files say so and hold three.
    """
    samples = 1 if layout.is_planar else layout.samples
    full = layout.columns * samples * layout.allocated // 8
    if not layout.photometric_interpretation.endswith("_422") or layout.samples != 3:
        return full
    return full if length >= full * layout.rows * layout.frames else full * 2 // 3


def frame_bytes(layout: Layout, length: int) -> int:
    """Bytes of one frame in pixel data of `length` bytes."""
    planes = layout.samples if layout.is_planar else 1
    return row_bytes(layout, length) * layout.rows * planes


def read_native(stream: BinaryIO, pixels: Element, layout: Layout) -> tuple[Plane, int, int]:
    """Uncompressed pixels -> (the rows that suffice of the middle frame, its number, how many).

    Frames that are announced and not there are not counted. The rows between are skipped.
    """
    layout.check()
    row = row_bytes(layout, pixels.length)
    planes = layout.samples if layout.is_planar else 1
    frame = frame_bytes(layout, pixels.length)
    count = min(layout.frames, pixels.length // frame)
    if not count:
        raise DamagedImage(f"{pixels.length} bytes of pixels, {frame} are needed")
    start = pixels.offset + frame * (count // 2)
    _check_end(stream, start + frame)
    if pixels.vr == "OW" and layout.allocated == 8 and not layout.is_little_endian:
        stream, start = _swap_bytes(stream, pixels.offset, start, frame), 0
    kept = kept_rows(layout.rows)
    parts = [
        _read_rows(stream, start + plane * row * layout.rows, row, kept) for plane in range(planes)
    ]
    samples = (parts[0] if planes == 1 else np.concatenate(parts)).view(layout.dtype)
    shaped = _reshape(samples, layout, row, len(kept))
    box = thinned_box(layout.columns, layout.rows)
    plane = Plane(
        shaped, layout.columns, layout.rows, box, layout.allocated,
        is_exact=True, is_codestream=False,
    )  # fmt: skip
    return plane, count // 2, count


def _check_end(stream: BinaryIO, end: int) -> None:
    stream.seek(end - 1)
    if not stream.read(1):
        raise DamagedImage("the pixel data break off")


def _read_rows(stream: BinaryIO, start: int, row: int, kept: range) -> npt.NDArray[np.uint8]:
    """The kept rows of one plane, one after the other: (bytes,)."""
    if kept.step == 1:  # all rows, read as one
        row, kept = row * len(kept), range(1)
    rows = np.empty(row * len(kept), np.uint8)
    place, read_into = rows.data, _reader_of(stream)
    for count, number in enumerate(kept):
        part, offset = place[count * row : (count + 1) * row], start + number * row
        done = read_into(part, offset)
        while done < len(part):  # network file systems may give less than is asked for
            more = read_into(part[done:], offset + done)
            if not more:
                raise DamagedImage("the pixel data break off")
            done += more
    return rows


def _reader_of(stream: BinaryIO) -> Callable[[memoryview, int], int]:
    """A function that fills memory from an offset; of a file on disk without its buffer.

    The buffer would be filled beyond each row, which takes twice as long.
    """
    if isinstance(stream, BufferedReader) and isinstance(stream.raw, FileIO):
        number = stream.fileno()
        return lambda part, offset: os.preadv(number, (part,), offset)

    def read_into(part: memoryview, offset: int) -> int:
        stream.seek(offset)
        data = stream.read(len(part))
        part[: len(data)] = data
        return len(data)

    return read_into


def _swap_bytes(stream: BinaryIO, first: int, start: int, length: int) -> BinaryIO:
    """A frame of bytes in big-endian 16-bit words: each two stand the wrong way round."""
    odd = (start - first) % 2
    stream.seek(start - odd)
    data = np.frombuffer(stream.read((length + odd + 1) // 2 * 2), np.uint16)
    return BytesIO(data.byteswap().tobytes()[odd:])


def _reshape(samples: Pixels, layout: Layout, row: int, rows: int) -> Pixels:
    """Flat samples -> (h, w) or (h, w, 3); of YBR_FULL_422, Y Y Cb Cr, only Y: (h, w)."""
    if layout.samples == 1:
        return samples.reshape(rows, layout.columns)
    if layout.is_planar:
        return np.moveaxis(samples.reshape(layout.samples, rows, layout.columns), 0, 2)
    per_row = row * 8 // layout.allocated
    if per_row == layout.columns * layout.samples:
        return samples.reshape(rows, layout.columns, layout.samples)
    return samples.reshape(rows, -1, 4)[..., :2].reshape(rows, -1)


_RLE_LAYOUTS = {1: (1, 8), 2: (1, 16), 3: (3, 8), 4: (1, 32), 6: (3, 16), 12: (3, 32)}
_RLE_HEADER_BYTES = 64  # bytes: how many segments, and where each begins


def begins_run_lengths(head: bytes) -> bool:
    """Whether a frame of run lengths begins here: a count of segments, and where the first is."""
    return len(head) >= 8 and (head[0] in _RLE_LAYOUTS) and head[1:8] == b"\0\0\0@\0\0\0"


def decode_rle(data: bytes, layout: Layout) -> Plane:
    """Run lengths, DICOM PS3.5 annex G: one segment for each byte of a pixel, planes apart.

    The count of segments is believed over the header's samples and bits.
    """
    layout.check_size()
    count = data[0] if begins_run_lengths(data) else 0
    samples, allocated = layout.samples, layout.allocated
    if count != samples * allocated // 8 and count in _RLE_LAYOUTS:
        samples, allocated = _RLE_LAYOUTS[count]
    if len(data) < _RLE_HEADER_BYTES or count != samples * allocated // 8:
        raise DamagedImage("run lengths whose segments are no pixels")
    planes = np.zeros((samples, layout.rows, layout.columns), f"<u{allocated // 8}")
    # Into an array of the right size: run lengths that hold more fail, however much they claim.
    flat = planes.reshape(-1).view(np.uint8)
    try:
        length = len(imagecodecs.dicomrle_decode(data, planes.dtype, out=flat.data))
    except imagecodecs.DicomrleError:
        length = _decode_segments(data, planes, layout.columns)
    if length < flat.size:
        raise DamagedImage("run lengths that end before the picture does")
    shaped = planes[0] if samples == 1 else np.moveaxis(planes, 0, 2)
    return replace(thin_rows(whole_plane(shaped, allocated, is_exact=True)), is_codestream=False)


def _decode_segments(data: bytes, planes: Pixels, spare: int) -> int:
    """Unpack segments that hold up to `spare` bytes more than the picture; returns how many fit."""
    size, width = planes[0].size, planes.itemsize
    count = planes.shape[0] * width
    starts = [*struct.unpack_from(f"<{count}I", data, 4), len(data)]
    bytes_of_pixels = planes.view(np.uint8).reshape(planes.shape[0], size, width)
    for number, (start, end) in enumerate(pairwise(starts)):
        try:
            unpacked = imagecodecs.packbits_decode(data[start:end], out=size + spare)
        except imagecodecs.DicomrleError as error:
            raise DamagedImage("run lengths that hold more than the picture") from error
        if len(unpacked) < size:
            raise DamagedImage("run lengths that end before the picture does")
        plane, byte = divmod(number, width)  # the highest byte comes first
        bytes_of_pixels[plane, :, width - 1 - byte] = np.frombuffer(unpacked, np.uint8, size)
    return int(planes.nbytes)


def decode_fragments(data: bytes, layout: Layout) -> Plane:
    """One frame, stored as uncompressed pixels are."""
    single = replace(layout, frames=1)
    return read_native(BytesIO(data), Element(0, "OB", len(data), 0), single)[0]
