"""A DICOM file that does not lie as it should -> a derived DICOM file, upright and bone bright.

The pixels become uncompressed. An inverted image becomes MONOCHROME2 in which bone has the high
values, so that programs which ignore the photometric interpretation show it correctly as well:
where low values were bright (MONOCHROME1 or an INVERSE Presentation LUT Shape) only that statement
is replaced; elsewhere the values are mirrored within their range, and the window with them.
"""

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.hooks import raw_element_vr
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import VR, DSfloat

from cxrview import __version__
from cxrview.errors import DamagedImage, UnsupportedImage
from cxrview.images import Turn
from cxrview.inference.copied_elements import file_of, read_elements
from cxrview.limits import Limits
from cxrview.readers.dicom import Decoded, read_frame
from cxrview.readers.dicom_elements import PIXEL_BITS
from cxrview.readers.dicom_header import Layout
from cxrview.readers.dicom_values import StoredValues, stored_values

MAX_DESCRIPTION = 1024  # bytes; characters of an ST, DICOM PS3.5 6.2

# Values for the vertical and the horizontal direction, which a quarter turn exchanges.
_PAIRS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio",
          "FieldOfViewDimensions")  # fmt: skip
_OPPOSITES = str.maketrans("APRLHF", "PALRFH")

# Where in the patient or the frame the pixels are, in ways that are not adapted here.
_REFUSED = {
    "ImageOrientationPatient": "a plane in the patient",
    "ImagePositionPatient": "a plane in the patient",
    "SharedFunctionalGroupsSequence": "functional groups",
    "PerFrameFunctionalGroupsSequence": "functional groups",
}
# Tables that belong to values which would be mirrored.
_TABLES = ("ModalityLUTSequence", "VOILUTSequence", "PixelIntensityRelationshipLUTSequence")
# They describe pixel positions or values of the source: shutter, collimator, thumbnail, signatures.
_REMOVED_GROUPS = (range(0x00181600, 0x00181630), range(0x00181700, 0x00181730))
_REMOVED = (
    "SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries",
    "LargestPixelValueInSeries", "HistogramSequence", "IconImageSequence",
    "MACParametersSequence", "DigitalSignaturesSequence", "PlanarConfiguration",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip
_GRAPHICS = (*range(0x6000, 0x6020, 2), *range(0x5000, 0x5020, 2))  # overlays and curves

_WORDS = ("OD", "OF", "OL", "OV", "OW", "UN")  # VRs whose bytes pydicom does not swap
# VRs of texts, whose bytes are those of any byte order.
_TEXTS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI",
          "UR", "UT")  # fmt: skip
# Transfer syntaxes of lossy codecs, and of JPEG 2000 and HTJ2K, whose codestream states it.
_LOSSY, _WAVELETS = (
    frozenset(f"1.2.840.10008.1.2.4.{end}" for end in ends)
    for ends in ((50, 51, 53, 55, 81, 111), (90, 91, 92, 93, 201, 202, 203))
)


def upright_dicom(stream: BinaryIO, turn: Turn) -> tuple[bytes, str]:
    """A seekable stream -> the derived file, and a note of what it lacks, in words.

    Raises UnsupportedImage where the derived file would not be right, and DamagedImage for a file
    without the identifiers of an image; also what pydicom raises.
    """
    file, layout, decoded = read_frame(stream, Limits())
    stored = _grey_values(decoded, layout)
    source = read_elements(file, stream, frozenset(PIXEL_BITS))
    note = _remove_what_is_not_turned(source)
    dataset = _in_little_endian(source)
    is_low_bright = (
        layout.photometric_interpretation == "MONOCHROME1"
        or str(dataset.get("PresentationLUTShape", "")).upper() == "INVERSE"
    )
    is_mirrored = turn.inverted and not is_low_bright
    _check(dataset, is_mirrored)
    if turn.inverted:
        _set_polarity(dataset, stored, is_mirrored)
    is_irreversible = file.transfer_syntax in _WAVELETS and not decoded.plane.is_exact
    if is_irreversible or file.transfer_syntax in _LOSSY:
        dataset.LossyImageCompression = dataset.get("LossyImageCompression") or "01"
    orientation = _turn_geometry(dataset, turn)
    _set_pixels(dataset, stored, turn, is_mirrored)
    _set_derivation(dataset, turn, orientation, note)
    return file_of(dataset, ExplicitVRLittleEndian), note


