"""Files, phantoms or negatives -> preprocessed images in memory-mapped files, row by row.

Images are decoded, preprocessed and drawn in the disposable worker processes of `engines`. A row
holds exactly the array that classification would compute for the same file, or for an upright and
bone bright copy of it where the label says that it is not.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.engines.outcomes import Done, Engine, Failure
from cxrview.errors import CxrviewError, UnreadableImage, UnusableOutput
from cxrview.images import Mask, Radiograph, Turn, radiograph_of
from cxrview.inference.classification import fault_of
from cxrview.model.preprocess import (
    INPUT_SIDES,
    WORKING_SIDE,
    GrayImage,
    preprocess,
    to_uint8,
    working_image,
)
from cxrview.phantom.ct_draw import draw_ct
from cxrview.phantom.ct_negatives import draw_ct_negative
from cxrview.phantom.draw import draw_one
from cxrview.readers.decode import decode
from cxrview.sources.find import Item
from cxrview.training.negatives import draw_negative
from cxrview.views import View

LateralTargets = npt.NDArray[np.float32]

# The target of P(lateral) of a drawn image; of one that is neither view, 0.5
OBLIQUE_TARGET = 0.5
TARGET_OF_VIEW = {View.FRONTAL: 0.0, View.LATERAL: 1.0, None: OBLIQUE_TARGET}

INDEX_FILE = "index.json"  # appears last: a cache that has it is complete
FREE_SPACE_MARGIN = 64 << 20  # bytes for checkpoints, figures, pages and the model, generously


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """What is stored of each image.

    methods: names of model.preprocess.PREPROCESSING that return multiples of 1/255 (all but
    "film"), stored as uint8. with_working_image: also the image at its
    true aspect ratio, long side at most 256, as uint8: perturbations and scrambled negatives
    start from it.
    """

    methods: tuple[str, ...]
    with_working_image: bool = False

    @property
    def bytes_per_image(self) -> int:
        """At most; what is not written takes no space on most file systems."""
        sides = [INPUT_SIDES[method] for method in self.methods]
        return sum(side**2 for side in sides) + self.with_working_image * WORKING_SIDE**2


@dataclass(frozen=True, slots=True, eq=False)
class CachedImage:
    """What a worker returns. images: (side, side) uint8 by method; working: (h, w) uint8.

    lateral: the target of P(lateral), which is known of drawn images: 0, 1, or 0.5 for neither.
    digest_of_file: `pixel_digest` of the image as it lies in the file; "" where that is this one.
    """

    images: dict[str, GrayImage]
    is_blank: bool
    working: GrayImage | None
    lateral: float = math.nan
    digest_of_file: str = ""


def pixel_digest(image: GrayImage) -> str:
    """Return a digest that is equal for images with equal pixels."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def cached_image(
    radiograph: Radiograph, stored: CacheFormat, lateral: float = math.nan
) -> CachedImage:
    """Preprocess one radiograph as classification does."""
    ready = preprocess(radiograph, *stored.methods)
    images = {
        name: np.asarray(np.round(image * 255), np.uint8) for name, image in ready.images.items()
    }
    working = to_uint8(working_image(radiograph)) if stored.with_working_image else None
    return CachedImage(images, ready.is_blank, working, lateral)


def read_file(task: tuple[Item, Turn], stored: CacheFormat) -> CachedImage | str:
    """Decode, turn and preprocess one file in a worker; the reason where it cannot be decoded."""
    item, turn = task
    try:
        with item.open() as stream:
            radiograph = decode(stream)
    except UnreadableImage as error:
        return error.text
    image = cached_image(radiograph, stored)
    if turn == Turn():
        return image
    digest = pixel_digest(image.images[stored.methods[0]])
    return replace(cached_image(turn.apply(radiograph), stored), digest_of_file=digest)


def phantom_image(number: int, stored: CacheFormat, seed: int, side: int) -> CachedImage:
    """Draw phantom `number` of a seed, long side `side`, and preprocess it."""
    phantom = draw_one(seed, number, side)
    return cached_image(radiograph_of(phantom.pixels), stored, TARGET_OF_VIEW[phantom.view])


