"""Elements of a DICOM data set as values, and the wanted ones of a data set, decoded on demand."""

import math
import struct
from dataclasses import dataclass, field
from typing import Any

from cxrview.readers.fragments import UNDEFINED_LENGTH, Fragment

# Keyword -> tag and VR, DICOM PS3.6, of all that is ever read of a data set. pydicom has them as
# well; to import it takes 0.17 s, more than everything else between an uncompressed file and its
# row. So the readers import it only for what few files need.
DESCRIPTION: dict[str, tuple[int, str]] = {  # of the image
    "ImageType": (0x00080008, "CS"),
    "SOPClassUID": (0x00080016, "UI"),
    "Modality": (0x00080060, "CS"),
    "BodyPartExamined": (0x00180015, "CS"),
    "ViewPosition": (0x00185101, "CS"),
    "PatientOrientation": (0x00200020, "CS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "US or SS"),
    "PixelPaddingRangeLimit": (0x00280121, "US or SS"),
    "WindowCenter": (0x00281050, "DS"),
    "WindowWidth": (0x00281051, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "RedPaletteColorLookupTableDescriptor": (0x00281101, "US or SS"),
    "GreenPaletteColorLookupTableDescriptor": (0x00281102, "US or SS"),
    "BluePaletteColorLookupTableDescriptor": (0x00281103, "US or SS"),
    "RedPaletteColorLookupTableData": (0x00281201, "OW"),
    "GreenPaletteColorLookupTableData": (0x00281202, "OW"),
    "BluePaletteColorLookupTableData": (0x00281203, "OW"),
    "SegmentedRedPaletteColorLookupTableData": (0x00281221, "OW"),
    "SegmentedGreenPaletteColorLookupTableData": (0x00281222, "OW"),
    "SegmentedBluePaletteColorLookupTableData": (0x00281223, "OW"),
    "ModalityLUTSequence": (0x00283000, "SQ"),
    "VOILUTSequence": (0x00283010, "SQ"),
    "ViewCodeSequence": (0x00540220, "SQ"),
    "PresentationLUTShape": (0x20500020, "CS"),
}
IN_ITEMS: dict[str, tuple[int, str]] = {  # of the sequences above
    "CodeValue": (0x00080100, "SH"),
    "LUTDescriptor": (0x00283002, "US or SS"),
    "LUTData": (0x00283006, "US or OW"),
}
IDENTIFIERS: dict[str, tuple[int, str]] = {  # read only where a caller names them
    "PatientID": (0x00100020, "LO"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "AccessionNumber": (0x00080050, "SH"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "Laterality": (0x00200060, "CS"),
    "ImageLaterality": (0x00200062, "CS"),
}
FREE_TEXTS: dict[str, tuple[int, str]] = {  # may hold anything: reduced to what they name at once
    "SeriesDescription": (0x0008103E, "LO"),
}
CT_SLICE: dict[str, tuple[int, str]] = {  # read only of the slices of a CT
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "PixelSpacing": (0x00280030, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
}
_ELEMENTS = DESCRIPTION | IN_ITEMS | IDENTIFIERS | FREE_TEXTS | CT_SLICE
_VRS = dict(_ELEMENTS.values())


@dataclass(frozen=True, slots=True)
class ElementEncoding:
    """How the elements of a data set are written."""

    is_implicit: bool
    is_little_endian: bool


@dataclass(frozen=True, slots=True)
class Element:
    """The head of one element: its value is `length` bytes (or UNDEFINED) from `offset` on."""

    tag: int
    vr: str  # "" in implicit data sets, and where it is not one of the standard's
    length: int
    offset: int


@dataclass(frozen=True, slots=True)
class PixelElement(Element):
    """The head of pixel data, and their fragments where the length is undefined."""

    fragments: tuple[Fragment, ...] = ()

    @property
    def stored_size(self) -> int:
        """Bytes of the samples; compressed ones count four times, for about as many samples."""
        if self.length != UNDEFINED_LENGTH:
            return self.length
        return 4 * sum(fragment.length for fragment in self.fragments)


@dataclass(frozen=True, slots=True)
class RawValue:
    """The bytes of a wanted element, or the items of a wanted sequence."""

    vr: str  # of the standard's dictionary where the file names none
    data: bytes
    items: tuple["DataSet", ...] = ()


_NUMBER_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OW": "H",
            "US or SS": "H", "US or SS or OW": "H"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataSet:
    """Wanted elements of a data set. Their values are decoded when they are asked for.

    pydicom's own Dataset takes 0.3 ms for the same, as long as all other steps of a small file.
    """

    values: dict[int, RawValue]
    is_little_endian: bool

    def raw_value(self, keyword: str) -> RawValue | None:
        """The bytes of an element; None where it is absent or empty."""
        value = self.values.get(_ELEMENTS[keyword][0])
        return value if value is not None and (value.data or value.items) else None

    def items(self, keyword: str) -> tuple["DataSet", ...]:
        """The items of a sequence; none where it is absent."""
        value = self.raw_value(keyword)
        return value.items if value else ()

    def text(self, keyword: str) -> str:
        """The value as text, several parted by backslashes as in the file; "" where absent."""
        value = self.raw_value(keyword)
        if value is None:
            return ""
        if value.vr in _NUMBER_FORMATS:
            return "\\".join(str(number) for number in self._unpack_numbers(value))
        parts = value.data.decode("latin-1").strip("\0 ").split("\\")
        return "\\".join(part.strip() for part in parts)

    def number(self, keyword: str) -> float | int | None:
        """The first value as a number; None where it is absent or none."""
        value = self.raw_value(keyword)
        if value is None:
            return None
        if value.vr in _NUMBER_FORMATS:
            return next(iter(self._unpack_numbers(value)), None)
        try:
            return float(value.data.decode("latin-1").partition("\\")[0].strip("\0 "))
        except ValueError:
            return None

    def integer(self, keyword: str, default: int) -> int:
        """The first value as a whole number, or `default` where it is absent or none."""
        value = self.number(keyword)
        return default if value is None or not math.isfinite(value) else int(value)

    def _unpack_numbers(self, value: RawValue) -> tuple[Any, ...]:
        code = _NUMBER_FORMATS[value.vr]
        count = len(value.data) // struct.calcsize(code)
        order = "<" if self.is_little_endian else ">"
        return struct.unpack_from(f"{order}{count}{code}", value.data)

    def to_pydicom(self) -> Any:
        """The same as a `Dataset` of pydicom."""
        from pydicom.dataelem import RawDataElement
        from pydicom.dataset import Dataset
        from pydicom.tag import BaseTag

        raws = {
            BaseTag(tag): RawDataElement(
                BaseTag(tag), value.vr.partition(" ")[0], len(value.data), value.data, 0, False,
                self.is_little_endian,
            )
            for tag, value in self.values.items() if not value.items
        }  # fmt: skip
        dataset = Dataset(raws)
        dataset.set_original_encoding(False, self.is_little_endian)
        return dataset


@dataclass(slots=True)
class Elements:
    """What a data set holds. Of an element that stands there twice, both values are kept."""

    first: dict[int, RawValue] = field(default_factory=dict)
    last: dict[int, RawValue] = field(default_factory=dict)
    pixels: list[PixelElement] = field(default_factory=list)
    extents: list[tuple[Element, int]] = field(default_factory=list)  # of all: head, end of value
    damage: int | None = None  # where the parser first lost its way; None in sound data sets
    is_doubled: bool = False  # some wanted element stands there twice
    resumptions: int = 0  # how often the parser lost its way

    def note_damage(self, position: int) -> None:
        """Count that the parser lost its way at `position`."""
        self.damage = position if self.damage is None else self.damage
        self.resumptions += 1

    def add(self, tag: int, value: RawValue) -> None:
        """Keep one wanted element."""
        self.is_doubled |= tag in self.first
        self.first.setdefault(tag, value)
        self.last[tag] = value


def dictionary_vr(tag: int) -> str:
    """The VR of an element that is read; UN of any other."""
    return _VRS.get(tag, "UN")
