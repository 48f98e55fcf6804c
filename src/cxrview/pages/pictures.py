"""Images of the collection -> JPEG pictures for a browser.

Files are decoded in disposable processes, which stay between requests. Pictures that were made or
requested lately stay in memory, so that the next images of a page are there before it needs them.
"""

import io
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import IntEnum
from queue import PriorityQueue

import numpy as np
from PIL import Image

from cxrview.engines.local import (
    BYTES_PER_WORKER,
    GROWTH_PER_WORKER,
    SECONDS_PER_ITEM,
    TaskQueue,
    process_all,
)
from cxrview.engines.outcomes import Done, Outcome
from cxrview.engines.worker import WorkerConfig
from cxrview.engines.worker_pool import WorkerPool
from cxrview.errors import CxrviewError, UnreadableImage
from cxrview.images import Floats, HeaderFields, Pixels
from cxrview.inference.classification import fault_of
from cxrview.model.preprocess import GrayImage, shrink, stretch
from cxrview.readers.decode import decode
from cxrview.sources.find import Item

CACHE_BYTES = 128 << 20  # of pictures in memory: 600 of screen size
LEAST_BYTES = 1 << 10  # that an entry counts for, also one without a picture
JPEG_QUALITY = 90
NICENESS = 5  # of the worker processes
MIN_IN_WINDOW = 0.4  # share of the pixels between the ends of a window that is used
_STOP, _URGENT, _AHEAD = 0, 1, 2  # order of the queue


