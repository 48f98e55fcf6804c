"""A phantom and a claim -> the bytes of a valid CR or DX object of nobody."""

import hashlib
import io
from dataclasses import dataclass

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    RLELossless,
)

from cxrview.phantom.claims import HeaderClaim
from cxrview.phantom.encodings import Encoding, Levels

DAY = "20000101"  # of every examination: nobody's
TIME = "120000"
IMPLEMENTATION = "cxrview phantom"
DX_EVERY = 2  # files: CR and DX by turns
MONOCHROME1_EVERY = 3
VIEW_CODES = {  # PS3.16 CID 4010
    "PA": ("272479007", "SCT", "postero-anterior"),
    "AP": ("399348003", "SCT", "antero-posterior"),
    "LL": ("399173006", "SCT", "left lateral"),
    "RL": ("399198007", "SCT", "right lateral"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is on the picture: the phantom of this seed and number."""

    seed: int
    number: int

    @property
    def patient(self) -> str:
        """Patient ID."""
        return f"PHANTOM-{self.seed}-{self.number:06d}"

    @property
    def name(self) -> str:
        """Patient's Name, plainly artificial."""
        return f"PHANTOM^{self.seed}-{self.number:06d}"

    def uid(self, what: str) -> UID:
        """A UID under 2.25 that the same phantom gets again."""
        digest = hashlib.sha256(f"cxrview/{what}/{self.seed}/{self.number}".encode()).digest()
        return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def is_monochrome1(number: int) -> bool:
    """Every third object stores bone dark and says so."""
    return number % MONOCHROME1_EVERY == MONOCHROME1_EVERY - 1


def dicom_object(
    levels: Levels, identity: Identity, claim: HeaderClaim, encoding: Encoding, number: int
) -> bytes:
    """(h, w) levels, bone bright -> a DICOM file; `number` counts the DICOM files of a folder."""
    if encoding.syntax is None:
        raise ValueError(f"{encoding.name} is no transfer syntax")
    is_dx, is_dark = number % DX_EVERY == 0, is_monochrome1(number)
    dataset = Dataset()
    _patient_and_study(dataset, identity)
    _series(dataset, identity, claim, is_dx)
    _image(dataset, levels, encoding, is_dark)
    if is_dx:
        _dx_image(dataset, claim, is_dark)
    dataset.file_meta = _meta(dataset, encoding.syntax)
    stored = (2**encoding.bits - 1 - levels).astype(levels.dtype) if is_dark else levels
    _pixels(dataset, stored, encoding)
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = Identity(0, 0).uid("implementation")
    meta.ImplementationVersionName = IMPLEMENTATION.upper().replace(" ", "_")
    return meta


def _patient_and_study(dataset: Dataset, identity: Identity) -> None:
    dataset.PatientName = identity.name
    dataset.PatientID = identity.patient
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyInstanceUID = identity.uid("study")
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = DAY
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = TIME
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = str(identity.number)
    dataset.AccessionNumber = ""
    dataset.Manufacturer = IMPLEMENTATION


def _series(dataset: Dataset, identity: Identity, claim: HeaderClaim, is_dx: bool) -> None:
    dataset.SOPClassUID = (
        DigitalXRayImageStorageForPresentation if is_dx else ComputedRadiographyImageStorage
    )
    dataset.SOPInstanceUID = identity.uid("instance")
    dataset.SeriesInstanceUID = identity.uid("series")
    dataset.Modality = "DX" if is_dx else "CR"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.BodyPartExamined = "CHEST"
    if claim.view_position or not is_dx:  # type 2 in CR, type 3 in DX
        dataset.ViewPosition = claim.view_position
    dataset.PatientOrientation = claim.patient_orientation.split("\\")


def _image(dataset: Dataset, levels: Levels, encoding: Encoding, is_dark: bool) -> None:
    dataset.ImageType = ["DERIVED" if encoding.lossy else "ORIGINAL", "PRIMARY", ""]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if is_dark else "MONOCHROME2"
    dataset.Rows, dataset.Columns = levels.shape
    dataset.BitsAllocated = 8 if encoding.bits <= 8 else 16
    dataset.BitsStored = encoding.bits
    dataset.HighBit = encoding.bits - 1
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 2 ** (encoding.bits - 1)
    dataset.WindowWidth = 2**encoding.bits


def _dx_image(dataset: Dataset, claim: HeaderClaim, is_dark: bool) -> None:
    """What DX asks for beyond CR (PS3.3 A.26)."""
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PresentationLUTShape = "INVERSE" if is_dark else "IDENTITY"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if is_dark else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.BurnedInAnnotation = "YES"  # markers, never a name
    dataset.LossyImageCompression = "00"
    dataset.DetectorType = "DIRECT"
    dataset.ImageLaterality = "U"
    dataset.ImagerPixelSpacing = [1.0, 1.0]
    dataset.AnatomicRegionSequence = [_code("816094009", "SCT", "Chest")]
    dataset.AcquisitionContextSequence = []
    if claim.view_position:  # a code is missing where a console knew nothing
        dataset.ViewCodeSequence = [_code(*VIEW_CODES[claim.view_position])]


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _pixels(dataset: Dataset, stored: Levels, encoding: Encoding) -> None:
    if encoding.syntax == RLELossless:
        dataset.compress(
            RLELossless, stored, encoding_plugin="pylibjpeg", generate_instance_uid=False
        )
        return
    data = encoding.encode(stored)
    if encoding.lossy:
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = round(stored.nbytes / len(data), 2)
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
    compressed = encoding.syntax is not None and encoding.syntax.is_compressed
    dataset.PixelData = encapsulate([data]) if compressed else data
    dataset["PixelData"].VR = "OB" if compressed or encoding.bits <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = compressed