def _in_little_endian(source: Dataset) -> Dataset:
    """The same elements as Explicit VR Little Endian has them.

    Texts keep their bytes: pydicom would replace characters that are not of their character set,
    and leave out escape sequences.
    """
    charset = source.original_character_set
    elements = {tag: _element(source, tag) for tag in list(source.keys())}
    dataset = Dataset(elements, parent_encoding=charset)
    dataset.set_original_encoding(False, True, charset)
    return dataset


def _element(source: Dataset, tag: BaseTag) -> DataElement | RawDataElement:
    """One element, decoded only where its bytes depend on the encoding of the data set."""
    raw = source.get_item(tag)
    if isinstance(raw, RawDataElement):
        found: dict[str, str] = {}
        raw_element_vr(raw, found, ds=source)
        if found["VR"] in _WORDS and raw.value and not raw.is_little_endian:
            raise UnsupportedImage("binary values in big-endian words")
        if found["VR"] in _TEXTS:
            return raw._replace(VR=found["VR"], is_implicit_VR=False, is_little_endian=True)
    element = source[tag]
    if element.VR != VR.SQ:
        return element
    return DataElement(tag, VR.SQ, [_in_little_endian(item) for item in element.value])


def _grey_values(decoded: Decoded, layout: Layout) -> StoredValues:
    samples = decoded.plane.samples
    if decoded.frames > 1 or layout.frames > 1:
        raise UnsupportedImage("several frames")
    if samples.ndim > 2 or not layout.photometric_interpretation.startswith("MONOCHROME"):
        raise UnsupportedImage("colours")
    if samples.dtype.kind == "f" or samples.dtype.itemsize > 2:
        raise UnsupportedImage("pixels of more than 16 bits")
    stored = stored_values(decoded.plane, layout)
    # The reader leaves the spare bits of a word to unsigned values; none are set in most files.
    is_spare = 0 < layout.stored < stored.bits and not int(stored.values.max()) >> layout.stored
    return replace(stored, bits=layout.stored) if is_spare and not stored.lift else stored


def _check(dataset: Dataset, is_mirrored: bool) -> None:
    check_identifiers(dataset)
    for keyword, what in _REFUSED.items():
        if keyword in dataset:
            raise UnsupportedImage(f"the header describes {what}")
    if is_mirrored and any(dataset.get(keyword) for keyword in _TABLES):
        raise UnsupportedImage("a lookup table belongs to the values that would be inverted")


def _remove_what_is_not_turned(dataset: Dataset) -> str:
    """Remove elements that would be wrong; returns a note of the graphics among them."""
    removed = [tag for tag in dataset.keys() if tag.group in _GRAPHICS]  # noqa: SIM118 - tags only
    note = "; overlays removed" if removed else ""
    removed += [tag for group in (*_REMOVED_GROUPS, PIXEL_BITS) for tag in group if tag in dataset]
    for tag in removed:
        del dataset[tag]
    for keyword in _REMOVED:
        if keyword in dataset:
            del dataset[keyword]
    return note


def _set_polarity(dataset: Dataset, stored: StoredValues, is_mirrored: bool) -> None:
    """Describe an image in which bone has the high values."""
    slope = float(dataset.get("RescaleSlope") or 1)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    if "PresentationLUTShape" in dataset:
        dataset.PresentationLUTShape = "IDENTITY"
    if "PixelIntensityRelationshipSign" in dataset:  # PS3.3 C.8.11.3.1.2: -1 where bone is high
        dataset.PixelIntensityRelationshipSign = 1 if slope < 0 else -1
    if not is_mirrored:
        return
    highest = (1 << stored.bits) - 1
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        if dataset.get(keyword) is not None:
            value = highest - ((int(dataset[keyword].value) & highest) ^ stored.lift)
            dataset.add_new(keyword, "SS" if stored.lift else "US", value - stored.lift)
    if dataset.get("WindowCenter") is not None:
        # After the rescale, value y becomes `total` - y. The linear function of PS3.3 C.11.2.1.2
        # has its middle half a step below the centre, the other functions have it there.
        total = slope * (highest - 2 * stored.lift) + 2 * float(
            dataset.get("RescaleIntercept") or 0
        )
        total += dataset.get("VOILUTFunction", "LINEAR") in ("LINEAR", "", None)
        centers = np.atleast_1d(dataset.WindowCenter).astype(float)
        dataset.WindowCenter = [DSfloat(total - one, auto_format=True) for one in centers]