class Size(IntEnum):
    """The longest side of a picture in pixels."""

    THUMBNAIL = 256
    SCREEN = 1400
    FULL = 4096  # for zooming


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file, or why there is none: `code: message`.

    thumbnail: of a picture of screen size, made from the same decoded image.
    """

    data: bytes = b""
    error: str = ""
    thumbnail: bytes = b""
    width: int = 0  # of the image in its file
    height: int = 0
    header: HeaderFields = field(default_factory=HeaderFields)


@dataclass(frozen=True, slots=True)
class RenderTask:
    """What a worker process receives."""

    item: Item
    size: Size


def make_renderer() -> Callable[[RenderTask], Picture]:
    """Return the function that worker processes apply; a request for a label goes first."""
    os.nice(NICENESS)
    return render


def render(task: RenderTask) -> Picture:
    """Decode an image and scale it to at most `task.size`, never up."""
    try:
        with task.item.open() as stream:
            radiograph = decode(stream, side=task.size)
    except UnreadableImage as error:
        return Picture(error=error.text)
    shape = radiograph.height, radiograph.width
    image = scaled(radiograph.pixels, radiograph.box, shape, task.size)
    thumbnail = b""
    if task.size is Size.SCREEN:
        height, width = image.shape
        small = scaled(image, (0, 0, width, height), (height, width), Size.THUMBNAIL)
        thumbnail = _jpeg(windowed(small, radiograph.window))
    return Picture(
        _jpeg(windowed(image, radiograph.window)), "", thumbnail,
        radiograph.width, radiograph.height, radiograph.header,
    )  # fmt: skip


def _jpeg(gray: GrayImage) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def scaled(
    pixels: Pixels, box: tuple[float, float, float, float], shape: tuple[int, int], side: int
) -> Floats:
    """Scale a box (left, top, right, bottom) of pixels to at most `side` -> (h, w) float32.

    shape: (h, w) of the image in its file, which sets the aspect ratio and is never exceeded.
    """
    scale = min(1.0, side / max(shape))
    height, width = (max(1, round(n * scale)) for n in shape)
    return shrink(pixels, box, height, width)


def windowed(image: Floats, window: tuple[float, float] | None) -> GrayImage:
    """Return (h, w) uint8: by the window of the header, else between two percentiles.

    A window that clips most of the image is not used, for some headers state a wrong one.
    """
    if window is None or not _is_usable(image, window):
        return stretch(image)
    low, high = window
    gray: GrayImage = np.clip((image - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return gray


def _is_usable(image: Floats, window: tuple[float, float]) -> bool:
    low, high = window
    return high > low and float(((image > low) & (image < high)).mean()) >= MIN_IN_WINDOW


@dataclass(slots=True)
class _Entry:
    future: Future[Picture] = field(default_factory=Future)
    is_started: bool = False


_Key = tuple[int, Size]


class PictureService:
    """Pictures by the id of their image. items: of every image that may be requested."""

    def __init__(self, items: Mapping[int, Item], processes: int) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()  # the least recently used first
        self._bytes = 0  # of the pictures in memory
        self._numbers = itertools.count()
        self._queue: PriorityQueue[tuple[int, int, _Key | None]] = PriorityQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(processes)]
        for thread in self._threads:
            thread.start()

    def name(self, image: int) -> str:
        """Return the name of the file of an image. Raises KeyError for an unknown id."""
        return self._items[image].name

    def request(self, image: int, size: Size) -> Future[Picture]:
        """Return the picture as soon as possible. Raises KeyError for an unknown id."""
        return self._enqueue((image, size), _URGENT)

    def prefetch(self, images: Iterable[int], size: Size) -> None:
        """Make pictures that will be requested soon, behind those that are waited for."""
        for image in images:
            self._enqueue((image, size), _AHEAD)

    def _enqueue(self, key: _Key, priority: int) -> Future[Picture]:
        if key[0] not in self._items:
            raise KeyError(key[0])
        with self._lock:
            is_new = key not in self._entries
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        if is_new or (priority == _URGENT and not entry.is_started):
            self._queue.put((priority, next(self._numbers), key))
        return entry.future

    def close(self) -> None:
        """End the worker processes; pictures that are not ready are cancelled."""
        for _ in self._threads:
            self._queue.put((_STOP, next(self._numbers), None))
        for thread in self._threads:
            thread.join()
        for entry in self._entries.values():
            entry.future.cancel()

    def _work(self) -> None:
        """Make the pictures of the queue, one after the other, in one worker process."""
        config = WorkerConfig(make_renderer, BYTES_PER_WORKER, GROWTH_PER_WORKER)
        pool = WorkerPool(config, 1, SECONDS_PER_ITEM)
        while (key := self._queue.get()[2]) is not None:
            with self._lock:
                entry = self._entries.get(key)
                if entry is None or entry.is_started:  # was requested twice
                    continue
                entry.is_started = True
            task = RenderTask(self._items[key[0]], key[1])
            try:
                [(_, outcome)] = process_all(TaskQueue([task], 1), pool)
                self._finish(key, picture_of(outcome))
            except CxrviewError as error:  # no worker process starts; the next request tries again
                with self._lock:
                    self._entries.pop(key, None)
                entry.future.set_exception(error)
        pool.close()

    def _finish(self, key: _Key, picture: Picture) -> None:
        """Complete requests for a picture and the thumbnail made with it; drop the oldest ones."""
        made = {key: replace(picture, thumbnail=b"")}
        if picture.thumbnail:
            made[key[0], Size.THUMBNAIL] = replace(picture, data=picture.thumbnail, thumbnail=b"")
        with self._lock:
            for each, one in made.items():
                entry = self._entries.setdefault(each, _Entry())
                if each != key and entry.is_started:
                    continue
                entry.is_started = True
                entry.future.set_result(one)
                self._bytes += _size_of(one)
            for each in [*self._entries]:
                if self._bytes <= CACHE_BYTES:
                    break
                if (future := self._entries[each].future).done():
                    del self._entries[each]
                    self._bytes -= 0 if future.exception() else _size_of(future.result())


def _size_of(picture: Picture) -> int:
    return max(LEAST_BYTES, len(picture.data))


def picture_of(outcome: Outcome) -> Picture:
    """Return the picture that a worker process made, or what happened to the process."""
    if isinstance(outcome, Done):
        picture: Picture = outcome.value
        return picture
    return Picture(error=fault_of(outcome).text)
