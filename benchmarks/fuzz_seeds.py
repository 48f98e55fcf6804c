"""Small files of every readable kind, from which the fuzzing starts."""

import gzip
import io
import os
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from cxrview.phantom.encodings import ENCODINGS
from cxrview.phantom.folder import FolderContents, folder_file
from format_fields import Fields, fields_of

SIDE = 48  # pixels: a small image has the same headers as a large one
LARGEST = 24_000  # bytes; small files allow thousands of inputs per second
RADIOGRAPHS = 4  # real ones, reduced


@dataclass(frozen=True, slots=True)
class Seed:
    """One file; `fields` are the positions at which it stores lengths, sizes and types."""

    kind: str
    data: bytes
    fields: Fields


def data_folder() -> Path | None:
    """Return the folder of real files, if any: `CXRVIEW_DATA`, or beside the repository."""
    named = os.environ.get("CXRVIEW_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def seeds(folder: Path | None) -> tuple[Seed, ...]:
    """Return phantoms in every encoding, rasters, codestreams, archives, and files of `folder`."""
    named = [*phantoms(), *rasters(), *codestreams(), *radiographs(folder), *dicoms(folder)]
    named += archives([data for kind, data in named if kind in ("jpeg", "png")][:3])
    return tuple(Seed(kind, data, fields_of(data)) for kind, data in named if len(data) <= LARGEST)


def phantoms() -> list[tuple[str, bytes]]:
    """Two phantoms in each encoding."""
    contents = FolderContents(2 * len(ENCODINGS), seed=1, side=SIDE)
    files = (folder_file(number, contents) for number in range(contents.count))
    return [(label.encoding, data) for label, data in files]


def picture(bits: int = 8) -> np.ndarray:
    """Return a smooth unsigned image (48, 40)."""
    y, x = np.mgrid[0:SIDE, 0:40] / SIDE
    values = (0.5 + 0.4 * np.sin(5 * x + 3 * y)) * ((1 << bits) - 1)
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image as encoded by Pillow."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def rasters() -> list[tuple[str, bytes]]:
    """PNG, TIFF, BMP and JPEG in the modes and compressions that Pillow writes."""
    grey = Image.fromarray(picture())
    modes = {"L": grey, "16": Image.fromarray(picture(16)), "1": grey.convert("1"),
             "P": grey.convert("P"), "RGB": grey.convert("RGB"), "RGBA": grey.convert("RGBA"),
             "F": Image.fromarray(picture().astype(np.float32))}  # fmt: skip
    found = [("png", saved(image, "PNG")) for mode, image in modes.items() if mode != "F"]
    found += [("bmp", saved(modes[mode], "BMP")) for mode in ("L", "RGB", "1", "P")]
    found += [("tiff", saved(image, "TIFF")) for image in modes.values()]
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        found.append(("tiff", saved(grey, "TIFF", compression=packing)))
    found.append(("tiff", saved(modes["1"], "TIFF", compression="group4")))
    found.append(("tiff", saved(grey, "TIFF", save_all=True, append_images=[grey, grey])))
    found.append(("jpeg", saved(modes["RGB"], "JPEG", progressive=True)))
    found.append(("jpeg", saved(grey.convert("CMYK"), "JPEG", comment=b"a comment")))
    return found


def codestreams() -> list[tuple[str, bytes]]:
    """Rare kinds of JPEG, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL."""
    p8, p12, rgb = picture(), picture(12), np.dstack([picture()] * 3)
    return [
        ("jpeg", imagecodecs.jpeg8_encode(p12, bitspersample=12, level=95)),
        ("jpeg", imagecodecs.jpeg8_encode(p12, bitspersample=12, lossless=True)),
        ("jpeg", imagecodecs.jpeg8_encode(rgb, lossless=True)),
        ("jpeg-ls", imagecodecs.jpegls_encode(p12)),
        ("jpeg-ls", imagecodecs.jpegls_encode(rgb)),
        ("jpeg 2000", imagecodecs.jpeg2k_encode(p12, codecformat="j2k", level=0, reversible=True)),
        ("jpeg 2000", imagecodecs.jpeg2k_encode(p8, codecformat="jp2", level=40)),
        ("jpeg 2000", imagecodecs.jpeg2k_encode(rgb, codecformat="jp2", level=0)),
        ("jpeg 2000", saved(Image.fromarray(p8), "JPEG2000", tile_size=(16, 16), no_jp2=True)),
        ("htj2k", imagecodecs.htj2k_encode(p12)),
        ("htj2k", imagecodecs.htj2k_encode(p8, reversible=False)),
        ("jpeg xl", imagecodecs.jpegxl_encode(p12, lossless=True)),
        ("jpeg xl", imagecodecs.jpegxl_encode(rgb, distance=1.0)),
        ("jpeg xl", imagecodecs.jpegxl_encode_jpeg(saved(Image.fromarray(p8), "JPEG"))),
    ]


def radiographs(folder: Path | None) -> list[tuple[str, bytes]]:
    """Real radiographs, reduced until they are small."""
    found = []
    for path in sorted((folder / "cxr").rglob("*.jpg"))[:RADIOGRAPHS] if folder else ():
        with Image.open(path) as image:
            image.thumbnail((96, 96))
            found.append(("jpeg", saved(image.convert("L"), "JPEG")))
    return found


def dicoms(folder: Path | None) -> list[tuple[str, bytes]]:
    """DICOM files from test collections that are small enough."""
    paths = sorted((folder / "dicom").rglob("*")) if folder else []
    files = [path for path in paths if path.is_file() and path.suffix != ".csv"]
    small = [path for path in files if path.stat().st_size <= LARGEST]
    return [("collected dicom", path.read_bytes()) for path in small]


def archives(contents: list[bytes]) -> list[tuple[str, bytes]]:
    """Zip archives of every compression; tar archives of every dialect, one of them compressed."""
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for number, data in enumerate(contents):
                archive.writestr(f"films/{number}.jpg", data)
        found.append(("zip", stream.getvalue()))
    for dialect in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=dialect) as archive:
            for number, data in enumerate(contents):
                long = "" if dialect == tarfile.USTAR_FORMAT else "\xe4" * 120
                info = tarfile.TarInfo(f"films/{number}{long}.jpg")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        found.append(("tar", stream.getvalue()))
    found.append(("tar.gz", gzip.compress(found[-1][1], mtime=0)))
    return found
