"""A DICOM header gives the view it claims, and names nobody."""

import pytest
from pydicom.dataset import Dataset

from cxrview.images import exclusion_of, header_view_of
from cxrview.inference.classification import row_of
from cxrview.model.classifier import load
from cxrview.sources.find import item_of_bytes
from cxrview.views import View
from readers_makers import EXPLICIT, dicom, dicom_bytes, dicom_elements, picture, read


def test_the_header_is_read():
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "399067008", "SCT"
    header = read(dicom(
        picture(), ViewPosition="LL", PatientOrientation=["A", "F"], BodyPartExamined="CHEST",
        ViewCodeSequence=[code],
    )).header  # fmt: skip
    assert header.view_position == "LL"
    assert header.patient_orientation == "A\\F"
    assert (header.modality, header.body_part) == ("DX", "CHEST")
    assert header.view_code == "399067008"
    assert header.photometric_interpretation == "MONOCHROME2"
    assert header_view_of(header).view is View.LATERAL


@pytest.mark.parametrize("spelling", ["Lateral", "lateral", " LATERAL"])
def test_free_spellings_of_a_view_are_understood(spelling):
    ds = dicom_elements((2, 2), BitsAllocated=8)
    ds.add_new(0x00185101, "LO", spelling)
    ds.PixelData = b"abcd"
    ds["PixelData"].VR = "OB"
    assert header_view_of(read(dicom_bytes(ds, EXPLICIT)).header).view is View.LATERAL


@pytest.mark.parametrize(("elements", "reason"), [
    ({"Modality": "MR"}, "modality MR"),
    ({"Modality": "US"}, "modality US"),
    ({"Modality": "MG"}, "modality MG"),
    ({"Modality": "CT"}, "modality CT"),
    ({"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, "modality CT"),
    ({"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, ""),
    ({"Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "modality MR"),
    *(({"Modality": modality}, "") for modality in ("CR", "DX", "RF", "OT", "SC", "XX", "")),
])  # fmt: skip
def test_a_modality_that_is_no_projection_excludes_the_image(elements, reason):
    assert exclusion_of(read(dicom(picture(), **elements)).header) == reason


def test_an_excluded_image_is_not_chest_and_keeps_its_probabilities():
    classifier = load()
    plain, other = (
        row_of(item_of_bytes("a.dcm", dicom(picture(), Modality=modality)), classifier)
        for modality in ("DX", "PT")
    )
    assert (plain.reason, other.reason) == ("", "modality PT")
    assert (other.view, other.agreement) == ("not_chest", "absent")
    assert (other.p_lateral, other.p_chest) == (plain.p_lateral, plain.p_chest)


NAME = "Doe^Jane"


def test_nobody_is_named():
    """Names stand in fields where they belong, and where they do not."""
    ds = dicom_elements((2, 2), BitsAllocated=8)
    for tag, vr in ((0x00100010, "PN"), (0x00080090, "PN"), (0x00185101, "LO"),
                    (0x00180015, "LO"), (0x00200020, "LO"), (0x00080060, "LO")):  # fmt: skip
        ds.add_new(tag, vr, NAME)
    code = Dataset()
    code.CodeValue = NAME
    ds.ViewCodeSequence = [code]
    ds.PixelData = b"abcd"
    ds["PixelData"].VR = "OB"
    radiograph = read(dicom_bytes(ds, EXPLICIT))
    assert "doe" not in repr(radiograph).lower()
