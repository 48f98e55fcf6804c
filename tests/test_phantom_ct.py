"""Radiographs from CT volumes: a synthetic patient on a couch, and real volumes where available."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxrview.errors import MissingExtra
from cxrview.labels import read_labels
from cxrview.phantom import ct_draw
from cxrview.phantom.ct_body import load_body
from cxrview.phantom.ct_draw import EXPOSURES_PER_POSE, POSES, draw_ct, draw_from_ct, project_pose
from cxrview.phantom.ct_negatives import KINDS, draw_ct_negative
from cxrview.phantom.ct_projection import (
    FAT_ATTENUATION_SHARE,
    Build,
    attenuation_of,
    draw_build,
    project,
)
from cxrview.phantom.folder import FolderContents, count_conflicts, write_folder
from cxrview.phantom.projection import BEAM_DIRECTIONS, Projection
from cxrview.phantom.rays import rays_through
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


@pytest.mark.parametrize("workers", [1, 2])
def test_a_projection_is_used_twice(volume, workers, monkeypatch):
    """By workers that take turns, or by one that draws all."""
    projected = []
    monkeypatch.setattr(ct_draw, "project_pose", lambda *a: projected.append(a) or project_pose(*a))
    for worker in range(workers):
        ct_draw._project_number.cache_clear()
        for number in range(worker, 16, workers):
            draw_ct([str(volume)], number, 9, 16)
    assert len(projected) == 8


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


def plain_path(body, points, direction):
    """(N,): attenuation on parallel rays through the patient of the CT, without any variation."""
    build = Build(
        tissue=0.2, lung=1.0, bone=1.0, fat=0.0, breast=0.0, breast_offset=0.0, breast_height=0.0,
        size=(1, 1, 1), bend=0.0, belly=0.0,
    )  # fmt: skip
    rays = rays_through(np.array(points), np.tile(direction, (len(points), 1)))
    return project(body, attenuation_of(body, build), build, rays)


def test_rays_sum_the_attenuation_of_what_they_cross(volume):
    body = load_body(str(volume))
    z, _, x = (round(one) for one in body.center)
    voxels = [(z + down, x + left) for down in (-16, 0, 9) for left in (-18, -3, 0, 18)]
    points = [
        ((column - body.center[2]) * 0.4, 0.0, (body.center[0] - row) * 0.4)
        for row, column in voxels
    ]
    path = plain_path(body, points, (0, 1, 0))
    expected = [(1 + body.hu[row, :, column] / 1000).sum() * 0.2 * 0.4 for row, column in voxels]
    np.testing.assert_allclose(path, expected, rtol=1e-3)


@pytest.mark.parametrize("projection", [Projection.PA, Projection.AP])
def test_the_heart_is_at_the_right_of_a_frontal(volume, projection):
    tube, row = BEAM_DIRECTIONS[projection]
    left, right = (place * row - [0, 0, 4] for place in (-5, 5))
    path = plain_path(load_body(str(volume)), [left, right], tube)
    assert path[1] > path[0] + 0.3


@pytest.mark.parametrize("projection", [Projection.LL, Projection.RL])
def test_the_spine_is_at_the_left_of_a_lateral(volume, projection):
    body = load_body(str(volume))
    tube, row = BEAM_DIRECTIONS[projection]
    path = plain_path(body, [place * row for place in np.arange(-10, 10, 0.5)], tube)
    assert np.argmax(path) < 10


def test_fat_and_breasts_lie_outside_of_the_skin(volume):
    body = load_body(str(volume))
    thin = draw_build(np.random.default_rng(0))
    thin = replace(thin, fat=0.0, breast=0.0)
    base = attenuation_of(body, thin)
    fat = attenuation_of(body, replace(thin, fat=10.0)) - base
    breast = attenuation_of(body, replace(thin, breast=30.0)) - base
    assert fat[body.skin_distance == 0].max() == 0
    near = (body.skin_distance > 0) & (body.skin_distance <= 10)
    assert (base + fat)[near].min() == pytest.approx(FAT_ATTENUATION_SHARE * thin.tissue)
    assert fat[body.skin_distance > 10].max() == 0
    assert 0 < np.argwhere(breast > 0)[:, 1].max() < body.center[1]  # in front


SHARED = Path(__file__).parents[2] / "shared" / "data"
DATA = Path(os.environ.get("CXRVIEW_DATA", SHARED)) / "ct"


@pytest.mark.skipif(not DATA.is_dir(), reason="the public CTs are not here")
@pytest.mark.parametrize("path", sorted(map(str, DATA.glob("*.npz"))))
def test_public_cts_show_a_chest_without_a_couch(path):
    body = load_body(path)
    height, depth, width = body.half
    assert 90 < height < 170
    assert 90 < depth < 160
    assert 140 < width < 220
    assert (body.hu[:, -2:] > -900).mean() < 0.002  # behind the patient is air


def test_a_mirrored_lateral_faces_left(volume):
    """The spine is the brightest column; it is at the left where the front is at the right."""
    images = [draw_from_ct([str(volume)], number, 0, 64, 1.0) for number in range(24)]
    assert {image.mirrored for image in images} == {False, True}
    for image in images:
        bright = -image.pixels if image.inverted else image.pixels
        row = bright[len(bright) // 3 : len(bright) * 2 // 3].mean(0)
        middle = (np.arange(len(row)) * (row > np.quantile(row, 0.9))).sum()
        is_right = middle / (row > np.quantile(row, 0.9)).sum() > len(row) / 2
        assert is_right == image.mirrored


def test_a_folder_of_radiographs_from_a_ct(volume, tmp_path):
    labels = write_folder(
        tmp_path / "made", FolderContents(40, seed=2, side=32, volumes=(str(volume),))
    )
    assert {label.view for label in labels} == {"frontal", "lateral", "other"}
    assert len({label.patient for label in labels}) == 1
    assert {label.licence for label in labels} == {""}
    for label in labels:
        data = (tmp_path / "made" / label.file).read_bytes()
        assert str(volume.parent).encode() not in data
        if label.view == "other" and label.header:
            assert label.header_view == ""
    assert count_conflicts(labels) > 0
    read = read_labels(tmp_path / "made" / "labels.csv")
    assert len(read) == sum(label.view != "other" for label in labels)


def test_without_scipy_the_error_names_the_extra(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("cxrview.phantom.ct_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtra, match="ct"):
        write_folder(tmp_path / "made", FolderContents(1, side=32, volumes=("any.npz",)))
    assert list(tmp_path.iterdir()) == []
