"""A chest CT as an npz file, a NIfTI file or a folder with a DICOM series -> Volume."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxrview.errors import (
    DamagedImage,
    MissingInput,
    NoPixels,
    TooLarge,
    UnknownFormat,
    Unreachable,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.extras import missing_extra
from cxrview.images import FloatArray
from cxrview.limits import Limits, check_pixels
from cxrview.phantom.ct_volume import (
    MIN_SLICES,
    SPACING_RANGE,
    Volume,
    block_mean,
    check_voxels,
    coarse_volume,
    step_for,
)
from cxrview.readers.decode import translate_decoder_errors
from cxrview.readers.dicom import decode_frame
from cxrview.readers.dicom_dataset import CT_SLICE, IDENTIFIERS, DataSet
from cxrview.readers.dicom_file import WANTED_TAGS, DicomFile, looks_like_dicom, open_dicom
from cxrview.readers.dicom_header import layout_of
from cxrview.readers.dicom_values import stored_values

_LIBRARY_ERRORS = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError,
                   TypeError, ValueError, zipfile.BadZipFile, zlib.error)  # fmt: skip


def read_volume(path: Path) -> Volume:
    """Read a CT: a folder of DICOM slices, or a file .nii, .nii.gz or .npz.

    Raises MissingInput if it is not there, MissingExtra for NIfTI without nibabel, and a subclass
    of UnreadableImage for anything that is damaged, too large, incomplete or no CT.
    """
    if not path.exists():
        raise MissingInput(f"{path}: no such file or folder")
    name = path.name.lower()
    readers = [read for suffix, read in READERS.items() if name.endswith(suffix)]
    if not readers and not path.is_dir():
        raise UnknownFormat(f"{path}: expected a folder of DICOM slices or {', '.join(READERS)}")
    try:
        return _read_series(path) if path.is_dir() else readers[0](path)
    except UnreadableImage as error:
        raise type(error)(f"{path}: {error}") from error
    except _LIBRARY_ERRORS as error:
        if isinstance(error, OSError) and error.errno:
            raise Unreachable(f"{path}: {error.strerror}") from error
        raise DamagedImage(f"{path}: cannot be read as a CT ({type(error).__name__})") from error


HU_SCALE = 4  # of the array `hu_by_4`: it compresses better


def _read_npz(path: Path) -> Volume:
    """Arrays `hu` or `hu_by_4` (z, y, x) as in Volume, and `mm`: one number or three."""
    with zipfile.ZipFile(path) as archive:
        check_voxels((sum(item.file_size for item in archive.infolist()) // 2,))
    with np.load(path, allow_pickle=False) as arrays:
        scale = HU_SCALE if "hu_by_4" in arrays else 1
        stored = arrays["hu_by_4" if scale > 1 else "hu"]
        z, y, x = np.broadcast_to(arrays["mm"], 3).tolist()
    return coarse_volume(stored, (float(z), float(y), float(x)), scale, 0.0)


def _read_nifti(path: Path) -> Volume:
    """Any orientation: the affine matrix turns it to head, front and right first."""
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
        from nibabel.orientations import apply_orientation, io_orientation
        from nibabel.spatialimages import HeaderDataError
        from nibabel.wrapstruct import WrapStructError
    except ModuleNotFoundError as error:
        raise missing_extra(error, "ct") from error
    try:
        image: Any = nibabel.load(path)
    except (ImageFileError, HeaderDataError, WrapStructError) as error:
        raise UnknownFormat("no NIfTI file") from error
    if len(image.shape) != 3:
        raise UnsupportedImage(f"{len(image.shape)} dimensions, expected 3")
    check_voxels(image.shape)
    turns = io_orientation(image.affine)  # to axes that run to the right, the front and the head
    if np.isnan(turns).any():
        raise DamagedImage("its affine matrix is singular")
    stored = apply_orientation(image.dataobj.get_unscaled(), turns)[::-1, ::-1, ::-1].T
    sizes = np.linalg.norm(image.affine[:3, :3], axis=0)
    x, y, z = (float(sizes[turns[:, 0] == axis][0]) for axis in range(3))
    return coarse_volume(stored, (z, y, x), image.dataobj.slope, image.dataobj.inter)


READERS = {".npz": _read_npz, ".nii": _read_nifti, ".nii.gz": _read_nifti}


SERIES_TAGS = (
    *WANTED_TAGS,
    IDENTIFIERS["SeriesInstanceUID"][0],
    *(tag for tag, _ in CT_SLICE.values()),
)
MAX_SLICES = 4096
LIMITS = Limits(pixels=2048 * 2048)  # of a slice
SAME_POSITION = 0.01  # mm: two slices closer than that are one and the same
MAX_GAP = 1.4  # of the usual distance: with a larger one a slice is missing
ORIENTATION_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One slice. Directions are those of DICOM: to the patient's left, back and head.

    hu: (rows, columns) float32, averaged to pixels of at least 1.9 mm. spacing: mm between rows and
    columns of `hu`. axes: (3, 3), the directions of the normal, of a column and of a row.
    """

    hu: FloatArray
    series: str
    position: FloatArray
    axes: FloatArray
    spacing: FloatArray


