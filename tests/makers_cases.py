"""One lateral phantom, written in every way that readers have been reported to garble or refuse."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from cxrview.phantom.draw import draw
from cxrview.phantom.projection import Projection
from readers_makers import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    RLE,
    dicom,
    htj2k,
    jpeg,
    jpeg2000,
    jpeg_ls,
    raster,
    rle,
)

SIDE = 288
GE = "1.2.840.113619.5.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"


@cache
def lateral(bits: int = 12) -> np.ndarray:
    """(288, w) unsigned: a lateral phantom, bone bright, that all of `bits` bits are used for."""
    pixels = draw(np.random.default_rng(2), Projection.LL, SIDE).pixels
    noise = np.random.default_rng(0).normal(0, 0.002, pixels.shape)
    levels = np.rint((0.02 + 0.96 * pixels + noise).clip(0, 1) * ((1 << bits) - 1))
    return levels.astype(np.uint8 if bits <= 8 else np.uint16)


@dataclass(frozen=True)
class Case:
    """One input: its kind of fault, its bytes, and what a reader should find in them."""

    kind: str
    name: str
    make: Callable[[], bytes]
    tolerance: float = 1.0  # worst of 64 x 64 cells, in 255ths
    warning: str = ""  # the code of the warning it must have; * for any or none
    refused: str = ""  # the code of the error, where refusal is right

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


# --- building blocks --------------------------------------------------------------------------


def compressed(kind: str, bits: int = 12, **elements: Any) -> bytes:
    """A DICOM file of one fragment; `bits` are those of the codestream, `elements` the header's."""
    syntax, encode = CODECS[kind]
    elements.setdefault("BitsStored", bits)
    pixels = lateral(bits)
    return dicom(pixels, syntax, fragments=[encode(pixels, bits)], **elements)


CODECS: dict[str, tuple[str, Callable[[np.ndarray, int], bytes]]] = {
    "jpeg": (JPEG + "50", lambda p, bits: jpeg(p)),
    "jpeg 12": (
        JPEG + "51",
        lambda p, bits: imagecodecs.jpeg8_encode(p, level=95, bitspersample=12),
    ),
    "lossless": (
        JPEG + "70",
        lambda p, bits: imagecodecs.jpeg8_encode(p, lossless=True, bitspersample=bits),
    ),
    "jpeg-ls": (JPEG + "80", lambda p, bits: jpeg_ls(p)),
    "jpeg 2000": (JPEG + "90", jpeg2000),
    "htj2k": (JPEG + "201", lambda p, bits: htj2k(p)),
    "jpeg xl": (
        JPEG + "110",
        lambda p, bits: imagecodecs.jpegxl_encode(p, lossless=True, bitspersample=bits),
    ),
    "rle": (RLE, lambda p, bits: rle(p)),
}


def modulo_lossless(bits: int) -> bytes:
    """Lossless JPEG whose differences rely on arithmetic modulo 2^16, of `bits` bits.

    Written with 16 bits and declared with fewer. The first prediction is half of the range, which
    is another one then.
    """
    pixels = lateral(bits).astype(np.int64)
    half, top = 1 << (bits - 1), 1 << bits
    beyond = np.random.default_rng(1).integers(0, (1 << 16) // top, pixels.shape) * top
    shifted = ((pixels - half + (1 << 15)) % top + beyond).astype(np.uint16)
    stream = bytearray(imagecodecs.jpeg8_encode(shifted, lossless=True, bitspersample=16))
    frame = stream.index(b"\xff\xc3")
    stream[frame + 4] = bits
    return dicom(lateral(bits), JPEG + "70", fragments=[bytes(stream)], BitsStored=bits)


def defined_length(data: bytes) -> bytes:
    """Encapsulated pixel data under an element whose length is defined."""
    at = data.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
    body = data[at + 12 :]
    return data[: at + 8] + struct.pack("<I", len(body)) + body


def bare_codestream(data: bytes) -> bytes:
    """A codestream without items, where the pixel data should be."""
    at = data.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
    stream = data[at + 12 + 8 + 8 : -8]
    return data[: at + 8] + struct.pack("<I", len(stream)) + stream


def fragmented(
    stream: bytes, parts: int, table: bytes = b"", end: bytes = END + b"\0" * 4
) -> bytes:
    """The items of a codestream in `parts` fragments, behind an offset table."""
    size = -(-len(stream) // parts) // 2 * 2 + 2
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    padded = [piece + b"\0" * (len(piece) % 2) for piece in pieces]
    items = [ITEM + struct.pack("<I", len(piece)) + piece for piece in padded]
    return ITEM + struct.pack("<I", len(table)) + table + b"".join(items) + end


def with_items(kind: str, items: bytes, bits: int = 8, **elements: Any) -> bytes:
    """A DICOM file of encapsulated pixels that are `items`."""
    data = compressed(kind, bits, **elements)
    at = data.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    return data[:at] + items


def stream_of(kind: str, bits: int = 8) -> bytes:
    return CODECS[kind][1](lateral(bits), bits)


def rle_with_more(pixels: np.ndarray, more: int = 1, odd: bool = False) -> bytes:
    """Run lengths whose segments unpack to `more` bytes beyond the picture."""
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    size = pixels.dtype.itemsize
    segments = []
    for plane in np.moveaxis(planes, 2, 0):
        raw = plane.astype(plane.dtype.newbyteorder(">")).tobytes()
        for byte in range(size):
            literal = raw[byte::size] + b"\x07" * more
            chunks = [literal[start : start + 128] for start in range(0, len(literal), 128)]
            packed = b"".join(bytes([len(chunk) - 1]) + chunk for chunk in chunks)
            segments.append(packed if odd else packed + b"\0" * (len(packed) % 2))
    offsets = [64]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    head = struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(offsets)))
    return head + b"".join(segments)


