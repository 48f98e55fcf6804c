"""A chest CT -> the patient without the couch, and a grid of attenuation for one exposure."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cxrview.errors import UnsupportedImage
from cxrview.images import FloatArray, Mask
from cxrview.phantom.ct_files import read_volume
from cxrview.phantom.ct_volume import MIN_HU, Triple, Volume, Voxels, block_mean

COARSE_SPACING = 4.0  # mm: the grid on which the patient is separated from the couch
SKIN_THRESHOLD = -350  # HU between air or foam and tissue
CUT_WIDTH = 16.0  # mm: what is thinner is not taken for the patient, such as the couch's shell
RESTORED_WIDTH = 8.0  # mm: skin and fingers that the cut removed from the patient
LUNG_RANGE = (-980, -500)  # HU
MIN_LUNG_SHARE = 0.02  # of the largest lung area: slices with less are above or below the lungs
MIN_LUNG_AREA = 5000.0  # mm2 of lung in the largest slice at least, else it is no chest
MARGINS = ((56.0, 24.0), (24.0, 24.0))  # mm of air in front, behind and beside, for added fat
MAX_DISTANCE = 80.0  # mm from the skin: larger distances are not needed
END_THICKNESS = 8.0  # mm, averaged to the first and the last slice: they stand for all beyond
NECK_LENGTH = 70.0  # mm above the first slice, in which the shoulders narrow to a neck
NECK_HALF_DEPTH, NECK_HALF_WIDTH = 75.0, 65.0  # mm


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A patient, ready for projection; what lies beyond the first and last slice equals them.

    hu: (z, y, x) int16 as in Volume, -1000 outside of the patient. skin_distance: (z, y, x) uint8,
    mm outside of the skin, 0 inside. center: voxel in the middle of the lungs' height and of the
    chest's depth and width. half: half of the lungs' height and the chest's depth and width, mm.
    ends: first and last measured slice; beyond them the patient is extrapolated.
    """

    hu: Voxels
    skin_distance: npt.NDArray[np.uint8]
    spacing: Triple
    center: Triple
    half: Triple
    ends: tuple[int, int]

    @property
    def digest(self) -> str:
        """The same for copies of a CT, whatever their name."""
        return hashlib.sha256(self.hu.tobytes()).hexdigest()[:12]


@lru_cache(maxsize=16)
def load_body(path: str) -> Body:
    """Read a CT and separate the patient from the couch; cached in this process.

    Raises what read_volume raises, and UnsupportedImage if there is no patient with lungs.
    """
    volume = read_volume(Path(path))
    try:
        return body_of(volume)
    except UnsupportedImage as error:
        raise UnsupportedImage(f"{path}: {error}") from error


def body_of(volume: Volume) -> Body:
    """Return the patient in a volume. Raises UnsupportedImage if there is none with lungs."""
    steps = [max(1, round(COARSE_SPACING / size)) for size in volume.spacing]
    fill = [(0, -count % step) for count, step in zip(volume.hu.shape, steps, strict=True)]
    coarse = block_mean(np.pad(volume.hu, fill, mode="edge"), steps)
    spacing = np.array(volume.spacing) * steps
    patient = _patient_mask(coarse, spacing)
    first, last = _lung_slices(coarse, patient, spacing)
    inside = _refine(ndimage.binary_dilation(patient).astype(np.float32), steps, volume.hu.shape)
    distance = np.minimum(ndimage.distance_transform_edt(~patient, sampling=spacing), MAX_DISTANCE)
    hu = np.where(inside > 0.5, volume.hu, np.int16(MIN_HU))
    away = _refine(distance.astype(np.float32), steps, volume.hu.shape)
    return _extended(hu, away.astype(np.uint8), volume.spacing, (first * steps[0], last * steps[0]))


def _patient_mask(hu: FloatArray, spacing: FloatArray) -> Mask:
    """(z, y, x): the largest connected tissue, with its lungs; thin parts cut off and restored."""
    dense = hu > SKIN_THRESHOLD
    size = float(spacing[1:].mean())
    opened = ndimage.binary_opening(dense, iterations=max(1, round(CUT_WIDTH / 2 / size)))
    pieces, count = ndimage.label(opened)
    if count == 0:
        raise UnsupportedImage("the volume shows no patient")
    largest = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    steps = max(1, round(RESTORED_WIDTH / size))
    whole = ndimage.binary_dilation(largest, iterations=steps, mask=dense)
    for axis in range(3):  # lungs that are open to the air in some planes are closed in others
        planes = [ndimage.binary_fill_holes(one) for one in np.moveaxis(whole, axis, 0)]
        whole = np.stack(planes, axis)
    return np.asarray(whole)


