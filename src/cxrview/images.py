"""A decoded radiograph: pixels, bone bright, and header fields that cannot name a person."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.views import (
    OTHER_POSITIONS,
    UNKNOWN_VALUE,
    View,
    view_of_code,
    view_of_orientation,
    view_of_position,
)

PNG_SUFFIX = ".png"
Pixels = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.floating[Any]]  # of either
Mask = npt.NDArray[np.bool_]

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601, as JPEG's own Y


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """Header fields of an image. Only values that cannot name a person are kept."""

    view_position: str = ""  # (0018,5101)
    patient_orientation: str = ""  # (0020,0020), as in `L\\F`
    view_code: str = ""  # (0054,0220) > (0008,0100)
    modality: str = ""  # (0008,0060)
    body_part: str = ""  # (0018,0015)
    photometric_interpretation: str = ""  # (0028,0004)
    transfer_syntax: str = ""  # (0002,0010), the UID
    sop_class: str = ""  # (0008,0016), the UID
    is_localizer: bool = False  # Image Type (0008,0008) has the value LOCALIZER


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The view that a header claims, and the DICOM keyword it was read from ("" for none)."""

    view: View | None = None
    source: str = ""


def tag_views_of(header: HeaderFields) -> tuple[tuple[str, str, View | None], ...]:
    """(DICOM keyword, value, the view that it names) of the three view tags; "" where absent.

    A value that is not known is replaced by UNKNOWN_VALUE, so that all may be printed.
    """
    position, code = header.view_position, header.view_code
    orientation = header.patient_orientation
    tags = (
        ("ViewPosition", position, view_of_position(position)),
        ("ViewCodeSequence", code, view_of_code(code)),
        ("PatientOrientation", orientation, view_of_orientation(orientation)),
    )
    return tuple((source, _printable(value, view), view) for source, value, view in tags)


def _printable(value: str, view: View | None) -> str:
    return value if view or not value or value in OTHER_POSITIONS else UNKNOWN_VALUE


def header_view_of(header: HeaderFields) -> HeaderView:
    """The view that a header claims, from the first of three tags that names one."""
    views = ((view, source) for source, _, view in tag_views_of(header))
    return next((HeaderView(view, source) for view, source in views if view), HeaderView())


