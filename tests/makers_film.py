"""Closed-form pictures that the plain model has an opinion on, and files of them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

RAMP = np.linspace(0, 1, 96)
PICTURES = {
    "frontal": np.tile(RAMP[:, None], (1, 80)),  # bright below
    "lateral": np.tile(RAMP[::-1, None], (1, 80)),  # bright above
    "uncertain": np.tile(RAMP[:80], (96, 1)),  # bright on the right
    "not_chest": (np.arange(96 * 80).reshape(96, 80) > 90).astype(float),  # nearly all white
}


def picture(view: str) -> np.ndarray:
    """(96, 80) uint8."""
    return np.rint(PICTURES[view] * 255).astype(np.uint8)


def png(view: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(view)).save(buffer, "PNG")
    return buffer.getvalue()


def dicom(view: str, **tags: str) -> bytes:
    """A radiograph, uncompressed, with any tags by keyword."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    pixels = picture(view)
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "DX"
    dataset.PatientName = "Doe^Jane"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


FILES: dict[str, bytes] = {
    "a frontal.png": png("frontal"),
    "a lateral.png": png("lateral"),
    "b/a frontal.png": png("frontal"),
    "b/uncertain.png": png("uncertain"),
    "b/not chest.png": png("not_chest"),
    "c/agrees.dcm": dicom("frontal", ViewPosition="PA"),
    "c/conflicts.dcm": dicom("frontal", ViewPosition="LL"),
    "c/by orientation.dcm": dicom("lateral", PatientOrientation=["A", "F"]),
    "c/no opinion.dcm": dicom("lateral"),
    "d/empty.png": b"",
    "d/text.dcm": b"not an image",
    "d/torn.png": png("frontal")[:100],
}


def collection(folder: Path) -> Path:
    """A folder with one file of every kind."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
