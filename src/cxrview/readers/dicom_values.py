"""Stored values -> values in which bone is bright: bits, sign, palette, LUT, polarity, padding.

Scale and offset of the values carry no meaning afterwards, so signed values are lifted to unsigned
ones, an inversion is a complement, and of a rescale only the sign of its slope matters. Windows are
not applied, and of a VOI LUT only whether it falls: on real files they clip the picture away. The
first window is returned beside the pixels, for display.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage, UnsupportedImage
from cxrview.images import Pixels
from cxrview.readers.dicom_dataset import DataSet
from cxrview.readers.dicom_header import Layout
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import Plane
from cxrview.readers.plausibility import is_wrapped

_GREY_INTERPRETATIONS = ("MONOCHROME1", "MONOCHROME2")
_LUMA_INTERPRETATIONS = ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
# of three samples per pixel
_RGB_INTERPRETATIONS = ("RGB", "YBR_ICT", "YBR_RCT", "PALETTE COLOR", *_GREY_INTERPRETATIONS)
_CLEAR_RATIO = 1.5  # times as rough makes the header's interpretation the wrong one
_SLIGHT_RATIO = 1.15  # the same for its sign: values wrap round in few places
_MAX_JUMP_SHARE = 0.05  # of all pixels: no picture has so many
_FEW = 8  # every eighth of these rows, for a sign
_COMPARED_ROWS = 64  # rows, when one interpretation of the bits is compared with another


@dataclass(frozen=True, slots=True)
class StoredValues:
    """Values in the order of their meaning: unsigned, `lift` above what they stand for.

    values: (h, w) or (h, w, 3), unsigned integers in native byte order.
    """

    values: npt.NDArray[Any]
    bits: int
    lift: int = 0  # 2^(bits-1) where they stand for signed values


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read stored words: their lowest `bits` bits, perhaps as two's complement."""

    bits: int
    is_signed: bool

    def of(self, samples: npt.NDArray[Any]) -> StoredValues:
        """(h, w) or (h, w, 3) unsigned words -> what they stand for."""
        kind = samples.dtype.type
        values = samples
        if self.bits < 8 * samples.dtype.itemsize:
            values = values & kind((1 << self.bits) - 1)
        if not self.is_signed:
            return StoredValues(values, self.bits)
        lift = 1 << (self.bits - 1)  # two's complement -> offset binary, by one bit
        return StoredValues(values ^ kind(lift), self.bits, lift)


def bone_bright(
    plane: Plane, layout: Layout, dataset: DataSet
) -> tuple[Pixels, tuple[float, float] | None]:
    """(h, w) or (h, w, 3) stored values -> (h, w) uint8, uint16 or float32, bone bright.

    The second value is the window of the header in these values, as of `Radiograph`.
    """
    if plane.samples.dtype.kind == "f":
        return _finish_float(plane, layout, dataset), None
    stored = stored_values(plane, layout)
    if layout.is_palette and stored.values.ndim == 2:
        return luminance(_palette_colours(stored.values, dataset)), None
    grey = StoredValues(_grey(stored.values, plane, layout), stored.bits, stored.lift)
    padding = _padding(grey, layout, dataset)
    values = _modality_values(grey, dataset)
    window = _window(grey, dataset)
    if _is_inverted(layout, dataset):
        values = ~values
        top = int(np.iinfo(values.dtype).max)
        window = window and (top - window[1], top - window[0])
    values = _darken_padding(values, padding)
    return values.astype(np.float32) if values.dtype.itemsize > 2 else values, window


def _window(grey: StoredValues, dataset: DataSet) -> tuple[float, float] | None:
    """The ends of the first window, DICOM PS3.3 C.11.2, in stored values; None without one.

    None also with a Modality LUT, whose values the window would be in.
    """
    center, width = dataset.number("WindowCenter"), dataset.number("WindowWidth")
    slope, intercept = dataset.number("RescaleSlope") or 1, dataset.number("RescaleIntercept") or 0
    if center is None or not width or dataset.items("ModalityLUTSequence"):
        return None
    ends = sorted(
        (center + half - intercept) / slope + grey.lift for half in (-width / 2, width / 2)
    )
    return (ends[0], ends[1]) if all(map(math.isfinite, ends)) else None


