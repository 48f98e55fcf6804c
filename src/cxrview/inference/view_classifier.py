"""A path, the bytes of a file, or an array -> Row: the Python door."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrview.images import Pixels, radiograph_of
from cxrview.inference.classification import row_of, row_of_radiograph
from cxrview.model.card import Card
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, item_of_bytes

# Luma of ITU-R BT.601, as Pillow and the JPEG readers take it
LUMA = np.array([0.299, 0.587, 0.114])
DEEPEST = 65535.0  # what a picture of floats is spread to

Source = str | Path | bytes | npt.ArrayLike


class ViewClassifier:
    """A loaded model with a `classify` for one image. Works in this process and on one thread.

    For many files, or for files from strangers, use `cxrview.classify`: it works in processes that
    a broken file cannot take down with it.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    @property
    def card(self) -> Card:
        """What made the model and what it can do."""
        return self._classifier.card

    @property
    def label(self) -> str:
        """Name and first digits of the SHA-256, as in the column `model`."""
        return self._classifier.label

    def classify(self, source: Source, name: str = "") -> Row:
        """One image -> its row; a file that cannot be read gives a row that says why.

        source: a path; the bytes of a file in any format that is read; or an array, (H, W) or
        (H, W, 3), of any integer or floating type, bone bright, scale and offset of no meaning.
        name: goes into the column `file`; for a path, the path itself unless given.
        Raises ValueError for an array that is no picture.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return row_of(item_of_bytes(name, bytes(source)), self._classifier)
        if isinstance(source, str | Path):
            return row_of(Item(name or str(source), FileSource(str(source))), self._classifier)
        return row_of_radiograph(name, radiograph_of(picture(source)), self._classifier)


def picture(values: npt.ArrayLike) -> Pixels:
    """Array of one picture -> (H, W), uint8, uint16 or float32; raises ValueError."""
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise ValueError(f"a picture is (H, W) or (H, W, 3), not {array.shape}")
    if array.dtype.kind not in "buif":
        raise ValueError(f"a picture holds numbers, not {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("a picture holds finite numbers; NaN or infinity was found")
    grey = array if array.ndim == 2 else array.astype(np.float64) @ LUMA
    if grey.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(grey)
    is_counted = array.dtype.kind in "ui"
    return spread(grey.astype(np.float64), None if is_counted else DEEPEST)


def spread(grey: npt.NDArray[np.float64], top: float | None) -> npt.NDArray[np.float32]:
    """Any numbers -> float32 from 0 upwards, to `top` or as far as they reach.

    Integers keep their steps. Floats have none: between 0 and 1 they would look like a blank film.
    """
    halves = grey / 2 - grey.min() / 2  # the difference of two large floats may overflow
    highest = halves.max()
    scale = 2.0 if top is None else top / highest if highest else 0.0
    spread_out: npt.NDArray[np.float32] = (halves * scale).astype(np.float32)
    return spread_out


def load_view_classifier(model: str | Path = "film") -> ViewClassifier:
    """A shipped model by name or a model file by path; raises UnusableModel."""
    return ViewClassifier(load(model))
