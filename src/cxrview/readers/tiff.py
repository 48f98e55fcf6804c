"""TIFF and BigTIFF -> the directory of the main picture, and samples that Pillow would cut.

Pillow reads a TIFF of more than 8 bits only if it is grey, and of several planes, 64 bits or
unsigned 32 bits not at all or wrongly; libtiff inside imagecodecs reads those.
"""

import struct
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import numpy.typing as npt

from cxrview.errors import DamagedImage, UnsupportedImage
from cxrview.limits import Limits, check_bytes, check_pixels, read_all
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import Plane, thin_rows, whole_plane

# Tags of TIFF 6.0 and its supplements.
_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 255, 256, 257, 258, 259
_PHOTOMETRIC, _SAMPLES, _PLANAR, _SUBDIRECTORIES, _FORMAT = 262, 277, 284, 330, 339
_WANTED_TAGS = frozenset(
    (_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR,
     _SUBDIRECTORIES, _FORMAT)
)  # fmt: skip

# whole numbers, by TIFF field type
_FIELD_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MAX_VALUES = 64  # of one field
_MAX_ENTRIES = 4096  # of one directory
_MAX_PAGES = 10_000

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType; of the old field, 2 means reduced
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _TRANSPARENCY = 0, 1, 2, 4
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_NO_COMPRESSION = 1

