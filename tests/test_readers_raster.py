"""Rasters: PNG, TIFF, BMP and bare codestreams, told by their first bytes."""

import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from cxrview.limits import Limits
from cxrview.readers.decode import decode
from readers_makers import (
    cells,
    dicom,
    jpeg,
    jpeg2000,
    jpeg_lossless,
    jpeg_ls,
    picture,
    raster,
)

SMALL = Limits(pixels=10_000, bytes=100_000)


def read(data, limits=None):
    return decode(BytesIO(data), limits)


def bigtiff(pixels):
    return raster(pixels, "TIFF", big_tiff=True)


GREY_FILES = [  # (name, bits, maker, worst cell that may differ)
    ("jpeg", 8, jpeg, 2.6),
    ("jpeg 12 bits", 12, lambda p: imagecodecs.jpeg8_encode(p, level=95, bitspersample=12), 0.3),
    ("jpeg lossless", 8, jpeg_lossless, 0.02),
    ("jpeg-ls", 12, jpeg_ls, 0.02),
    ("jpeg 2000", 12, jpeg2000, 0.4),
    ("jp2", 16, lambda p: raster(p, "JPEG2000"), 0.4),
    ("htj2k", 12, imagecodecs.htj2k_encode, 0.4),
    ("jpeg xl", 16, lambda p: imagecodecs.jpegxl_encode(p, lossless=True), 0.02),
    ("jpeg xl bare", 8, lambda p: imagecodecs.jpegxl_encode(p, usecontainer=False), 2.6),
    ("png", 8, lambda p: raster(p, "PNG"), 0.02),
    ("png 16 bits", 16, lambda p: raster(p, "PNG"), 0.02),
    ("tiff", 8, lambda p: raster(p, "TIFF"), 0.02),
    ("tiff 16 bits", 16, lambda p: raster(p, "TIFF"), 0.02),
    ("tiff lzw", 16, lambda p: raster(p, "TIFF", compression="tiff_lzw"), 0.02),
    ("tiff deflate", 8, lambda p: raster(p, "TIFF", compression="tiff_adobe_deflate"), 0.02),
    ("tiff big", 16, bigtiff, 0.02),
    ("tiff float", 16, lambda p: raster(p.astype(np.float32), "TIFF"), 0.02),
    ("tiff 32 bits", 16, lambda p: raster(p.astype(np.int32), "TIFF"), 0.02),
    ("tiff motorola", 16, lambda p: tiff_of_words(p, ">"), 0.02),
    ("bmp", 8, lambda p: raster(p, "BMP"), 0.02),
]


def tiff_of_words(pixels, order="<", photometric=1):
    """A plain uncompressed TIFF of 16-bit grey in either byte order."""
    height, width = pixels.shape
    strip = pixels.astype(f"{order}u2").tobytes()
    tags = [(256, 3, width), (257, 3, height), (258, 3, 16), (259, 3, 1), (262, 3, photometric),
            (273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(strip))]  # fmt: skip
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + (struct.pack(f"{order}HH", n, 0) if kind == 3 else struct.pack(f"{order}I", n))
        for tag, kind, n in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(strip))
    return head + strip + struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4


@pytest.mark.parametrize(("bits", "make", "tolerance"), [g[1:] for g in GREY_FILES],
                         ids=[g[0] for g in GREY_FILES])  # fmt: skip
@pytest.mark.parametrize("size", [(301, 407), (1537, 1291)])
def test_rasters_are_told_by_their_first_bytes(bits, make, tolerance, size):
    pixels = picture(*size, bits=bits)
    radiograph = read(make(pixels))
    assert (radiograph.width, radiograph.height, radiograph.frame) == (*size[::-1], None)
    got = cells(radiograph.pixels, radiograph.box)
    np.testing.assert_allclose(got, cells(pixels), atol=tolerance + (1.0 if size[0] > 1000 else 0))


def test_tiff_of_pages_gives_its_middle_one():
    pages = [Image.fromarray(picture(40, 50, 8) + np.uint8(number)) for number in range(5)]
    buffer = BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    radiograph = read(buffer.getvalue())
    assert radiograph.frame == 3
    np.testing.assert_array_equal(radiograph.pixels, np.asarray(pages[2]))


def test_tiff_that_says_white_is_zero():
    pixels = picture(60, 70, 16)
    radiograph = read(tiff_of_words(pixels.max() - pixels, photometric=0))
    np.testing.assert_array_equal(radiograph.pixels, pixels - pixels.min())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "CMYK"])
def test_modes_of_pillow(mode):
    image = Image.fromarray(picture(bits=8)).convert("RGB").convert(mode)
    buffer = BytesIO()
    image.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    radiograph = read(buffer.getvalue())
    np.testing.assert_array_equal(radiograph.pixels, np.asarray(image.convert("L")))


def test_float_without_numbers():
    pixels = picture(30, 30).astype(np.float32)
    pixels[3] = np.inf
    assert (read(raster(pixels, "TIFF")).pixels[3] == np.delete(pixels, 3, 0).min()).all()


def test_a_tiff_in_the_preamble_is_dicom():
    data = dicom(picture())
    radiograph = read(b"II*\0" + data[4:])
    assert radiograph.header.modality == "DX"