# Modality (0008,0060), DICOM PS3.3 C.7.3.1.1.1. None is a projection radiograph of a chest.
# CR, DX, RF, RG, XR, OT, SC, DOC, HC, RTIMAGE and everything unknown may be one.
_OTHER_MODALITIES = frozenset(
    ("BDUS", "BI", "BMD", "CFM", "CT", "DG", "DMS", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "GM",
     "HD", "IO", "IVOCT", "IVUS", "LEN", "LS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT",
     "OPTBSV", "OPTENF", "OPV", "OSS", "PT", "PX", "RESP", "RTDOSE", "RTPLAN", "RTSTRUCT",
     "SEG", "SM", "SMR", "ST", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC")
)  # fmt: skip

# Words of Body Part Examined (0018,0015): the terms of DICOM PS3.16 Annex L for what radiography
# shows, and what is common beside them. A value of other words may be a name.
_WORDS = """ABD ABDOMEN ABDOMENPELVIS ACJOINT ADRENAL AND ANKLE AORTA ARM AXILLA BACK BLADDER BODY
BRAIN BREAST BRONCHUS BUTTOCK C CALCANEUS CALF CAROTID CERVICAL CERVIX CHEST CHESTABDOMEN
CHESTABDPELVIS CLAVICLE COCCYX COLON CORONARYARTERY CSPINE CTSPINE DORSAL EAR ELBOW ESOPHAGUS
EXTREMITY EYE FACE FEMUR FIBULA FINGER FOOT FOREARM GALLBLADDER HAND HEAD HEADNECK HEART HEEL HIP
HUMERUS IAC ILIUM JAW JOINT KIDNEY KNEE L LARYNX LEFT LEG LIMB LIVER LOWER LOWERLEG LOWERLIMB LSPINE
LSSPINE LUMBAR LUNG LUNGS MANDIBLE MASTOID MAXILLA MEDIASTINUM MOUTH NASALBONE NECK NECKCHEST
NECKCHESTABDOMEN NECKCHESTABDPELV NOSE ORBIT OVARY PANCREAS PATELLA PECHO PELVIS PHARYNX PORT
PORTABLE PROSTATE PULM RADIUS RADIUSULNA RECTUM RIB RIBS RIGHT S SACRUM SCAPULA SELLA SHOULDER
SIJOINT SINUS SKULL SPINE SPLEEN SSPINE STERNUM STOMACH T TESTIS THIGH THORACIC THORAX THUMB THYMUS
THYROID TIBIA TIBIAFIBULA TLSPINE TMJ TO TOE TORAX TOTAL TRACHEA TRUNK TSPINE ULNA UPPER UPPERARM
UPPERLIMB URETER URETHRA UTERUS VAGINA WHOLE WHOLEBODY WRIST ZYGOMA"""
BODY_PART_WORDS = frozenset(_WORDS.split())
# Anywhere in a value of Body Part Examined
CHEST_BODY_PARTS = ("CHEST", "THORAX", "TORAX", "LUNG", "PECHO", "PULM")


def exclusion_of(header: HeaderFields) -> str:
    """The header fact that rules out a projection radiograph of a chest; "" where there is none.

    The localizer of a CT is a projection radiograph.
    """
    modality = header.modality.strip().upper()
    if modality not in _OTHER_MODALITIES or (modality == "CT" and header.is_localizer):
        return ""
    return f"modality {modality}"


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One image, perhaps decoded at reduced resolution.

    pixels: (h, w), uint8, uint16 or float32, bone bright (MONOCHROME1 is already inverted); scale
    and offset of the values carry no meaning. Rows and columns may be reduced by different factors.
    box: left, top, right, bottom of the full image in coordinates of `pixels`: reduced decoding
    pads, and a wavelet sample is not at the centre of the block that it represents.
    """

    pixels: Pixels
    width: int  # of the full image, as the file declares it
    height: int
    box: tuple[float, float, float, float]
    header: HeaderFields = HeaderFields()
    frame: int | None = None  # 1 .. n, in files of several frames, else None
    warnings: tuple[str, ...] = ()  # `code: words` each, of what makes the picture doubtful
    window: tuple[float, float] | None = None  # values for black and white, as a header proposes


# Pixels of the shorter side below which an image gets a warning. Of 200 real radiographs reduced to
# a long side of 128, 32, 16 and 12 pixels, 9, 7, 18 and 47 were uncertain or refused and none was
# wrong, but slices of 16 pixels have passed as chest radiographs.
MIN_SIDE = 32


def size_warnings(width: int, height: int) -> tuple[str, ...]:
    """Return at most one `small: words` about an image with too few pixels for a sure verdict."""
    return (f"small: {width} x {height} pixels",) if min(width, height) < MIN_SIDE else ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What makes an image upright and bone bright."""

    rotation: int = 0  # degrees clockwise: 0, 90, 180 or 270
    inverted: bool = False  # whether bone is dark

    def __str__(self) -> str:
        """In words, for people."""
        turn = f"rotated clockwise by {self.rotation} degrees" if self.rotation else ""
        return " and ".join(filter(None, (turn, "inverted" if self.inverted else "")))

    def rotate(self, pixels: Pixels) -> npt.NDArray[Any]:
        """(h, w) or (h, w, n) -> upright, where a quarter turn exchanges h and w."""
        return np.rot90(pixels, -self.rotation // 90).copy()

    def apply(self, radiograph: Radiograph) -> Radiograph:
        """Return it upright and bone bright; header, frame, warnings and window are left out."""
        pixels = self.rotate(radiograph.pixels)
        if self.inverted:
            pixels = -pixels if pixels.dtype.kind == "f" else ~pixels
        box, (height, width) = radiograph.box, radiograph.pixels.shape
        full_width, full_height = radiograph.width, radiograph.height
        for _ in range(self.rotation // 90):
            left, top, right, bottom = box
            box = (height - bottom, left, height - top, right)
            height, width = width, height
            full_width, full_height = full_height, full_width
        return Radiograph(pixels, full_width, full_height, box)


def radiograph_of(pixels: Pixels) -> Radiograph:
    """A full-resolution image in memory, (h, w), bone bright -> Radiograph."""
    height, width = pixels.shape
    box = (0.0, 0.0, float(width), float(height))
    return Radiograph(pixels, width, height, box)
