"""One compressed picture, recognised by its first bytes and not by its label -> samples.

Size, depth, sign and colour are those of the codestream, for every codec alike: decoders can return
values beyond the depth, as of lossless JPEG of 12 bits that relies on modulo arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage
from cxrview.limits import Limits, check_bytes, check_pixels
from cxrview.readers.codestream_headers import (
    CodestreamHeader,
    read_jpeg2000_header,
    read_jpeg_header,
    read_jpegxl_header,
)
from cxrview.readers.jpeg import decode_jpeg, decode_jpegxl
from cxrview.readers.jpeg2000 import decode_jpeg2000
from cxrview.readers.planes import Plane, may_be_reduced

_WORKING_BYTES = 4  # of a sample while it is decoded: OpenJPEG, OpenJPH and libjxl use 32 bits


class DecodeFunction(Protocol):
    """Codestream and its header -> Plane."""

    def __call__(self, data: bytes, header: CodestreamHeader, *, may_average: bool = True) -> Plane:
        """`may_average`: neighbours may be averaged."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One family of codestreams: its first bytes, its header, its decoder."""

    magic: bytes
    read_header: Callable[[bytes], CodestreamHeader]
    decode: DecodeFunction


CODECS = (
    Codec(b"\xff\xd8\xff", read_jpeg_header, decode_jpeg),  # JPEG, JPEG-LS
    Codec(b"\xff\x4f\xff\x51", read_jpeg2000_header, decode_jpeg2000),  # JPEG 2000, HTJ2K
    Codec(b"\x00\x00\x00\x0cjP  \r\n\x87\n", read_jpeg2000_header, decode_jpeg2000),  # in JP2
    Codec(b"\x00\x00\x00\x0cJXL \r\n\x87\n", read_jpegxl_header, decode_jpegxl),
    Codec(b"\xff\x0a", read_jpegxl_header, decode_jpegxl),
)


def codec_of(data: bytes) -> Codec | None:
    """The family that begins like `data`; None where none does."""
    return next((codec for codec in CODECS if data.startswith(codec.magic)), None)


def read_checked_header(data: bytes, limits: Limits) -> CodestreamHeader:
    """What a codestream declares, if that is within the limits; TooLarge otherwise."""
    codec = codec_of(data)
    if codec is None:
        raise DamagedImage("compressed pixel data that begin like no codestream we know")
    header = codec.read_header(data)
    check_pixels(header.width, header.height, limits)
    check_bytes(header.width * header.height * header.samples * _WORKING_BYTES, limits)
    return header


def decode_codestream(data: bytes, header: CodestreamHeader, *, may_average: bool = True) -> Plane:
    """A codestream -> its samples; DamagedImage where they are not of the size that it declares."""
    codec = codec_of(data)
    if codec is None:
        raise DamagedImage("compressed pixel data that begin like no codestream we know")
    plane = codec.decode(data, header, may_average=may_average and may_be_reduced())
    if (plane.width, plane.height) != (header.width, header.height):
        raise DamagedImage(
            f"a codestream of {plane.width} x {plane.height} "
            f"declares {header.width} x {header.height}"
        )
    plane = replace(plane, is_rgb=header.is_rgb and plane.samples.ndim == 3)
    return _clip_to_bit_depth(plane, header)


def _clip_to_bit_depth(plane: Plane, header: CodestreamHeader) -> Plane:
    """Samples within the depth that the codestream declares; floats stay as they are."""
    kind, room = plane.samples.dtype.kind, 8 * plane.samples.dtype.itemsize
    if kind != "u" or not 0 < header.bits < room:
        return plane
    samples: npt.NDArray[Any] = plane.samples
    top = samples.dtype.type((1 << header.bits) - 1)
    if samples.size and samples.max() > top:
        is_modulo = plane.is_exact and not plane.is_offset
        plane = replace(plane, samples=samples & top if is_modulo else np.minimum(samples, top))
    return replace(plane, bits=header.bits)
