"""The DICOM files of the field: each gives its picture or the reason why not."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from cxrview.errors import UnreadableImage
from cxrview.images import header_view_of
from cxrview.readers.decode import decode

DATA = Path(os.environ.get("CXRVIEW_DATA", Path(__file__).parents[2] / "shared" / "data"))
CONTENTS = DATA / "dicom" / "contents.csv"

pytestmark = pytest.mark.skipif(
    not CONTENTS.is_file(), reason=f"no real DICOM files in {DATA} (set CXRVIEW_DATA)"
)


def rows():
    if not CONTENTS.is_file():
        return []
    with CONTENTS.open(newline="") as file:
        return list(csv.DictReader(file))


UNDECODABLE = {  # of those with rows and columns
    "966.dcm": "damaged",  # its codestream breaks off
    "MR_truncated.dcm": "damaged",
    "JPEG2000-embedded-sequence-delimiter.dcm": "too_large",  # its size field is overwritten
}


def outcome(row):
    try:
        with (DATA / "dicom" / row["file"]).open("rb") as stream:
            return decode(stream)
    except UnreadableImage as error:
        return error.code


def expected(row):
    if row["BitsStored"] == "1":
        return "unsupported"
    if not row["rows"]:
        return "no picture"
    return UNDECODABLE.get(Path(row["file"]).name, "picture")


@pytest.mark.parametrize("row", rows(), ids=lambda row: Path(row["file"]).name)
def test_every_file_gives_its_picture_or_the_reason(row):
    got = outcome(row)
    wanted = expected(row)
    if wanted == "no picture":
        assert got in ("no_pixels", "unknown_format", "damaged")
    elif wanted != "picture":
        assert got == wanted
    else:
        assert (got.height, got.width) == (int(row["rows"]), int(row["cols"]))
        assert got.pixels.dtype in (np.uint8, np.uint16, np.float32)
        assert got.header.transfer_syntax == row["TransferSyntax"].split(" ")[0].replace(
            "(none)", ""
        )


def of(name):
    return outcome(next(row for row in rows() if Path(row["file"]).name == name))


def test_an_inverted_picture_without_a_true_window_is_not_blank():
    picture = of("JPEG2KLossless_1s_1f_u_16_16.dcm")
    assert np.ptp(np.percentile(picture.pixels, [1, 99])) > 1000


def test_a_chest_is_bright_at_the_spine_and_dark_outside():
    for name in ("RG1_J2KI.dcm", "RG1_JLSN.dcm"):
        pixels = of(name).pixels.astype(float)
        height, width = pixels.shape
        spine = pixels[height // 2 :, int(width * 0.46) : int(width * 0.54)].mean()
        lung = pixels[height // 3 : height // 2, int(width * 0.22) : int(width * 0.32)].mean()
        assert spine > lung


def test_a_falsified_polarity_flag_is_believed():
    """The header is all there is: the gate and the net see the inverted picture."""
    truth = next(row for row in rows() if row["file"].endswith(".dcm") and "1.2.276" in row["file"])
    true, fake = outcome(truth).pixels.astype(int), of("Fake_MONOHR1.dcm").pixels.astype(int)
    np.testing.assert_array_equal(true + fake, np.full_like(true, 255))


def test_one_hip_in_five_syntaxes():
    names = ("RG2_JPLY.dcm", "RG2_JLSN.dcm", "RG2_JLSL.dcm", "RG2_JPLL.dcm")
    first, *others = (of(name).pixels.astype(float) for name in names)
    for other in others:
        assert np.corrcoef(first.ravel(), other.ravel())[0, 1] > 0.999


def test_the_view_of_the_header():
    opinion = header_view_of(of("RG1_J2KI.dcm").header)
    assert (opinion.view, opinion.source) == ("frontal", "ViewPosition")
