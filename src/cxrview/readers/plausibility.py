"""Stored samples -> doubts that no header can raise: exchanged bytes, wrong width, wrong planes.

A header that lies about byte order, width or planar configuration still describes a picture of the
right size. What gives it away is that neighbouring samples are no longer neighbours in value. The
checks look at 16 pairs of rows and take less than 0.3 ms; docs/formats.md states how often they
are wrong on real images.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.images import Floats
from cxrview.readers.planes import Plane

PAIR_COUNT = 16  # pairs of neighbouring rows that are looked at
MAX_COLUMNS = 512  # at most, from the middle of a row
_MIN_SIDE = 64  # rows and columns; smaller pictures show nothing

_EXCHANGED_RATIO = 2.0  # times as rough as with the bytes of each word exchanged
_ALTERNATION = 0.25  # standard deviations between the means of even and odd columns
_TWO_STREAMS_RATIO = 5.0  # times as rough in even columns as in odd ones, or the reverse
_UNRELATED_RATIO = 0.75  # of the difference between pixels that are far apart
_DISPLACED_RATIO = 2.5  # times as rough down the columns as along the rows
_SHIFT_RATIO = 0.5  # of the roughness down the columns remains when the next row is shifted
_PHASE_RATIO = 3.0  # times as rough at one of three phases as at another

_MIN_JUMPS = 2.5  # of a row, beyond half of the range
_WRAPPED = 1.25  # times as rough as with the highest bit inverted
_JUMP_RATIO = 10  # times as many as in the other reading
_BETWEEN = 9  # half of all pixels are farther than 2^-9 of the range from black and white

_QUICK_ROWS, _QUICK_COLUMNS = 8, 256  # of the quick look
_SMOOTH_SHARE = 0.08  # of the variance: the mean square of the steps along the rows
# times that of the steps along the rows, at the same distance: down the columns
_SMOOTH_RATIO = 4.0


def find_doubts(
    plane: Plane, *, is_planar: bool = False, is_signed: bool = False
) -> tuple[str, ...]:
    """At most one `suspect: words` about the samples of a frame, before any LUT; usually none.

    is_planar: whether colours were read from separate planes (uncompressed pixels only).
    is_signed: whether the header calls the samples signed.
    """
    samples = plane.samples
    rows, columns = samples.shape[:2]
    if rows < _MIN_SIDE or columns < _MIN_SIDE or plane.is_reduced or not plane.is_exact:
        return ()
    top = np.linspace(0, rows - 3, min(PAIR_COUNT, rows // 2)).astype(int)
    left = (columns - min(columns, MAX_COLUMNS)) // 2
    window = slice(left, left + MAX_COLUMNS)
    if (
        not is_signed
        and samples.ndim == 2
        and samples.dtype.kind == "u"
        and samples.dtype.itemsize == 2
        and is_wrapped(samples[top[::2], window], 16)
    ):
        return ("suspect: the pixels seem to be signed, and the header calls them unsigned",)
    if samples.ndim == 2 and _is_ordinary(samples, plane):
        return ()
    lines = np.stack([samples[top + below, window] for below in range(3)])
    if samples.ndim == 3:
        words = _doubt_of_planes(lines[0].astype(np.float32), is_planar)
        lines = lines[..., 0]
    else:
        words = _doubt_of_bytes(lines[0])
    upper, lower, third = lines.astype(np.float32)
    words = words or _doubt_of_columns(upper) or _doubt_of_rows(upper, lower, third, plane)
    return (f"suspect: {words}",) if words else ()


def _is_ordinary(samples: npt.NDArray[np.generic], plane: Plane) -> bool:
    """Whether 8 rows show a picture that is smooth along the rows and from row to row.

    All numbers are mean squares, and medians over the rows: a border or a letter fills few rows.
    What is smooth is none of what the slower checks look for.
    """
    rows, columns = samples.shape
    stride = max(2, (rows - 1) // _QUICK_ROWS)
    left = (columns - min(columns, _QUICK_COLUMNS)) // 2
    window = slice(left, left + _QUICK_COLUMNS)
    upper = samples[: rows - 1 : stride, window].astype(np.float32)
    lower = samples[1::stride, window].astype(np.float32)[: len(upper)]
    step = min(max(1, round(plane.height / rows)), upper.shape[1] // 2)
    along = _mean_square(upper[:, 1:] - upper[:, :-1])
    far_along = along if step == 1 else _mean_square(upper[:, step:] - upper[:, :-step])
    spread = _mean_square(upper - upper.mean())
    down = _mean_square(upper - lower)
    return along < _SMOOTH_SHARE * spread and down <= _SMOOTH_RATIO * far_along


def is_wrapped(rows: npt.NDArray[Any], bits: int) -> bool:
    """Whether unsigned values of `bits` bits are a picture only with their highest bit inverted.

    That is so where signed values are read as unsigned ones, or the reverse: neighbours differ by
    more than half of the range, and hardly ever after the inversion. A picture of black and white
    alone does so too, but has no levels in between.
    """
    half = 1 << (bits - 1)
    if not rows.size or not int(rows.max()) >> (bits - 1):
        return False
    left = (rows.shape[1] - min(rows.shape[1], MAX_COLUMNS)) // 2
    values: npt.NDArray[Any] = rows[:, left : left + MAX_COLUMNS].astype(
        np.int32 if bits <= 16 else np.int64
    )
    inverted = values ^ half
    steps, of_inverted = (np.abs(np.diff(readings, axis=1)) for readings in (values, inverted))
    jumps, few = np.count_nonzero(steps > half), np.count_nonzero(of_inverted > half)
    if jumps < _MIN_JUMPS * len(rows) or jumps < _JUMP_RATIO * few:
        return False
    if steps.mean() < _WRAPPED * of_inverted.mean():
        return False
    return bool(np.median(np.abs(inverted - half)) > max(1, half >> _BETWEEN))


def _mean_square(rows: Floats) -> float:
    """The median over the rows of the mean of the squares in each."""
    squares = np.sort(np.einsum("ij,ij->i", rows, rows))
    return float(squares[len(squares) // 2] / rows.shape[1])


def _roughness(values: Floats) -> float:
    """Mean difference of neighbours in a row, in standard deviations; 0 of a flat picture."""
    spread = float(values.std())
    return float(np.abs(np.diff(values, axis=1)).mean()) / spread if spread else 0.0


def _doubt_of_bytes(words: npt.NDArray[np.generic]) -> str:
    """16-bit words that are far smoother with their bytes exchanged."""
    if words.dtype.kind != "u" or words.dtype.itemsize != 2:
        return ""
    exchanged = _roughness(words.byteswap().astype(np.float32))
    if exchanged and _roughness(words.astype(np.float32)) > _EXCHANGED_RATIO * exchanged:
        return "high and low bytes of the pixels seem to be exchanged"
    return ""


def _doubt_of_planes(colour: Floats, is_planar: bool) -> str:
    """Colours (rows, columns, 3) that behave like the other planar configuration."""
    if colour.shape[2] != 3:
        return ""
    if is_planar:
        steps = np.abs(np.diff(colour[..., 0], axis=1))
        phases = np.stack([steps[:, phase::3].mean(axis=1) for phase in range(3)])
        unequal = phases.max(axis=0) > _PHASE_RATIO * phases.min(axis=0)
        is_doubtful = bool(unequal.mean() > 0.5)
    else:
        flat = colour.reshape(len(colour), -1)
        steps = np.abs(np.diff(flat, axis=1))
        means = [float(steps[:, phase::3].mean()) for phase in range(3)]
        distant = float(np.abs(flat[:, 3:] - flat[:, :-3]).mean())
        is_doubtful = max(means) < 1.25 * min(means) and distant > 1.2 * float(steps.mean())
    return "the planar configuration seems to be wrong" if is_doubtful else ""


def _doubt_of_columns(lines: Floats) -> str:
    """Rows (n, columns) whose even and odd columns are two different pictures."""
    even, odd = lines[:, ::2], lines[:, 1::2]
    width = min(even.shape[1], odd.shape[1])
    rough_even, rough_odd = (
        float(np.abs(np.diff(half[:, :width], axis=1)).mean()) for half in (even, odd)
    )
    alternates = abs(float(even.mean()) - float(odd.mean())) > _ALTERNATION * float(lines.std())
    if (
        alternates
        or max(rough_even, rough_odd) > _TWO_STREAMS_RATIO * min(rough_even, rough_odd) > 0
    ):
        return "even and odd columns differ like two pictures"
    return ""


def _doubt_of_rows(upper: Floats, lower: Floats, third: Floats, plane: Plane) -> str:
    """Three rows below each other, (n, columns) each: alternating, unrelated or displaced ones."""
    along = float(np.abs(np.diff(upper, axis=1)).mean())
    elsewhere = np.roll(upper, (len(upper) // 2, upper.shape[1] // 2), (0, 1))
    apart = float(np.abs(upper - elsewhere).mean())
    to_second, to_third = (np.abs(upper - rows).mean(axis=1) for rows in (lower, third))
    down = float(to_second.mean())
    if min(along, down) > _UNRELATED_RATIO * apart:
        return "neighbouring pixels are unrelated"
    if np.median(to_second) > _DISPLACED_RATIO * np.median(to_third):
        return "even and odd rows differ like two pictures"
    step = max(1, round(plane.height / plane.samples.shape[0]))
    if step < upper.shape[1] // 2:
        along = float(np.abs(upper[:, step:] - upper[:, :-step]).mean())
    if down > _DISPLACED_RATIO * along and _is_displaced(upper, lower):
        return "each row is displaced, as if the width were wrong"
    return ""


def _is_displaced(upper: Floats, lower: Floats) -> bool:
    """Whether rows fit those above them far better when all are shifted by one distance."""
    length = upper.shape[1]
    spectra = [np.fft.rfft(np.diff(rows, axis=1), n=length) for rows in (upper, lower)]
    product = spectra[0] * spectra[1].conj()
    energy = np.sqrt((np.abs(spectra[0]) ** 2).sum(axis=1) * (np.abs(spectra[1]) ** 2).sum(axis=1))
    weighted = product[energy > 0] / energy[energy > 0, None]
    lag = int(np.fft.irfft(weighted.sum(axis=0), n=length).argmax())
    as_they_are, shifted = (
        np.median(np.abs(upper - np.roll(lower, distance, axis=1)).mean(axis=1))
        for distance in (0, lag)
    )
    return bool(shifted < _SHIFT_RATIO * as_they_are)