def _read_series(folder: Path) -> Volume:
    """The slices below a folder; other files than DICOM are left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and _is_dicom(path))
    if not paths:
        raise NoPixels("no DICOM files in the folder")
    if len(paths) > MAX_SLICES:
        raise TooLarge(f"{len(paths)} DICOM files, at most {MAX_SLICES} slices are allowed")
    slices = [_read_slice(path) for path in paths]
    _check_series(slices)
    normal = slices[0].axes[0]
    slices.sort(key=lambda one: float(one.position @ normal))
    gap = _slice_distance([float(one.position @ normal) for one in slices])
    stored = np.stack([one.hu for one in slices])
    rows, columns = slices[0].spacing.tolist()
    return _turned(stored, (gap, rows, columns), slices[0].axes)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(132)
    return path.name.upper() != "DICOMDIR" and (head[128:] == b"DICM" or looks_like_dicom(head))


def _read_slice(path: Path) -> Slice:
    try:
        with path.open("rb") as stream, translate_decoder_errors():
            return _slice_of(open_dicom(stream, LIMITS, SERIES_TAGS))
    except UnreadableImage as error:
        raise type(error)(f"{path.name}: {error}") from error


def _slice_of(file: DicomFile) -> Slice:
    data = file.dataset
    if data.text("Modality") != "CT" or file.pixels is None:
        raise UnsupportedImage("no CT slice")
    layout = layout_of(file)
    check_pixels(max(0, layout.columns), max(0, layout.rows), LIMITS)
    decoded = decode_frame(file, file.pixels, layout, LIMITS)
    if decoded.frames > 1 or layout.samples != 1:
        raise UnsupportedImage("several frames or colours in one file: convert it to NIfTI")
    stored = stored_values(decoded.plane, layout)
    hu = stored.values.astype(np.float32) - stored.lift
    hu *= np.float32(_number(data, "RescaleSlope", 1))
    hu += np.float32(_number(data, "RescaleIntercept", 0))
    # Large slices are decoded at reduced resolution.
    spacing = _numbers(data, "PixelSpacing", 2) * (layout.rows, layout.columns) / hu.shape
    if spacing.min() < SPACING_RANGE[0]:
        raise DamagedImage("PixelSpacing is too small")
    steps = [step_for(size) for size in spacing.tolist()]
    row, column = _numbers(data, "ImageOrientationPatient", 6).reshape(2, 3)
    return Slice(
        hu=block_mean(hu, steps),
        series=data.text("SeriesInstanceUID"),
        position=_numbers(data, "ImagePositionPatient", 3),
        axes=np.stack([np.cross(row, column), column, row]),
        spacing=spacing * steps,
    )


def _number(data: DataSet, keyword: str, default: float) -> float:
    value = data.number(keyword)
    return default if value is None else float(value)


def _numbers(data: DataSet, keyword: str, count: int) -> FloatArray:
    """Raises DamagedImage unless the element has `count` finite numbers."""
    try:
        values = np.array([float(text) for text in data.text(keyword).split("\\")])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise DamagedImage(f"{keyword} is not {count} numbers")
    return values


def _check_series(slices: Sequence[Slice]) -> None:
    first = slices[0]
    if count := len({one.series for one in slices}) - 1:
        raise UnsupportedImage(f"{count + 1} series in one folder, expected one")
    if len(slices) < MIN_SLICES:
        raise UnsupportedImage(f"{len(slices)} slices, expected at least {MIN_SLICES}")
    for one in slices:
        same = one.hu.shape == first.hu.shape and np.allclose(one.spacing, first.spacing)
        if not same or not np.allclose(one.axes, first.axes, atol=ORIENTATION_TOLERANCE):
            raise UnsupportedImage("slices of different size, spacing or orientation")
    lengths = np.linalg.norm(first.axes, axis=1)
    if not np.allclose(lengths, 1, atol=0.01):
        raise DamagedImage("ImageOrientationPatient is no pair of perpendicular directions")


def _slice_distance(positions: Sequence[float]) -> float:
    """Distance of neighbouring slices, mm. Raises UnsupportedImage unless it is uniform."""
    gaps = np.diff(positions)
    usual = float(np.median(gaps))
    if gaps.min() < SAME_POSITION:
        raise UnsupportedImage("two slices at the same position: several phases in one series?")
    if gaps.max() > MAX_GAP * usual:
        raise UnsupportedImage(
            f"slices are missing: {gaps.max():.1f} mm between two slices, {usual:.1f} mm elsewhere"
        )
    return usual


def _turned(stored: FloatArray, spacing: tuple[float, float, float], axes: FloatArray) -> Volume:
    """Turn (slice, row, column) values to head, front and right first."""
    # For each axis of the result its direction: to the feet, to the back, to the left.
    wanted = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    cosines = wanted @ axes.T
    order = np.abs(cosines).argmax(1)
    if len(set(order.tolist())) != 3:
        raise UnsupportedImage("the slices are oblique by 45 degrees")
    turned = stored.transpose(order)
    for axis, source in enumerate(order):
        if cosines[axis, source] < 0:
            turned = np.flip(turned, axis)
    z, y, x = (spacing[source] for source in order)
    return coarse_volume(turned, (z, y, x), 1.0, 0.0)
