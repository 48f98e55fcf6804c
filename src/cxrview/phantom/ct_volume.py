"""A chest CT as an npz or NIfTI file -> Hounsfield units on a grid of about 2 mm."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.errors import (
    DamagedImage,
    MissingInput,
    TooLarge,
    UnknownFormat,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.extras import missing_extra
from cxrview.phantom.random_draws import Floats

Voxels = npt.NDArray[np.int16]
Triple = tuple[float, float, float]  # along the body, from front to back, from right to left

MIN_SPACING = 1.9  # mm: finer voxels are averaged, a radiograph of 256 pixels does not show them
MAX_SPACING = 12.0  # mm between slices
MAX_VOXELS = 1 << 29  # claimed by a file; 512 x 512 x 2048
MIN_HU, MAX_HU = -1000, 2000  # Hounsfield units: values are clipped to this range
HU_SCALE = 4  # of the array `hu_by_4` in an npz file


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT as it was stored.

    hu: (z, y, x) int16, Hounsfield units in -1000 .. 2000; the head, the front and the patient's
    right side come first. spacing: mm between voxels along z, y, x.
    """

    hu: Voxels
    spacing: Triple


def read_volume(path: Path) -> Volume:
    """Read a CT with voxels of at least 1.9 mm: finer ones are averaged.

    Raises MissingInput if there is no such file, MissingExtra for NIfTI without nibabel, and a
    subclass of UnreadableImage for a file that is damaged, too large or no CT of a chest.
    """
    if not path.exists():
        raise MissingInput(f"{path}: no such file")
    name = path.name.lower()
    reader = next((read for suffix, read in READERS.items() if name.endswith(suffix)), None)
    if reader is None:
        raise UnknownFormat(f"{path}: expected {', '.join(READERS)}")
    try:
        volume = reader(path)
        _check(volume)
    except UnreadableImage as error:
        raise type(error)(f"{path}: {error}") from error
    except (*_LIBRARY_ERRORS, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedImage(f"{path}: cannot be read as a CT ({type(error).__name__})") from error
    return volume


_LIBRARY_ERRORS = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError,
                   TypeError, ValueError)  # fmt: skip


def _check(volume: Volume) -> None:
    if not all(np.isfinite(one) and 0 < one <= MAX_SPACING for one in volume.spacing):
        raise UnsupportedImage(f"voxels of {volume.spacing} mm, expected up to {MAX_SPACING} mm")
    if volume.hu.ndim != 3 or min(volume.hu.shape) < 16:
        raise UnsupportedImage(f"{volume.hu.shape} voxels are no volume")


def _read_npz(path: Path) -> Volume:
    """Arrays `hu` or `hu_by_4` (z, y, x) as in Volume, and `mm`: one number or three."""
    with zipfile.ZipFile(path) as archive:
        _check_size(sum(item.file_size for item in archive.infolist()) // 2)
    with np.load(path, allow_pickle=False) as arrays:
        factor = HU_SCALE if "hu_by_4" in arrays else 1
        stored = arrays["hu_by_4" if factor > 1 else "hu"]
        z, y, x = np.broadcast_to(arrays["mm"], 3).astype(float)
    return coarse_volume(stored, factor, 0.0, (z, y, x))


def _read_nifti(path: Path) -> Volume:
    """Any orientation: the affine matrix turns it to head, front and right first."""
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
    except ModuleNotFoundError as error:
        raise missing_extra(error, "ct") from error
    try:
        image: Any = nibabel.load(path)
    except ImageFileError as error:
        raise UnknownFormat("no NIfTI file") from error
    if len(image.shape) != 3:
        raise UnsupportedImage(f"{len(image.shape)} dimensions, expected 3")
    _check_size(int(np.prod(image.shape, dtype=float)))
    image = nibabel.as_closest_canonical(image)  # axes run to the right, the front and the head
    z, y, x = (float(size) for size in image.header.get_zooms()[::-1])
    stored = np.asarray(image.dataobj, np.float32)[::-1, ::-1, ::-1].T
    return coarse_volume(stored, 1.0, 0.0, (z, y, x))


def _check_size(voxels: int) -> None:
    if voxels > MAX_VOXELS:
        raise TooLarge(f"{voxels} voxels are claimed, {MAX_VOXELS} are allowed")


READERS = {".npz": _read_npz, ".nii": _read_nifti, ".nii.gz": _read_nifti}


def coarse_volume(stored: Floats, slope: float, intercept: float, spacing: Triple) -> Volume:
    """Average (z, y, x) stored values to voxels of at least 1.9 mm; return Hounsfield units."""
    steps = [max(1, round(MIN_SPACING / size)) for size in spacing]
    hu = block_mean(stored, steps).astype(np.float32) * slope + intercept
    if not np.isfinite(hu).all():
        raise DamagedImage("contains values that are not numbers")
    z, y, x = (size * step for size, step in zip(spacing, steps, strict=True))
    return Volume(np.clip(hu, MIN_HU, MAX_HU).astype(np.int16), (z, y, x))


def block_mean(values: Floats, steps: list[int]) -> Floats:
    """Average (z, y, x) values over blocks of `steps` voxels; a remainder at the end is cut."""
    for axis, step in enumerate(steps):
        if step > 1:
            count = values.shape[axis] // step
            kept = np.moveaxis(values, axis, 0)[: count * step]
            mean = kept.reshape(count, step, *kept.shape[1:]).mean(1, dtype=np.float32)
            values = np.moveaxis(mean, 0, axis)
    return values
