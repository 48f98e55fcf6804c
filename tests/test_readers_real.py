"""The DICOM files of the field: each gives its picture or the reason why not."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.pixels import pixel_array

from cxrview.errors import UnreadableImage
from cxrview.images import header_view_of
from cxrview.limits import Limits
from cxrview.readers.decode import decode, translate_decoder_errors
from cxrview.readers.dicom import decode_frame
from cxrview.readers.dicom_file import open_dicom
from cxrview.readers.dicom_header import layout_of
from cxrview.readers.dicom_values import stored_values
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import kept_rows

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


# Where pydicom's raw samples differ, and why ours are right.
EXPLAINED = {
    "TOSHIBA_J2K_SIZ1_PixRep0.dcm",  # the codestream is signed, the header says it is not
    "SC_rgb_jpeg_lossy_gdcm.dcm",  # subsampled YCbCr under the label RGB; raw is not converted
}


def samples_of(path):
    """Stored values as we read them, without the lift of signed ones; None where refused."""
    try:
        with path.open("rb") as stream, translate_decoder_errors():
            file = open_dicom(stream, Limits())
            if file.pixels is None:
                return None
            layout = layout_of(file)
            decoded = decode_frame(file, file.pixels, layout, Limits())
            if decoded.plane.samples.dtype.kind == "f":
                return decoded, decoded.plane.samples
            stored = stored_values(decoded.plane, layout)
            return decoded, stored.values.astype(np.int64) - stored.lift
    except UnreadableImage:
        return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", rows(), ids=lambda row: Path(row["file"]).name)
def test_pixels_agree_with_pydicom(row):
    path = DATA / "dicom" / row["file"]
    ours = samples_of(path)
    if ours is None:
        pytest.skip("refused")
    decoded, found = ours
    try:
        wanted = pixel_array(dcmread(path, force=True), raw=True, index=decoded.frame)
    except Exception as error:
        pytest.skip(f"pydicom cannot decode it: {type(error).__name__}")
    plane = decoded.plane
    if path.name in EXPLAINED or min(wanted.shape[:2]) < 32:
        return
    if plane.is_exact and found.ndim == wanted.ndim:
        kept = kept_rows(plane.height)
        kept = kept if len(kept) == len(found) else range(plane.height)
        np.testing.assert_array_equal(found, wanted[kept.start :: kept.step])
    else:
        is_ybr = row["Photometric"].startswith("YBR_FULL")
        wanted = wanted[..., 0] if is_ybr and wanted.ndim == 3 else wanted
        difference = np.abs(small(luma(found), plane.box) - small(luma(wanted)))
        assert difference.mean() < 2  # of 256


def luma(samples):
    """Grey of samples that may be colours."""
    return luminance(samples.astype(np.float32)) if samples.ndim == 3 else samples


def small(pixels, box=None):
    """(32, 32) area averages, 0 .. 255: of all pixels, where the classifier's own skip rows."""
    padded = np.pad(pixels.astype(np.float32), 1, mode="edge")  # boxes may reach a little past
    left, top, right, bottom = box or (0, 0, *pixels.shape[::-1])
    inner = (left + 1, top + 1, right + 1, bottom + 1)
    resized = Image.fromarray(padded).resize((32, 32), Image.Resampling.BOX, inner)
    averages = np.asarray(resized, np.float64)
    return (averages - averages.min()) / np.ptp(averages) * 255
