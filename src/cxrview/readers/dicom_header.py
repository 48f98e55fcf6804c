"""A DICOM data set -> its HeaderFields (view, picture) and the Layout of its samples."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage, UnsupportedImage
from cxrview.images import BODY_PART_WORDS, CHEST_BODY_PARTS, HeaderFields
from cxrview.readers.dicom_dataset import DataSet
from cxrview.readers.dicom_elements import PIXEL_BITS
from cxrview.readers.dicom_file import DicomFile
from cxrview.readers.transfer_syntaxes import TRANSFER_SYNTAXES
from cxrview.rows import Identity
from cxrview.views import OTHER_POSITIONS, UNKNOWN_VALUE, view_of_position

# DICOM PS3.5 6.2: a Code String has capitals, digits, space and underscore, at most 16. Slash and
# hyphen are common in the field. A caret, which parts the names of a person, is not in here.
_CODE = re.compile(r"[A-Z0-9 _/-]{1,16}")
_MODALITY = re.compile(r"[A-Z0-9]{2,16}")  # DICOM PS3.3 C.7.3.1.1.1
_ORIENTATION = re.compile(r"[APRLHF]{1,3}\\[APRLHF]{1,3}")
_CODE_VALUE = re.compile(r"[A-Z0-9.-]{1,16}", re.IGNORECASE)
_UID = re.compile(r"[0-9.]{1,64}")
_LATERALITY = re.compile(r"[LRBU]")
# Printable ASCII without a backslash; spreadsheets would run a formula that begins with = + - @
_NUMBER = re.compile(r"[A-Za-z0-9][ -\[\]-~]{0,63}")

INTEGER_BITS = (8, 16, 32)  # that a sample may be allocated


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a file are stored. DICOM PS3.3 C.7.6.3."""

    rows: int
    columns: int
    samples: int  # per pixel
    frames: int
    photometric_interpretation: str
    allocated: int  # bits
    stored: int
    high_bit: int
    is_signed: bool
    is_planar: bool
    is_float: bool
    is_little_endian: bool  # of the pixels

    @property
    def frame(self) -> int:
        """The frame to judge, counted from 0: the middle one."""
        return self.frames // 2

    @property
    def dtype(self) -> npt.DTypeLike:
        """Of the stored samples. Integers are read unsigned; the sign is applied later."""
        order = "<" if self.is_little_endian else ">"
        return np.dtype(f"{order}{'f' if self.is_float else 'u'}{self.allocated // 8}")

    @property
    def is_palette(self) -> bool:
        """Samples are numbers of palette entries: they cannot be averaged."""
        return self.photometric_interpretation == "PALETTE COLOR"

    def check_size(self) -> None:
        """Raise DamagedImage where there are no rows or columns."""
        if self.rows < 1 or self.columns < 1:
            raise DamagedImage(f"the header describes {self.columns} x {self.rows} pixels")

    def check(self) -> None:
        """Raise DamagedImage or UnsupportedImage where uncompressed samples cannot be read."""
        self.check_size()
        if self.stored < 1:
            raise DamagedImage(f"the header describes pixels of {self.stored} bits")
        if self.allocated not in INTEGER_BITS and not self.is_float:
            raise UnsupportedImage(f"{self.allocated} bits allocated to a sample")
        if self.samples not in (1, 3):
            raise UnsupportedImage(f"{self.samples} samples per pixel")


def _only(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


def _modality(dataset: DataSet) -> str:
    """The Modality; UNKNOWN_VALUE for a code that is no word of capitals and digits."""
    code = _only(_CODE, dataset.text("Modality"))
    return code if not code or _MODALITY.fullmatch(code) else UNKNOWN_VALUE


def _body_part(dataset: DataSet) -> str:
    """Body Part Examined. Of unknown words only the part of the chest among them, if any."""
    code = _only(_CODE, dataset.text("BodyPartExamined"))
    if set(re.split("[ _/-]+", code)) <= BODY_PART_WORDS | {""}:
        return code
    return next((part for part in CHEST_BODY_PARTS if part in code), UNKNOWN_VALUE)


def _view_position(value: str) -> str:
    """View Position; UNKNOWN_VALUE for text that names no view and is no code, such as a name."""
    if view_of_position(value) or value.strip().upper() in OTHER_POSITIONS:
        return value.strip().upper()
    return _only(_CODE, value) or (UNKNOWN_VALUE if value.strip() else "")


def header_of(file: DicomFile) -> HeaderFields:
    """Values that cannot name a person; whatever does not look like a code is dropped.

    View Position, Modality and Body Part Examined become UNKNOWN_VALUE instead.
    """
    dataset = file.dataset
    codes = dataset.items("ViewCodeSequence")
    return HeaderFields(
        view_position=_view_position(dataset.text("ViewPosition")),
        patient_orientation=_only(_ORIENTATION, dataset.text("PatientOrientation")),
        view_code=_only(_CODE_VALUE, codes[0].text("CodeValue")) if codes else "",
        modality=_modality(dataset),
        sop_class=_only(_UID, dataset.text("SOPClassUID")),
        is_localizer="LOCALIZER" in dataset.text("ImageType").upper().split("\\"),
        body_part=_body_part(dataset),
        photometric_interpretation=_only(_CODE, dataset.text("PhotometricInterpretation")),
        transfer_syntax=_only(_UID, file.transfer_syntax),
    )


def identity_of(file: DicomFile, wanted: Identity) -> Identity:
    """Identifiers of a file; whatever does not look like one is dropped.

    wanted: the accession number is that of the file unless it is None there.
    """
    text = file.dataset.text
    accession = wanted.accession_number
    return Identity(
        sop_instance_uid=_only(_UID, text("SOPInstanceUID")),
        series_instance_uid=_only(_UID, text("SeriesInstanceUID")),
        study_instance_uid=_only(_UID, text("StudyInstanceUID")),
        modality=_modality(file.dataset),
        body_part=_body_part(file.dataset),
        laterality=_only(_LATERALITY, text("ImageLaterality") or text("Laterality")),
        accession_number=None if accession is None else _only(_NUMBER, text("AccessionNumber")),
    )


def layout_of(file: DicomFile) -> Layout:
    """The layout that the header describes; 0 where it does not say, which codestreams need not."""
    dataset = file.dataset
    float_bits = PIXEL_BITS[file.pixels.tag] if file.pixels else 0
    allocated = float_bits or max(0, dataset.integer("BitsAllocated", 0))
    samples = dataset.integer("SamplesPerPixel", 1)
    stored = dataset.integer("BitsStored", allocated)
    stored = stored if 0 < stored <= allocated else allocated
    high_bit = min(dataset.integer("HighBit", stored - 1), allocated - 1)
    syntax = TRANSFER_SYNTAXES.get(file.transfer_syntax)
    return Layout(
        rows=dataset.integer("Rows", 0),
        columns=dataset.integer("Columns", 0),
        samples=samples,
        frames=max(1, dataset.integer("NumberOfFrames", 1)),
        photometric_interpretation=dataset.text("PhotometricInterpretation").upper()
        or ("MONOCHROME2" if samples == 1 else "RGB"),
        allocated=allocated,
        stored=stored,
        high_bit=max(high_bit, stored - 1),  # a high bit below the stored ones is an error
        is_signed=dataset.integer("PixelRepresentation", 0) == 1,
        is_planar=dataset.integer("PlanarConfiguration", 0) == 1,
        is_float=bool(float_bits),
        is_little_endian=file.is_little_endian
        and not (syntax is not None and syntax.has_big_endian_pixels),
    )
