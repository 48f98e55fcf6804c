"""One image, as a path, the bytes of a file or an array -> Row: the Python interface."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.images import Pixels, radiograph_of
from cxrview.inference.classification import row_of, row_of_radiograph
from cxrview.model.card import Card
from cxrview.model.classifier import Classifier
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, item_of_bytes

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in Pillow and the JPEG readers
MAXIMUM = 65535.0  # of an image of floats, after scaling

Source = str | Path | bytes | npt.ArrayLike


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

        source: a path; the bytes of a file in any format that is read; or an array, (H, W) or
        (H, W, 3), of any integer or floating type, bone bright; its scale and offset carry no
        meaning.
        name: goes into the column `file`; for a path, the path itself unless given.
        Raises ValueError for an array that is not an image.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return row_of(item_of_bytes(name, bytes(source)), self._classifier)
        if isinstance(source, str | Path):
            return row_of(Item(name or str(source), FileSource(str(source))), self._classifier)
        return row_of_radiograph(name, radiograph_of(grey_image(source)), self._classifier)


def grey_image(values: npt.ArrayLike) -> Pixels:
    """Array of one image -> (H, W), uint8, uint16 or float32; raises ValueError."""
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise ValueError(f"an image is (H, W) or (H, W, 3), not {array.shape}")
    if array.dtype.kind not in "buif":
        raise ValueError(f"an image holds numbers, not {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("an image holds finite numbers; NaN or infinity was found")
    grey = array if array.ndim == 2 else array.astype(np.float64) @ LUMA
    if grey.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(grey)
    is_integer = array.dtype.kind in "ui"
    return shifted_to_zero(grey.astype(np.float64), None if is_integer else MAXIMUM)


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
