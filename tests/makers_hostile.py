"""Files that claim, hide or repeat more than they hold; all of them are small."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import numpy as np

from makers_film import png
from readers_makers import DEFLATED, EXPLICIT, dicom, jpeg, jpeg2000, raster

GIANT = 60_000  # pixels a side: 3.6 thousand million
TINY = np.zeros((4, 4), np.uint8)
MIB = 1 << 20


def zeros(count: int) -> bytes:
    """`count` MiB of zeros, deflated to a thousandth: one block again and again."""
    deflater = zlib.compressobj(9, wbits=-15)
    block = deflater.compress(b"\0" * MIB) + deflater.flush(zlib.Z_FULL_FLUSH)
    return block * count + deflater.flush()


def jpeg_of_size(height: int, width: int) -> bytes:
    data = jpeg(TINY)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def jpeg2000_of_size(height: int, width: int) -> bytes:
    data = jpeg2000(TINY, 8)
    return data[:8] + struct.pack(">II", width, height) + data[16:]


def jpegxl_of_size(side: int) -> bytes:
    bits = 3 << 1 | (side - 1) << 3 | 1 << 33  # 30 bits of height, square
    return b"\xff\x0a" + bits.to_bytes(10, "little") + b"\0" * 200


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_size(height: int, width: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + raster(TINY, "PNG")[33:]


def png_with(kind: bytes, body: bytes) -> bytes:
    """A good picture with a chunk more."""
    plain = png("frontal")
    return plain[:33] + chunk(kind, body) + plain[33:]


LETTERS = zlib.compress(b"a" * 64 * MIB)


def png_of_zeros(side: int) -> bytes:
    """A valid image of `side` x `side`, compressed to a thousandth."""
    packed = zlib.compress((b"\0" * (side + 1)) * side)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff_of_size(height: int, width: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height),
               (279, 16)]  # fmt: skip
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 0) + b"\0" * 64


def tiff_in_a_circle() -> bytes:
    """Its last directory says that the first one follows."""
    data = bytearray(tiff_of_size(4, 4))
    data[-68:-64] = struct.pack("<I", 8)
    return bytes(data)


def nested(depth: int) -> bytes:
    """Sequences within sequences; neither ends."""
    item = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    return dicom(None, EXPLICIT) + item * depth


def deflated_bomb() -> bytes:
    """1,100 MiB of data set."""
    plain = dicom(TINY, DEFLATED)
    end = plain.index(DEFLATED.encode()) + len(DEFLATED)
    return plain[:end] + zeros(1100)


def long_value(length: int) -> bytes:
    """Rows that claims to be `length` bytes long."""
    data = dicom(TINY)
    at = data.index(b"\x28\0\x10\0US")
    return data[:at] + b"\x28\0\x10\0UN\0\0" + struct.pack("<I", length) + data[at + 8 :]


def zip_of(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def zip_of_packed(packed: bytes, method: int, length: int) -> bytes:
    """One member of those packed bytes, which claims to be `length` bytes when unpacked."""
    data = bytearray(zip_of([("a.png", packed)], zipfile.ZIP_STORED))
    for start, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place = data.index(start) + at
        data[place : place + 2] = struct.pack("<H", method)
        data[place + 14 : place + 18] = struct.pack("<I", length)
    return bytes(data)


def zip_with(at: int, value: bytes) -> bytes:
    """A field of the directory of a good zip set to another value."""
    data = bytearray(zip_of([("a.png", png("frontal"))]))
    place = data.index(b"PK\1\2") + at
    data[place : place + len(value)] = value
    return bytes(data)


def overlapping_zip(count: int) -> bytes:
    """Many names for the same bytes: as many times unpacked as there are names."""
    data = zip_of([("a.png", png("frontal"))])
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entries = b"".join(
        data[start:end].replace(b"a.png", bytes((97 + n,)) + b".png") for n in range(count)
    )
    tail = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(entries), start, 0)
    return data[:start] + entries + tail


def member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar header alone."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def tar_of(members: list[tuple[str, bytes]], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def gzip_bomb() -> bytes:
    """An image, and then four hundred members that decompress to far more than their bytes."""
    content = png("frontal")
    first = tar_of([("a.png", content)])[: 512 + -(-len(content) // 512) * 512]  # without its end
    deflater = zlib.compressobj(9, wbits=-15)
    block = deflater.compress(member("z.png", 4 * MIB) + b"\0" * 4 * MIB)
    block += deflater.flush(zlib.Z_FULL_FLUSH)
    start = zlib.compressobj(9, wbits=-15)
    begin = start.compress(first) + start.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + begin + block * 400


def long_header(kind: bytes, size: int) -> bytes:
    """A tar whose first name, or whose attributes, are `size` bytes long."""
    return gzip.compress(member("././@LongLink", size, kind) + b"1" * min(size, 40 * MIB))


def circle() -> bytes:
    """A size below zero: the next member stands before this one."""
    data = bytearray(tar_of([("a.png", b"x" * 600), ("b.png", b"x")]))
    data[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def chain(length: int) -> bytes:
    """Long names of long names, each a call of tarfile to itself."""
    one = member("././@LongLink", 2, tarfile.GNUTYPE_LONGNAME) + b"a".ljust(512, b"\0")
    return one * length + tar_of([("a.png", b"x")])
