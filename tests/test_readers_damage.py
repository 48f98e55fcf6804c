"""Bytes of any kind: a picture, or one of our own errors that names nobody; and soon."""

import errno
import logging
import struct
import tracemalloc
import zlib
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxrview.errors import (
    DamagedImage,
    NoPixels,
    TooLarge,
    UnknownFormat,
    Unreachable,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.limits import Limits
from cxrview.readers.decode import decode
from readers_makers import (
    COMPRESSED,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    RLE,
    dicom,
    dicom_bytes,
    htj2k,
    jpeg,
    jpeg2000,
    jpeg_ls,
    picture,
    png_of_text,
    raster,
    rle,
    without_meta,
)

SMALL = Limits(pixels=10_000, bytes=100_000)


def read(data, limits=None):
    return decode(BytesIO(data), limits)


def plain(**elements):
    """A data set without pixels."""
    return dicom(None, **elements)


def broken(data, where=0.6):
    return data[: int(len(data) * where)]


def lying(codestream, rows, columns, syntax):
    """A small codestream under a header that claims another size."""
    return dicom(np.zeros((4, 4), np.uint8), syntax, fragments=[codestream],
                 Rows=rows, Columns=columns)  # fmt: skip


def bits_of_size(jpeg_bytes, height, width):
    """A JPEG whose frame claims another size."""
    at = jpeg_bytes.index(b"\xff\xc0") + 5
    return jpeg_bytes[:at] + struct.pack(">HH", height, width) + jpeg_bytes[at + 4 :]


def size_of_j2k(data, height, width):
    return data[:8] + struct.pack(">II", width, height) + data[16:]


def siz(data, at, value):
    """A JPEG 2000 codestream, a field of its SIZ segment set to another value."""
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


def jp2_of_size(height, width):
    """A cut JP2 file whose image header box claims another size than its codestream."""
    data = raster(picture(48, 40, 8), "JPEG2000")
    at = data.index(b"ihdr") + 4
    return broken(data[:at] + struct.pack(">II", height, width) + data[at + 8 :], 0.4)


def png_of_size(height, width):
    data = bytearray(raster(np.zeros((2, 2), np.uint8), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


HUGE = 46341  # its square is the first over 2^31
TINY = np.zeros((4, 4), np.uint8)
COLOUR = np.zeros((4, 4, 3), np.uint8)

REFUSED = [  # (name, bytes, error)
    ("empty", b"", UnknownFormat),
    ("text", b"view,file\n" * 50, UnknownFormat),
    ("html", b"<!DOCTYPE html><html>" + b" " * 500, UnknownFormat),
    ("zeros", b"\0" * 1000, UnknownFormat),
    ("pdf", b"%PDF-1.7" + b"x" * 500, UnknownFormat),
    ("gif", b"GIF89a" + b"\0" * 500, UnknownFormat),
    ("report", plain(), NoPixels),
    ("report without preamble", plain()[132:], NoPixels),
    ("report without meta", without_meta(plain()), NoPixels),
    ("magic alone", b"\0" * 128 + b"DICM", UnknownFormat),
    ("text in a preamble", b"\0" * 128 + b"DICM" + b"view,file\n" * 50, UnknownFormat),
    ("cut native", broken(dicom(picture())), DamagedImage),
    ("one byte short", dicom(picture(40, 40))[:-1], DamagedImage),
    ("cut header", dicom(picture())[:200], DamagedImage),
    ("cut deflate", broken(dicom(picture(), DEFLATED)), DamagedImage),
    ("no deflate", dicom(picture(), DEFLATED)[:200] + b"x" * 500, DamagedImage),
    ("no rows", dicom(picture(), Rows=None), DamagedImage),
    ("zero rows", dicom(picture(), Rows=0), DamagedImage),
    ("no bits", dicom(picture(), BitsAllocated=None, BitsStored=None), DamagedImage),
    ("mask", dicom(TINY, BitsAllocated=1, BitsStored=1), UnsupportedImage),
    ("24 bits", dicom(picture(), BitsAllocated=24), UnsupportedImage),
    ("4 samples", dicom(picture(), SamplesPerPixel=4), UnsupportedImage),
    ("HSV", dicom(np.zeros((4, 4, 3), np.uint8), PhotometricInterpretation="HSV"),
     UnsupportedImage),
    ("video", dicom(TINY, JPEG + "102", fragments=[b"\0" * 100]), UnsupportedImage),
    ("no codestream", dicom(TINY, JPEG + "50", fragments=[b"abcdefgh"]), DamagedImage),
    ("run lengths of a smaller picture", dicom(TINY, RLE, fragments=[rle(picture(3, 4))]),
     DamagedImage),
    ("short run lengths", dicom(TINY, RLE, fragments=[b"\1\0"]), DamagedImage),
    ("palette without tables", dicom(TINY, PhotometricInterpretation="PALETTE COLOR"),
     DamagedImage),
    ("cut jpeg", broken(jpeg(picture(bits=8))), DamagedImage),
    ("jpeg without a frame", b"\xff\xd8\xff\xd9" + b"\0" * 200, DamagedImage),
    ("jpeg of no size", bits_of_size(jpeg(TINY), 0, 0), DamagedImage),
    ("jp2 without codestream", b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 200, DamagedImage),
    ("cut jpeg 2000", broken(jpeg2000(picture()), 0.05), DamagedImage),
    ("jxl without codestream", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 200, DamagedImage),
    ("cut jpeg-ls", broken(jpeg_ls(picture(40, 50)), 0.26), DamagedImage),
    ("cut htj2k", broken(imagecodecs.htj2k_encode(picture()), 0.3), DamagedImage),
    ("htj2k: tiles of no size", siz(htj2k(picture()), 28, 0), DamagedImage),
    ("htj2k: tiles behind the picture", siz(htj2k(picture()), 36, 5), DamagedImage),
    ("htj2k: a picture behind its tile", siz(htj2k(picture()), 20, 1 << 20), DamagedImage),
    ("htj2k: more tiles than there are", siz(siz(htj2k(picture()), 24, 1), 28, 1), DamagedImage),
    ("jp2: boxes of another size", jp2_of_size(1 << 28, 40), DamagedImage),
    ("cut png", broken(raster(picture(bits=8), "PNG")), DamagedImage),
    ("cut tiff", broken(raster(picture(bits=8), "TIFF", compression="tiff_lzw")), DamagedImage),
    ("png of text", png_of_text(50_000_000), DamagedImage),
    ("bomb: native", dicom(TINY, Rows=HUGE, Columns=HUGE), TooLarge),
    ("bomb: jpeg header", lying(jpeg(TINY), HUGE, HUGE, JPEG + "50"), TooLarge),
    ("bomb: codestream", lying(bits_of_size(jpeg(TINY), HUGE, HUGE), 4, 4, JPEG + "50"), TooLarge),
    ("bomb: jpeg", bits_of_size(jpeg(TINY), HUGE, HUGE), TooLarge),
    ("bomb: jpeg 2000", size_of_j2k(jpeg2000(TINY, 8), HUGE, HUGE), TooLarge),
    ("bomb: jpeg 2000 in colour", size_of_j2k(jpeg2000(COLOUR, 8), 9500, 9500),
     TooLarge),
    ("bomb: png", png_of_size(HUGE, HUGE), TooLarge),
    ("bomb: png under Pillow's limit", png_of_size(11_000, 10_000), TooLarge),
    ("bomb: run lengths", lying(b"\1" + b"\0" * 80, HUGE, HUGE, RLE), TooLarge),
    ("bomb: jpeg xl", b"\xff\x0a" + (3 << 1 | (HUGE - 1) << 3
                                      | 1 << 33).to_bytes(10, "little") + b"\0" * 200, TooLarge),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_for_a_reason_and_without_much_memory(data, error):
    tracemalloc.start()
    try:
        with pytest.raises(error) as raised:
            read(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000_000
    assert str(raised.value)


@pytest.mark.parametrize("make", [
    lambda: dicom(picture(120, 120), DEFLATED),
    lambda: dicom(picture(90, 90, 8), JPEG + "80", fragments=[b"\xff\xd8" + b"\xff" * 200_000]),
    lambda: jpeg(picture(80, 80, 8)) + b"\0" * 200_000,
])  # fmt: skip
def test_limits_can_be_set(make):
    with pytest.raises((TooLarge, DamagedImage)):
        read(make(), SMALL)


def test_a_deflated_bomb_is_not_blown_up():
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    ds.add_new(0x00091010, "OB", b"a" * 3_000_000)
    data = dicom_bytes(ds, DEFLATED)
    assert len(data) < 10_000
    with pytest.raises(TooLarge):
        read(data, SMALL)


@pytest.mark.parametrize("limits", [{"pixels": 0}, {"bytes": -1}])
def test_limits_are_positive(limits):
    with pytest.raises(ValueError):
        Limits(**limits)


def nested(depth):
    """Sequences within sequences, of undefined length."""
    item = b"\x08\0\x40\x11\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    return item * depth


def test_deep_nesting_is_damage():
    with pytest.raises(UnreadableImage):
        read(dicom(None, IMPLICIT)[:-8] + nested(5000))


class Failing(BytesIO):
    def read(self, size=-1):
        raise OSError(errno.EIO, "Input/output error")


def test_errors_of_the_disc_are_not_damage():
    with pytest.raises(Unreachable, match="Input/output"):
        decode(Failing(b"x"))


class Exhausted(BytesIO):
    def read(self, size=-1):
        raise MemoryError


def test_memory_that_does_not_suffice():
    with pytest.raises(TooLarge, match="memory"):
        decode(Exhausted(b"x"))


SEEDS = [
    dicom(picture(60, 70)),
    dicom(picture(60, 70), IMPLICIT),
    dicom(picture(60, 70), RLE, fragments=[rle(picture(60, 70))]),
    *(dicom(picture(40, 50, bits), syntax, fragments=[encode(picture(40, 50, bits))])
      for syntax, bits, encode, _ in COMPRESSED[4:]),
    raster(picture(60, 70, 8), "PNG"),
    raster(picture(60, 70, 16), "TIFF", compression="tiff_lzw"),
    raster(picture(60, 70, 8), "BMP"),
]  # fmt: skip


@settings(max_examples=200)
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_bytes_give_a_picture_or_our_error(seed, data):
    """Cut, flipped, doubled: never a foreign error, whatever the decoder says."""
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(120, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(damaged)))
    cut = bytes(damaged[:end]) if data.draw(st.booleans()) else bytes(damaged)
    try:
        radiograph = read(cut, Limits(pixels=1_000_000))
    except UnreadableImage:
        return
    assert radiograph.pixels.ndim == 2
    assert radiograph.pixels.dtype in (np.uint8, np.uint16, np.float32)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_noise_is_no_picture(data):
    with pytest.raises(UnreadableImage):
        read(data)


def test_logs_hold_no_contents(caplog):
    """pydicom quotes values that break the rules of the standard."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    ds.add_new(0x00080060, "LO", "Doe^Jane")
    data = dicom_bytes(ds, EXPLICIT).replace(b"\x60\0LO", b"\x60\0CS")
    caplog.clear()
    with pytest.raises(NoPixels):
        read(data)
    assert "Doe" not in caplog.text
    assert not logging.getLogger("pydicom").disabled


def test_messages_hold_no_contents():
    secret = b"Doe^Jane"
    data = dicom(picture(), EXPLICIT, Rows=None, PatientName="Doe^Jane")
    assert secret in data
    with pytest.raises(DamagedImage) as raised:
        read(data)
    assert "Doe" not in str(raised.value)
