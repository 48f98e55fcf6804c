"""Write a folder of full-size chest radiographs, the same images in every format.

The images are real radiographs (below CXRVIEW_DATA, else ../shared/data), enlarged, with noise
added until each has the size of a typical JPEG; without real radiographs, phantoms.
"""

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxrview.phantom.dicom_object import Correctness, PhantomIdentity, StatedView, dicom_object
from cxrview.phantom.draw import draw
from cxrview.phantom.encodings import GreyLevels, ImageEncoding, quantize
from cxrview.phantom.projection import Projection

WIDTH, HEIGHT = 2544, 3056  # pixels, a common size of digital chest radiographs
QUALITY = 95  # of JPEG, as in MIMIC-CXR-JPG
BYTES = 1_600_000  # of such a JPEG; MIMIC-CXR-JPG has about 1.5 million a file
NEAR_ENOUGH = 0.03  # relative
SMALLEST = 400  # pixels, shortest side of a real radiograph that is enlarged
MAX_NOISE = 0.03  # standard deviation, of full scale
CR = 1  # odd numbers of phantom objects are CR, and number 1 is MONOCHROME2
PA = StatedView(Correctness.RIGHT, "PA", "L\\F")

Floats = npt.NDArray[np.float32]


def _jpeg(levels: GreyLevels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _jpeg_extended(levels: GreyLevels) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(levels, level=QUALITY, bitspersample=12))


def _jpeg_lossless(levels: GreyLevels) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(levels, bitspersample=12, lossless=True, predictor=1))


def _jpeg_ls(levels: GreyLevels) -> bytes:
    return bytes(imagecodecs.jpegls_encode(levels, level=0))


def _jpeg2000(levels: GreyLevels) -> bytes:
    settings = {"reversible": True, "codecformat": "J2K", "bitspersample": 12}
    return bytes(imagecodecs.jpeg2k_encode(levels, level=0, **settings))


def _htj2k(levels: GreyLevels) -> bytes:
    """Values of 12 bits; the encoder can only declare 16, which changes neither size nor time."""
    return bytes(imagecodecs.htj2k_encode(levels, reversible=True))


def _bytes(levels: GreyLevels) -> bytes:
    return levels.tobytes()


FORMATS: tuple[ImageEncoding, ...] = (
    ImageEncoding("JPEG file", ".jpg", 8, _jpeg),
    ImageEncoding("DICOM, JPEG baseline, 8 bits", ".dcm", 8, _jpeg, JPEGBaseline8Bit),
    ImageEncoding("DICOM, uncompressed", ".dcm", 12, _bytes, ExplicitVRLittleEndian),
    ImageEncoding("DICOM, JPEG 2000 lossless", ".dcm", 12, _jpeg2000, JPEG2000Lossless),
    ImageEncoding("DICOM, HTJ2K lossless", ".dcm", 12, _htj2k, HTJ2KLossless),
    ImageEncoding("DICOM, RLE", ".dcm", 12, _bytes, RLELossless),
    ImageEncoding("DICOM, JPEG lossless (.70)", ".dcm", 12, _jpeg_lossless, JPEGLosslessSV1),
    ImageEncoding("DICOM, JPEG extended, 12 bits", ".dcm", 12, _jpeg_extended, JPEGExtended12Bit),
    ImageEncoding("DICOM, JPEG-LS lossless", ".dcm", 12, _jpeg_ls, JPEGLSLossless),
)
JPEG = FORMATS[0]


@dataclass(frozen=True, slots=True)
class Collection:
    """The files, by the name of their format, and where their texture is from."""

    files: dict[str, list[Path]]
    texture: str

    def megabytes(self, name: str) -> float:
        """Mean size of a file of this format."""
        return float(np.mean([path.stat().st_size for path in self.files[name]])) / 1e6


def make_collection(
    folder: Path, count: int, formats: tuple[ImageEncoding, ...] = FORMATS
) -> Collection:
    """Write `count` pictures in each format below `folder`."""
    sources = real_radiographs(count)
    texture = "real chest radiographs" if sources else "phantoms"
    pictures = (opened(path) for path in sources) if sources else phantoms(count)
    files: dict[str, list[Path]] = {form.name: [] for form in formats}
    for number, small in enumerate(pictures):
        picture = with_noise(enlarged(small), np.random.default_rng(number))
        for form in formats:
            path = folder / f"{formats.index(form):02d}" / f"{number:03d}{form.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(picture, form, number))
            files[form.name].append(path)
    return Collection(files, texture)


def encoded(picture: Floats, form: ImageEncoding, number: int) -> bytes:
    """(h, w) in [0, 1] -> a file."""
    levels = quantize(picture, form.bits)
    if form.transfer_syntax is None:
        return form.encode(levels)
    return dicom_object(levels, PhantomIdentity(0, number), PA, form, CR)


def real_radiographs(count: int) -> list[Path]:
    """Return `count` radiographs, evenly spread over the label table; none without a table."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    radiographs = Path(os.environ.get("CXRVIEW_DATA", beside)) / "cxr"
    if not (radiographs / "labels.csv").is_file():
        return []
    with (radiographs / "labels.csv").open(newline="") as file:
        large = [
            radiographs / row["file"]
            for row in csv.DictReader(file)
            if min(int(row["width"]), int(row["height"])) >= SMALLEST
        ]
    return [large[number * len(large) // count] for number in range(count)] if large else []


def opened(path: Path) -> Image.Image:
    """Open an image as 8-bit grey."""
    with Image.open(path) as image:
        return image.convert("L")


def phantoms(count: int) -> Iterator[Image.Image]:
    """Every fourth a lateral."""
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = draw(rng, Projection.PA if number % 4 else Projection.LL, side=640).pixels
        yield Image.fromarray(quantize(pixels, 8))


def enlarged(small: Image.Image) -> Floats:
    """The middle of a picture, at full size, (3056, 2544) in [0, 1]."""
    scale = max(WIDTH / small.width, HEIGHT / small.height)
    left = max(0.0, (small.width - WIDTH / scale) / 2)  # rounding goes a little below zero
    top = max(0.0, (small.height - HEIGHT / scale) / 2)
    box = (left, top, small.width - left, small.height - top)
    floats = small.convert("F").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box)
    pixels: Floats = np.clip(np.asarray(floats) / np.float32(255), 0, 1)
    return pixels


def with_noise(picture: Floats, rng: np.random.Generator) -> Floats:
    """Add noise until the JPEG has the size of a typical radiograph; bisection finds the amount."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    low, high = 0.0, MAX_NOISE
    for _ in range(10):
        middle = (low + high) / 2
        noisy = np.clip(picture + np.float32(middle) * noise, 0, 1)
        size = len(_jpeg(quantize(noisy, 8)))
        if abs(size / BYTES - 1) < NEAR_ENOUGH:
            return noisy
        low, high = (middle, high) if size < BYTES else (low, middle)
    raise ValueError(f"no noise gives {BYTES} bytes; the last gave {size}")