def stored_values(plane: Plane, layout: Layout) -> StoredValues:
    """Samples of any codec -> their significant bits, by the header where nothing contradicts it.

    A codestream's own depth and sign count. Bits above those that the header calls stored may hold
    an overlay, or belong to the pixels where the header is wrong: they count where the picture is
    much smoother with them. Of averaged or lossy samples they stay: those can be a little larger
    than any stored value, and would wrap round. A signed header is wrong where the picture is much
    smoother without a sign; of uncompressed pixels, where it wraps round with one.
    """
    samples = plane.samples.astype(plane.samples.dtype.newbyteorder("="), copy=False)
    if plane.is_offset:
        return StoredValues(samples, plane.bits, 1 << (plane.bits - 1))
    samples, bits = _shift_to_low_bits(samples, plane, layout)
    width = min(layout.stored or bits, bits)
    exceeds = width < bits and samples.size > 0 and bool(int(samples.max()) >> width)
    if not layout.is_signed and not (exceeds and plane.is_exact):
        return Reading(bits, is_signed=False).of(samples)
    step = max(1, samples.shape[0] // _COMPARED_ROWS)
    some = samples[::step] if samples.ndim == 2 else samples[::step, :, 0]
    reading = Reading(width, layout.is_signed)
    if exceeds:
        wider = Reading(bits, layout.is_signed)
        if _is_cut_off(reading.of(some), wider.of(some)):
            reading = wider
    if layout.is_signed:
        unsigned = Reading(reading.bits, is_signed=False)
        if plane.is_codestream:
            is_wrong = _SLIGHT_RATIO * _mean_step(unsigned.of(some)) < _mean_step(reading.of(some))
        else:
            is_wrong = is_wrapped(reading.of(some[::_FEW]).values, reading.bits)
        reading = unsigned if is_wrong else reading
    return reading.of(samples)


def _shift_to_low_bits(
    samples: npt.NDArray[Any], plane: Plane, layout: Layout
) -> tuple[npt.NDArray[Any], int]:
    """Values that stand at the top of their words, as High Bit says, moved to the bottom.

    High Bit is believed only where some value reaches the upper quarter below it.
    """
    shift = layout.high_bit + 1 - layout.stored
    is_movable = plane.is_exact and shift > 0 and layout.high_bit < plane.bits
    if (
        not is_movable
        or not samples.size
        or not int(samples.max()) >> max(layout.stored, layout.high_bit - 2)
    ):
        return samples, plane.bits
    return samples >> shift, plane.bits - shift


def _mean_step(stored: StoredValues) -> float:
    """Mean difference of neighbours in a row; several times as large where values wrap round."""
    return float(np.abs(np.diff(stored.values.astype(np.float32), axis=1)).mean())


def _roughness(stored: StoredValues) -> float:
    """The mean step in standard deviations of the picture, for readings of different depths."""
    spread = float(stored.values.std())
    return _mean_step(stored) / spread if spread else np.inf


def _is_cut_off(narrow: StoredValues, wide: StoredValues) -> bool:
    """Whether the upper bits that only `wide` has belong to the pixels, and are no overlay.

    Without bits of their own, pixels wrap round: neighbours differ by more than half of the range.
    The area of an overlay is smooth too, but the pixels below it are so without its bit.
    """
    if not _CLEAR_RATIO * _roughness(wide) < _roughness(narrow):
        return False
    half = 1 << (narrow.bits - 1)
    jumps, of_wide = (
        float((np.abs(np.diff(stored.values.astype(np.float32), axis=1)) > half).mean())
        for stored in (narrow, wide)
    )
    return jumps > min(of_wide, _MAX_JUMP_SHARE) or not narrow.values.any()


def _grey(samples: npt.NDArray[Any], plane: Plane, layout: Layout) -> npt.NDArray[Any]:
    """One value for each pixel: grey as it is, Y of YBR, luminance of RGB."""
    photometric = layout.photometric_interpretation
    if samples.ndim == 2:
        return samples
    if plane.is_rgb or samples.shape[2] < 3 or photometric in _RGB_INTERPRETATIONS:
        return luminance(samples)
    if photometric in _LUMA_INTERPRETATIONS:
        return samples[..., 0]
    raise UnsupportedImage("a photometric interpretation that is retired or unknown")


def _padding(grey: StoredValues, layout: Layout, dataset: DataSet) -> npt.NDArray[np.bool_] | None:
    """(h, w): where Pixel Padding Value (0028,0120), or the range up to (0028,0121), stands."""
    value = dataset.number("PixelPaddingValue")
    if value is None or layout.photometric_interpretation not in _GREY_INTERPRETATIONS:
        return None
    limit = dataset.number("PixelPaddingRangeLimit")
    mask = (1 << grey.bits) - 1
    ends = [(int(end) & mask) ^ grey.lift for end in (value, limit) if end is not None]
    return (grey.values >= min(ends)) & (grey.values <= max(ends))


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A LUT of DICOM PS3.3 C.11.1: entry i stands for the stored value `first` + i."""

    entries: npt.NDArray[np.uint16]
    first: int


def _palette_colours(numbers: npt.NDArray[Any], dataset: DataSet) -> npt.NDArray[Any]:
    """(h, w) numbers of palette entries -> (h, w, 3). Raises DamagedImage."""
    from pydicom.errors import BytesLengthException
    from pydicom.pixels.processing import apply_color_lut

    try:
        return np.asarray(apply_color_lut(numbers, dataset.to_pydicom()))
    except BytesLengthException as error:
        raise DamagedImage("an element of the palette has an impossible length") from error


def lookup_table(item: DataSet, *, is_signed: bool) -> LookupTable | None:
    """The table of a sequence item; None where there is no usable one.

    is_signed: whether the values that are looked up are; the VR of the first one is often wrong.
    Entries are words in the byte order of the file, or bytes where there are only as many of them.
    """
    descriptor, words = _words(item, "LUTDescriptor"), _words(item, "LUTData")
    data = item.raw_value("LUTData")
    if len(descriptor) != 3 or data is None:
        return None
    count, first, bits = (int(number) for number in descriptor)
    count = count or 1 << 16
    has_bytes = bits <= 8 or len(data.data) <= count + 1
    if has_bytes and count <= len(data.data) < 2 * count:
        table = np.frombuffer(data.data, np.uint8)
        if data.vr == "OW" and not item.is_little_endian:  # bytes in words of the other order
            table = table[: len(table) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
        entries = table[:count].astype(np.uint16)
    else:
        entries = words[:count]
    if not len(entries):
        return None
    return LookupTable(entries, first - (1 << 16) if is_signed and first >> 15 else first)


def _words(item: DataSet, keyword: str) -> npt.NDArray[np.uint16]:
    """The bytes of an element as 16-bit words; none where it is absent."""
    value = item.raw_value(keyword)
    data = value.data if value else b""
    order = "<u2" if item.is_little_endian else ">u2"
    return np.frombuffer(data[: len(data) // 2 * 2], order).astype(np.uint16)


def _table_of(dataset: DataSet, keyword: str, lift: int) -> LookupTable | None:
    """The table of the first item of a sequence."""
    items = dataset.items(keyword)
    return lookup_table(items[0], is_signed=bool(lift)) if items else None


def _modality_values(grey: StoredValues, dataset: DataSet) -> npt.NDArray[Any]:
    """Through the Modality LUT, DICOM PS3.3 C.11.1, where there is a usable one."""
    table = _table_of(dataset, "ModalityLUTSequence", grey.lift)
    if table is None:
        return grey.values
    numbers = grey.values.astype(np.int64) - grey.lift - table.first
    values: npt.NDArray[Any] = table.entries[numbers.clip(0, len(table.entries) - 1)]
    return values


def _is_inverted(layout: Layout, dataset: DataSet) -> bool:
    """Whether low values are bright: so by MONOCHROME1 or a Presentation LUT Shape of INVERSE.

    A falling rescale and a falling VOI LUT each turn that round.
    """
    is_low_bright = (
        layout.photometric_interpretation == "MONOCHROME1"
        or dataset.text("PresentationLUTShape").upper() == "INVERSE"
    )
    slope = dataset.number("RescaleSlope")
    is_falling = slope is not None and slope < 0
    voi = _table_of(dataset, "VOILUTSequence", 0)
    is_voi_falling = voi is not None and _is_falling(voi.entries)
    return (is_low_bright != is_falling) != is_voi_falling


def _is_falling(entries: npt.NDArray[np.uint16]) -> bool:
    """Whether the second half of a table is darker than the first."""
    half = len(entries) // 2
    return half > 0 and float(entries[-half:].mean()) < float(entries[:half].mean())


def _darken_padding(
    values: npt.NDArray[Any], padding: npt.NDArray[np.bool_] | None
) -> npt.NDArray[Any]:
    """Padding takes the darkest value of the picture, so that it shifts no statistics."""
    if padding is None or not padding.any() or padding.all():
        return values
    return np.where(padding, values[~padding].min(), values)


def _finish_float(plane: Plane, layout: Layout, dataset: DataSet) -> Pixels:
    """Float pixels: what is no number becomes dark."""
    values = _grey(plane.samples, plane, layout).astype(np.float32)
    if _is_inverted(layout, dataset):
        values = -values
    return _darken_padding(values, ~np.isfinite(values))
