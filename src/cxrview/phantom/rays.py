"""Quadric solids and the straight rays through them: lengths and unions in closed form.

Body frame: adult centimetres, origin in the middle of the thorax, +x to the patient's left, +y to
the front, +z to the head. A child is the same body seen from further away and scaled afterwards.

A point on a ray is p + t d. In the solid (x-c)' Q (x-c) <= 1 the parameter t solves the quadratic
a t^2 + 2 b t + k <= 0 with a = d'Qd, b = d'Q(p-c), k = (p-c)'Q(p-c) - 1. All three are linear in
the entries of Q and Qc, so N rays meet K solids by three matrix products.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxrview.images import FloatArray

Point = Sequence[float] | FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solids:
    """K solids {p : (p-c)' Q (p-c) <= 1, low <= axis . p <= high}.

    centres: (K, 3); forms: (K, 3, 3), the matrices Q; axes: (K, 3); low, high: (K,), infinite
    where a solid is not cut.
    """

    centres: FloatArray
    matrices: FloatArray
    axes: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.centres)


def _uncut_solids(centres: FloatArray, matrices: FloatArray) -> Solids:
    count = len(centres)
    bound = np.full(count, np.inf)
    return Solids(centres, matrices, np.zeros((count, 3)), -bound, bound)


def ellipsoid(centre: Point, radii: Point, rotation: FloatArray | None = None) -> Solids:
    """Return one ellipsoid with radii along x, y, z, rotated by `rotation`, (3, 3)."""
    matrix = np.diag(1 / np.square(np.asarray(radii, float)))
    if rotation is not None:
        matrix = rotation @ matrix @ rotation.T
    return _uncut_solids(np.asarray(centre, float)[None], matrix[None])


def ellipsoids(table: Iterable[tuple[Point, Point]]) -> Solids:
    """Return an upright ellipsoid for each (centre, radii) row."""
    centres, radii = (np.asarray(column, float) for column in zip(*table, strict=True))
    return _uncut_solids(centres, np.eye(3) / np.square(radii)[:, None, :])


def capsules(starts: FloatArray, ends: FloatArray, radii: FloatArray) -> Solids:
    """Return long ellipsoids from starts (K, 3) to ends (K, 3) with radii (K,) across."""
    along = ends - starts
    length = np.linalg.norm(along, axis=1)
    axis = along / length[:, None]
    lengthwise = axis[:, :, None] * axis[:, None, :]
    across = np.eye(3) - lengthwise
    matrices = (
        lengthwise * (4 / length**2)[:, None, None] + across / np.square(radii)[:, None, None]
    )
    return _uncut_solids((starts + ends) / 2, matrices)


def capsule(start: Point, end: Point, radius: float) -> Solids:
    """Return one long ellipsoid from start to end."""
    first, last = np.asarray(start, float)[None], np.asarray(end, float)[None]
    return capsules(first, last, np.array([radius]))


def tube(start: Point, end: Point, radius: float) -> Solids:
    """Return a round cylinder with flat ends."""
    begin = np.asarray(start, float)
    along = np.asarray(end, float) - begin
    length = np.linalg.norm(along)
    axis = along / length
    matrix = (np.eye(3) - np.outer(axis, axis)) / radius**2
    low = np.array([axis @ begin])
    return Solids(begin[None], matrix[None], axis[None], low, low + length)


def column(centre: Point, radii: tuple[float, float], low: float, high: float) -> Solids:
    """Return an upright elliptic cylinder with radii along x and y, between two heights."""
    matrix = np.diag([1 / radii[0] ** 2, 1 / radii[1] ** 2, 0.0])
    up = np.array([[0.0, 0.0, 1.0]])
    bounds = np.array([low]), np.array([high])
    return Solids(np.asarray(centre, float)[None], matrix[None], up, *bounds)


def cut_below(solids: Solids, height: float) -> Solids:
    """Return the parts of uncut solids that lie above z = `height`."""
    up = np.tile([0.0, 0.0, 1.0], (len(solids), 1))
    return replace(solids, axes=up, low=np.full(len(solids), height))


def merge_solids(parts: Sequence[Solids]) -> Solids:
    """Return several sets of solids as one."""
    return Solids(
        np.concatenate([part.centres for part in parts]),
        np.concatenate([part.matrices for part in parts]),
        np.concatenate([part.axes for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
    )


EPSILON = 1e-9  # avoids a division by zero for a ray along the axis of a cylinder
SYMMETRIC_ENTRIES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # entries of a symmetric 3 x 3
_ENTRY_ROWS, _ENTRY_COLUMNS = (np.array(index) for index in zip(*SYMMETRIC_ENTRIES, strict=True))
_ENTRY_COUNTS = np.array([1, 1, 1, 2, 2, 2])  # the off-diagonal entries occur twice in the sum


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """N rays. All arrays float32.

    points: (N, 3) where a ray crosses the plane through the origin: near the body and not at the
    tube, because float32 loses a thin bone at a distance of two metres; directions: (N, 3), unit.
    """

    points: FloatArray
    directions: FloatArray
    point_products: FloatArray  # (N, 6): p_i p_j
    direction_products: FloatArray  # (N, 6): d_i d_j
    mixed_products: FloatArray  # (N, 6): d_i p_j + d_j p_i, once on the diagonal

    def __len__(self) -> int:
        return len(self.points)

    def blocks(self, size: int) -> Iterator["Rays"]:
        """Yield the rays in blocks of at most `size`; blocks that fit the cache are fastest."""
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            yield Rays(
                self.points[part], self.directions[part],
                self.point_products[part], self.direction_products[part], self.mixed_products[part],
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Where N rays are inside K solids. starts <= ends: (N, K), equal where a ray misses."""

    starts: FloatArray
    ends: FloatArray

    def lengths(self) -> FloatArray:
        """(N, K), centimetres."""
        return np.asarray(self.ends - self.starts)

    def clipped_to(self, bounds: "Intervals") -> "Intervals":
        """Return the intervals clipped to one interval for each ray, (N, 1)."""
        starts = np.clip(self.starts, bounds.starts, bounds.ends)
        return Intervals(starts, np.clip(self.ends, bounds.starts, bounds.ends))


def rays_through(points: FloatArray, directions: FloatArray) -> Rays:
    """Return rays through points (N, 3) along unit directions (N, 3), with their products."""
    p, d = np.asarray(points, np.float32), np.asarray(directions, np.float32)
    mixed_products = d[:, _ENTRY_ROWS] * p[:, _ENTRY_COLUMNS]
    mixed_products[:, 3:] += d[:, _ENTRY_COLUMNS[3:]] * p[:, _ENTRY_ROWS[3:]]
    return Rays(
        p,
        d,
        p[:, _ENTRY_ROWS] * p[:, _ENTRY_COLUMNS],
        d[:, _ENTRY_ROWS] * d[:, _ENTRY_COLUMNS],
        mixed_products,
    )


def intersect(rays: Rays, solids: Solids) -> Intervals:
    """Return the (N, K) intervals of t in which N rays are inside K solids, centimetres."""
    entries = solids.matrices[:, _ENTRY_ROWS, _ENTRY_COLUMNS]  # (K, 6)
    shifted = np.einsum("kij,kj->ki", solids.matrices, solids.centres)  # Qc
    constant = np.einsum("ki,ki->k", shifted, solids.centres) - 1
    doubled, single, offset = (
        m.astype(np.float32).T for m in (entries * _ENTRY_COUNTS, entries, shifted)
    )
    a = rays.direction_products @ doubled
    a += np.float32(EPSILON)
    b = rays.directions @ offset
    b -= rays.mixed_products @ single  # minus the b of the formula above
    k = rays.point_products @ doubled
    k -= 2 * (rays.points @ offset)
    k += constant.astype(np.float32)
    k *= a
    half = b * b
    half -= k
    np.sqrt(np.maximum(half, 0, out=half), out=half)
    half /= a
    b /= a
    return _clip_to_ends(rays, solids, Intervals(b - half, b + half))


def _clip_to_ends(rays: Rays, solids: Solids, intervals: Intervals) -> Intervals:
    """Clip the intervals to the flat ends of those solids that have them, in place."""
    which = np.flatnonzero(np.isfinite(solids.low) | np.isfinite(solids.high))
    if not len(which):
        return intervals
    axes = solids.axes[which].astype(np.float32).T
    speed = rays.directions @ axes
    speed = np.where(np.abs(speed) < 1e-6, np.float32(1e-6), speed)
    height = rays.points @ axes
    first = (solids.low[which].astype(np.float32) - height) / speed
    last = (solids.high[which].astype(np.float32) - height) / speed
    starts = np.maximum(intervals.starts[:, which], np.minimum(first, last))
    ends = np.minimum(intervals.ends[:, which], np.maximum(first, last))
    intervals.starts[:, which] = starts
    intervals.ends[:, which] = np.maximum(starts, ends)
    return intervals


def union_length(intervals: Intervals) -> FloatArray:
    """(N,): length of the union of each ray's K intervals, exact.

    A point is in a gap where as many intervals have started as have ended. With starts and ends
    sorted separately, the k-th gap is max(0, start[k+1] - end[k]).
    """
    starts, ends = np.sort(intervals.starts, axis=1), np.sort(intervals.ends, axis=1)
    gaps = np.maximum(starts[:, 1:] - ends[:, :-1], 0).sum(axis=1)
    return np.asarray(ends[:, -1] - starts[:, 0] - gaps)
