"""JPEG of every process, JPEG-LS, JPEG XL -> samples; 8-bit JPEG at reduced resolution."""

from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.images import Pixels
from cxrview.readers.codestream_headers import SOF_JPEG_LS, SOF_LOSSLESS, CodestreamHeader
from cxrview.readers.planes import Plane, thinned, whole

DRAFT = (256, 256)  # the least that libjpeg's scaled inverse transform may leave

# CharLS runs on for 20 s in a stream that breaks off without this marker, and stops at once at it.
_END_OF_IMAGE = b"\xff\xd9"

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as JPEG's own Y


def luminance(samples: npt.NDArray[Any]) -> Pixels:
    """(h, w, 3 or more) red, green, blue -> (h, w), of the same type (32 bits: float)."""
    if samples.shape[2] < 3:
        return samples[..., 0]  # grey and its transparency
    grey: npt.NDArray[Any] = samples[..., :3] @ _LUMA
    return np.rint(grey).astype(samples.dtype) if samples.dtype.itemsize <= 2 else grey


def decode_jpeg(data: bytes, claim: CodestreamHeader, *, averaging: bool = True) -> Plane:
    """Any JPEG or JPEG-LS codestream -> its samples; colour DCT pictures -> their luminance.

    averaging: neighbours may be averaged (not so where samples are numbers of palette entries).
    """
    if claim.process == SOF_JPEG_LS:
        samples = imagecodecs.jpegls_decode(data + _END_OF_IMAGE)
        return thinned(whole(samples, claim.bits, is_exact=True))
    if claim.process == SOF_LOSSLESS:
        return thinned(whole(imagecodecs.jpeg8_decode(data), claim.bits, is_exact=True))
    if claim.bits == 8:
        return _scaled(data, averaging=averaging)
    samples = imagecodecs.jpeg8_decode(data)
    plane = thinned(whole(samples, claim.bits))
    if samples.ndim == 2:
        return plane
    return thinned(whole(luminance(samples), claim.bits))


def _scaled(data: bytes, *, averaging: bool) -> Plane:
    """8-bit DCT: a smaller inverse transform instead of averaging afterwards, and no chroma."""
    with Image.open(BytesIO(data), formats=["JPEG"]) as image:
        width, height = image.size
        draft = image.draft("L", DRAFT) if averaging else None
        samples = np.asarray(image if image.mode == "L" else image.convert("L"))
    if draft is None:
        return thinned(whole(samples, 8))
    left, top, right, bottom = draft[1]  # scaled sizes are padded up to whole pixels
    return Plane(samples, width, height, (left, top, right, bottom), 8)


def decode_jpegxl(data: bytes, claim: CodestreamHeader, *, averaging: bool = True) -> Plane:  # noqa: ARG001 one shape for all decoders
    """JPEG XL -> its samples, red, green and blue if it has colour."""
    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    if samples.ndim == 3 and samples.shape[2] < 3:
        samples = samples[..., 0]
    return thinned(whole(samples, 8 * samples.dtype.itemsize))
