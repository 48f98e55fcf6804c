"""PNG, TIFF, BMP and bare codestreams (JPEG, JPEG 2000, ...) -> Radiograph."""

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from cxrview.images import HeaderFields, Pixels, Radiograph
from cxrview.limits import Limits, check_pixels, read_all
from cxrview.readers.codestreams import decode_codestream, header_within
from cxrview.readers.jpeg import luminance
from cxrview.readers.planes import Plane, thinned, whole

_FORMATS = ["PNG", "TIFF", "BMP"]
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N", "I;16S", "I;16BS")  # no way to L keeps values
_PHOTOMETRIC = 262  # TIFF tag; 0 there says that low values are bright


def read_codestream(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A JPEG, JPEG-LS, JPEG 2000 or JPEG XL file -> Radiograph."""
    stream.seek(0)
    data = read_all(stream, limits)
    plane = decode_codestream(data, header_within(data, limits))
    grey = plane.samples if plane.samples.ndim == 2 else luminance(plane.samples)
    return _radiograph(plane, grey)


def read_raster(stream: BinaryIO, limits: Limits) -> Radiograph:
    """A PNG, TIFF (of several pages the middle one) or BMP file -> Radiograph."""
    stream.seek(0)
    with Image.open(stream, formats=_FORMATS) as image:
        check_pixels(*image.size, limits)
        pages = getattr(image, "n_frames", 1)
        if pages > 1:
            image.seek(pages // 2)
            check_pixels(*image.size, limits)
        plane = thinned(_plane(image))
    frame = pages // 2 + 1 if pages > 1 else None
    return _radiograph(plane, plane.samples, frame)


def _radiograph(plane: Plane, grey: Pixels, frame: int | None = None) -> Radiograph:
    return Radiograph(finished(grey), plane.width, plane.height, plane.box, HeaderFields(), frame)


def finished(grey: npt.NDArray[Any]) -> Pixels:
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


def _plane(image: Image.Image) -> Plane:
    """An opened picture of any mode -> grey; transparency is ignored."""
    if image.mode not in _DEEP:
        return whole(np.asarray(image if image.mode == "L" else image.convert("L")), 8)
    samples = np.asarray(image)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0:
        samples = samples.max() - samples  # Pillow does this itself for 8 bits only
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return whole(samples, 8 * samples.dtype.itemsize)
