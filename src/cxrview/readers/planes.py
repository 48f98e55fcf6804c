"""Decoded samples, perhaps at reduced resolution, and where in them the true picture lies."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from cxrview.images import Pixels

LEAST_SIDE = 256  # pixels; the networks' images are averaged down from 256 pixels at most
# Pixels that decoding at reduced resolution leaves on each side of a picture; see `keep_side`
least_side: ContextVar[float] = ContextVar("least_side", default=LEAST_SIDE)
MIN_THINNED = 4  # times the least side; smaller pictures cost little and keep all of their rows
MAX_ROW_STEP = 8  # every 8th row: 0.4 grey levels of 255 off in the 64 x 64 picture; every 12th 0.5

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One frame as its codec gives it: stored values, of any sign, polarity and colour.

    samples: (h, w) or (h, w, 3), unsigned integers or floats.
    box: left, top, right, bottom of the true picture in `samples`; may reach a little past them.
    """

    samples: Pixels
    width: int  # of the full picture
    height: int
    box: Box
    bits: int  # significant bits of a sample
    is_offset: bool = False  # signed values, already lifted by 2^(bits-1) to be unsigned
    is_exact: bool = False  # bit for bit what was stored, bits above the significant ones included
    is_rgb: bool = False  # colours are red, green and blue, whatever a DICOM header says
    is_codestream: bool = True  # has a depth and a sign of its own

    @property
    def is_reduced(self) -> bool:
        """Neighbours have been averaged by decoding at a lower resolution."""
        return bool(self.samples.shape[1] != self.width)


def whole_plane(
    samples: Pixels, bits: int, *, is_offset: bool = False, is_exact: bool = False
) -> Plane:
    """All samples of a frame, (h, w) or (h, w, n), as a Plane at full resolution."""
    height, width = samples.shape[:2]
    box = (0.0, 0.0, float(width), float(height))
    return Plane(samples, width, height, box, bits, is_offset, is_exact)


@contextmanager
def keep_side(side: float) -> Iterator[None]:
    """Decode so that about `side` pixels are left on each side at least; math.inf: all pixels."""
    token = least_side.set(side)
    try:
        yield
    finally:
        least_side.reset(token)


def may_be_reduced() -> bool:
    """Whether decoding at a lower resolution may suffice: not where all pixels are kept."""
    return least_side.get() < math.inf


def row_step(rows: int) -> int:
    """Row stride for subsampling: 1 below 1,024 rows, else 4 to 8, keeping at least 256 rows.

    For another `least_side` in proportion.
    """
    side = least_side.get()
    return int(min(MAX_ROW_STEP, rows // side)) if rows >= MIN_THINNED * side else 1


def kept_rows(rows: int) -> range:
    """The rows that stand for all: the middle one of each `row_step`."""
    step = row_step(rows)
    return range(step // 2, rows, step)


def thinned_box(width: int, rows: int) -> Box:
    """The box of a picture of which only `kept_rows` are held: each at the middle of its band."""
    kept = kept_rows(rows)
    top = 0.5 - (kept.start + 0.5) / kept.step
    return (0.0, top, float(width), top + rows / kept.step)


def thin_rows(plane: Plane) -> Plane:
    """A full-resolution plane -> the rows that suffice, so that all that follows is cheap."""
    if plane.samples.shape[:2] != (plane.height, plane.width):
        return plane
    kept = kept_rows(plane.height)
    rows = plane.samples[kept.start :: kept.step]
    return replace(plane, samples=rows, box=thinned_box(plane.width, plane.height))