def ct_image(
    number: int, stored: CacheFormat, seed: int, side: int, volumes: tuple[str, ...]
) -> CachedImage | str:
    """Compute radiograph `number` of a seed from CT volumes, long side `side`; preprocess it.

    Returns the reason where a volume cannot be read.
    """
    try:
        drawn = draw_ct(volumes, number, seed, side)
    except CxrviewError as error:
        return str(error)
    return cached_image(radiograph_of(drawn.pixels), stored, TARGET_OF_VIEW[drawn.view])


def ct_negative_image(
    number: int, stored: CacheFormat, seed: int, side: int, volumes: tuple[str, ...]
) -> CachedImage:
    """Compute image `number`, no chest radiograph, from CT volumes and preprocess it."""
    return cached_image(radiograph_of(draw_ct_negative(volumes, number, seed, side)), stored)


def negative_image(number: int, stored: CacheFormat, seed: int) -> CachedImage:
    """Draw negative `number` of a seed, one that needs no radiographs, and preprocess it."""
    return cached_image(radiograph_of(draw_negative(number, seed)), stored)


@dataclass(frozen=True, slots=True, eq=False)
class ImageCache:
    """n images on disk; pickles as its folder, so that workers map the same files.

    images: (n, side, side) uint8 by preprocessing method, memory-mapped.
    errors: why an image could not be read, by row; such rows are zero.
    turned: of images that were turned, by row, the digest as they lie in the file.
    """

    folder: Path
    images: dict[str, GrayImage]
    is_blank: Mask  # (n,)
    lateral: LateralTargets  # (n,): of drawn images 0, 1 or 0.5; NaN where it is not known
    errors: dict[int, str]
    turned: dict[int, str]
    working: GrayImage | None  # (n, 256, 256) uint8, memory-mapped
    shapes: list[tuple[int, int]]  # of the working images within it

    def __len__(self) -> int:
        return len(self.is_blank)

    def __reduce__(self) -> tuple[Callable[[Path], "ImageCache"], tuple[Path]]:
        return open_cache, (self.folder,)

    @property
    def is_read(self) -> Mask:
        """(n,): whether the image could be read."""
        mask = np.ones(len(self), np.bool_)
        mask[list(self.errors)] = False
        return mask

    def working_image(self, row: int) -> GrayImage:
        """(h, w) uint8, long side at most 256; ValueError where they were not stored."""
        if self.working is None:
            raise ValueError("this cache stores no working images")
        height, width = self.shapes[row]
        return np.asarray(self.working[row, :height, :width])

    def digest_of_file(self, row: int) -> str:
        """Digest of an image as it lies in its file: equal for copies, however they are turned."""
        first = next(iter(self.images.values()))
        return self.turned.get(row) or pixel_digest(first[row])


