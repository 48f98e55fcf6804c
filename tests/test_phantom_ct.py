"""Radiographs from CT volumes: a synthetic patient on a couch, and real volumes where available."""

import numpy as np
import pytest

from cxrview.phantom.ct_body import load_body
from cxrview.phantom.ct_draw import EXPOSURES_PER_POSE, POSES, draw_ct
from cxrview.phantom.ct_negatives import KINDS, draw_ct_negative
from cxrview.views import View

AIR, LUNG, FAT, TISSUE, BONE, COUCH = -1000, -850, -80, 40, 700, 300
SHAPE = (90, 80, 110)  # voxels of 4 mm
HEART_LEFT = 35.0  # mm from the midline to the patient's left


def ellipsoid(center, radii):
    """Mask of an ellipsoid; mm from the middle of the volume: down, back, left."""
    grid = np.indices(SHAPE, float)
    distance = sum(
        np.square(((grid[axis] - SHAPE[axis] / 2) * 4 - center[axis]) / radii[axis])
        for axis in range(3)
    )
    return distance <= 1


def patient() -> np.ndarray:
    """(z, y, x) HU of a trunk with lungs, heart, spine and sternum on a couch."""
    hu = np.full(SHAPE, AIR, np.int16)
    hu[ellipsoid((0, 0, 0), (400, 105, 165))] = TISSUE
    for side in (-1, 1):
        hu[ellipsoid((-10, -5, side * 72), (120, 72, 55))] = LUNG
    hu[ellipsoid((30, -20, HEART_LEFT), (55, 45, 55))] = TISSUE
    hu[ellipsoid((0, 75, 0), (2000, 16, 18))] = BONE  # spine
    hu[ellipsoid((-20, -92, 0), (80, 7, 15))] = BONE  # sternum
    hu[:, 68:70, 10:100] = COUCH
    return hu


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    path = tmp_path_factory.mktemp("ct") / "patient.npz"
    np.savez_compressed(path, hu=patient(), mm=4.0)
    return path


def test_the_couch_is_removed_and_the_patient_stays(volume):
    body = load_body(str(volume))
    inner = body.hu[body.ends[0] : body.ends[1] + 1]
    assert (inner == COUCH).sum() == 0
    assert (inner == BONE).sum() == (patient() == BONE).sum()
    assert (inner == LUNG).sum() == (patient() == LUNG).sum()


def test_the_center_is_the_middle_of_the_lungs(volume):
    body = load_body(str(volume))
    z, y, x = body.center
    first = np.argwhere((body.hu == LUNG).any((1, 2))).ravel()
    assert z == pytest.approx((first[0] + first[-1]) / 2, abs=2)
    assert body.half == pytest.approx((120, 105, 165), abs=14)
    spine = np.argwhere(body.hu[int(z)] == BONE)
    assert spine[:, 1].mean() == pytest.approx(x, abs=1)
    assert spine[:, 0].max() > y


def test_a_radiograph_depends_on_its_arguments_alone(volume):
    paths = [str(volume)]
    first, other = draw_ct(paths, 5, 1, 48), draw_ct(paths, 4, 1, 48)
    again = draw_ct(paths, 5, 1, 48)
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)
    assert max(first.pixels.shape) == 48
    assert first.pixels.dtype == np.uint8


def test_30_percent_are_frontal_55_lateral_and_15_oblique(volume):
    views = [
        draw_ct([str(volume)], number, 0, 16).view
        for number in range(EXPOSURES_PER_POSE * len(POSES))
    ]
    shares = [views.count(view) / len(views) for view in (View.FRONTAL, View.LATERAL, None)]
    assert shares == [0.30, 0.55, 0.15]


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_every_kind_of_negative_is_an_image_with_contrast(volume, number):
    image = draw_ct_negative([str(volume)], number, 0, 64)
    assert max(image.shape) == 64
    assert image.std() > 4