# None, CCITT (3), LZW, JPEG (2), deflate (2), PackBits, LERC, LZMA, Zstandard, WebP
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34887, 34925, 50000, 50001))


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One directory: the description of one picture."""

    offset: int  # of the directory in the file
    number: int  # of the page, counted from 0; that of its page for a directory below one
    is_in_sub_ifd: bool  # a picture within a page (SubIFD), which Pillow cannot reach
    width: int
    height: int
    bits: tuple[int, ...]
    samples: int
    sample_format: int
    photometric: int
    compression: int
    is_planar: bool
    is_thumbnail_or_mask: bool  # a thumbnail or a mask

    @property
    def is_read_by_pillow(self) -> bool:
        """Whether Pillow keeps all bits of this kind."""
        if self.is_in_sub_ifd:
            return False
        depth = max(self.bits)
        if depth <= 8:
            return self.sample_format == _UNSIGNED
        kinds = {(16, _UNSIGNED), (12, _UNSIGNED)}
        if self.compression == _NO_COMPRESSION:  # of others, Pillow mistakes the byte order
            kinds |= {(16, _SIGNED), (32, _SIGNED), (32, _FLOAT)}
        return self.samples == 1 and (depth, self.sample_format) in kinds


@dataclass(frozen=True, slots=True)
class _TiffLayout:
    """Byte order, and classic TIFF or BigTIFF."""

    order: str
    is_big: bool

    @property
    def offset_format(self) -> str:
        """The struct format of an offset."""
        return self.order + ("Q" if self.is_big else "I")


def main_page(stream: BinaryIO) -> tuple[TiffPage, int, int]:
    """The picture of a TIFF file, how many pages it has, and how many are as large.

    The largest that is neither thumbnail nor mask; of several as large, the middle one.
    """
    pages = _pages(stream)
    candidates = [page for page in pages if not page.is_thumbnail_or_mask] or pages
    if not candidates:
        raise DamagedImage("a TIFF file without a picture")
    most = max(page.width * page.height for page in candidates)
    largest = [page for page in candidates if page.width * page.height == most]
    count = sum(not page.is_in_sub_ifd for page in pages)
    return largest[len(largest) // 2], count, len(largest)


def read_high_bit_depth_tiff(stream: BinaryIO, page: TiffPage, limits: Limits) -> Plane:
    """A page by libtiff -> grey samples, (h, w), unsigned or float, bone bright."""
    check_pixels(page.width, page.height, limits)
    check_bytes(page.width * page.height * page.samples * max(page.bits) // 8, limits)
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        raise UnsupportedImage(f"TIFF of {max(page.bits)} bits, colour space {page.photometric}")
    stream.seek(0)
    data = _with_first_page(read_all(stream, limits), page)
    try:
        samples: npt.NDArray[Any] = imagecodecs.tiff_decode(data)
    except (imagecodecs.TiffError, ValueError, NotImplementedError) as error:
        if max(page.bits) % 8:
            raise UnsupportedImage(f"TIFF of {max(page.bits)} bits") from error
        raise
    if samples.ndim == 3 and page.is_planar:
        samples = np.moveaxis(samples, 0, 2)
    if samples.shape[:2] != (page.height, page.width):
        raise DamagedImage("a TIFF page of another size than it declares")
    plane = thin_rows(whole_plane(samples, 8 * samples.dtype.itemsize, is_exact=True))
    samples = plane.samples  # few rows: all that follows takes little memory
    if samples.ndim == 3:
        samples = luminance(samples) if page.photometric == _RGB else samples[..., 0]
    samples = _to_unsigned(samples, page)
    return replace(plane, samples=samples, bits=8 * samples.dtype.itemsize)


def _to_unsigned(samples: npt.NDArray[Any], page: TiffPage) -> npt.NDArray[Any]:
    """Grey samples of any type -> unsigned ones of up to 16 bits, or floats; bone bright."""
    kind, size = samples.dtype.kind, samples.dtype.itemsize
    if kind == "i" and size <= 2:
        unsigned = np.dtype(f"u{size}")
        samples = samples.view(unsigned) ^ unsigned.type(1 << (8 * size - 1))
    elif kind not in "ub" or size > 2:
        samples = samples.astype(np.float32)
    if page.photometric == _WHITE_IS_ZERO:
        samples = -samples if samples.dtype.kind == "f" else ~samples
    return samples


def _with_first_page(data: bytes, page: TiffPage) -> bytes:
    """The file with the directory of `page` as its first one."""
    layout = _layout_of(data[:8])
    start = 8 if layout.is_big else 4
    offset = struct.pack(layout.offset_format, page.offset)
    return b"".join((data[:start], offset, data[start + len(offset) :]))


def _layout_of(head: bytes) -> _TiffLayout:
    order = "<" if head[:2] == b"II" else ">"
    return _TiffLayout(order, struct.unpack_from(order + "H", head, 2)[0] == 43)


def _pages(stream: BinaryIO) -> list[TiffPage]:
    """All directories in the order of the file, those below a page behind it."""
    stream.seek(0)
    head = stream.read(16)
    layout = _layout_of(head)
    (offset,) = struct.unpack_from(layout.offset_format, head, 8 if layout.is_big else 4)
    pages: list[TiffPage] = []
    seen: set[int] = set()
    number = 0
    while offset and offset not in seen and len(pages) < _MAX_PAGES:
        seen.add(offset)
        fields, following = _read_ifd(stream, layout, offset)
        pages.append(_page(fields, offset, number, is_in_sub_ifd=False))
        for below in fields.get(_SUBDIRECTORIES, ()):
            if below and below not in seen:
                seen.add(below)
                pages.append(
                    _page(_read_ifd(stream, layout, below)[0], below, number, is_in_sub_ifd=True)
                )
        offset, number = following, number + 1
    return [page for page in pages if page.width > 0 and page.height > 0]


def _read_ifd(
    stream: BinaryIO, layout: _TiffLayout, offset: int
) -> tuple[dict[int, tuple[int, ...]], int]:
    """The wanted fields of one directory, and the offset of the next (0 for none)."""
    count_format, entry_size = ("Q", 20) if layout.is_big else ("H", 12)
    (count,) = _read_struct(stream, offset, layout.order + count_format)
    if count > _MAX_ENTRIES:
        raise DamagedImage(f"a TIFF directory of {count} entries")
    start = offset + struct.calcsize(layout.order + count_format)
    stream.seek(start)
    entries = stream.read(count * entry_size + struct.calcsize(layout.offset_format))
    fields: dict[int, tuple[int, ...]] = {}
    for position in range(0, min(count * entry_size, len(entries) - entry_size + 1), entry_size):
        tag, kind = struct.unpack_from(layout.order + "HH", entries, position)
        if tag in _WANTED_TAGS and kind in _FIELD_TYPES:
            fields[tag] = _tag_values(
                stream, layout, entries[position + 4 : position + entry_size], kind
            )
    following = entries[count * entry_size :]
    is_whole = len(following) == struct.calcsize(layout.offset_format)
    return fields, struct.unpack(layout.offset_format, following)[0] if is_whole else 0


def _tag_values(stream: BinaryIO, layout: _TiffLayout, entry: bytes, kind: int) -> tuple[int, ...]:
    """The numbers of one entry: within it, or where it says that they are."""
    size = struct.calcsize(layout.offset_format)
    (count,) = struct.unpack_from(layout.offset_format, entry)
    values_format = f"{layout.order}{min(count, _MAX_VALUES)}{_FIELD_TYPES[kind]}"
    if count * struct.calcsize(_FIELD_TYPES[kind]) <= size:
        return struct.unpack_from(values_format, entry, size)
    return _read_struct(
        stream, struct.unpack_from(layout.offset_format, entry, size)[0], values_format
    )


def _read_struct(stream: BinaryIO, offset: int, layout: str) -> tuple[int, ...]:
    stream.seek(offset)
    data = stream.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise DamagedImage("a TIFF file whose directory breaks off")
    return struct.unpack(layout, data)


def _page(
    fields: dict[int, tuple[int, ...]], offset: int, number: int, *, is_in_sub_ifd: bool
) -> TiffPage:
    """The fields of a directory, with the defaults of TIFF 6.0."""

    def first(tag: int, default: int) -> int:
        values = fields.get(tag, ())
        return values[0] if values else default

    subfile, photometric = first(_SUBFILE, 0), first(_PHOTOMETRIC, _BLACK_IS_ZERO)
    is_thumbnail_or_mask = bool(subfile & (_REDUCED | _MASK)) or photometric == _TRANSPARENCY
    return TiffPage(
        offset, number, is_in_sub_ifd, first(_WIDTH, 0), first(_HEIGHT, 0),
        bits=fields.get(_BITS) or (1,),
        samples=first(_SAMPLES, 1),
        sample_format=first(_FORMAT, _UNSIGNED),
        photometric=photometric,
        compression=first(_COMPRESSION, 1),
        is_planar=first(_PLANAR, 1) == 2,
        is_thumbnail_or_mask=is_thumbnail_or_mask or first(_OLD_SUBFILE, 1) == 2,
    )  # fmt: skip


def check_kind(page: TiffPage) -> None:
    """Raise UnsupportedImage where no decoder knows the compression or the type of samples."""
    if page.sample_format not in (_UNSIGNED, _SIGNED, _FLOAT):
        raise UnsupportedImage(f"TIFF sample format {page.sample_format}")
    if page.compression not in _COMPRESSIONS:
        raise UnsupportedImage(f"TIFF compression {page.compression}")