def _turn_geometry(dataset: Dataset, turn: Turn) -> list[str]:
    """Adapt everything that has a direction; returns the former Patient Orientation, or []."""
    if turn.rotation in (90, 270):
        for keyword in _PAIRS:
            if keyword in dataset and dataset[keyword].VM == 2:
                dataset[keyword].value = list(dataset[keyword].value)[::-1]
    if dataset.get("FieldOfViewRotation") is not None:
        # PS3.3 C.8.11.4: rotated clockwise, then flipped; a flip reverses the sense of the turn
        is_flipped = dataset.get("FieldOfViewHorizontalFlip") == "YES"
        change = -turn.rotation if is_flipped else turn.rotation
        dataset.FieldOfViewRotation = (float(dataset.FieldOfViewRotation) + change) % 360
    element = dataset.get_item("PatientOrientation")
    if element is None or dataset["PatientOrientation"].VM != 2:
        return []
    former = [str(one) for one in dataset.PatientOrientation]
    row, column = former
    for _ in range(turn.rotation // 90):  # of the turned image, a row runs up the former columns
        row, column = column.translate(_OPPOSITES), row
    dataset.PatientOrientation = [row, column]
    return former


def _set_pixels(dataset: Dataset, stored: StoredValues, turn: Turn, is_mirrored: bool) -> None:
    values: npt.NDArray[Any] = turn.rotate(stored.values)
    kind = values.dtype.type
    if is_mirrored:
        values = kind((1 << stored.bits) - 1) - values
    if stored.lift:
        values = (values - kind(stored.lift)).view(f"i{values.dtype.itemsize}")
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = stored.bits, stored.bits - 1
    dataset.PixelRepresentation = int(bool(stored.lift))
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    dataset.add_new("PixelData", "OW", data + b"\0" * (len(data) % 2))


def _set_derivation(dataset: Dataset, turn: Turn, orientation: list[str], note: str) -> None:
    """A new identity, and the relation to the source, DICOM PS3.3 C.7.6.1.1.2 and C.12.4."""
    source = source_reference(dataset)
    if turn.rotation:
        source.SpatialLocationsPreserved = "REORIENTED_ONLY" if orientation else "NO"
    if turn.rotation and orientation:
        source.PatientOrientation = orientation
    done = f"{str(turn).capitalize()}{note}, by cxrview {__version__}"
    _describe(dataset, done)
    kind = list(np.atleast_1d(dataset.get("ImageType") or ["", "PRIMARY"]))
    dataset.ImageType = ["DERIVED", *map(str, kind[1:])]
    former = str(dataset.SOPInstanceUID)
    # the same source and turn give the same file, so that a second run changes nothing
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[former, str(turn)])


def _describe(dataset: Dataset, done: str) -> None:
    """Add an ASCII text to the Derivation Description, of which the bytes are kept."""
    tag = BaseTag(tag_for_keyword("DerivationDescription"))
    earlier = dataset.get_item(tag)
    before = (earlier.value or b"").rstrip(b" \0") if earlier else b""
    value = b"; ".join(filter(None, (before, done.encode("ascii"))))
    if len(value) > MAX_DESCRIPTION:
        raise UnsupportedImage("no room in the derivation description")
    value += b" " * (len(value) % 2)
    dataset[tag] = RawDataElement(tag, "ST", len(value), value, 0, False, True)


def source_reference(dataset: Dataset) -> Dataset:
    """Add an item for the image itself to its Source Image Sequence; returns the item.

    To be called before the image gets its new UID. DICOM PS3.3 C.12.4, PS3.16 CID 7202.
    """
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    source.SpatialLocationsPreserved = "YES"
    source.PurposeOfReferenceCodeSequence = [
        code_item("121322", "DCM", "Source image for image processing operation")
    ]
    dataset.SourceImageSequence = [*(dataset.get("SourceImageSequence") or []), source]
    return source


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence, DICOM PS3.3 8.8."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def check_identifiers(dataset: Dataset) -> None:
    """Raise DamagedImage for a file without the identifiers of an image."""
    if not dataset.get("SOPInstanceUID") or not dataset.get("SOPClassUID"):
        raise DamagedImage("no SOP class or instance UID")
