"""JPEG 2000 and HTJ2K -> samples, decoding only as many wavelet levels as are needed."""

import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, cast

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Jpeg2KImagePlugin

from cxrview.errors import DamagedImage
from cxrview.images import Pixels
from cxrview.readers.codestream_headers import CodestreamHeader
from cxrview.readers.planes import Box, Plane, least_side, thin_rows, whole_plane

MAX_BITS = 28  # bits; what claims more crashes OpenJPH, and 16 bits in four levels need 20
MAX_TILES = 65_535
# Of the least side, that stays on the short side. Less costs 2 grey levels of 255, more costs time
MIN_SHORT_SHARE = 200 / 256

_TILE_PART, _END = b"\xff\x90", b"\xff\xd9"


class _ReducedImage(Jpeg2KImagePlugin.Jpeg2KImageFile):
    """Pillow's own `reduce` rounds odd sizes where OpenJPEG rounds up, and then fails."""

    halvings = 0

    def load(self) -> Any:
        if self.halvings and self.tile:
            (tile,) = self.tile
            kind, _, *rest = cast(
                tuple[Any, ...], tile.args
            )  # codec, halvings, layers, file, length
            self._size = (
                reduced_length(self.size[0], self.halvings),
                reduced_length(self.size[1], self.halvings),
            )
            args = (kind, self.halvings, *rest)
            self.tile = [tile._replace(extents=(0, 0, *self._size), args=args)]
            self.halvings = 0
        return super().load()


def reduced_length(length: int, halvings: int) -> int:
    """Samples that are left of `length`: always rounded up."""
    return -(-length >> halvings)


def halvings_of(header: CodestreamHeader) -> int:
    """How often a picture may be halved and keep 200 pixels of 256 on its short side."""
    short, count = min(header.width, header.height), 0
    least = round(MIN_SHORT_SHARE * least_side.get())
    while count < header.levels and short >> (count + 1) >= least:
        count += 1
    return count


def decode_jpeg2000(data: bytes, header: CodestreamHeader, *, may_average: bool = True) -> Plane:
    """JPEG 2000 or HTJ2K, bare or in JP2 -> samples; signed ones are lifted to unsigned."""
    if header.tiles > MAX_TILES:
        raise DamagedImage(f"{header.tiles} tiles, more than JPEG 2000 knows")
    data = _append_end(data, header.data_offset)
    halvings = halvings_of(header) if may_average else 0
    is_sound = header.is_high_throughput and 0 < header.planes <= MAX_BITS
    samples = _decode_openjph(data, header, halvings) if is_sound else None
    # Pillow cuts colours and transparency to 8 bits.
    if samples is None and header.bits <= (16 if header.samples == 1 else 8):
        samples = _decode_pillow(data, header, halvings)
    if samples is None:
        return thin_rows(_decode_full(data, header))
    if not halvings:
        is_exact = header.is_lossless
        return thin_rows(
            whole_plane(samples, header.bits, is_offset=header.is_signed, is_exact=is_exact)
        )
    box = shifted_box(header, halvings)
    return Plane(samples, header.width, header.height, box, header.bits, header.is_signed)


def _append_end(data: bytes, position: int) -> bytes:
    """A codestream, and its end marker where nothing else is missing behind the last tile-part."""
    while data[position : position + 2] == _TILE_PART and position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position + 6)
        if not length:  # up to the end marker
            return data
        position += length
    return data[:position] + _END if data[position:] in (b"", b"\xff", b"\xff\0") else data


def shifted_box(header: CodestreamHeader, halvings: int) -> Box:
    """Low-pass samples stand on pixel j * 2^k, not at the middle of the block they stand for."""
    scale = 1 << halvings
    shift = 0.5 - 0.5 / scale
    return (shift, shift, header.width / scale + shift, header.height / scale + shift)


def _decode_openjph(data: bytes, header: CodestreamHeader, halvings: int) -> Pixels | None:
    """The fastest way for HTJ2K; None where its answer could be wrong.

    Low-pass samples can lie a little outside of the range of the pixels, and OpenJPH wraps them
    around the integer type instead of clipping. Spare bits, or an unused upper quarter, tell.
    """
    try:
        with _collect_errors() as complaints:
            samples = imagecodecs.htj2k_decode(data, skipres=halvings)
    except RuntimeError:
        return None
    if complaints:
        return None
    room = 8 * samples.dtype.itemsize
    if header.is_signed:
        half = 1 << (header.bits - 1)
        lifted = samples.astype(np.int32) + half
        safe = header.bits < room
    else:
        lifted = samples.astype(np.int32)
        safe = header.bits < room or not halvings or int(samples.max()) < 3 << (room - 2)
        if header.bits < room:
            lifted[lifted >= 1 << (room - 1)] = 0
    if not safe and halvings:
        return None
    unsigned = np.uint8 if header.bits <= 8 else np.uint16
    return lifted.clip(0, (1 << header.bits) - 1).astype(unsigned)


@contextmanager
def _collect_errors() -> Iterator[list[object]]:
    """Errors that OpenJPH raises where none can be raised: Python would print and forget them."""
    complaints: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, complaints.append
    try:
        yield complaints
    finally:
        sys.unraisablehook = before
        complaints[:] = [True] * len(complaints)  # the objects themselves are not to be kept


def _decode_pillow(data: bytes, header: CodestreamHeader, halvings: int) -> Pixels | None:
    """By OpenJPEG inside Pillow; None where it fails, as it does on rare valid files."""
    try:
        with _ReducedImage(BytesIO(data)) as image:
            if image.size != (header.width, header.height):
                return None  # the boxes of a JP2 file claim another size, and memory for it
            image.halvings = halvings
            samples: npt.NDArray[Any] = np.asarray(image)
    except (OSError, SyntaxError, ValueError, TypeError):
        return None
    # Pillow moves the highest bit of a sample to the highest bit of its type.
    spare = 8 * samples.dtype.itemsize - header.bits
    is_moved = spare > 0 and samples.ndim == 2
    return samples >> spare if is_moved else samples


def _decode_full(data: bytes, header: CodestreamHeader) -> Plane:
    """The whole picture by imagecodecs, which reads some that Pillow cannot."""
    samples = imagecodecs.jpeg2k_decode(data)
    if samples.dtype.kind == "i":
        lifted = samples.astype(np.int64) + (1 << (header.bits - 1))
        samples = lifted.astype(f"u{samples.dtype.itemsize}")
    return whole_plane(
        samples, header.bits, is_offset=header.is_signed, is_exact=header.is_lossless
    )
