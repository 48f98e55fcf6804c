"""One image, as a path, a file, a DICOM dataset or an array -> Row: the Python interface."""

import os
import re
import struct
from io import BytesIO
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset

from cxrview.errors import WrongUse
from cxrview.images import LUMA_WEIGHTS, Pixels, radiograph_of
from cxrview.inference.classification import row_of, row_of_radiograph
from cxrview.model.card import Card
from cxrview.model.classifier import Classifier
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, item_of_bytes

GREY_OR_RGB = ("1", "L", "I", "I;16", "I;16L", "I;16B", "I;16N", "F", "RGB")  # modes of Pillow
MAX_FLOAT_VALUE = 65535.0  # of an image of floats, after scaling
# What pydicom raises for elements that it cannot write: struct.error, IndexError, OSError ...
_WRITE_ERRORS = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    struct.error,
)  # fmt: skip
_FAULTY_TAG = re.compile(r"With tag (\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\))")

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Dataset | npt.ArrayLike


class ViewClassifier:
    """A loaded model that classifies one image at a time, in this process and on one thread.

    For many files, or for untrusted ones, use `cxrview.classify`, whose worker processes contain
    the crash of a decoder.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    @property
    def card(self) -> Card:
        """Origin, purpose, thresholds and accuracy of the model."""
        return self._classifier.card

    @property
    def label(self) -> str:
        """Name and first digits of the SHA-256, as in the column `model`."""
        return self._classifier.label

    def classify(self, source: Source, name: str = "") -> Row:
        """The row of one image; for a file that cannot be read it holds the reason.

        source: a path; the bytes of a file in any format that is read, or a binary file that is
        open; a Dataset of pydicom; or an array, (H, W), (H, W, 1) or (H, W, 3), of any integer or
        floating type, bone bright; its scale and offset carry no meaning; or an image of Pillow
        whose pixels are grey or RGB.
        name: goes into the column `file`; for a path, the path itself unless given.
        Raises WrongUse for anything else.
        """
        if isinstance(source, str | os.PathLike):
            path = os.fsdecode(source)
            return row_of(Item(name or path, FileSource(path)), self._classifier)
        content = content_of(source)
        if content is not None:
            return row_of(item_of_bytes(name, content), self._classifier)
        return row_of_radiograph(name, radiograph_of(grey_image(source)), self._classifier)


def content_of(source: Any) -> bytes | None:
    """Bytes, an open file or a Dataset of pydicom -> bytes of a file; None for anything else."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if callable(getattr(source, "read", None)):
        content = source.read()
        if not isinstance(content, bytes):
            raise WrongUse(f"{source!r} is not open in binary mode")
        return content
    return dicom_file(source) if isinstance(source, Dataset) else None


def dicom_file(dataset: Dataset) -> bytes:
    """Dataset -> the bytes of a DICOM file with its elements; raises WrongUse, without a value."""
    buffer = BytesIO()
    try:
        dataset.save_as(buffer, enforce_file_format=False)
    except _WRITE_ERRORS as error:
        tag = _FAULTY_TAG.match(str(error))
        cause = type(error).__name__ + (f" at {tag[1]}" if tag else "")
        # Not `from error`: its text quotes the value of the element.
        raise WrongUse(f"this Dataset cannot be written as a DICOM file: {cause}") from None
    return buffer.getvalue()


def grey_image(values: Any) -> Pixels:
    """Array of one image -> (H, W), uint8, uint16 or float32; raises WrongUse."""
    if isinstance(values, Image.Image) and values.mode not in GREY_OR_RGB:
        raise WrongUse(f"an image of Pillow of mode {values.mode}: convert it to L or RGB")
    if np.ma.is_masked(values):
        raise WrongUse("an array with masked pixels: fill them, as by array.filled(array.min())")
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise WrongUse(f"an image is (H, W), (H, W, 1) or (H, W, 3), not {array.shape}")
    if array.dtype.kind not in "buif":
        raise WrongUse(f"an image holds numbers, not {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WrongUse("an image holds finite numbers; NaN or infinity was found")
    grey = array if array.ndim == 2 else array.astype(np.float64) @ np.array(LUMA_WEIGHTS)
    if grey.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(grey)
    is_integer = array.dtype.kind in "ui"
    return shifted_to_zero(grey.astype(np.float64), None if is_integer else MAX_FLOAT_VALUE)


def shifted_to_zero(
    grey: npt.NDArray[np.float64], maximum: float | None
) -> npt.NDArray[np.float32]:
    """Shift values so that they start at 0, and scale them to `maximum` if it is given; float32.

    Integers keep their steps. Floats have none: between 0 and 1 they would count as a blank image.
    """
    halves = grey / 2 - grey.min() / 2  # the difference of two large floats may overflow
    highest = halves.max()
    scale = 2.0 if maximum is None else maximum / highest if highest else 0.0
    scaled: npt.NDArray[np.float32] = (halves * scale).astype(np.float32)
    return scaled
