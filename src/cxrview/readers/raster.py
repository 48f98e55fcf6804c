"""PNG, TIFF, BMP and bare codestreams (JPEG, JPEG 2000, ...) -> Radiograph."""

from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cxrview.errors import UnsupportedImage
from cxrview.images import HeaderFields, Pixels, Radiograph
from cxrview.limits import Limits, check_bytes, check_pixels, read_all
from cxrview.readers.codestreams import decode_codestream, read_checked_header
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import Plane, thin_rows, whole_plane
from cxrview.readers.plausibility import find_doubts
from cxrview.readers.tiff import check_kind, main_page, read_high_bit_depth_tiff

# no way to L keeps values
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N", "I;16S", "I;16BS")
_PHOTOMETRIC_TAG = 262  # TIFF tag; 0 there says that low values are bright

_PNG_GREY = 0  # IHDR colour types; Pillow cuts all others to 8 bits
_PNG_SAMPLES = {2: 3, 4: 2, 6: 4}

_BMP_COMPRESSIONS = (0, 1, 2, 3, 6)  # none, run lengths (2), bit fields (2); not JPEG and PNG


def read_codestream(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A JPEG, JPEG-LS, JPEG 2000 or JPEG XL file -> Radiograph."""
    stream.seek(0)
    data = read_all(stream, limits)
    plane = decode_codestream(data, read_checked_header(data, limits))
    grey = plane.samples if plane.samples.ndim == 2 else luminance(plane.samples)
    return _radiograph(plane, grey)


def read_png(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A PNG file -> Radiograph; transparency is ignored."""
    stream.seek(0)
    head = stream.read(26)
    depth, colour = head[24:25], head[25:26]
    if depth != b"\x10" or colour == bytes((_PNG_GREY,)):
        plane = _decode_pillow(stream, limits, "PNG")
        return _radiograph(plane, plane.samples)
    width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
    check_pixels(width, height, limits)
    check_bytes(width * height * 2 * _PNG_SAMPLES.get(colour[0], 4), limits)
    stream.seek(0)
    plane = thin_rows(
        whole_plane(imagecodecs.png_decode(read_all(stream, limits)), 16, is_exact=True)
    )
    return _radiograph(plane, luminance(plane.samples))


def read_tiff(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A TIFF file -> Radiograph: its largest page that is neither thumbnail nor mask.

    Of several pages as large, the middle one, and a warning.
    """
    page, pages, as_large = main_page(stream)
    check_pixels(page.width, page.height, limits)
    check_kind(page)
    plane = None
    if page.is_read_by_pillow:
        try:
            plane = _decode_pillow(stream, limits, "TIFF", page.number)
        except (UnidentifiedImageError, ValueError):  # a kind that Pillow does not know
            plane = None
    if plane is None:
        plane = read_high_bit_depth_tiff(stream, page, limits)
    warnings: tuple[str, ...] = ()
    if as_large > 1:
        warnings = (f"pages: {as_large} are of full size, number {page.number + 1} is read",)
    return _radiograph(plane, plane.samples, page.number + 1 if pages > 1 else None, warnings)


def read_bmp(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A BMP file -> Radiograph."""
    stream.seek(0)
    head = stream.read(34)
    is_old = int.from_bytes(head[14:18], "little") < 40  # a header without compression
    if not is_old and int.from_bytes(head[30:34], "little") not in _BMP_COMPRESSIONS:
        raise UnsupportedImage(f"BMP compression {int.from_bytes(head[30:34], 'little')}")
    plane = _decode_pillow(stream, limits, "BMP")
    return _radiograph(plane, plane.samples)


def _decode_pillow(stream: BinaryIO, limits: Limits, kind: str, page: int | None = None) -> Plane:
    """A picture as Pillow reads it -> grey."""
    stream.seek(0)
    with Image.open(stream, formats=[kind]) as image:
        check_pixels(*image.size, limits)
        if page:
            image.seek(page)
            check_pixels(*image.size, limits)
        return thin_rows(_plane_of_image(image))


def _radiograph(
    plane: Plane, grey: Pixels, frame: int | None = None, warnings: tuple[str, ...] = ()
) -> Radiograph:
    return Radiograph(
        finish_grey(grey), plane.width, plane.height, plane.box, HeaderFields(), frame,
        warnings + find_doubts(plane),
    )  # fmt: skip


def finish_grey(grey: npt.NDArray[Any]) -> Pixels:
    """Grey values of any type -> uint8, uint16, or float32 without NaN and infinity."""
    if grey.dtype in (np.uint8, np.uint16):
        return grey
    if grey.dtype == np.bool_:
        return grey.astype(np.uint8)
    values = grey.astype(np.float32)
    strange = ~np.isfinite(values)
    if strange.any() and not strange.all():
        values[strange] = values[~strange].min()
    return np.nan_to_num(values)


def _plane_of_image(image: Image.Image) -> Plane:
    """An opened picture of any mode -> grey; transparency is ignored."""
    if image.mode not in _DEEP_MODES:
        try:
            grey = image if image.mode == "L" else image.convert("L")
        except ValueError as error:
            raise UnsupportedImage(f"the colour mode {image.mode}") from error
        return whole_plane(np.asarray(grey), 8, is_exact=image.mode == "L")
    samples = np.asarray(image)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG) == 0:  # of a TIFF
        samples = samples.max() - samples  # Pillow does this itself for 8 bits only
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return whole_plane(samples, 8 * samples.dtype.itemsize, is_exact=samples.dtype == np.uint16)