def open_cache(folder: Path) -> ImageCache:
    """Map a complete cache; raises UnusableOutput where it cannot be read."""
    try:
        index = json.loads((folder / INDEX_FILE).read_text())
        load = partial(np.load, mmap_mode="r", allow_pickle=False)
        return ImageCache(
            folder,
            {method: load(folder / f"{method}.npy") for method in index["methods"]},
            np.array(index["is_blank"], np.bool_),
            np.array(index["lateral"], np.float32),  # None becomes NaN
            {int(row): str(text) for row, text in index["errors"].items()},
            {int(row): str(digest) for row, digest in index["turned"].items()},
            load(folder / "working.npy") if index["with_working_image"] else None,
            [(int(height), int(width)) for height, width in index["shapes"]],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableOutput(f"{folder} cannot be read: name a new folder") from error


class _RowFile:
    """An .npy file of uint8 that is written row by row in any order.

    Written as an ordinary file, not through a memory map: on a full disk a map would end the
    process with a bus error where a write raises.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        self.file, self.shape = file, shape[1:]
        self.row_bytes = int(np.prod(self.shape))
        header = {"descr": np.dtype(np.uint8).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        self.start = file.tell()
        file.truncate(self.start + shape[0] * self.row_bytes)

    def write(self, row: int, values: npt.NDArray[Any]) -> None:
        """One row; smaller values than a row are stored at its upper left."""
        if values.shape != self.shape:
            values = np.pad(
                values, [(0, n - m) for n, m in zip(self.shape, values.shape, strict=True)]
            )
        self.file.seek(self.start + row * self.row_bytes)
        self.file.write(np.ascontiguousarray(values).tobytes())


def build_cache(
    folder: Path,
    make_function: Callable[[], Callable[[Any], CachedImage | str]],
    items: Sequence[Any],
    stored: CacheFormat,
    engine: Engine,
    describe: Callable[[Failure], str] = str,
) -> ImageCache:
    """Apply a worker's function to every item and store what it returns; row i is item i.

    describe: the error of an item that the engine could not process. A complete cache in `folder`
    is opened instead. Raises UnusableOutput where it cannot be written.
    """
    if (folder / INDEX_FILE).exists():
        return open_cache(folder)
    n = len(items)
    blank, errors, turned = [False] * n, {}, {}
    lateral: list[float | None] = [None] * n
    shapes = [(0, 0)] * n
    with translate_os_errors(folder), ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        sides = {method: INPUT_SIDES[method] for method in stored.methods}
        if stored.with_working_image:
            sides["working"] = WORKING_SIDE
        files = {
            name: _RowFile(
                stack.enter_context((folder / f"{name}.npy").open("wb")), (n, side, side)
            )
            for name, side in sides.items()
        }
        for row, outcome in engine.map(make_function, items):
            image = outcome.value if isinstance(outcome, Done) else describe(outcome)
            if not isinstance(image, CachedImage):
                errors[row] = image
                continue
            blank[row] = image.is_blank
            lateral[row] = None if math.isnan(image.lateral) else image.lateral
            if image.digest_of_file:
                turned[row] = image.digest_of_file
            for method, values in image.images.items():
                files[method].write(row, values)
            if image.working is not None:
                height, width = image.working.shape
                shapes[row] = height, width
                files["working"].write(row, image.working)
    index = {
        "methods": stored.methods,
        "with_working_image": stored.with_working_image,
        "is_blank": blank,
        "lateral": lateral,
        "errors": errors,
        "turned": turned,
        "shapes": shapes,
    }
    with atomic_write(folder / INDEX_FILE) as file:
        file.write(json.dumps(index).encode())
    return open_cache(folder)


def read_images(
    folder: Path, tasks: Sequence[tuple[Item, Turn]], stored: CacheFormat, engine: Engine
) -> ImageCache:
    """Decode, turn and preprocess files; those that cannot be read are in `errors`."""
    make_function = partial(partial, read_file, stored=stored)  # called once in each worker
    return build_cache(
        folder, make_function, tasks, stored, engine, lambda failure: fault_of(failure).text
    )


def draw_images(
    folder: Path,
    function: Callable[..., CachedImage | str],
    numbers: Sequence[int],
    stored: CacheFormat,
    engine: Engine,
    **arguments: Any,
) -> ImageCache:
    """Apply one of the functions that draw to numbers; CxrviewError where a worker fails."""
    make_function = partial(partial, function, stored=stored, **arguments)
    cache = build_cache(folder, make_function, numbers, stored, engine)
    if cache.errors:
        error = next(iter(cache.errors.values()))
        raise CxrviewError(f"an image cannot be drawn: {error}")
    return cache


def check_space(folder: Path, needed: int) -> None:
    """Raise UnusableOutput where a run that stores `needed` bytes of images may not fit."""
    needed += FREE_SPACE_MARGIN
    with translate_os_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise UnusableOutput(
            f"{folder}: a run needs up to {needed / 1e9:.2g} GB here, {free / 1e9:.2g} are free"
        )
