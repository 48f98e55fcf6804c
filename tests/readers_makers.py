"""Makers of image files for the tests of the readers: one picture, written in every way."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from rle.utils import encode_pixel_data

from cxrview.images import Radiograph
from cxrview.model.preprocess import shrink
from cxrview.readers.decode import decode

IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, RLE = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5",
)  # fmt: skip
JPEG = "1.2.840.10008.1.2.4."


def picture(height: int = 301, width: int = 407, bits: int = 12) -> np.ndarray:
    """(height, width), unsigned: smooth, no two corners alike, most of the range used."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = 0.45 + 0.25 * np.sin(7 * x + 2 * y) + 0.2 * np.cos(9 * y) * x
    top = (1 << bits) - 1
    values = np.rint(waves.clip(0.01, 0.99) * top)
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def cells(pixels: np.ndarray, box: Any = None, side: int = 64) -> np.ndarray:
    """Area averages, (64, 64), stretched to 0 .. 255: what scale and offset do not change."""
    height, width = pixels.shape
    small = shrink(pixels, box or (0, 0, width, height), side, side).astype(np.float64)
    low, high = small.min(), small.max()
    return (small - low) / (high - low) * 255


def dicom(
    pixels: np.ndarray | None,
    syntax: str = EXPLICIT,
    *,
    data: bytes | None = None,
    frames: int = 1,
    fragments: list[bytes] | None = None,
    **elements: Any,
) -> bytes:
    """A DICOM file of one picture. `data`: native pixel data; `fragments`: compressed frames."""
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.SOPInstanceUID = "1.2.3.4"
    ds.Modality = "DX"
    if pixels is not None:
        ds.Rows, ds.Columns = pixels.shape[-2:] if pixels.ndim == 2 else pixels.shape[:2]
        ds.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
        ds.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
        ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
        ds.HighBit = ds.BitsStored - 1
        ds.PixelRepresentation = 0
        if pixels.ndim == 3:
            ds.PlanarConfiguration = 0
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    if elements.get("BitsStored") and "HighBit" not in elements:
        ds.HighBit = ds.BitsStored - 1
    if frames > 1:
        ds.NumberOfFrames = frames
    if fragments is not None:
        ds.PixelData = encapsulate(fragments, has_bot=len(fragments) > 1)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    elif pixels is not None:
        if data is None:
            order = ">" if syntax == BIG_ENDIAN else "<"
            data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        ds.PixelData = data + b"\0" * (len(data) % 2)
        ds["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    return dicom_bytes(ds, syntax)


def dicom_bytes(ds: Dataset, syntax: str) -> bytes:
    """A data set -> file, with preamble and meta; the meta by hand, pydicom knows not all."""
    buffer = BytesIO()
    dcmwrite(buffer, ds, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG_ENDIAN)
    body = buffer.getvalue()
    if syntax == DEFLATED:
        body = deflate(body)
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    element = b"\2\0\x10\0UI" + struct.pack("<H", len(uid)) + uid
    group = b"\2\0\0\0UL\4\0" + struct.pack("<I", len(element))
    return b"\0" * 128 + b"DICM" + group + element + body


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def without_preamble(data: bytes) -> bytes:
    """File meta first."""
    return data[132:]


def without_meta(data: bytes) -> bytes:
    """The data set alone, from group 0008 on."""
    (length,) = struct.unpack_from("<I", data, 140)
    return data[144 + length :]


def jpeg(pixels: np.ndarray, quality: int = 95) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def raster(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg2000(pixels: np.ndarray, bits: int = 12, **options: Any) -> bytes:
    return imagecodecs.jpeg2k_encode(
        pixels, codecformat="j2k", level=0, reversible=True, resolutions=6,
        bitspersample=bits, **options,
    )  # fmt: skip


def htj2k(pixels: np.ndarray) -> bytes:
    return imagecodecs.htj2k_encode(pixels)


def jpeg_ls(pixels: np.ndarray) -> bytes:
    return imagecodecs.jpegls_encode(pixels)


def jpeg_lossless(pixels: np.ndarray) -> bytes:
    return imagecodecs.jpeg8_encode(pixels, lossless=True)


def rle(pixels: np.ndarray) -> bytes:
    samples = 1 if pixels.ndim == 2 else 3
    return encode_pixel_data(
        pixels.tobytes(), byteorder="<", rows=pixels.shape[0], columns=pixels.shape[1],
        samples_per_pixel=samples, bits_allocated=8 * pixels.dtype.itemsize,
    )  # fmt: skip


# (transfer syntax, bits, maker of the frame, worst cell of 64 x 64 that may differ, in 255ths)
COMPRESSED: list[tuple[str, int, Callable[[np.ndarray], bytes], float]] = [
    ("1.2.840.10008.1.2.1.98", 12, lambda p: p.tobytes(), 0.02),
    ("1.2.840.10008.1.2.8.1", 12, lambda p: deflate(p.tobytes()), 0.02),
    (RLE, 8, rle, 0.02),
    (RLE, 12, rle, 0.02),
    (JPEG + "50", 8, jpeg, 2.6),
    (JPEG + "51", 12, lambda p: imagecodecs.jpeg8_encode(p, level=95, bitspersample=12), 0.3),
    (JPEG + "57", 12, lambda p: imagecodecs.ljpeg_encode(p, bitspersample=12), 0.02),
    (JPEG + "70", 16, lambda p: imagecodecs.jpeg8_encode(p, lossless=True, bitspersample=16), 0.02),
    (JPEG + "70", 12, lambda p: imagecodecs.jpeg8_encode(p, lossless=True, bitspersample=12), 0.02),
    (JPEG + "80", 12, imagecodecs.jpegls_encode, 0.02),
    (JPEG + "80", 8, imagecodecs.jpegls_encode, 0.02),
    (JPEG + "81", 12, lambda p: imagecodecs.jpegls_encode(p, level=3), 0.4),
    (JPEG + "90", 8, lambda p: jpeg2000(p, 8), 1.0),
    (JPEG + "90", 12, jpeg2000, 0.4),
    (JPEG + "90", 16, lambda p: jpeg2000(p, 16), 0.4),
    (
        JPEG + "91",
        12,
        lambda p: imagecodecs.jpeg2k_encode(p, codecformat="j2k", level=80, bitspersample=12),
        0.6,
    ),
    (JPEG + "201", 12, imagecodecs.htj2k_encode, 0.4),
    (JPEG + "202", 8, imagecodecs.htj2k_encode, 1.0),
    (JPEG + "203", 16, lambda p: imagecodecs.htj2k_encode(p, reversible=False), 0.6),
    (JPEG + "110", 12, lambda p: imagecodecs.jpegxl_encode(p, lossless=True), 0.02),
    (JPEG + "111", 8, lambda p: imagecodecs.jpegxl_encode_jpeg(jpeg(p)), 2.6),
    (JPEG + "112", 8, lambda p: imagecodecs.jpegxl_encode(p, distance=0.5), 2.6),
]


def png_of_text(length: int) -> bytes:
    """A valid PNG of 2 x 2 pixels with a compressed text of `length` letters."""
    plain = raster(np.zeros((2, 2), np.uint8), "PNG")
    body = b"zTXt" + b"Comment\0\0" + zlib.compress(b"a" * length)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return plain[:33] + chunk + plain[33:]


EXACT = 0.02  # of 255: float32 sums


def read(data: bytes) -> Radiograph:
    return decode(BytesIO(data))


def assert_shows(radiograph: Radiograph, pixels: np.ndarray, tolerance: float = EXACT) -> None:
    assert (radiograph.width, radiograph.height) == pixels.shape[::-1]
    assert radiograph.pixels.dtype in (np.uint8, np.uint16, np.float32)
    got = cells(radiograph.pixels, radiograph.box)
    np.testing.assert_allclose(got, cells(pixels), atol=tolerance)


def dicom_elements(shape, **elements):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = *shape, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds
