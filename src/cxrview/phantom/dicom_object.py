"""A phantom and the view that its header states -> the bytes of a valid CR or DX object.

The stated view is the true view, absent or, rarely, wrong.
"""

import hashlib
import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    RLELossless,
)

from cxrview.phantom.draw import Phantom
from cxrview.phantom.encodings import GreyLevels, ImageEncoding
from cxrview.phantom.projection import LATERALS, Projection
from cxrview.views import POSITION_CODES, View

STUDY_DATE = "20000101"  # of every examination
STUDY_TIME = "120000"
IMPLEMENTATION = "cxrview phantom"
DX_INTERVAL = 2  # files: alternately DX and CR; CR also where DX lacked a required value
MONOCHROME1_INTERVAL = 3


class Correctness(StrEnum):
    """Whether the view stated in a header is the true view."""

    RIGHT = "right"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class StatedView:
    """View Position (0018,5101), Patient Orientation (0020,0020), and the view that they state."""

    correctness: Correctness
    view_position: str = ""
    patient_orientation: str = ""
    view: View | None = None


# (correctness, has View Position, has Patient Orientation): shuffled anew for each 20 files
HEADER_QUOTA = (
    *[(Correctness.RIGHT, True, True)] * 8,
    *[(Correctness.RIGHT, True, False)] * 4,
    *[(Correctness.RIGHT, False, True)] * 2,
    *[(Correctness.ABSENT, False, False)] * 4,
    *[(Correctness.WRONG, True, True)] * 2,
)
WRONG_PROJECTIONS = {  # of a header that states the wrong view
    Projection.PA: Projection.LL,
    Projection.AP: Projection.RL,
    Projection.LL: Projection.PA,
    Projection.RL: Projection.AP,
}
QUOTA_KEY = 1  # separates these random numbers from those of the phantoms, which use one key


def stated_view_of(phantom: Phantom, seed: int, number: int) -> StatedView:
    """Return the view that the header of DICOM file `number` (0, 1, ...) of a seed states.

    Of every 20 headers, 14 are right, 4 state no view and 2 are wrong, in an order that the seed
    determines: the number of conflicts to be found is known.
    """
    block, place = divmod(number, len(HEADER_QUOTA))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, QUOTA_KEY)))
    correctness, has_position, has_orientation = HEADER_QUOTA[
        rng.permutation(len(HEADER_QUOTA))[place]
    ]
    if correctness is Correctness.ABSENT or phantom.view is None:  # obliques state none
        return StatedView(Correctness.ABSENT)
    is_wrong = correctness is Correctness.WRONG
    projection = WRONG_PROJECTIONS[phantom.projection] if is_wrong else phantom.projection
    return StatedView(
        correctness,
        projection.value if has_position else "",
        patient_orientation_of(projection, phantom.mirrored) if has_orientation else "",
        projection.view,
    )


def patient_orientation_of(projection: Projection, mirrored: bool) -> str:
    r"""Return Patient Orientation, the directions of row and column: L\F; of a lateral A\F."""
    rows = "AP" if projection in LATERALS else "LR"
    return f"{rows[mirrored]}\\F"


@dataclass(frozen=True, slots=True)
class PhantomIdentity:
    """The image of a seed and number, and its patient: a synthetic one, or that of a CT."""

    seed: int
    number: int
    volume: str = ""  # digest of the CT

    @property
    def patient(self) -> str:
        """Patient ID: one for each phantom, one for all radiographs of a CT."""
        return f"CT-{self.volume}" if self.volume else f"PHANTOM-{self.seed}-{self.number:06d}"

    @property
    def name(self) -> str:
        """Patient's Name, obviously artificial."""
        return f"PHANTOM^{self.seed}-{self.number:06d}"

    def uid(self, what: str) -> UID:
        """Return a UID under 2.25, always the same for this phantom."""
        text = f"cxrview/{what}/{self.seed}/{self.number}" + f"/{self.volume}" * bool(self.volume)
        digest = hashlib.sha256(text.encode()).digest()
        return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def is_monochrome1(number: int) -> bool:
    """Return True for every third object: MONOCHROME1, bone dark."""
    return number % MONOCHROME1_INTERVAL == MONOCHROME1_INTERVAL - 1


def dicom_object(
    levels: GreyLevels,
    identity: PhantomIdentity,
    stated: StatedView,
    encoding: ImageEncoding,
    number: int,
) -> bytes:
    """Return a DICOM file of (h, w) levels, bone bright; `number` counts the files of a folder.

    Raises ValueError if `encoding` is no transfer syntax.
    """
    if encoding.transfer_syntax is None:
        raise ValueError(f"{encoding.name} is no transfer syntax")
    # DX requires Patient Orientation, PS3.3 C.8.11.3; in CR it may be empty
    is_dx = number % DX_INTERVAL == 0 and bool(stated.patient_orientation)
    is_dark = is_monochrome1(number)
    dataset = Dataset()
    _add_patient_and_study(dataset, identity)
    _add_series(dataset, identity, stated, is_dx)
    _add_image(dataset, levels, encoding, is_dark)
    if is_dx:
        _add_dx_image(dataset, stated, is_dark)
    dataset.file_meta = _file_meta(dataset, encoding.transfer_syntax)
    stored = (2**encoding.bits - 1 - levels).astype(levels.dtype) if is_dark else levels
    _add_pixel_data(dataset, stored, encoding)
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _file_meta(dataset: Dataset, transfer_syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = PhantomIdentity(0, 0).uid("implementation")
    meta.ImplementationVersionName = IMPLEMENTATION.upper().replace(" ", "_")
    return meta


def _add_patient_and_study(dataset: Dataset, identity: PhantomIdentity) -> None:
    dataset.PatientName = identity.name
    dataset.PatientID = identity.patient
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyInstanceUID = identity.uid("study")
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = (
        STUDY_DATE
    )
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = (
        STUDY_TIME
    )
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = str(identity.number)
    dataset.AccessionNumber = ""
    dataset.Manufacturer = IMPLEMENTATION


def _add_series(
    dataset: Dataset, identity: PhantomIdentity, stated: StatedView, is_dx: bool
) -> None:
    dataset.SOPClassUID = (
        DigitalXRayImageStorageForPresentation if is_dx else ComputedRadiographyImageStorage
    )
    dataset.SOPInstanceUID = identity.uid("instance")
    dataset.SeriesInstanceUID = identity.uid("series")
    dataset.Modality = "DX" if is_dx else "CR"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.BodyPartExamined = "CHEST"
    if stated.view_position or not is_dx:  # type 2 in CR, type 3 in DX
        dataset.ViewPosition = stated.view_position
    dataset.PatientOrientation = stated.patient_orientation.split("\\")


def _add_image(
    dataset: Dataset, levels: GreyLevels, encoding: ImageEncoding, is_dark: bool
) -> None:
    dataset.ImageType = ["DERIVED" if encoding.is_lossy else "ORIGINAL", "PRIMARY", ""]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if is_dark else "MONOCHROME2"
    dataset.Rows, dataset.Columns = levels.shape
    dataset.BitsAllocated = 8 if encoding.bits <= 8 else 16
    dataset.BitsStored = encoding.bits
    dataset.HighBit = encoding.bits - 1
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 2 ** (encoding.bits - 1)
    dataset.WindowWidth = 2**encoding.bits


def _add_dx_image(dataset: Dataset, stated: StatedView, is_dark: bool) -> None:
    """Add the attributes that DX requires beyond CR (PS3.3 A.26)."""
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PresentationLUTShape = "INVERSE" if is_dark else "IDENTITY"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if is_dark else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.BurnedInAnnotation = "YES"  # side markers, no names
    dataset.LossyImageCompression = "00"
    dataset.DetectorType, dataset.PositionerType = "DIRECT", ""
    dataset.ImageLaterality = "U"
    dataset.ImagerPixelSpacing = [1.0, 1.0]
    dataset.AnatomicRegionSequence = [_code_item("816094009", "SCT", "Chest")]
    dataset.AcquisitionContextSequence = []
    if stated.view_position:  # no code without View Position
        dataset.ViewCodeSequence = [_code_item(*POSITION_CODES[stated.view_position])]


def _code_item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _add_pixel_data(dataset: Dataset, stored: GreyLevels, encoding: ImageEncoding) -> None:
    if encoding.transfer_syntax == RLELossless:
        dataset.compress(
            RLELossless, stored, encoding_plugin="pylibjpeg", generate_instance_uid=False
        )
        return
    data = encoding.encode(stored)
    if encoding.is_lossy:
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = round(stored.nbytes / len(data), 2)
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
    compressed = encoding.transfer_syntax is not None and encoding.transfer_syntax.is_compressed
    dataset.PixelData = encapsulate([data]) if compressed else data
    dataset["PixelData"].VR = "OB" if compressed or encoding.bits <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = compressed
