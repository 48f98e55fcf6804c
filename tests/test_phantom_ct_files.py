"""CT volumes from DICOM series, NIfTI and npz files, in any orientation; damaged ones are named."""

import re

import imagecodecs
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from cxrview.errors import (
    DamagedImage,
    MissingInput,
    NoPixels,
    TooLarge,
    UnknownFormat,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.phantom import ct_files
from cxrview.phantom.ct_files import read_volume

SHAPE = (12, 40, 48)  # slices, rows, columns
SPACING = (3.0, 2.5, 2.0)  # mm


@pytest.fixture(scope="module")
def values():
    """(z, y, x) HU, different at every corner: head, front and right first."""
    z, y, x = np.indices(SHAPE)
    return (z * 70 + y * 11 - x * 13).astype(np.int16)


@pytest.fixture
def npz(tmp_path, values):
    path = tmp_path / "ct.npz"
    np.savez(path, hu=values, mm=SPACING)
    return path


def write_series(folder, values, feet_first=False, is_signed=False, slope=2.0):
    """Axial slices; in DICOM x runs to the left, y to the back, z to the head."""
    intercept = 0.0 if is_signed else -1024.0
    folder.mkdir()
    series = generate_uid()
    for number, plane in enumerate(values):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.Modality, data.SeriesInstanceUID = "CT", series
        data.ImagePositionPatient = [-10.0, -20.0, 500 - number * SPACING[0]]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        if feet_first:  # turned by 180 degrees about the axis from front to back
            data.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
            plane = plane[:, ::-1]
        data.PixelSpacing = list(SPACING[1:])
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.PixelRepresentation = int(is_signed)
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        stored = np.round((plane - intercept) / slope).astype("<i2")
        data.PixelData = stored.tobytes()
        name = (number * 5) % len(values)  # names do not sort like the positions
        data.save_as(folder / f"{name:03d}.dcm", enforce_file_format=True)
    return folder


def write_nifti(path, values, code, slope=1.0):
    """code: where the axes of the array run to, as in LPS."""
    canonical = values[::-1, ::-1, ::-1].T  # to the right, the front and the head
    affine = np.diag([*SPACING[::-1], 1.0])
    wanted = nibabel.orientations.axcodes2ornt(code)
    turned = nibabel.orientations.apply_orientation(canonical, wanted_from(wanted))
    inverse = nibabel.orientations.inv_ornt_aff(wanted_from(wanted), canonical.shape)
    image = nibabel.Nifti1Image(turned, affine @ inverse)
    image.header.set_slope_inter(slope, 0)
    nibabel.save(image, path)
    return path


def wanted_from(wanted):
    return nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), wanted)


def test_npz_is_read_as_it_is(npz, values):
    volume = read_volume(npz)
    assert np.array_equal(volume.hu, np.clip(values, -1000, 2000))
    assert volume.spacing == SPACING


