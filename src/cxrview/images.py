"""A decoded radiograph: pixels, bone bright, and what the header says of them. Nobody is named."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.views import View, view_of_code, view_of_orientation, view_of_position

Pixels = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """What a file says about its picture. Only values that cannot name a person are kept."""

    view_position: str = ""  # (0018,5101)
    patient_orientation: str = ""  # (0020,0020), as in `L\\F`
    view_code: str = ""  # (0054,0220) > (0008,0100)
    modality: str = ""  # (0008,0060)
    body_part: str = ""  # (0018,0015)
    photometric_interpretation: str = ""  # (0028,0004)
    transfer_syntax: str = ""  # (0002,0010), the UID


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The view that a header claims, and the DICOM keyword it was read from ("" for none)."""

    view: View | None = None
    source: str = ""


def header_view_of(header: HeaderFields) -> HeaderView:
    """HeaderFields -> its opinion; the first tag with one wins, the most direct first."""
    claims = (
        (view_of_position(header.view_position), "ViewPosition"),
        (view_of_code(header.view_code), "ViewCodeSequence"),
        (view_of_orientation(header.patient_orientation), "PatientOrientation"),
    )
    return next((HeaderView(view, source) for view, source in claims if view), HeaderView())


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One picture, perhaps decoded at reduced resolution.

    pixels: (h, w), uint8, uint16 or float32, bone bright (MONOCHROME1 is already inverted); scale
    and offset of the values carry no meaning. Rows and columns may be thinned differently.
    box: left, top, right, bottom of the true picture in coordinates of `pixels`: reduced decoding
    pads, and wavelet samples do not stand at the middle of the block that they stand for.
    """

    pixels: Pixels
    width: int  # of the full picture, as the file declares it
    height: int
    box: tuple[float, float, float, float]
    header: HeaderFields = HeaderFields()
    frame: int | None = None  # 1 .. n, where the file holds several; None where it holds one


def radiograph_of(pixels: Pixels, header: HeaderFields | None = None) -> Radiograph:
    """A full-resolution picture in memory, (h, w), bone bright -> Radiograph."""
    height, width = pixels.shape
    box = (0.0, 0.0, float(width), float(height))
    return Radiograph(pixels, width, height, box, header or HeaderFields())
