"""Images of the collection -> JPEG pictures for a browser.

Files are decoded in disposable processes, which stay between requests. Pictures that were made or
requested lately stay in memory, so that the next images of a page are there before it needs them.
"""

import io
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
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
from cxrview.images import HeaderFields, Radiograph
from cxrview.inference.classification import row_from
from cxrview.model.preprocess import Floats, GrayImage, shrink, stretch
from cxrview.readers.decode import decode
from cxrview.sources.find import Item

CACHE_BYTES = 128 << 20  # of pictures in memory: 600 of screen size
JPEG_QUALITY = 90
MIN_IN_WINDOW = 0.4  # share of the pixels between the ends of a window that is used
_STOP, _URGENT, _AHEAD = 0, 1, 2  # order of the queue


class Size(IntEnum):
    """The longest side of a picture in pixels."""

    THUMBNAIL = 256
    SCREEN = 1400
    FULL = 4096  # for zooming


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file, or why there is none: `code: message`."""

    data: bytes = b""
    error: str = ""
    width: int = 0  # of the image in its file
    height: int = 0
    header: HeaderFields = field(default_factory=HeaderFields)


@dataclass(frozen=True, slots=True)
class RenderTask:
    """What a worker process receives."""

    item: Item
    size: Size


def make_renderer() -> Callable[[RenderTask], Picture]:
    """Return the function that worker processes apply."""
    return render


def render(task: RenderTask) -> Picture:
    """Decode an image and scale it to at most `task.size`, never up."""
    try:
        with task.item.open() as stream:
            radiograph = decode(stream, side=task.size)
    except UnreadableImage as error:
        return Picture(error=f"{error.code}: {' '.join(str(error).split())}")
    buffer = io.BytesIO()
    gray = windowed(scaled(radiograph, task.size), radiograph.window)
    Image.fromarray(gray).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Picture(buffer.getvalue(), "", radiograph.width, radiograph.height, radiograph.header)


def scaled(radiograph: Radiograph, side: int) -> Floats:
    """Return (h, w) float32 at the true aspect ratio, the long side at most `side` pixels."""
    scale = min(1.0, side / max(radiograph.width, radiograph.height))
    height, width = (max(1, round(n * scale)) for n in (radiograph.height, radiograph.width))
    return shrink(radiograph.pixels, radiograph.box, height, width)


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
        self._numbers = itertools.count()
        self._queue: PriorityQueue[tuple[int, int, _Key | None]] = PriorityQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(processes)]
        for thread in self._threads:
            thread.start()

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
                entry.future.set_result(picture_of(task.item.name, outcome))
            except CxrviewError as error:  # no worker process starts
                entry.future.set_exception(error)
            self._forget_oldest()
        pool.close()

    def _forget_oldest(self) -> None:
        """Keep the pictures in memory below CACHE_BYTES."""
        with self._lock:
            done = {
                key: len(entry.future.result().data) if not entry.future.exception() else 0
                for key, entry in self._entries.items()
                if entry.future.done()
            }
            excess = sum(done.values()) - CACHE_BYTES
            for key, length in done.items():
                if excess <= 0:
                    break
                del self._entries[key]
                excess -= length


def picture_of(name: str, outcome: Outcome) -> Picture:
    """Return the picture that a worker process made, or what happened to the process."""
    match outcome:
        case Done(value=Picture() as picture):
            return picture
    return Picture(error=row_from(name, outcome, "").error)
