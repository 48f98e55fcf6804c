"""Bytes of a file -> the positions at which its format stores lengths, sizes, types, offsets."""

import re
import struct
from collections.abc import Iterator

Fields = tuple[tuple[int, int], ...]  # (offset, bytes)
MOST = 400  # fields of one file


def fields_of(data: bytes) -> Fields:
    """Return the fields of the format that `data` starts with."""
    for start, magic, find_fields in FORMATS:
        if data.startswith(magic, start):
            try:
                return tuple(find_fields(data))[:MOST]
            except (struct.error, IndexError):
                return ()
    return ()


def of_dicom(data: bytes) -> Iterator[tuple[int, int]]:
    """Group, element, VR and length of every element with an explicit VR."""
    for match in re.finditer(rb"[\x02\x08\x10\x18\x20\x28\x54\xe0\x09]\0[^\0]?.[A-Z]{2}", data):
        at = match.start()
        yield from ((at, 2), (at + 2, 2), (at + 4, 2), (at + 6, 2), (at + 8, 4), (at + 8, 2))
    for match in re.finditer(rb"\xfe\xff[\x00\x0d\xdd]\xe0", data):  # items and delimiters
        yield from ((match.start() + 2, 2), (match.start() + 4, 4))


def of_jpeg(data: bytes) -> Iterator[tuple[int, int]]:
    """Markers, their lengths, and each byte of the first of them."""
    for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xff]", data):
        at = match.start()
        yield from ((at + 1, 1), (at + 2, 2), (at + 5, 2), (at + 7, 2))
        yield from ((at + offset, 1) for offset in range(4, 24))


def of_jpeg2000(data: bytes) -> Iterator[tuple[int, int]]:
    """Boxes; segments, with all fields of SIZ, COD, QCD, SOT."""
    for match in re.finditer(rb"jP|ihdr|jp2[hc]|colr|pclr|cmap|cdef", data):
        yield from ((match.start() - 4 + 4 * step, 4) for step in range(5))
    for match in re.finditer(rb"\xff[\x50-\x5f\x90\x93]", data):
        at = match.start()
        yield from ((at + 1, 1), (at + 2, 2))
        yield from ((at + 4 + 4 * step, 4) for step in range(8))
        yield from ((at + offset, 1) for offset in range(4, 44))


def of_png(data: bytes) -> Iterator[tuple[int, int]]:
    """Length and kind of each chunk, and the fields of the header."""
    yield from ((16, 4), (20, 4), *((at, 1) for at in range(24, 29)))
    at = 8
    while at + 8 <= len(data):
        yield from ((at, 4), (at + 4, 4), (at + 8, 1), (at + 8, 2))
        at += 12 + struct.unpack_from(">I", data, at)[0]


def of_tiff(data: bytes) -> Iterator[tuple[int, int]]:
    """Tag, type, count and value of the entries of the first directory, and the next offset."""
    order = "<" if data[:1] == b"I" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    yield from ((4, 4), (at, 2))
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        yield from ((entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4), (entry + 8, 2))
    yield (at + 2 + 12 * count, 4)


def of_bmp(data: bytes) -> Iterator[tuple[int, int]]:
    """Both headers."""
    yield from ((at, 4) for at in range(2, min(54, len(data)), 4))
    yield from ((26, 2), (28, 2))


def of_zip(data: bytes) -> Iterator[tuple[int, int]]:
    """Every field of the members' headers, the directory, and its end."""
    for match in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data):
        yield from ((match.start() + step, 2) for step in range(4, 46, 2))
        yield from ((match.start() + step, 4) for step in range(10, 46, 4))


def of_tar(data: bytes) -> Iterator[tuple[int, int]]:
    """Size, kind, magic, name and the base-256 flag of every header."""
    for match in re.finditer(rb"ustar", data):
        at = match.start() - 257
        yield from ((at + 124, 1), (at + 124, 12), (at + 156, 1), (at + 157, 8), (at, 8))
        yield from ((at + step, 8) for step in range(345, 500, 24))


def of_head(data: bytes) -> Iterator[tuple[int, int]]:
    """The first bytes, for JPEG XL, gzip and unknown formats."""
    yield from ((at, 1) for at in range(min(len(data), 64)))


FORMATS = (  # (offset, first bytes, function that finds the fields)
    (128, b"DICM", of_dicom),
    (0, b"\xff\xd8", of_jpeg),
    (0, b"\xff\x4f", of_jpeg2000),
    (0, b"\0\0\0\x0cjP", of_jpeg2000),
    (0, b"\x89PNG", of_png),
    (0, b"II", of_tiff),
    (0, b"MM", of_tiff),
    (0, b"BM", of_bmp),
    (0, b"PK", of_zip),
    (257, b"ustar", of_tar),
    (0, b"", of_head),
)
