"""JPEG of every process, JPEG-LS, JPEG XL -> samples; 8-bit JPEG at reduced resolution."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.errors import DamagedImage
from cxrview.images import LUMA_WEIGHTS, Pixels
from cxrview.readers.codestream_headers import SOF_JPEG_LS, SOF_LOSSLESS, CodestreamHeader
from cxrview.readers.planes import Plane, least_side, thin_rows, whole_plane

# CharLS runs on for 20 s in a stream that breaks off without this marker, and stops at once at it.
END_OF_IMAGE = b"\xff\xd9"
_TAIL_BYTES = 64  # bytes
_LAST_BITS = 2  # bytes at the end that may hold bits to fill them up
_LONGEST_CODE = 16  # bits of a Huffman code; repeated, it gives the same after so many bytes


def luminance(samples: npt.NDArray[Any]) -> Pixels:
    """(h, w, 3 or more) red, green, blue -> (h, w), of the same type (32 bits: float)."""
    if samples.shape[2] < 3:
        return samples[..., 0]  # grey and its transparency
    grey: npt.NDArray[Any] = samples[..., :3] @ np.array(LUMA_WEIGHTS, np.float32)
    return np.rint(grey).astype(samples.dtype) if samples.dtype.itemsize <= 2 else grey


def decode_jpeg(data: bytes, header: CodestreamHeader, *, may_average: bool = True) -> Plane:
    """Any JPEG or JPEG-LS codestream -> its samples; colour DCT pictures -> their luminance.

    may_average: neighbours may be averaged (not so where samples are numbers of palette entries).
    A codestream that lacks nothing but its end marker is read; one that breaks off before is not.
    """
    decode = _decoder_of(header, may_average=may_average)
    if header.process == SOF_JPEG_LS:  # CharLS itself refuses what breaks off
        return decode(data)
    if (end := data.rfind(END_OF_IMAGE, header.data_offset)) >= 0:
        plane = decode(data)
        if not _may_be_filled(plane, header) or _ends_evenly(plane, data[:end]):
            return plane
        data = data[:end]
    # Whatever follows the last pixel is ignored. Where pixels are missing, it would be read as
    # pixels: two different endings then give two different pictures.
    body = data.rstrip(b"\xff")
    planes = [decode(body + ending * _TAIL_BYTES + END_OF_IMAGE) for ending in (b"\0", b"\xa5")]
    if not np.array_equal(planes[0].samples, planes[1].samples):
        raise DamagedImage("the JPEG codestream breaks off")
    return planes[0]


def _may_be_filled(plane: Plane, header: CodestreamHeader) -> bool:
    """Whether the last pixels are what libjpeg puts where a codestream breaks off.

    That is the middle of the range, or for lossless JPEG rows that repeat one value.
    """
    samples = plane.samples
    if header.process != SOF_LOSSLESS:
        return bool(samples[-1, -1] == 1 << (plane.bits - 1))
    return bool((samples[-2:] == samples[-1, -1]).all())


def _ends_evenly(plane: Plane, data: bytes) -> bool:
    """Whether the last bytes repeat one code, as those of equal rows do in a sound codestream.

    Each of their pixels needs at least one bit. This saves decoding a black border twice.
    """
    equal = (plane.samples == plane.samples[-1, -1]).reshape(len(plane.samples), -1).all(axis=1)
    rows = len(equal) if equal.all() else int(equal[::-1].argmin())
    length = (rows - 1) * plane.height // len(equal) * plane.width // 8
    tail = data[-length - _LAST_BITS : -_LAST_BITS]
    return length >= _TAIL_BYTES and any(
        tail[period:] == tail[:-period] for period in range(1, _LONGEST_CODE + 1)
    )


def _decoder_of(header: CodestreamHeader, *, may_average: bool) -> Callable[[bytes], Plane]:
    """The decoder of one JPEG process."""
    if header.process == SOF_JPEG_LS:
        return lambda data: _exact_plane(_decode_charls(data), header)
    if header.process == SOF_LOSSLESS:
        return lambda data: _exact_plane(imagecodecs.jpeg8_decode(data), header)
    if header.is_rgb:
        return lambda data: _decode_rgb(data, header)
    if header.bits == 8:
        return lambda data: _decode_scaled(data, may_average=may_average)
    return lambda data: _decode_full(data, header)


def _decode_charls(data: bytes) -> Pixels:
    """JPEG-LS -> samples; of its end marker, half may be there and be padded."""
    try:
        return imagecodecs.jpegls_decode(data + END_OF_IMAGE)
    except imagecodecs.JpeglsError:
        if END_OF_IMAGE in data[-_TAIL_BYTES:]:
            raise
        return imagecodecs.jpegls_decode(data.rstrip(b"\0\xff") + END_OF_IMAGE)


def _exact_plane(samples: Pixels, header: CodestreamHeader) -> Plane:
    """Samples of a lossless process."""
    return thin_rows(whole_plane(samples, header.bits, is_exact=True))


def _decode_full(data: bytes, header: CodestreamHeader) -> Plane:
    """DCT of 12 bits: in full."""
    plane = thin_rows(whole_plane(imagecodecs.jpeg8_decode(data), header.bits))
    return plane if plane.samples.ndim == 2 else replace(plane, samples=luminance(plane.samples))


def _decode_rgb(data: bytes, header: CodestreamHeader) -> Plane:
    """DCT of three components that are not to be converted: in full, their luminance."""
    samples = imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
    plane = thin_rows(whole_plane(samples, header.bits))
    return replace(plane, samples=luminance(plane.samples))


def _decode_scaled(data: bytes, *, may_average: bool) -> Plane:
    """8-bit DCT: a smaller inverse transform instead of averaging afterwards, and no chroma."""
    with Image.open(BytesIO(data), formats=["JPEG"]) as image:
        width, height = image.size
        side = least_side.get()
        draft = image.draft("L", (int(side), int(side))) if may_average else None
        image.decodermaxblock = len(data)  # at once, not copied in parts
        samples = np.asarray(image if image.mode == "L" else image.convert("L"))
    if draft is None:
        return thin_rows(whole_plane(samples, 8))
    left, top, right, bottom = draft[1]  # scaled sizes are padded up to whole pixels
    return Plane(samples, width, height, (left, top, right, bottom), 8)


def decode_jpegxl(data: bytes, header: CodestreamHeader, *, may_average: bool = True) -> Plane:  # noqa: ARG001 one shape for all decoders
    """JPEG XL -> its samples, red, green and blue if it has colour."""
    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    if samples.ndim == 3 and samples.shape[2] < 3:
        samples = samples[..., 0]
    return thin_rows(whole_plane(samples, header.bits or 8 * samples.dtype.itemsize))
