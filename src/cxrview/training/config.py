"""Everything that one training run was asked for, its fingerprint, and where it runs."""

import hashlib
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import onnx
import torch

from cxrview import __version__
from cxrview.engines.local import available_processors
from cxrview.errors import WrongUse
from cxrview.inference.chunks import path_version
from cxrview.labels import Label
from cxrview.limits import MAX_SEED
from cxrview.sources.find import Item
from cxrview.training.recipe import LICENCE_OF_IMAGES, PURPOSE, Recipe

SOURCE_FOLDER = Path(__file__).parents[3]
RECORDED_PACKAGES = ("torch", "numpy", "onnx", "onnxruntime", "pillow", "pydicom", "imagecodecs")
MIN_LABELS_FOR_DEFAULT = 30  # of each view; with fewer, the recipe `few` does better


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """What to train, on what; raises WrongUse for values that make no sense.

    labels: CSV with the columns file and view; its files are relative to its folder.
    base: name of the preset that the recipe is or changes.
    negatives: CSV with a column file: images that are no chest radiographs, to measure P(chest).
    permissive_only: train only on images whose licence allows any use.
    unlabeled: files, folders and archives for pseudo-labels.
    ct_volumes: chest CT volumes from which radiographs are computed (DICOM series, NIfTI, npz).
    folds: 0 for no cross-validation, else at least 2; leave_source_out: one fold for each source.
    robustness: evaluate the folds under perturbations.
    jobs: worker processes; None: one per processor; 0 works in this process, without protection.
    """

    labels: Path | None
    output: Path
    recipe: Recipe
    base: str = "default"
    name: str = "own"
    purpose: str = PURPOSE
    licence: str = LICENCE_OF_IMAGES
    limits: tuple[str, ...] = ()
    negatives: Path | None = None
    permissive_only: bool = False
    unlabeled: tuple[str, ...] = ()
    ct_volumes: tuple[str, ...] = ()
    folds: int = 0
    leave_source_out: bool = False
    robustness: bool = False
    seed: int = 0
    jobs: int | None = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.folds < 0 or self.folds == 1:
            raise WrongUse(f"--folds is {self.folds}: 0, or at least 2")
        for option, text in (("--name", self.name), ("--licence", self.licence)):
            if not text.isprintable() or not text.strip():
                raise WrongUse(f"{option} is empty or holds control characters")
        if self.labels is None and not self.unlabeled:
            raise WrongUse("nothing to train on: name a label table, --unlabelled images, or both")
        if self.folds and self.leave_source_out:
            raise WrongUse("--folds and --leave-one-source-out are two ways to hold images out")
        if self.unlabeled and self.is_cross_validated:
            raise WrongUse("cross-validation measures by labels; it does not go with --unlabelled")

    @property
    def folder(self) -> Path:
        """What files in the label table are relative to."""
        return self.labels.parent if self.labels else Path()

    @property
    def is_cross_validated(self) -> bool:
        """Whether models that leave images out measure the recipe."""
        return bool(self.folds) or self.leave_source_out


def check_seed(seed: int) -> None:
    """Raise WrongUse for a seed that the random generators do not take."""
    if not 0 <= seed <= MAX_SEED:
        raise WrongUse(f"--seed is {seed}: 0 to {MAX_SEED}")


def recommended_recipe(labels: Sequence[Label]) -> str:
    """Return the preset for so many labels of either view."""
    counts = Counter(label.is_lateral for label in labels)
    return "default" if min(counts[False], counts[True]) >= MIN_LABELS_FOR_DEFAULT else "few"


def source_commit() -> str:
    """Return the commit of our source tree, or that it is unknown, as of an installed package."""
    unknown = f"unknown (installed package of version {__version__})"
    if not (SOURCE_FOLDER / ".git").exists():
        return unknown
    command = ["git", "-C", str(SOURCE_FOLDER), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return unknown
    return done.stdout.strip() or unknown


def environment(device: str) -> dict[str, str]:
    """Return versions and machine by name, without host name or path."""
    return {
        "cxrview": __version__,
        "commit": source_commit(),
        "python": platform.python_version(),
        **{name: version(name) for name in RECORDED_PACKAGES},
        "system": platform.platform(),
        "processors": str(available_processors()),
        "device": device,
    }


def device_of(name: str) -> str:
    """Return the torch device: for "auto" cuda where available, else cpu; raises WrongUse."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.ones(1, device=name).sum().item()
    except (RuntimeError, AssertionError) as error:
        raise WrongUse(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
    return name


def digest_of_files(files: Iterable[tuple[object, str | Path]]) -> str:
    """Return a digest of (what a file is for, its path).

    Size and time of change stand for the content, for a member of an archive those of the archive.
    """
    digest = hashlib.sha256()
    for what, path in files:
        digest.update(repr((what, path_version(os.fspath(path)))).encode())
    return digest.hexdigest()


def run_fingerprint(asked: Iterable[object], files: Iterable[tuple[object, str | Path]]) -> str:
    """Return a digest of what a run was asked for, its files and the software with our source.

    files: as of `digest_of_files`.
    """
    digest = hashlib.sha256()
    software = (source_commit(), __version__, torch.__version__, onnx.__version__)
    for part in (*software, *asked, digest_of_files(files)):
        digest.update(repr(part).encode())
    return digest.hexdigest()


def named_files(table: Path | None, items: Sequence[Item]) -> list[tuple[str, Path]]:
    """Return (name in the table, path) of items that a table names; [] without one."""
    return [(item.name, table.parent / item.name) for item in items] if table else []


def fingerprint_of(
    config: TrainConfig, labels: Sequence[Label], items: Sequence[Item], negatives: Sequence[Item]
) -> str:
    """Return a digest of everything that determines the model."""
    asked = (
        config.recipe, config.name, config.purpose, config.licence, config.limits,
        config.permissive_only, config.folds, config.leave_source_out, config.robustness,
        config.seed, config.device,
    )  # fmt: skip
    files: tuple[tuple[object, str | Path], ...] = (
        *named_files(config.negatives, negatives),
        *((volume, volume) for volume in config.ct_volumes),
        *((label, config.folder / label.file) for label in labels),
        *((item.name, item.name) for item in items),
    )
    return run_fingerprint(asked, files)
