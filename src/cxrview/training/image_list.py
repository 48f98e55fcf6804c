"""Images of a cache with their labels; reading files into one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cxrview.csv_text import csv_table
from cxrview.engines.outcomes import Engine
from cxrview.filenames import escape_name
from cxrview.images import Mask, Turn
from cxrview.labels import Label
from cxrview.model.preprocess import GrayImage
from cxrview.report.content import count_text
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.training.checkpoint import RunFolder
from cxrview.training.dataset import Rows, TargetGroup
from cxrview.training.image_cache import (
    CacheFormat,
    ImageCache,
    read_images,
)
from cxrview.views import View

PROBLEMS_FILE = "problems.csv"


@dataclass(frozen=True, slots=True, eq=False)
class ImageList:
    """n images of a cache with their labels; unlabeled images have names alone."""

    labels: Sequence[Label]
    rows: Rows  # (n,) of the cache
    cache: ImageCache

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lateral(self) -> Mask:
        """(n,): labeled lateral."""
        return np.array([label.is_lateral for label in self.labels], np.bool_)

    def select(self, which: Mask) -> "ImageList":
        """The images where `which`, (n,), is true."""
        labels = [label for label, taken in zip(self.labels, which, strict=True) if taken]
        return ImageList(labels, self.rows[which], self.cache)

    @property
    def is_blank(self) -> Mask:
        """(n,): there is nothing to see."""
        return self.cache.is_blank[self.rows]

    def images(self, method: str) -> GrayImage:
        """(n, side, side) uint8 under a preprocessing method, copied into memory."""
        return np.array(self.cache.images[method][self.rows])

    def working_images(self) -> list[GrayImage]:
        """(h, w) uint8 each, long side at most 256."""
        return [self.cache.working_image(row) for row in self.rows.tolist()]

    def group(
        self, method: str, view: View, targets: Mapping[str, float], share: float = 1.0
    ) -> TargetGroup:
        """The images of one view as a group of a training set."""
        rows = self.rows[self.lateral == (view is View.LATERAL)]
        return TargetGroup(
            images=self.cache.images[method], rows=rows, targets=targets, share=share
        )

    def digests(self) -> list[str]:
        """A digest of each image's pixels, equal for copies of a file."""
        return [self.cache.digest_of_file(row) for row in self.rows.tolist()]


def file_item(name: str, path: Path) -> Item:
    """A file as an input, under the name that its label has."""
    return Item(name, FileSource(str(path)))


def read_list(
    folder: Path,
    items: Sequence[Item],
    labels: Sequence[Label],
    stored: CacheFormat,
    engine: Engine,
    problems: "Problems",
) -> ImageList:
    """Read files with their labels into a cache; those that cannot be read go to `problems`.

    Images that are rotated or inverted by their label are stored upright and bone bright.
    """
    turns = [Turn(label.rotation, label.inverted) for label in labels]
    cache = read_images(folder, list(zip(items, turns, strict=True)), stored, engine)
    problems.rows += [(items[row].name, error) for row, error in sorted(cache.errors.items())]
    rows = np.flatnonzero(cache.is_read)
    return ImageList([labels[row] for row in rows.tolist()], rows, cache)


@dataclass(slots=True)
class Problems:
    """Images that cannot be read, (name, error) each."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def write(self, folder: RunFolder, log: Callable[[str], None]) -> None:
        """Write problems.csv, if there are any."""
        if self.rows:
            rows = [(escape_name(name), error) for name, error in self.rows]
            path = folder.write(PROBLEMS_FILE, csv_table(("file", "error"), rows))
            images = count_text(len(self.rows), "image")
            log(f"unreadable and left out: {images} ({path} says why)")


def unlabeled_names(items: Sequence[Item]) -> list[Label]:
    """Placeholders that carry the names of unlabeled images; their view means nothing."""
    return [Label(item.name, View.FRONTAL, f"file {item.name}") for item in items]


def without_copies(images: ImageList, labeled: ImageList) -> ImageList:
    """Leave out images whose pixels equal those of a labeled image: copies under another name.

    A held-out image must not come back as a pseudo-label.
    """
    known = set(labeled.digests()) if len(images) else set()
    keep = [digest not in known for digest in images.digests()]
    return images.select(np.array(keep, np.bool_))


def copies_in_other_parts(images: ImageList, parts: Sequence[object]) -> list[tuple[str, str]]:
    """Return pairs of names with equal pixels in different parts of a split, (n,) of the images."""
    first: dict[str, tuple[str, object]] = {}
    pairs = []
    for label, digest, part in zip(images.labels, images.digests(), parts, strict=True):
        name, its_part = first.setdefault(digest, (label.file, part))
        if part != its_part:
            pairs.append((label.file, name))
    return pairs
