"""What to train, of what; and a digest by which a run that is begun again is known."""

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from cxrview import __version__
from cxrview.errors import MissingInput, WrongUse
from cxrview.labels import Label
from cxrview.sources.find import Item
from cxrview.training.environment import commit
from cxrview.training.recipe import Recipe

FREE = re.compile(r"(CC0|Public Domain|CC BY)( \d\.\d)?($|[ (])")  # none with NC, ND or SA


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to make, and of what."""

    labels: Path | None  # files are named relative to its folder
    output: Path
    recipe: Recipe
    base: str = "default"  # the recipe's name, or that of the one it changes
    name: str = "own"
    purpose: str = "frontal or lateral chest radiographs"
    licence: str = "that of the images it was trained on"
    limits: tuple[str, ...] = ()
    others: Path | None = None  # CSV with a column `file`: pictures that are no chest films
    only_free: bool = False  # train only on images whose licence allows any use
    unlabelled: tuple[str, ...] = ()  # files, folders, archives to learn from by guessing
    folds: int = 0
    is_disturbed: bool = False  # the cross-validation judges altered films as well
    seed: int = 0
    jobs: int = 1
    device: str = "cpu"

    @property
    def folder(self) -> Path:
        """What files in the label table are named relative to."""
        return self.labels.parent if self.labels else Path()


def is_free(label: Label) -> bool:
    """Whether an image may be used by anyone for anything, with attribution at most."""
    return bool(FREE.match(label.licence))


def others_of(path: Path | None) -> list[Path]:
    """The files that a table names in its column `file`; raises MissingInput, WrongUse."""
    if path is None:
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as table:
            return [path.parent / row["file"] for row in csv.DictReader(table)]
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise WrongUse(f"{path}: no column 'file'") from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):  # a member of an archive, or gone
        return 0, 0
    return status.st_size, status.st_mtime_ns


def mark_of(order: Order, labels: Sequence[Label], items: Sequence[Item]) -> str:
    """A digest of all that decides what a run makes, our own source included."""
    folder = order.folder
    digest = hashlib.sha256()
    for one in (
        commit(), __version__, torch.__version__, onnx.__version__,
        order.recipe, order.name, order.purpose, order.licence, order.limits,
        order.only_free, order.folds, order.is_disturbed, order.seed, order.device,
        *others_of(order.others), *((label, _stamp(folder / label.file)) for label in labels),
        *((item.name, _stamp(Path(item.name))) for item in items),
    ):  # fmt: skip
        digest.update(repr(one).encode())
    return digest.hexdigest()