def inserted(data: bytes, extra: bytes, before: bytes = b"\x28\x00\x02\x00US") -> bytes:
    """Bytes put in front of an element of an explicit little-endian file."""
    at = data.index(before)
    return data[:at] + extra + data[at:]


def element(tag: int, vr: bytes, value: bytes, length_bytes: int = 4) -> bytes:
    """One element in explicit little endian, of any VR."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if length_bytes == 2:
        return head + struct.pack("<H", len(value)) + value
    return head + b"\0\0" + struct.pack("<I", len(value)) + value


def relabelled(data: bytes, syntax: str) -> bytes:
    """The same data set under another transfer syntax of the same length or shorter."""
    at = data.index(b"\2\0\x10\0UI") + 6
    (length,) = struct.unpack_from("<H", data, at)
    uid = syntax.encode().ljust(length, b"\0")
    change = len(uid) - length
    group = struct.unpack_from("<I", data, 140)[0] + change
    data = data[:140] + struct.pack("<I", group) + data[144:]
    return data[:at] + struct.pack("<H", len(uid)) + uid + data[at + 2 + length :]


def private_big_endian(implicit: bool, bits: int) -> bytes:
    """A little-endian header and big-endian pixels under a private transfer syntax."""
    pixels = lateral(bits)
    swapped = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    data = dicom(pixels, IMPLICIT if implicit else EXPLICIT, data=swapped, BitsStored=bits)
    return relabelled(data, GE)


def lut_item(entries: bytes, count: int, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [count & 0xFFFF, first & 0xFFFF, bits])
    item.add_new(0x00283006, "OW", entries)
    item.ModalityLUTType = "US"
    return item


def modality_lut(bits: int, syntax: str = EXPLICIT, packed: bool = False, **how: Any) -> bytes:
    """12-bit values that stand for others through a falling table, looked up again to be right."""
    signed = how.pop("signed", False)
    values = np.arange(4096)
    table = values[::-1] >> (12 - bits)
    stored = 4095 - lateral(12)
    order = ">" if syntax == BIG_ENDIAN else "<"
    entries = table.astype(np.uint8).tobytes() if packed else table.astype(order + "u2").tobytes()
    if packed and syntax == BIG_ENDIAN:
        entries = np.frombuffer(entries, "<u2").byteswap().tobytes()
    first = 0
    if signed:
        stored = (stored.astype(np.int32) - 2048).astype(np.int16).view(np.uint16)
        first, how["PixelRepresentation"] = -2048, 1
        how["BitsStored"] = 16
    how.setdefault("BitsStored", 12)
    item = lut_item(entries, 4096, first, how.pop("claim", bits))
    return dicom(stored, syntax, ModalityLUTSequence=[item], **how)


def flattened_icon(main: bytes, icon: bytes) -> bytes:
    """The elements of a thumbnail, pixels included, in front of the pixel data of the picture."""
    start = icon.index(b"\x28\x00\x02\x00US")
    return inserted(main, icon[start:], b"\xe0\x7f\x10\x00O")


def tiff(pages: list[tuple[np.ndarray, dict[str, Any]]], **options: Any) -> bytes:
    """A TIFF of several pages: (samples, options of the page)."""
    data = b""
    for samples, page in pages:
        how = {**options, **page}
        data = imagecodecs.tiff_encode(
            samples.copy(), **how, **({"appendto": data} if data else {})
        )
    return bytes(data)


def without_end(png: bytes) -> bytes:
    """A PNG without its last chunk."""
    return png[:-12]


def rgb(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.stack([pixels] * 3, -1))


def lossless(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=16))


def swapped_words(pixels: np.ndarray) -> np.ndarray:
    return pixels.byteswap()


# --- the cases --------------------------------------------------------------------------------

P8, P12, P16 = (lambda: lateral(8)), (lambda: lateral(12)), (lambda: lateral(16))
SMALL = np.ascontiguousarray(np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8))


def _codestream_over_header() -> list[Case]:
    kind = "header contradicts the codestream"
    fewer = [
        ("jpeg-ls", 12, 10),
        ("jpeg-ls", 14, 12),
        ("jpeg 12", 12, 10),
        ("lossless", 14, 12),
        ("lossless", 16, 12),
        ("jpeg 2000", 12, 10),
        ("jpeg 2000", 16, 12),
        ("htj2k", 16, 10),
        ("jpeg xl", 16, 12),
        ("rle", 14, 12),
    ]
    more = [("jpeg", 8, 12), ("jpeg-ls", 10, 16), ("lossless", 12, 16), ("jpeg 2000", 10, 16)]
    cases = [
        Case(
            kind,
            f"{codec} of {bits} bits, header of {said}",
            lambda codec=codec, bits=bits, said=said: compressed(
                codec, bits, BitsStored=said, BitsAllocated=16
            ),
            2.6,
        )
        for codec, bits, said in fewer + more
    ]
    cases += [
        Case(
            kind, f"lossless JPEG of {bits} bits by modulo", lambda bits=bits: modulo_lossless(bits)
        )
        for bits in (10, 12, 14)
    ]
    cases += [
        Case(
            kind,
            f"{codec}, header says signed",
            lambda codec=codec: compressed(codec, 12, PixelRepresentation=1),
            2.6,
        )
        for codec in ("jpeg-ls", "lossless", "jpeg 2000", "htj2k")
    ]
    cases += [
        Case(
            kind,
            f"{codec}, {name}",
            lambda codec=codec, bits=bits, how=how: compressed(codec, bits, **how),
            2.6,
            warning="size",
        )
        for codec, bits in (("jpeg", 8), ("jpeg-ls", 12), ("jpeg 2000", 12), ("htj2k", 12))
        for name, how in (
            ("another size", {"Rows": 100, "Columns": 90}),
            ("no size", {"Rows": None}),
        )
    ]
    cases += [
        Case(
            kind,
            f"{name}, header says {photometric}",
            lambda encode=encode, photometric=photometric, samples=samples: dicom(
                rgb(lateral(8)),
                JPEG + "90",
                fragments=[encode(rgb(lateral(8)))],
                PhotometricInterpretation=photometric,
                SamplesPerPixel=samples,
            ),
            2.6,
        )
        for name, encode in (("jpeg", jpeg), ("jpeg 2000", lambda p: jpeg2000(p, 8)))
        for photometric, samples in (("MONOCHROME2", 1), ("YBR_FULL", 3), ("RGB", 3))
    ]
    cases.append(
        Case(
            kind,
            "run lengths of 16 bits, header of 8",
            lambda: dicom(
                lateral(12), RLE, fragments=[rle(lateral(12))], BitsAllocated=8, BitsStored=8
            ),
        )
    )
    return cases


def _transfer_syntaxes() -> list[Case]:
    kind = "wrong or unknown transfer syntax"
    return [
        *(
            Case(
                kind,
                f"private, big-endian pixels of {bits} bits, {'im' if implicit else 'ex'}plicit",
                lambda bits=bits, implicit=implicit: private_big_endian(implicit, bits),
            )
            for bits in (8, 12, 16)
            for implicit in (True, False)
        ),
        Case(
            kind,
            "unknown",
            lambda: relabelled(dicom(lateral(12), BitsStored=12), "1.2.3.4.5.6.7.8.99"),
            refused="unsupported",
        ),
        Case(
            kind,
            "private, not known",
            lambda: relabelled(dicom(lateral(12), BitsStored=12), "1.2.840.113619.5.9"),
            refused="unsupported",
        ),
    ]


def _encapsulation() -> list[Case]:
    kind = "damaged encapsulation"
    codecs = [
        ("jpeg", 8),
        ("jpeg-ls", 12),
        ("lossless", 12),
        ("jpeg 2000", 12),
        ("htj2k", 12),
        ("rle", 12),
    ]
    defined = [
        Case(
            kind,
            f"{codec} fragments of defined length",
            lambda codec=codec, bits=bits: defined_length(compressed(codec, bits)),
            2.6,
        )
        for codec, bits in codecs
    ]
    bare = [
        Case(
            kind,
            f"{codec} without items",
            lambda codec=codec, bits=bits: bare_codestream(compressed(codec, bits)),
            2.6,
        )
        for codec, bits in codecs[:5]
    ]
    native = Case(
        kind,
        "jpeg fragments labelled as uncompressed",
        lambda: relabelled(compressed("jpeg", 8), EXPLICIT),
        2.6,
    )
    run_lengths = [
        Case(
            kind,
            f"run lengths of {bits} bits, {name}, labelled as uncompressed",
            lambda change=change, bits=bits: relabelled(change(compressed("rle", bits)), EXPLICIT),
        )
        for bits in (8, 12)
        for name, change in (("of defined length", defined_length), ("bare", bare_codestream))
    ]
    plain = [
        Case(
            kind,
            f"uncompressed pixels in a fragment, labelled as {name}",
            lambda syntax=syntax: dicom(
                lateral(12), syntax, fragments=[lateral(12).tobytes()], BitsStored=12
            ),
        )
        for name, syntax in (("JPEG", JPEG + "70"), ("run lengths", RLE))
    ]
    return [*defined, *bare, native, *run_lengths, *plain]


def _one_frame() -> list[Case]:
    kind = "wrong offsets or number of frames"
    nonsense, entries = struct.pack("<I", 12), struct.pack("<3I", 0, 700, 1400)
    cases = []
    for codec, bits in (("jpeg", 8), ("jpeg-ls", 12), ("jpeg 2000", 12), ("rle", 12)):
        stream = stream_of(codec, bits)
        for name, items in (
            ("nonsense table", fragmented(stream, 1, nonsense)),
            ("an entry for each fragment", fragmented(stream, 3, entries)),
            ("zeros for a delimiter", fragmented(stream, 1, end=b"\0" * 8)),
            ("no delimiter", fragmented(stream, 2, end=b"")),
            ("a delimiter of undefined length", fragmented(stream, 1, end=END + b"\xff" * 4)),
            ("no table", fragmented(stream, 1)[8:]),
        ):
            cases.append(
                Case(
                    kind,
                    f"{codec}, {name}",
                    lambda codec=codec, items=items, bits=bits: with_items(codec, items, bits),
                    2.6,
                )
            )
        cases.append(
            Case(
                kind,
                f"{codec}, three frames announced",
                lambda codec=codec, bits=bits: compressed(codec, bits, NumberOfFrames=3),
                2.6,
                warning="frames",
            )
        )
    cases.append(
        Case(
            kind,
            "uncompressed, three frames announced",
            lambda: dicom(lateral(12), BitsStored=12, NumberOfFrames=3),
            warning="frames",
        )
    )
    cases.append(
        Case(
            kind,
            "uncompressed, the second frame breaks off",
            lambda: dicom(
                np.concatenate([lateral(12), lateral(12)[:100]]),
                BitsStored=12,
                Rows=SIDE,
                NumberOfFrames=3,
            ),
            warning="frames",
        )
    )
    return cases


def _not_needed() -> list[Case]:
    kind = "wrong or missing attributes"
    cases = [
        Case(
            kind,
            f"high bit {high} of {stored} bits",
            lambda stored=stored, high=high: dicom(
                lateral(stored), BitsStored=stored, HighBit=high
            ),
        )
        for stored, high in ((16, 11), (12, 5), (12, 15), (8, 3))
    ]
    cases += [
        Case(
            kind,
            f"run lengths of {name}, a byte more, odd {odd}",
            lambda pixels=pixels, odd=odd: dicom(
                pixels(), RLE, fragments=[rle_with_more(pixels(), 1, odd)]
            ),
        )
        for name, pixels in (("8 bits", P8), ("12 bits", P12), ("colour", lambda: rgb(lateral(8))))
        for odd in (False, True)
    ]
    endless = [("jpeg", 8), ("jpeg 12", 12), ("lossless", 12), ("jpeg-ls", 12), ("jpeg 2000", 12)]
    for codec, bits in endless:
        stream = stream_of(codec, bits)
        cases.append(
            Case(kind, f"{codec} without its end marker", lambda stream=stream: stream[:-2], 2.6)
        )
        cases.append(
            Case(
                kind,
                f"{codec} without its end marker in DICOM",
                lambda codec=codec, bits=bits, stream=stream: with_items(
                    codec, fragmented(stream[:-2], 1), bits
                ),
                2.6,
            )
        )
    for codec, bits in endless[:4]:
        stream = stream_of(codec, bits)
        cases.append(
            Case(
                kind,
                f"{codec} cut",
                lambda stream=stream: stream[: len(stream) * 9 // 10],
                refused="damaged",
            )
        )
    for codec, bits in endless[:4]:
        stream = stream_of(codec, bits)
        cases.append(
            Case(
                kind,
                f"{codec} cut, and ended by a marker",
                lambda stream=stream: stream[: len(stream) * 9 // 10] + b"\xff\xd9",
                refused="damaged",
            )
        )
    cases += [
        Case(
            kind,
            f"{codec} with half of its end marker",
            lambda codec=codec: with_items(codec, fragmented(stream_of(codec, 12)[:-1], 1), 12),
        )
        for codec in ("lossless", "jpeg-ls", "jpeg 2000")
    ]
    cases += [
        Case(kind, "no bits stored", lambda: dicom(lateral(12), BitsStored=0, HighBit=15)),
        Case(
            kind,
            "no bits stored, JPEG-LS",
            lambda: compressed("jpeg-ls", 16, BitsStored=0, HighBit=15),
        ),
        Case(
            kind,
            "8 bits at the top of their words, header of the bottom",
            lambda: dicom(lateral(8).astype(np.uint16) << 8, BitsStored=8),
        ),
        Case(kind, "an area marked in an upper bit", marked_area),
        Case(kind, "an area marked in an upper bit, JPEG-LS", lambda: marked_area(JPEG + "80")),
    ]
    cases += [
        Case(
            kind,
            f"{bits} bits, header says signed, {name}",
            lambda bits=bits, syntax=syntax: dicom(
                lateral(bits),
                syntax,
                fragments=[rle(lateral(bits))] if syntax == RLE else None,
                BitsStored=bits,
                PixelRepresentation=1,
            ),
        )
        for bits in (8, 10, 12, 16)
        for name, syntax in (("uncompressed", EXPLICIT), ("big endian", BIG_ENDIAN), ("RLE", RLE))
    ]
    cases += [
        Case(
            kind,
            f"{bits} bits, truly signed",
            lambda bits=bits: dicom(signed(bits), BitsStored=bits, PixelRepresentation=1),
        )
        for bits in (10, 12, 16)
    ]
    cases.append(
        Case(kind, "progressive JPEG without its end marker", lambda: progressive()[:-2], 2.6)
    )
    cases.append(
        Case(kind, "PNG without its last chunk", lambda: without_end(raster(lateral(8), "PNG")))
    )
    return cases


def _lost_parser() -> list[Case]:
    kind = "damaged elements before the pixels"
    plain = dicom(lateral(12), BitsStored=12)
    private = 0x00191001
    undefined = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff"
    content = element(0x00081150, b"UI", b"1.2.3\0", 2)
    zero = b"\0" * 4
    insertions = {
        "unknown VR OX": element(private, b"OX", b"abcd"),
        "unknown VR of a short length": element(private, b"ZZ", b"abcdef", 2),
        "question marks for a VR": element(private, b"??", b"abcd", 2),
        "an implicit element": struct.pack("<HHI", 0x19, 0x1001, 4) + b"abcd",
        "a stray item delimiter": ITEM_END + zero,
        "a stray sequence delimiter": END + zero,
        "sequence ended without an item delimiter": undefined + content + END + zero,
        "sequence ended by an item delimiter": undefined + content + (ITEM_END + zero) * 2,
        "garbage": b"\xff\xfe garbage that is no element \x01\x02",
        "a byte": b"\0",
        "an element two bytes shorter than it claims": element(private, b"LO", b"abcdefgh", 2)[:-2],
        "an element that claims half of the file": (
            struct.pack("<HH2sH", 0x19, 0x1001, b"LO", 60000) + b"abcd"
        ),
        "unknown VR in a sequence": undefined + element(0x00081150, b"ZZ", b"abcd", 2)
        + ITEM_END + zero + END + zero,
        "unknown VR of a long length in a sequence": undefined
        + element(0x00081150, b"OX", b"abcd") + ITEM_END + zero + END + zero,
        "a sequence that nothing ends": undefined + content,
        "a sequence item that claims too much": undefined[:12] + ITEM + struct.pack("<I", 9000)
        + content + END + zero,
    }  # fmt: skip
    cases = [
        Case(
            kind,
            f"{name} before the {place}",
            lambda extra=extra, before=before: inserted(plain, extra, before),
            warning="*",
        )
        for name, extra in insertions.items()
        for place, before in (("description", b"\x28\0\2\0US"), ("rows", b"\x28\0\x10\0US"),
                              ("pixels", b"\xe0\x7f\x10\0O"))
    ]  # fmt: skip
    labels = [
        ("big endian", EXPLICIT, BIG_ENDIAN),
        ("little endian", BIG_ENDIAN, EXPLICIT),
        ("implicit", EXPLICIT, IMPLICIT),
        ("explicit", IMPLICIT, EXPLICIT),
        ("deflated", EXPLICIT, "1.2.840.10008.1.2.1.99"),
        ("deflated", IMPLICIT, "1.2.840.10008.1.2.1.99"),
        ("deflated", BIG_ENDIAN, "1.2.840.10008.1.2.1.99"),
        ("big endian", IMPLICIT, BIG_ENDIAN),
    ]
    cases += [
        Case(
            kind,
            f"labelled as {name} and is not",
            lambda true=true, label=label: relabelled(
                dicom(lateral(12), true, BitsStored=12), label
            ),
        )
        for name, true, label in labels
    ]
    cases += [
        Case(
            kind,
            "a length that reaches beyond the file",
            lambda: inserted(plain, struct.pack("<HH2s2xI", 0x19, 0x1001, b"OB", 1 << 30)),
            warning="header",
        ),
        Case(kind, "breaks off in the header", lambda: plain[:260], refused="damaged"),
        Case(
            kind,
            "breaks off in a sequence",
            lambda: inserted(plain, undefined + content)[: plain.index(b"\x28\0\2\0US") + 30],
            refused="damaged",
        ),
        Case(kind, "zeros in the header", lambda: plain[:250] + b"\0" * 4000, refused="damaged"),
        Case(
            kind,
            "a report",
            lambda: dicom(None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22"),
            refused="no_pixels",
        ),
        Case(kind, "a header without pixels", lambda: dicom(None), refused="no_pixels"),
    ]
    return cases


def _lookup_tables() -> list[Case]:
    kind = "unusual lookup tables"
    inverse = {"PresentationLUTShape": "INVERSE"}
    dark = lambda bits=12: ((1 << bits) - 1 - lateral(bits)).astype(lateral(bits).dtype)  # noqa: E731
    falling = lut_item(np.arange(4096)[::-1].astype("<u2").tobytes(), 4096, 0, 12)
    rising = lut_item(np.arange(4096).astype("<u2").tobytes(), 4096, 0, 12)
    return [
        Case(kind, "8 bits, one a byte", lambda: modality_lut(8, packed=True)),
        Case(
            kind, "8 bits, one a byte, big endian", lambda: modality_lut(8, BIG_ENDIAN, packed=True)
        ),
        Case(
            kind, "one a byte, and 16 bits claimed", lambda: modality_lut(8, packed=True, claim=16)
        ),
        Case(kind, "8 bits, one a word", lambda: modality_lut(8)),
        Case(kind, "12 bits", lambda: modality_lut(12)),
        Case(kind, "12 bits, implicit", lambda: modality_lut(12, IMPLICIT)),
        Case(kind, "12 bits, big endian", lambda: modality_lut(12, BIG_ENDIAN)),
        Case(
            kind,
            "signed, its first value written as unsigned",
            lambda: modality_lut(12, signed=True),
        ),
        Case(
            kind, "shape INVERSE and MONOCHROME2", lambda: dicom(dark(), BitsStored=12, **inverse)
        ),
        Case(
            kind,
            "shape INVERSE and MONOCHROME1",
            lambda: dicom(
                dark(), BitsStored=12, PhotometricInterpretation="MONOCHROME1", **inverse
            ),
        ),
        Case(
            kind,
            "shape IDENTITY",
            lambda: dicom(lateral(12), BitsStored=12, PresentationLUTShape="IDENTITY"),
        ),
        Case(
            kind, "falling VOI LUT", lambda: dicom(dark(), BitsStored=12, VOILUTSequence=[falling])
        ),
        Case(
            kind,
            "rising VOI LUT",
            lambda: dicom(lateral(12), BitsStored=12, VOILUTSequence=[rising]),
        ),
    ]


def _which_picture() -> list[Case]:
    kind = "thumbnails and masks beside the image"
    icon = dicom(SMALL)
    half = np.ascontiguousarray(lateral(8)[::2, ::2])
    full, mask = lateral(8), (lateral(8) > 0).astype(np.uint8) * 255
    return [
        Case(
            kind,
            "thumbnail flattened, uncompressed",
            lambda: flattened_icon(dicom(lateral(12), BitsStored=12), icon),
        ),
        Case(kind, "thumbnail flattened, 8 bits", lambda: flattened_icon(dicom(lateral(8)), icon)),
        Case(
            kind,
            "thumbnail flattened, JPEG",
            lambda: flattened_icon(compressed("jpeg", 8), icon),
            2.6,
        ),
        Case(
            kind,
            "thumbnail flattened, run lengths",
            lambda: flattened_icon(compressed("rle"), icon),
        ),
        *(
            Case(
                kind,
                f"JPEG thumbnail flattened, {name}",
                lambda main=main: flattened_icon(main(), jpeg_icon()),
                2.6,
            )
            for name, main in (
                ("uncompressed", lambda: dicom(lateral(12), BitsStored=12)),
                ("JPEG-LS", lambda: compressed("jpeg-ls")),
                ("JPEG", lambda: compressed("jpeg", 8)),
                ("run lengths", lambda: compressed("rle")),
            )
        ),
        Case(
            kind,
            "thumbnail in a sequence",
            lambda: dicom(lateral(12), BitsStored=12, IconImageSequence=[_icon_item()]),
        ),
        Case(
            kind, "TIFF: picture, thumbnail", lambda: tiff([(full, {}), (half, {"subfiletype": 1})])
        ),
        Case(
            kind, "TIFF: thumbnail, picture", lambda: tiff([(half, {"subfiletype": 1}), (full, {})])
        ),
        Case(kind, "TIFF: unmarked thumbnails", lambda: tiff([(half, {}), (full, {}), (half, {})])),
        Case(
            kind,
            "TIFF: picture, masks",
            lambda: tiff([(full, {}), (mask, {"subfiletype": 4}), (mask, {"subfiletype": 4})]),
        ),
        Case(
            kind,
            "TIFF: two pictures as large",
            lambda: tiff([(mask, {}), (full, {})]),
            warning="pages",
        ),
        Case(
            kind,
            "TIFF: 16 bits behind a thumbnail",
            lambda: tiff([(half, {"subfiletype": 1}), (lateral(16), {})]),
        ),
    ]


def jpeg_icon() -> bytes:
    return dicom(SMALL, JPEG + "50", fragments=[jpeg(SMALL)])


def _icon_item() -> Dataset:
    item = Dataset()
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.Rows = item.Columns = 64
    item.BitsAllocated = item.BitsStored = 8
    item.HighBit, item.PixelRepresentation = 7, 0
    item.PixelData = SMALL.tobytes()
    item["PixelData"].VR = "OB"
    return item


def png16(samples: np.ndarray) -> bytes:
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))


def _deep_rasters() -> list[Case]:
    kind = "deep raster images"
    deep = lateral(16)
    ten = lateral(10)
    alpha = np.full_like(deep, 65535)
    chunky = {"photometric": "rgb", "planarconfig": "contig"}
    separate = {"photometric": "rgb", "planarconfig": "separate"}
    planes = lambda p: np.ascontiguousarray(np.stack([p] * 3))  # noqa: E731
    signed = (deep.astype(np.int32) - 32768).astype(np.int16)
    of_tiff = {
        "16-bit colour": (rgb(deep), chunky),
        "16-bit colour of 10 bits": (rgb(ten), chunky),
        "16-bit colour, planes": (planes(deep), separate),
        "8-bit colour, planes": (planes(lateral(8)), separate),
        "16 bits, deflate": (deep, {"compression": "deflate", "predictor": True}),
        "16 bits, big endian": (deep, {"byteorder": ">"}),
        "16-bit colour, big endian": (rgb(deep), {**chunky, "byteorder": ">"}),
        "BigTIFF": (deep, {"bigtiff": True}),
        "BigTIFF, 16-bit colour": (rgb(deep), {**chunky, "bigtiff": True}),
        "signed 16 bits": (signed, {}),
        "signed 8 bits": ((deep.astype(np.int32) // 256 - 128).astype(np.int8), {}),
        "unsigned 32 bits": (deep.astype(np.uint32) * 65537, {}),
        "float 32 bits": (deep.astype(np.float32), {}),
        "float 64 bits": (deep.astype(np.float64), {}),
        "float colour": (rgb(deep.astype(np.float32)), chunky),
        "white is zero": (65535 - deep, {"photometric": "miniswhite"}),
        "white is zero, 64-bit floats": (1.0 - deep / 65535, {"photometric": "miniswhite"}),
    }
    packed = {"compression": "deflate", "byteorder": ">"}
    of_tiff |= {
        f"{name}, deflate, big endian": (samples, packed)
        for name, samples in (
            ("16 bits", deep),
            ("signed 16 bits", signed),
            ("signed 32 bits", (deep.astype(np.int64) * 65536 - 2**31).astype(np.int32)),
            ("float 32 bits", deep.astype(np.float32)),
            ("float 64 bits", deep.astype(np.float64)),
        )
    }
    cases = [
        Case(kind, f"TIFF, {name}", lambda samples=samples, how=how: tiff([(samples, how)]))
        for name, (samples, how) in of_tiff.items()
    ]
    of_png = {
        "colour": rgb(deep),
        "colour of 10 bits": rgb(ten),
        "colour and transparency": np.dstack([rgb(deep), alpha]),
        "grey and transparency": np.dstack([deep, alpha]),
        "grey": deep,
    }
    cases += [
        Case(kind, f"PNG of 16 bits, {name}", lambda samples=samples: png16(samples))
        for name, samples in of_png.items()
    ]
    cases.append(Case(kind, "JPEG 2000 of 16 bits, colour", lambda: jpeg2000(rgb(ten), 16)))
    cases.append(
        Case(
            kind,
            "TIFF of an unknown compression",
            lambda: _patched_compression(),
            refused="unsupported",
        )
    )
    cases += [
        Case(
            kind,
            f"TIFF of sample format {number}",
            lambda number=number: _patched(tiff([(signed, {})]), 339, number),
            refused="unsupported",
        )
        for number in (4, 5, 6)
    ]
    return cases


def signed(bits: int) -> np.ndarray:
    """The picture in two's complement, as 16-bit words."""
    return (lateral(bits).astype(np.int32) - (1 << (bits - 1))).astype(np.int16).view(np.uint16)


