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

from cxrview.phantom.random_draws import Floats

Levels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Encoding:
    """A file format with its bit depth and, for DICOM, its transfer syntax."""

    name: str
    suffix: str
    bits: int
    encode: Callable[[Levels], bytes]
    syntax: UID | None = None  # of a DICOM file

    @property
    def lossy(self) -> bool:
        """Whether decoding changes pixels slightly."""
        return self.encode is _jpeg


def levels_of(pixels: Floats, bits: int) -> Levels:
    """Return (h, w) pixels in [0, 1] as integers 0 .. 2**bits - 1."""
    levels: Floats = np.round(np.clip(pixels, 0, 1) * (2**bits - 1))
    return levels.astype(np.uint8) if bits <= 8 else levels.astype(np.uint16)


def _pillow(levels: Levels, form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, form, **options)
    return stream.getvalue()


def _jpeg(levels: Levels) -> bytes:
    return _pillow(levels, "JPEG", quality=JPEG_QUALITY)


def _png(levels: Levels) -> bytes:
    return _pillow(levels, "PNG")


def _native(levels: Levels) -> bytes:
    return levels.astype("<u2").tobytes()


def _jpeg_lossless(levels: Levels) -> bytes:
    """Process 14, first-order prediction: transfer syntax .70 requires selection value 1."""
    data = imagecodecs.jpeg8_encode(levels, bitspersample=12, lossless=True, predictor=1)
    return bytes(data)


def _jpeg_ls(levels: Levels) -> bytes:
    return bytes(imagecodecs.jpegls_encode(levels, level=0))


def _jpeg2000(levels: Levels) -> bytes:
    data = imagecodecs.jpeg2k_encode(
        levels, level=0, reversible=True, codecformat="J2K", bitspersample=12
    )
    return bytes(data)


def _htj2k(levels: Levels) -> bytes:
    return bytes(imagecodecs.htj2k_encode(levels, reversible=True))


ENCODINGS = (
    Encoding("jpeg", ".jpg", 8, _jpeg),
    Encoding("dicom explicit little endian", ".dcm", 12, _native, ExplicitVRLittleEndian),
    Encoding("png", ".png", 8, _png),
    Encoding("dicom rle", ".dcm", 12, _native, RLELossless),  # pydicom compresses it
    Encoding("dicom jpeg baseline", ".dcm", 8, _jpeg, JPEGBaseline8Bit),
    Encoding("dicom jpeg lossless", ".dcm", 12, _jpeg_lossless, JPEGLosslessSV1),
    Encoding("png 16 bit", ".png", 16, _png),
    Encoding("dicom jpeg-ls", ".dcm", 12, _jpeg_ls, JPEGLSLossless),
    Encoding("dicom jpeg 2000", ".dcm", 12, _jpeg2000, JPEG2000Lossless),
    Encoding("dicom htj2k", ".dcm", 16, _htj2k, HTJ2KLossless),  # the encoder writes 16 bits
)
