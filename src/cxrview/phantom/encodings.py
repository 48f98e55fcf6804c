"""Pixels in [0, 1] -> bytes in the file formats of chest radiographs: one table of encodings."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxrview.images import FloatArray

GreyLevels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class ImageEncoding:
    """A file format with its bit depth and, for DICOM, its transfer syntax."""

    name: str
    suffix: str
    bits: int
    encode: Callable[[GreyLevels], bytes]
    transfer_syntax: UID | None = None  # of a DICOM file

    @property
    def is_lossy(self) -> bool:
        """Whether decoding changes pixels slightly."""
        return self.encode is _encode_jpeg


def quantize(pixels: FloatArray, bits: int) -> GreyLevels:
    """Return (h, w) pixels in [0, 1] as integers 0 .. 2**bits - 1."""
    levels: FloatArray = np.round(np.clip(pixels, 0, 1) * (2**bits - 1))
    return levels.astype(np.uint8) if bits <= 8 else levels.astype(np.uint16)


def _encode_pillow(levels: GreyLevels, pillow_format: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, pillow_format, **options)
    return stream.getvalue()


def _encode_jpeg(levels: GreyLevels) -> bytes:
    return _encode_pillow(levels, "JPEG", quality=JPEG_QUALITY)


def _encode_png(levels: GreyLevels) -> bytes:
    return _encode_pillow(levels, "PNG")


def _encode_uncompressed(levels: GreyLevels) -> bytes:
    return levels.astype("<u2").tobytes()


def _encode_jpeg_lossless(levels: GreyLevels) -> bytes:
    """Process 14, first-order prediction: transfer syntax .70 requires selection value 1."""
    data = imagecodecs.jpeg8_encode(levels, bitspersample=12, lossless=True, predictor=1)
    return bytes(data)


def _encode_jpeg_ls(levels: GreyLevels) -> bytes:
    return bytes(imagecodecs.jpegls_encode(levels, level=0))


def _encode_jpeg2000(levels: GreyLevels) -> bytes:
    data = imagecodecs.jpeg2k_encode(
        levels, level=0, reversible=True, codecformat="J2K", bitspersample=12
    )
    return bytes(data)


def _encode_htj2k(levels: GreyLevels) -> bytes:
    return bytes(imagecodecs.htj2k_encode(levels, reversible=True))


ENCODINGS = (
    ImageEncoding("jpeg", ".jpg", 8, _encode_jpeg),
    ImageEncoding(
        "dicom explicit little endian", ".dcm", 12, _encode_uncompressed, ExplicitVRLittleEndian
    ),
    ImageEncoding("png", ".png", 8, _encode_png),
    ImageEncoding(
        "dicom rle", ".dcm", 12, _encode_uncompressed, RLELossless
    ),  # pydicom compresses it
    ImageEncoding("dicom jpeg baseline", ".dcm", 8, _encode_jpeg, JPEGBaseline8Bit),
    ImageEncoding("dicom jpeg lossless", ".dcm", 12, _encode_jpeg_lossless, JPEGLosslessSV1),
    ImageEncoding("png 16 bit", ".png", 16, _encode_png),
    ImageEncoding("dicom jpeg-ls", ".dcm", 12, _encode_jpeg_ls, JPEGLSLossless),
    ImageEncoding("dicom jpeg 2000", ".dcm", 12, _encode_jpeg2000, JPEG2000Lossless),
    ImageEncoding(
        "dicom htj2k", ".dcm", 16, _encode_htj2k, HTJ2KLossless
    ),  # the encoder writes 16 bits
)