def marked_area(syntax: str = EXPLICIT) -> bytes:
    """A picture of 12 bits whose bit 15 marks an area, as overlays once did."""
    pixels = lateral(12).copy()
    pixels[100:140, 80:120] |= 1 << 15
    fragments = None if syntax == EXPLICIT else [jpeg_ls(pixels)]
    return dicom(pixels, syntax, fragments=fragments, BitsStored=12)


def progressive() -> bytes:
    buffer = BytesIO()
    Image.fromarray(lateral(8)).save(buffer, "JPEG", progressive=True, quality=95)
    return buffer.getvalue()


def _patched_compression() -> bytes:
    return _patched(raster(lateral(8), "TIFF"), 259, 34712)


def _patched(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another value in a field of one short number."""
    at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


def _implausible() -> list[Case]:
    """What no header tells: the picture is garbled, and a warning must say so."""
    kind = "implausible pixels"
    swapped, deep = swapped_words(lateral(12)), lateral(12)
    colour = rgb(lateral(8))
    colour[..., 1] = colour[..., 1] // 2 + 40
    planes = np.moveaxis(colour, 2, 0).tobytes()
    height, width = deep.shape
    return [
        Case(kind, "bytes exchanged", lambda: dicom(swapped, BitsStored=12), warning="suspect"),
        Case(kind, "bytes exchanged, 16 bits", lambda: dicom(swapped), warning="suspect"),
        Case(
            kind,
            "bytes exchanged, run lengths",
            lambda: dicom(swapped, RLE, fragments=[rle(swapped)], BitsStored=12),
            warning="suspect",
        ),
        Case(
            kind,
            "bytes exchanged, lossless JPEG",
            lambda: dicom(swapped, JPEG + "70", fragments=[lossless(swapped)], BitsStored=16),
            warning="suspect",
        ),
        Case(kind, "bytes exchanged, PNG", lambda: raster(swapped, "PNG"), warning="suspect"),
        Case(
            kind,
            "rows and columns exchanged",
            lambda: dicom(deep, BitsStored=12, Rows=width, Columns=height),
            warning="suspect",
        ),
        Case(
            kind,
            "rows and columns exchanged, 8 bits",
            lambda: dicom(lateral(8), Rows=width, Columns=height),
            warning="suspect",
        ),
        Case(
            kind,
            "too few columns",
            lambda: dicom(deep, BitsStored=12, Columns=width - 30),
            warning="suspect",
        ),
        Case(
            kind,
            "16 bits read as 8",
            lambda: dicom(deep, BitsAllocated=8, BitsStored=8),
            warning="suspect",
        ),
        Case(kind, "planes read as pixels", lambda: dicom(colour, data=planes), warning="suspect"),
        Case(
            kind,
            "pixels read as planes",
            lambda: dicom(rgb(lateral(8)), PlanarConfiguration=1),
            warning="suspect",
        ),
        *(
            Case(
                kind,
                f"signed {bits} bits, header says unsigned, {name}",
                lambda bits=bits, syntax=syntax: dicom(signed(bits), syntax, BitsStored=bits),
                warning="suspect",
            )
            for bits in (10, 12, 16)
            for name, syntax in (("little endian", EXPLICIT), ("big endian", BIG_ENDIAN))
        ),
        Case(
            kind,
            "noise",
            lambda: dicom(np.random.default_rng(0).integers(0, 4096, deep.shape).astype(np.uint16)),
            warning="suspect",
        ),
    ]


CASES: list[Case] = [
    *_codestream_over_header(),
    *_transfer_syntaxes(),
    *_encapsulation(),
    *_one_frame(),
    *_not_needed(),
    *_lost_parser(),
    *_lookup_tables(),
    *_which_picture(),
    *_deep_rasters(),
]
IMPLAUSIBLE = _implausible()
