"""Closed-form line integrals agree with known chords and with numerical integration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.phantom.random_draws import rotation_matrix
from cxrview.phantom.rays import (
    Intervals,
    capsule,
    column,
    ellipsoid,
    intersect,
    merge_solids,
    rays_through,
    tube,
    union_length,
)

STRAIGHT = np.array([0.0, 1.0, 0.0])
centimetres = st.floats(-10, 10).map(lambda x: round(x, 3))
radii = st.floats(0.5, 8).map(lambda x: round(x, 3))
intervals = st.lists(st.tuples(centimetres, radii), min_size=1, max_size=12)


def rays_along_y(*places):
    """Parallel rays through (x, 0, z)."""
    points = np.array([(x, 0.0, z) for x, z in places])
    return rays_through(points, np.broadcast_to(STRAIGHT, points.shape))


def chord(solid, x=0.0, z=0.0):
    return float(intersect(rays_along_y((x, z)), solid).lengths()[0, 0])


@pytest.mark.parametrize(
    ("solid", "x", "z", "length"),
    [
        (ellipsoid((0, 0, 0), (5, 5, 5)), 0, 0, 10),
        (ellipsoid((0, 0, 0), (5, 5, 5)), 3, 0, 8),  # 3, 4, 5
        (ellipsoid((0, 0, 0), (5, 5, 5)), 3, 4, 0),  # touches
        (ellipsoid((0, 0, 0), (5, 5, 5)), 6, 0, 0),
        (ellipsoid((1, 40, 2), (2, 7, 3)), 1, 2, 14),
        (ellipsoid((0, 0, 0), (1, 9, 2), rotation_matrix(0, 0, 90)), 0, 0, 2),
        (column((0, 0, 0), (4, 3), -1, 1), 0, 0.5, 6),
        (column((0, 0, 0), (4, 3), -1, 1), 0, 1.5, 0),
        (tube((0, -2, 0), (0, 7, 0), 1), 0, 0, 9),  # along its axis: from end to end
        (tube((-5, 0, 0), (5, 0, 0), 2), 4.9, 0, 4),
        (tube((-5, 0, 0), (5, 0, 0), 2), 5.1, 0, 0),
        (capsule((0, -3, 0), (0, 3, 0), 1), 0, 0, 6),
    ],
)
def test_chords(solid, x, z, length):
    assert chord(solid, x, z) == pytest.approx(length, abs=2e-3)


@given(radii, st.floats(0, 0.95), st.floats(100, 500))
def test_the_chord_of_a_sphere_under_a_cone_of_rays(radius, off, distance):
    source = np.array([0.0, -distance, 0.0])
    point = np.array([off * radius, 0.0, 0.0])
    direction = (point - source) / np.linalg.norm(point - source)
    nearest = np.linalg.norm(np.cross(point - source, direction) + np.cross(source, direction))
    rays = rays_through(point[None], direction[None])
    found = intersect(rays, ellipsoid((0, 0, 0), (radius,) * 3)).lengths()[0, 0]
    assert found == pytest.approx(2 * np.sqrt(radius**2 - nearest**2), rel=1e-3, abs=1e-3)


def test_a_thin_plate_keeps_its_thickness_far_from_the_tube():
    plate = ellipsoid((10, 20, 10), (8, 0.25, 8))
    assert chord(plate, 10, 10) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("distance", [0.0, 2.0, 5.0, 7.9, 8.1])
def test_the_union_of_two_spheres(distance):
    spheres = merge_solids(
        [ellipsoid((0, 0, 0), (4, 4, 4)), ellipsoid((0, distance, 1), (4, 4, 4))]
    )
    places = [(x, z) for x in (-3, 0, 1.5) for z in (-2, 0, 0.5, 3)]
    steps = np.linspace(-20, 20, 400_001)
    for place, found in zip(
        places, union_length(intersect(rays_along_y(*places), spheres)), strict=True
    ):
        x, z = place
        first = x**2 + steps**2 + z**2 <= 16
        second = x**2 + (steps - distance) ** 2 + (z - 1) ** 2 <= 16
        counted = (first | second).mean() * 40
        assert found == pytest.approx(counted, abs=2e-3)


@given(intervals)
def test_a_union_equals_the_covered_segments(rows):
    starts = np.array([[start for start, _ in rows]])
    ends = starts + np.array([[length for _, length in rows]])
    union = union_length(Intervals(starts, ends))[0]
    edges = np.unique(np.concatenate([starts[0], ends[0]]))
    middles = (edges[1:] + edges[:-1]) / 2
    covered = ((starts[0] <= middles[:, None]) & (middles[:, None] <= ends[0])).any(axis=1)
    assert union == pytest.approx((np.diff(edges) * covered).sum(), abs=1e-9)
    assert ends[0, 0] - starts[0, 0] <= union + 1e-9
    assert union <= (ends - starts).sum() + 1e-9


@given(centimetres, centimetres, radii)
def test_clipped_intervals_stay_within_the_bounds(start, bound, length):
    inside = Intervals(np.array([[start]]), np.array([[start + length]]))
    bounds = Intervals(np.array([[bound]]), np.array([[bound + 2.0]]))
    cut = inside.clipped_to(bounds)
    assert bound <= cut.starts[0, 0] <= cut.ends[0, 0] <= bound + 2.0
    assert cut.lengths()[0, 0] <= length + 1e-9


def test_blocks_keep_the_order_of_the_rays():
    rays = rays_along_y(*[(x, 0.0) for x in range(10)])
    blocks = list(rays.blocks(4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b.points for b in blocks]), rays.points)


@given(st.floats(-180, 180), st.floats(-180, 180), st.floats(-180, 180))
def test_a_rotation_keeps_lengths_and_handedness(x, y, z):
    rotation = rotation_matrix(x, y, z)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize(
    ("rotation", "start", "end"),
    [
        (rotation_matrix(90), (0, 1, 0), (0, 0, 1)),
        (rotation_matrix(0, 90), (0, 0, 1), (1, 0, 0)),
        (rotation_matrix(0, 0, 90), (1, 0, 0), (0, 1, 0)),
    ],
)
def test_rotations_are_right_handed(rotation, start, end):
    np.testing.assert_allclose(rotation @ start, end, atol=1e-12)
