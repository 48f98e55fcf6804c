"""Laterals that are tagged PA, in every transfer syntax, and their corrected copies."""

import io

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from cxrview.inference.corrected_dicom import CorrectedCopy, corrected_copy
from cxrview.inference.known_image import UNKNOWN, KnownImage
from cxrview.phantom.dicom_object import Correctness, PhantomIdentity, StatedView, dicom_object
from cxrview.phantom.draw import draw_one
from cxrview.phantom.encodings import ENCODINGS, quantize
from cxrview.views import View
from readers_makers import EXPLICIT, picture
from readers_makers import dicom as encoded_dicom

DICOM = [encoding for encoding in ENCODINGS if encoding.transfer_syntax]
UNCOMPRESSED = 0  # number of that encoding; phantoms of an even number are DX, the others CR
FURTHER_SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def wrong_phantom(number: int) -> bytes:
    """A lateral tagged PA, in the encoding of this number."""
    encoding, identity = DICOM[number], PhantomIdentity(7, number)
    pixels = quantize(draw_one(7, number, 128, 1.0).pixels, encoding.bits)
    stated = StatedView(Correctness.WRONG, "PA", "L\\F", View.FRONTAL)
    return dicom_object(pixels, identity, stated, encoding, number)


def rewritten(data: bytes, syntax: str) -> bytes:
    """An uncompressed file in another transfer syntax."""
    source, ds = read(data), Dataset()  # a data set that does not know its former encoding
    for element in source:
        ds.add(element)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").byteswap().tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def corrected(
    data: bytes, view: View, by_person: bool = False, known: KnownImage = UNKNOWN
) -> CorrectedCopy | None:
    return corrected_copy(io.BytesIO(data), known, view, by_person=by_person)


PHANTOMS = {encoding.name: wrong_phantom(number) for number, encoding in enumerate(DICOM)}
PHANTOMS |= {
    name: rewritten(PHANTOMS[DICOM[UNCOMPRESSED].name], syntax)
    for name, syntax in FURTHER_SYNTAXES.items()
}
# a file with few elements, and of the file meta information nothing but the transfer syntax
SPARSE = encoded_dicom(picture(), EXPLICIT, ViewPosition="PA", PatientName="Doe^Jane")
FILES = {**PHANTOMS, "sparse": SPARSE}