@pytest.mark.parametrize("code", ["RAS", "LPS", "LAS", "RPI", "SAL", "PIR"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_of_any_orientation_equals_the_npz(tmp_path, npz, values, code, suffix):
    path = write_nifti(tmp_path / f"ct{suffix}", values, code)
    volume, expected = read_volume(path), read_volume(npz)
    assert np.array_equal(volume.hu, expected.hu)
    assert volume.spacing == pytest.approx(expected.spacing)


@pytest.mark.parametrize("feet_first", [False, True])
@pytest.mark.parametrize("is_signed", [False, True])
def test_a_dicom_series_equals_the_npz(tmp_path, npz, values, feet_first, is_signed):
    volume = read_volume(write_series(tmp_path / "series", values, feet_first, is_signed))
    np.testing.assert_allclose(volume.hu, read_volume(npz).hu, atol=1)
    assert volume.spacing == pytest.approx(SPACING)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_slices_equal_uncompressed_ones(tmp_path, npz, values, syntax, is_signed):
    folder = write_series(tmp_path / "series", values, is_signed=is_signed)
    for path in folder.iterdir():
        compress(path, syntax)
    np.testing.assert_allclose(read_volume(folder).hu, read_volume(npz).hu, atol=1)


def compress(path, syntax):
    data = pydicom.dcmread(path)
    stored = data.pixel_array
    if syntax == RLELossless:
        data.compress(syntax, stored, generate_instance_uid=False)
    else:
        if syntax == JPEGLSLossless:  # has no sign
            code = imagecodecs.jpegls_encode(stored.view(np.uint16) & 0xFFF, level=0)
        else:
            code = imagecodecs.jpeg2k_encode(
                stored, level=0, reversible=True, codecformat="J2K", bitspersample=12
            )
        data.PixelData = encapsulate([bytes(code)])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path)


def test_too_many_files_are_refused(tmp_path, values, monkeypatch):
    monkeypatch.setattr(ct_files, "MAX_SLICES", SHAPE[0] - 1)
    with pytest.raises(TooLarge, match="12 DICOM files"):
        read_volume(write_series(tmp_path / "series", values))


def test_fine_voxels_are_averaged(tmp_path, values):
    path = tmp_path / "ct.npz"
    fine = np.repeat(values, 3, axis=2)
    np.savez(path, hu=fine, mm=(3.0, 2.5, 0.7))
    volume = read_volume(path)
    assert np.array_equal(volume.hu, np.clip(values, -1000, 2000))
    assert volume.spacing == pytest.approx((3.0, 2.5, 2.1))


def change(folder, number, **values):
    path = sorted(folder.iterdir())[number]
    data = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.save_as(path)


BAD_SERIES = {
    "slices are missing": lambda folder: (folder / "006.dcm").unlink(),
    "2 series": lambda folder: change(folder, 3, SeriesInstanceUID="1.2.3"),
    "same position": lambda folder: change(folder, 3, ImagePositionPatient=[-10, -20, 500]),
    "no CT slice": lambda folder: change(folder, 3, Modality="MR"),
    "different size, spacing": lambda folder: change(folder, 3, PixelSpacing=[1, 1]),
    "ImagePositionPatient": lambda folder: change(folder, 3, ImagePositionPatient=None),
    "ImageOrientationPatient": lambda folder: [
        change(folder, n, ImageOrientationPatient=[0] * 6) for n in range(SHAPE[0])
    ],
    "PixelSpacing": lambda folder: change(folder, 3, PixelSpacing=[0, 0]),
    "pixels": lambda folder: change(folder, 3, Rows=60_000, Columns=60_000),
    "bytes of pixels": lambda folder: change(folder, 3, PixelData=b"\0\0"),
}


@pytest.mark.parametrize("message", BAD_SERIES)
def test_a_bad_series_is_refused(tmp_path, values, message):
    folder = write_series(tmp_path / "series", values)
    BAD_SERIES[message](folder)
    with pytest.raises(UnreadableImage, match=message):
        read_volume(folder)


def truncated(data):
    return data[: len(data) // 2]


def without_affine(data):
    return data[:280] + b"\xff" * 48 + data[328:]


def flat_affine(data):
    return data[:280] + bytes(16) + data[296:]  # one row of zeros


def claims_much(data):
    return data[:42] + b"\xff\x7f" * 3 + data[48:]


@pytest.mark.parametrize(
    ("damage", "error"),
    [(truncated, DamagedImage), (without_affine, UnreadableImage), (flat_affine, DamagedImage),
     (claims_much, TooLarge),
     (lambda _: b"", UnknownFormat), (lambda _: b"nothing" * 100, UnknownFormat)],
)  # fmt: skip
def test_a_damaged_nifti_file_is_refused(tmp_path, values, damage, error):
    path = write_nifti(tmp_path / "ct.nii", values, "RAS")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(error, match=re.escape(str(path))):
        read_volume(path)


@pytest.mark.parametrize(
    ("arrays", "error"),
    [({"hu": np.zeros((20, 40, 40))}, DamagedImage),
     ({"mm": 2.0}, DamagedImage),
     ({"hu": np.zeros((20, 40, 40)), "mm": -1.0}, UnsupportedImage),
     ({"hu": np.zeros((20, 40, 40)), "mm": np.nan}, UnsupportedImage),
     ({"hu": np.zeros((20, 40, 40)), "mm": (1.0, 2.0)}, DamagedImage),
     ({"hu": np.zeros((20, 40)), "mm": 2.0}, UnsupportedImage),
     ({"hu": np.full((20, 40, 40), np.nan), "mm": 2.0}, DamagedImage),
     ({"hu": np.array([object()]), "mm": 2.0}, DamagedImage)],
)  # fmt: skip
def test_an_unusable_npz_file_is_refused(tmp_path, arrays, error):
    path = tmp_path / "ct.npz"
    np.savez(path, **arrays)
    with pytest.raises(error, match=re.escape(str(path))):
        read_volume(path)


def test_a_damaged_npz_file_is_refused(npz):
    npz.write_bytes(truncated(npz.read_bytes()))
    with pytest.raises(DamagedImage):
        read_volume(npz)


def test_what_is_no_volume_is_named(tmp_path):
    (tmp_path / "scan.jpg").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for name, error in (
        ("nothing", MissingInput),
        ("scan.jpg", UnknownFormat),
        ("empty", NoPixels),
    ):
        with pytest.raises(error, match=name):
            read_volume(tmp_path / name)
