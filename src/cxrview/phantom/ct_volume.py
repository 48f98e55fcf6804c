"""Hounsfield units of a chest CT on a grid of about 2 mm, in one orientation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage, TooLarge, UnsupportedImage
from cxrview.images import FloatArray

Voxels = npt.NDArray[np.int16]
Triple = tuple[float, float, float]  # along the body, from front to back, from right to left

MIN_SPACING = 1.9  # mm: finer voxels are averaged, a radiograph of 256 pixels does not show them
SPACING_RANGE = (0.05, 12.0)  # mm
MIN_SLICES = 10
MIN_SIDE = 32  # voxels
MAX_VOXELS = 1 << 29  # 512 x 512 x 2048
MIN_HU, MAX_HU = -1000, 2000  # Hounsfield units: values are clipped to this range


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT with voxels of at least 1.9 mm.

    hu: (z, y, x) int16, Hounsfield units in -1000 .. 2000; the head, the front and the patient's
    right side come first. spacing: mm between voxels along z, y, x.
    """

    hu: Voxels
    spacing: Triple


def coarse_volume(stored: FloatArray, spacing: Triple, slope: float, intercept: float) -> Volume:
    """Average (z, y, x) stored values to voxels of at least 1.9 mm, as Hounsfield units.

    Raises UnsupportedImage for sizes that no chest CT has, DamagedImage for values that are no
    numbers.
    """
    least, most = SPACING_RANGE
    if not all(least <= size <= most for size in spacing):
        sizes = " x ".join(f"{size:g}" for size in spacing)
        raise UnsupportedImage(f"voxels of {sizes} mm, expected {least} to {most} mm")
    if stored.ndim != 3 or len(stored) < MIN_SLICES or min(stored.shape[1:]) < MIN_SIDE:
        raise UnsupportedImage(
            f"{stored.shape} voxels, expected at least {(MIN_SLICES, MIN_SIDE, MIN_SIDE)}"
        )
    steps = [step_for(size) for size in spacing]
    hu = block_mean(stored, steps).astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if not np.isfinite(hu).all():
        raise DamagedImage("contains values that are not numbers")
    z, y, x = (size * step for size, step in zip(spacing, steps, strict=True))
    return Volume(np.clip(hu, MIN_HU, MAX_HU).astype(np.int16), (z, y, x))


def step_for(size: float) -> int:
    """How many voxels of `size` mm are averaged."""
    return max(1, round(MIN_SPACING / size))


def block_mean(values: FloatArray, steps: list[int]) -> FloatArray:
    """Average values over blocks of `steps` along each axis; a remainder at the end is cut."""
    for axis, step in enumerate(steps):
        if step > 1:
            count = values.shape[axis] // step
            whole = np.moveaxis(values, axis, 0)[: count * step]
            mean = whole.reshape(count, step, *whole.shape[1:]).mean(1, dtype=np.float32)
            values = np.moveaxis(mean, 0, axis)
    return values


def check_voxels(shape: tuple[int, ...]) -> None:
    """Raise TooLarge if a file claims more voxels than allowed."""
    count = np.prod([float(size) for size in shape])
    if count > MAX_VOXELS:
        raise TooLarge(f"{count:.0f} voxels are claimed, {MAX_VOXELS} are allowed")
