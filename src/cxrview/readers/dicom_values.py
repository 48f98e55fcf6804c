"""Stored values -> values in which bone is bright: sign, palette, LUT, polarity, padding.

Scale and offset of the values carry no meaning afterwards, so signed values are lifted to unsigned
ones, an inversion is a complement, and of a rescale only the sign of its slope matters. Windows and
VOI LUTs are not applied: on real files they clip the picture away.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from cxrview.errors import UnsupportedImage
from cxrview.images import Pixels
from cxrview.readers.dicom_header import Layout, value_of
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import Plane

_GREY = ("MONOCHROME1", "MONOCHROME2")
_LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
_AS_RGB = ("RGB", "YBR_ICT", "YBR_RCT")  # JPEG 2000 decoders undo these two themselves


def bone_bright(plane: Plane, layout: Layout, dataset: Dataset) -> Pixels:
    """(h, w) or (h, w, 3) stored values -> (h, w) uint8, uint16 or float32, bone bright."""
    if layout.is_float:
        return _finished_float(plane.samples, layout, dataset)
    stored, bits = _stored(plane, layout)
    if layout.is_palette:
        return luminance(np.asarray(apply_color_lut(stored, dataset)))
    grey = _grey(stored, layout.photometric_interpretation)
    is_lifted = layout.is_signed or plane.is_offset
    if is_lifted and not plane.is_offset:
        # Two's complement -> offset binary: the order of the values is that of their meaning.
        grey = grey ^ grey.dtype.type(1 << (bits - 1))
    lift = 1 << (bits - 1) if is_lifted else 0
    padding = _padding(grey, layout, bits, lift, dataset)
    values = _modality_values(grey, lift, dataset)
    if _is_inverted(layout, dataset):
        values = ~values
    values = _dark(values, padding)
    return values.astype(np.float32) if values.dtype.itemsize > 2 else values


def _stored(plane: Plane, layout: Layout) -> tuple[npt.NDArray[Any], int]:
    """The significant bits of each sample, in native byte order, and how many they are.

    Bits above the stored ones may hold an overlay. Of averaged or lossy samples they are left
    alone: those can be a little larger than any stored value, and would wrap round.
    """
    order = plane.samples.dtype.newbyteorder("=")
    samples: npt.NDArray[Any] = plane.samples.astype(order, copy=False)
    is_twos_complement = layout.is_signed and not plane.is_offset
    if plane.bits <= layout.stored or not (plane.is_exact or is_twos_complement):
        return samples, plane.bits
    shift = layout.high_bit + 1 - layout.stored
    mask = samples.dtype.type((1 << layout.stored) - 1)
    return (samples >> shift if shift else samples) & mask, layout.stored


def _grey(samples: Pixels, photometric_interpretation: str) -> npt.NDArray[Any]:
    """One value for each pixel: grey as it is, Y of YBR, luminance of RGB."""
    if samples.ndim == 2:
        return samples
    if photometric_interpretation in _LUMA_FIRST or photometric_interpretation in _GREY:
        return samples[..., 0]
    if photometric_interpretation in _AS_RGB:
        return luminance(samples)
    raise UnsupportedImage("a photometric interpretation that is retired or unknown")


def _padding(
    lifted: npt.NDArray[Any], layout: Layout, bits: int, lift: int, dataset: Dataset
) -> npt.NDArray[np.bool_] | None:
    """(h, w): where Pixel Padding Value (0028,0120), or the range up to (0028,0121), stands."""
    value = value_of(dataset, "PixelPaddingValue")
    if not isinstance(value, int) or layout.photometric_interpretation not in _GREY:
        return None
    limit = value_of(dataset, "PixelPaddingRangeLimit")
    mask = (1 << bits) - 1
    ends = [(end & mask) ^ lift for end in (value, limit) if isinstance(end, int)]
    return (lifted >= min(ends)) & (lifted <= max(ends))


def _modality_values(lifted: npt.NDArray[Any], lift: int, dataset: Dataset) -> npt.NDArray[Any]:
    """Through the Modality LUT, DICOM PS3.3 C.11.1, where there is a usable one."""
    sequence = value_of(dataset, "ModalityLUTSequence")
    if not sequence:
        return lifted
    descriptor = value_of(sequence[0], "LUTDescriptor")
    data = value_of(sequence[0], "LUTData")
    if not data or not descriptor or len(descriptor) != 3:
        return lifted
    table = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.asarray(data)
    table = (table & 0xFFFF).astype(np.uint16)
    numbers = lifted.astype(np.int64) - lift - int(descriptor[1])
    values: npt.NDArray[Any] = table[numbers.clip(0, len(table) - 1)]
    return values


def _is_inverted(layout: Layout, dataset: Dataset) -> bool:
    """MONOCHROME1 says that low values are bright; a falling rescale turns that round again."""
    slope = value_of(dataset, "RescaleSlope")
    is_falling = isinstance(slope, int | float) and slope < 0
    return (layout.photometric_interpretation == "MONOCHROME1") != is_falling


def _dark(values: npt.NDArray[Any], padding: npt.NDArray[np.bool_] | None) -> npt.NDArray[Any]:
    """Padding takes the darkest value of the picture, so that it shifts no statistics."""
    if padding is None or not padding.any() or padding.all():
        return values
    return np.where(padding, values[~padding].min(), values)


def _finished_float(samples: Pixels, layout: Layout, dataset: Dataset) -> Pixels:
    """Float pixels: what is no number becomes dark."""
    values = _grey(samples, layout.photometric_interpretation).astype(np.float32)
    if _is_inverted(layout, dataset):
        values = -values
    return _dark(values, ~np.isfinite(values))
