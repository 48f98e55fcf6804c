"""Straight rays meet quadric solids in one interval each: lengths and unions in closed form.

A point on a ray is p + t d. In the solid (x-c)' Q (x-c) <= 1 the parameter t solves the quadratic
a t^2 + 2 b t + k <= 0 with a = d'Qd, b = d'Q(p-c), k = (p-c)'Q(p-c) - 1. All three are linear in
the entries of Q and Qc, so N rays meet K solids by three matrix products.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cxrview.phantom.random_draws import Floats
from cxrview.phantom.solids import Solids

LEAST = 1e-9  # keeps a ray along a cylinder's own axis from dividing by zero
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # entries of a symmetric 3 x 3
_ROWS, _COLUMNS = (np.array(index) for index in zip(*PAIRS, strict=True))
_TWICE = np.array([1, 1, 1, 2, 2, 2])  # the off-diagonal entries stand twice in the sum


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """N rays. All arrays float32.

    points: (N, 3) where a ray crosses the plane through the origin: near the body, not at the
    tube, since float32 loses a thin bone at the end of two metres; directions: (N, 3), unit.
    """

    points: Floats
    directions: Floats
    squares_p: Floats  # (N, 6): p_i p_j
    squares_d: Floats  # (N, 6): d_i d_j
    mixed: Floats  # (N, 6): d_i p_j + d_j p_i, once on the diagonal

    def __len__(self) -> int:
        return len(self.points)

    def blocks(self, size: int) -> Iterator["Rays"]:
        """The same rays, at most `size` at a time: what fits the cache is twice as fast."""
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            yield Rays(
                self.points[part], self.directions[part],
                self.squares_p[part], self.squares_d[part], self.mixed[part],
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Where N rays run inside K solids. starts <= ends: (N, K); equal where a ray misses."""

    starts: Floats
    ends: Floats

    def lengths(self) -> Floats:
        """(N, K), centimetres."""
        return np.asarray(self.ends - self.starts)

    def within(self, bounds: "Intervals") -> "Intervals":
        """Cut by one interval for each ray, (N, 1)."""
        starts = np.clip(self.starts, bounds.starts, bounds.ends)
        return Intervals(starts, np.clip(self.ends, bounds.starts, bounds.ends))


def rays_through(points: Floats, directions: Floats) -> Rays:
    """Points (N, 3) and unit directions (N, 3) -> rays, with their products prepared."""
    p, d = np.asarray(points, np.float32), np.asarray(directions, np.float32)
    mixed = d[:, _ROWS] * p[:, _COLUMNS]
    mixed[:, 3:] += d[:, _COLUMNS[3:]] * p[:, _ROWS[3:]]
    return Rays(p, d, p[:, _ROWS] * p[:, _COLUMNS], d[:, _ROWS] * d[:, _COLUMNS], mixed)


def meet(rays: Rays, solids: Solids) -> Intervals:
    """N rays and K solids -> (N, K) intervals of t, in centimetres."""
    entries = solids.forms[:, _ROWS, _COLUMNS]  # (K, 6)
    shifted = np.einsum("kij,kj->ki", solids.forms, solids.centres)  # Qc
    constant = np.einsum("ki,ki->k", shifted, solids.centres) - 1
    doubled, single, offset = (m.astype(np.float32).T for m in (entries * _TWICE, entries, shifted))
    a = rays.squares_d @ doubled
    a += np.float32(LEAST)
    b = rays.directions @ offset
    b -= rays.mixed @ single  # minus the b of the formula above
    k = rays.squares_p @ doubled
    k -= 2 * (rays.points @ offset)
    k += constant.astype(np.float32)
    k *= a
    half = b * b
    half -= k
    np.sqrt(np.maximum(half, 0, out=half), out=half)
    half /= a
    b /= a
    return _cut(rays, solids, Intervals(b - half, b + half))


def _cut(rays: Rays, solids: Solids, intervals: Intervals) -> Intervals:
    """Flat ends, for those solids that have them; in place, the arrays are ours."""
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


def union_length(intervals: Intervals) -> Floats:
    """(N,): length of the union of each ray's K intervals, exact.

    A point lies in a gap where as many intervals have begun as have ended. With the starts and
    the ends sorted apart, the k-th gap is max(0, start[k+1] - end[k]).
    """
    starts, ends = np.sort(intervals.starts, axis=1), np.sort(intervals.ends, axis=1)
    gaps = np.maximum(starts[:, 1:] - ends[:, :-1], 0).sum(axis=1)
    return np.asarray(ends[:, -1] - starts[:, 0] - gaps)
