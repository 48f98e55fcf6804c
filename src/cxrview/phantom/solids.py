"""Quadric solids in the body frame: ellipsoids, capsules and cylinders, some of them cut flat.

Body frame: adult centimetres, origin in the middle of the thorax, +x to the patient's left, +y to
the front, +z to the head. A child is the same body seen from further away and scaled afterwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cxrview.phantom.random_draws import Floats

Point = Sequence[float] | Floats


@dataclass(frozen=True, slots=True, eq=False)
class Solids:
    """K solids {p : (p-c)' Q (p-c) <= 1, low <= axis . p <= high}.

    centres: (K, 3); forms: (K, 3, 3), the matrices Q; axes: (K, 3); low, high: (K,), infinite
    where a solid is not cut.
    """

    centres: Floats
    forms: Floats
    axes: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.centres)


def _whole(centres: Floats, forms: Floats) -> Solids:
    count = len(centres)
    bound = np.full(count, np.inf)
    return Solids(centres, forms, np.zeros((count, 3)), -bound, bound)


def ellipsoid(centre: Point, radii: Point, turn: Floats | None = None) -> Solids:
    """One ellipsoid with radii along x, y, z, then turned by (3, 3)."""
    form = np.diag(1 / np.square(np.asarray(radii, float)))
    if turn is not None:
        form = turn @ form @ turn.T
    return _whole(np.asarray(centre, float)[None], form[None])


def ellipsoids(table: Iterable[tuple[Point, Point]]) -> Solids:
    """(centre, radii) rows -> upright ellipsoids."""
    centres, radii = (np.asarray(column, float) for column in zip(*table, strict=True))
    return _whole(centres, np.eye(3) / np.square(radii)[:, None, :])


def capsules(starts: Floats, ends: Floats, radii: Floats) -> Solids:
    """(K, 3), (K, 3), (K,) -> long ellipsoids from start to end, as thick as their radii."""
    along = ends - starts
    length = np.linalg.norm(along, axis=1)
    axis = along / length[:, None]
    lengthwise = axis[:, :, None] * axis[:, None, :]
    across = np.eye(3) - lengthwise
    forms = lengthwise * (4 / length**2)[:, None, None] + across / np.square(radii)[:, None, None]
    return _whole((starts + ends) / 2, forms)


def capsule(start: Point, end: Point, radius: float) -> Solids:
    """One long ellipsoid from start to end."""
    first, last = np.asarray(start, float)[None], np.asarray(end, float)[None]
    return capsules(first, last, np.array([radius]))


def tube(start: Point, end: Point, radius: float) -> Solids:
    """A round cylinder with flat ends."""
    begin = np.asarray(start, float)
    along = np.asarray(end, float) - begin
    length = np.linalg.norm(along)
    axis = along / length
    form = (np.eye(3) - np.outer(axis, axis)) / radius**2
    low = np.array([axis @ begin])
    return Solids(begin[None], form[None], axis[None], low, low + length)


def column(centre: Point, radii: tuple[float, float], low: float, high: float) -> Solids:
    """An upright elliptic cylinder with radii along x and y, between two heights."""
    form = np.diag([1 / radii[0] ** 2, 1 / radii[1] ** 2, 0.0])
    up = np.array([[0.0, 0.0, 1.0]])
    bounds = np.array([low]), np.array([high])
    return Solids(np.asarray(centre, float)[None], form[None], up, *bounds)


def join(parts: Sequence[Solids]) -> Solids:
    """Several sets of solids -> one."""
    return Solids(
        np.concatenate([part.centres for part in parts]),
        np.concatenate([part.forms for part in parts]),
        np.concatenate([part.axes for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
    )
