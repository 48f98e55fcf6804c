"""An image, its rotation and its polarity -> a copy that is upright and bone bright.

DICOM files stay DICOM, see `upright_dicom.py`. All other formats become PNG with 8 or 16 bits, as
the source has them. Nothing is resampled: turning the copy back gives the pixels of the source.
Runs in worker processes, since it decodes untrusted files.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cxrview.errors import TooLarge, UnreadableImage, UnsupportedImage
from cxrview.images import PNG_SUFFIX, Turn
from cxrview.inference.copied_elements import translate_copy_errors
from cxrview.inference.upright_dicom import upright_dicom
from cxrview.readers.codestreams import codec_of
from cxrview.readers.decode import decode, reader_of
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_file import PREAMBLE_BYTES
from cxrview.readers.planes import keep_side
from cxrview.sources.find import Item

_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # of Pillow
_COLOUR_MODES = ("RGB", "RGBA", "LA", "P", "PA")  # of 8 bits


@dataclass(frozen=True, slots=True)
class UprightCopy:
    """The bytes of a turned copy, and what was done, in words."""

    content: bytes
    change: str
    suffix: str = ""  # that its name must end in; "": as the source's


def make_turner() -> Callable[[tuple[Item, Turn]], UprightCopy | str]:
    """The function that workers apply."""
    return turn_item


def turn_item(task: tuple[Item, Turn]) -> UprightCopy | str:
    """Item and turn -> the copy, or the reason why there is none, as `code: message`."""
    item, turn = task
    try:
        with item.open() as stream:
            return upright_copy(stream, turn)
    except UnreadableImage as error:
        return error.text
    except MemoryError:
        return TooLarge("it needs more memory than there is").text


def upright_copy(stream: BinaryIO, turn: Turn) -> UprightCopy:
    """A seekable stream of an image file -> its copy. Raises UnreadableImage."""
    with translate_copy_errors(), keep_side(math.inf):
        stream.seek(0)
        if reader_of(stream.read(PREAMBLE_BYTES + 4)) is read_dicom:
            content, note = upright_dicom(stream, turn)
            return UprightCopy(content, f"{turn}{note}")
        return UprightCopy(_upright_png(stream, turn), str(turn), PNG_SUFFIX)


def _upright_png(stream: BinaryIO, turn: Turn) -> bytes:
    """An image of any other format -> PNG; without the colour profile and the EXIF data."""
    radiograph = decode(stream, side=math.inf)
    if radiograph.frame is not None:
        raise UnsupportedImage("several pages")
    colours = _colours_of(stream)
    pixels = turn.rotate(radiograph.pixels if colours is None else colours)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnsupportedImage("more bits than a PNG can hold")
    if turn.inverted:
        values = pixels if colours is None else pixels[..., :3]  # without the opacity
        np.invert(values, out=values)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _colours_of(stream: BinaryIO) -> npt.NDArray[np.uint8] | None:
    """(h, w, 4) red, green, blue and opacity; (h, w, 3) if opaque; None for a grey image.

    Raises UnsupportedImage for colours that a PNG of 8 bits cannot hold.
    """
    stream.seek(0)
    data = stream.read()
    codec = codec_of(data)
    if codec and codec.read_header(data).samples == 1:
        return None
    try:
        with Image.open(BytesIO(data)) as image:
            # Pillow cuts the colours of a PNG of 16 bits to 8
            is_deep = image.format == "PNG" and data[24] == 16 and data[25] != 0
            if image.mode in _GREY_MODES and not is_deep:
                return None
            if image.mode not in _COLOUR_MODES or is_deep:
                raise UnsupportedImage("colours that cannot be kept")
            colours = np.asarray(image.convert("RGBA"))
    except UnidentifiedImageError as error:
        raise UnsupportedImage("colours that cannot be kept") from error
    if (colours[..., 3] < np.iinfo(np.uint8).max).any():
        return colours
    return None if (colours[..., :3] == colours[..., :1]).all() else colours[..., :3]