def _lung_slices(hu: FloatArray, patient: Mask, spacing: FloatArray) -> tuple[int, int]:
    """First and last slice with lung. Raises UnsupportedImage if there are none."""
    inner = ndimage.binary_erosion(patient, np.ones((1, 3, 3)))
    lung = inner & (hu > LUNG_RANGE[0]) & (hu < LUNG_RANGE[1])
    area = lung.sum((1, 2)) * float(spacing[1] * spacing[2])
    runs, _ = ndimage.label(area > MIN_LUNG_SHARE * area.max())
    rows = np.flatnonzero(runs == runs[area.argmax()])  # without gas in the bowel
    if area.max() < MIN_LUNG_AREA or len(rows) < 2:
        raise UnsupportedImage("the volume shows no lungs: expected a CT of the chest")
    return int(rows[0]), int(rows[-1])


def _refine(coarse: FloatArray, steps: list[int], shape: tuple[int, ...]) -> FloatArray:
    """Interpolate a coarse (z, y, x) grid to blocks of `steps` voxels, cut to `shape`."""
    for axis, step in enumerate(steps):
        coarse = np.repeat(coarse, step, axis)
        if step > 1:
            coarse = ndimage.uniform_filter1d(coarse, step, axis, mode="nearest")
    z, y, x = shape
    return coarse[:z, :y, :x]


def _extended(
    hu: Voxels, away: npt.NDArray[np.uint8], spacing: Triple, lungs: tuple[int, int]
) -> Body:
    """Crop to the patient, add air around it, a neck above and one averaged slice below."""
    chest = np.argwhere((away[lungs[0] : lungs[1]] == 0).any(0))
    low, high = np.percentile(chest, 0.5, 0), np.percentile(chest, 99.5, 0)
    flat = np.array(spacing[1:])
    margins = np.ceil(np.array(MARGINS) / flat[:, None]).astype(int)
    pads = [(0, 0), *margins.tolist()]
    hu = np.pad(hu, pads, constant_values=MIN_HU)
    away = np.pad(away, pads, mode="linear_ramp", end_values=int(MAX_DISTANCE))
    start, stop = chest.min(0), chest.max(0) + margins.sum(1) + 1
    crop = (slice(None), slice(start[0], stop[0]), slice(start[1], stop[1]))
    hu, away = hu[crop], away[crop]
    middle = (low + high) / 2 + margins[:, 0] - start
    half = (high - low) / 2 * flat
    neck = _neck(hu, spacing, middle)
    tail = _end_slice(hu[::-1], spacing)
    return Body(
        hu=np.concatenate([neck, hu, tail]),
        skin_distance=np.concatenate([np.repeat(away[:1], len(neck), 0), away, away[-1:]]),
        spacing=spacing,
        center=(len(neck) + sum(lungs) / 2, float(middle[0]), float(middle[1])),
        half=((lungs[1] - lungs[0]) / 2 * spacing[0], float(half[0]), float(half[1])),
        ends=(len(neck), len(neck) + len(hu) - 1),
    )


def _end_slice(hu: Voxels, spacing: Triple) -> Voxels:
    """(1, y, x): the average of the first slices; without the noise of one of them."""
    last = hu[: max(1, round(END_THICKNESS / spacing[0]))]
    return np.asarray(last.mean(0, keepdims=True), np.int16)


def _neck(hu: Voxels, spacing: Triple, middle: FloatArray) -> Voxels:
    """(n, y, x): copies of the first slice in an ellipse that narrows upwards."""
    first = _end_slice(hu, spacing)
    count = round(NECK_LENGTH / spacing[0])
    rest = np.linspace(0, 1, count)[:, None, None] ** 2  # 0 at the top, 1 at the first slice
    y, x = ((np.arange(size) - at) * step for size, at, step in
            zip(hu.shape[1:], middle, spacing[1:], strict=True))  # fmt: skip
    widest = np.array(hu.shape[1:]) / 2 * spacing[1:]
    depth = NECK_HALF_DEPTH + rest * (widest[0] - NECK_HALF_DEPTH)
    width = NECK_HALF_WIDTH + rest * (widest[1] - NECK_HALF_WIDTH)
    radius = np.square(y[:, None] / depth) + np.square(x / width)
    return np.asarray(np.where(radius < 1, first, np.int16(MIN_HU)))
