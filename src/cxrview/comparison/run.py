"""Options -> a folder with one file for each system and the tables; finished systems are kept."""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cxrview import __version__
from cxrview.atomic import translate_os_errors
from cxrview.comparison.measure import (
    BATCH_SIZE,
    PRECISION,
    RMS_DECAY,
    Images,
    measure_in_own_process,
)
from cxrview.comparison.results import (
    PartCounts,
    SystemResult,
    comparison_csv,
    comparison_page,
    markdown_page,
    read_result,
    robustness_csv,
    write_result,
)
from cxrview.comparison.systems import BY_NAME, SYSTEMS, System, SystemTask, systems_named
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.images import Mask
from cxrview.labels import Label, folds_of
from cxrview.model.layers import SIDE
from cxrview.report.content import Page
from cxrview.report.html import html_page
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.checkpoint import RunFolder, today
from cxrview.training.config import TrainConfig, digest_of_files, named_files
from cxrview.training.data import Inputs, find_inputs, load_data
from cxrview.training.image_list import PROBLEMS_FILE
from cxrview.training.recipe import PAPER_RECIPE
from cxrview.training.splitting import TRAINING, has_split, split_from_column

FOLDS, HELD_OUT_FOLD = 5, 0
NEGATIVES = 1600  # drawn, for the training of the gates
METHODS = ("paper", "framed")  # preprocessing that the systems share with training
MAX_MINUTES = 1e6
OPTIMIZER = f"RMSProp, decay {RMS_DECAY}; the learning rate falls from its peak to zero as a cosine"
LIBRARIES = ("torch", "monai", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What to compare, on what; raises WrongUse for unknown systems and impossible minutes.

    labels: CSV with the columns file and view; its files are relative to its folder.
    negatives: CSV with a column file: images that are no chest radiographs, to test the gates.
    side: of the images of the networks that take any, in pixels.
    jobs: worker processes that read; 0 reads and trains in this process.
    device: of torch, on which the networks are trained and tested.
    """

    labels: Path
    output: Path
    systems: tuple[str, ...]
    epochs: int = 10
    minutes: float = 10.0
    seed: int = 0
    negatives: Path | None = None
    side: int = SIDE
    jobs: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        systems_named(self.systems)
        if not 0 < self.minutes <= MAX_MINUTES:
            raise WrongUse(f"--minutes is {self.minutes}: over 0, at most {MAX_MINUTES:,.0f}")


def _train_config(options: CompareOptions, systems: Sequence[System]) -> TrainConfig:
    """How the images are read: all labeled images, with working images for perturbations."""
    has_gate = any(system.task is SystemTask.GATE for system in systems)
    return TrainConfig(
        labels=options.labels,
        output=options.output,
        recipe=replace(PAPER_RECIPE, negatives=NEGATIVES if has_gate else 0),
        negatives=options.negatives,
        folds=FOLDS,
        robustness=True,
        seed=options.seed,
        jobs=options.jobs,
    )


def held_out_mask(labels: Sequence[Label], options: CompareOptions) -> Mask:
    """Return (n,): what the column `split` does not assign to training, else one fold of five.

    No patient is in both parts. Raises WrongUse for a column that has gaps or divides a patient.
    """
    if has_split(labels):
        return np.not_equal(split_from_column(labels, options.labels), TRAINING)
    return np.equal(folds_of(labels, FOLDS, options.seed), HELD_OUT_FOLD)


def split_counts(labels: Sequence[Label], is_held_out: Mask) -> tuple[PartCounts, PartCounts]:
    """Return the counts of training and held-out images; raises WrongUse where one lacks a view."""
    counts = []
    for name, mask in (("train on", ~is_held_out), ("hold out", is_held_out)):
        part = [labels[row] for row in np.flatnonzero(mask).tolist()]
        laterals = sum(label.is_lateral for label in part)
        if not 0 < laterals < len(part):
            raise WrongUse(
                f"the images to {name} ({len(part)} of {len(labels)}) show one view only: a "
                "comparison needs frontals and laterals of several patients"
            )
        counts.append(PartCounts(len(part), laterals, len({label.patient for label in part})))
    return counts[0], counts[1]


@contextmanager
def _load_images(
    options: CompareOptions, config: TrainConfig, inputs: Inputs, callbacks: TrainCallbacks
) -> Iterator[Images]:
    """Read all images into a cache below the output folder, which is deleted at the end.

    The split is that of the whole table, whichever files can be read.
    """
    folder = RunFolder(options.output, today())
    shutil.rmtree(folder.state, ignore_errors=True)  # of a run that was killed
    with translate_os_errors(folder.path):
        (folder.path / PROBLEMS_FILE).unlink(missing_ok=True)  # is written anew if there are any
    try:
        data = load_data(config, inputs, folder, callbacks, METHODS)
        is_held_out = held_out_mask(inputs.labels, options)[data.labeled.rows]
        yield Images(data, is_held_out, config.recipe.negatives, options.seed)
    finally:
        shutil.rmtree(folder.state, ignore_errors=True)


def _sha256(path: Path | None) -> str:
    """Return the digest of a table; empty for none. Raises MissingInput."""
    if path is None:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error


def decisive_settings(options: CompareOptions, inputs: Inputs) -> dict[str, Any]:
    """Return what is the same for all systems and determines the measurements."""
    files = (
        *((label.file, options.labels.parent / label.file) for label in inputs.labels),
        *named_files(options.negatives, inputs.negatives),
    )
    return {
        "cxrview": __version__,
        "labels_sha256": _sha256(options.labels),
        "negatives_sha256": _sha256(options.negatives),
        "images_sha256": digest_of_files(files),
        "side": options.side,
        "epochs": options.epochs,
        "minutes": float(options.minutes),  # 10 and 10.0 are the same budget
        "seed": options.seed,
        "device": options.device,
        "split": "column" if has_split(inputs.labels) else f"fold {HELD_OUT_FOLD} of {FOLDS}",
        "batch": BATCH_SIZE,
        "optimizer": OPTIMIZER,
        "precision": PRECISION.value,
        "synthetic_negatives": NEGATIVES,
        "clock": "processor time",
    }


def fingerprint(settings: dict[str, Any], system: System) -> str:
    """Return a digest of the settings and the system; results with another are not used."""
    own = {
        "system": system.name,
        "preprocessing": system.preprocessing,
        "rate": system.recipe.peak_learning_rate,
        "own_side": system.side,
    }
    return hashlib.sha256(json.dumps(settings | own, sort_keys=True).encode()).hexdigest()[:16]


def machine_description() -> str:
    """Return processor, number of processors and system; nothing that names a person or a host."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} processors, {platform.system()}"


def _report_settings(settings: dict[str, Any], results: Sequence[SystemResult]) -> dict[str, Any]:
    python = {"python": platform.python_version(), "cxrview": __version__}
    split = {"training": results[0].training, "held_out": results[0].held_out}
    return {
        "decisive": settings,
        "systems": {one.system: {"date": one.measured, "machine": one.machine} for one in results},
        "split": {name: asdict(counts) for name, counts in split.items()},
        "libraries": python | {name: version(name) for name in LIBRARIES},  # of the last run
    }


def _write_tables(
    options: CompareOptions, settings: dict[str, Any], results: dict[str, SystemResult]
) -> Page:
    """Write the files that summarise the results, in the order of the systems; return the report.

    results: by system, all of the same split.
    """
    ordered = [results[system.name] for system in SYSTEMS if system.name in results]
    written, folder = _report_settings(settings, ordered), RunFolder(options.output, today())
    page = comparison_page(ordered, written)
    folder.write("comparison.csv", comparison_csv(ordered))
    folder.write("robustness.csv", robustness_csv(ordered))
    folder.write("comparison.md", markdown_page(page))
    folder.write("index.html", html_page(page))
    folder.write("settings.json", json.dumps(written, indent=1) + "\n")
    return page


def _empty_result(
    options: CompareOptions, settings: dict[str, Any], system: System,
    split: tuple[PartCounts, PartCounts],
) -> SystemResult:  # fmt: skip
    training, held_out = split
    return SystemResult(
        system=system.name,
        fingerprint=fingerprint(settings, system),
        measured=today(),
        machine=machine_description(),
        training=training,
        held_out=held_out,
        side=system.side or options.side,
        epochs_planned=options.epochs,
        minutes_allowed=options.minutes,
        device=options.device,
    )


def _read_results(folder: Path, settings: dict[str, Any]) -> dict[str, SystemResult]:
    """Return the results of earlier runs with these settings, of any system, by its name."""
    found = {system.name: read_result(folder / f"{system.name}.json") for system in SYSTEMS}
    return {
        name: one
        for name, one in found.items()
        if one is not None and one.fingerprint == fingerprint(settings, BY_NAME[name])
    }


def _of_split(
    results: dict[str, SystemResult], split: tuple[PartCounts, PartCounts]
) -> dict[str, SystemResult]:
    """Leave out results of another split: at another time an image could not be read."""
    return {name: one for name, one in results.items() if (one.training, one.held_out) == split}


def _is_measured(system: System, results: dict[str, SystemResult]) -> bool:
    return system.name in results and not results[system.name].reason


def compare(options: CompareOptions, callbacks: TrainCallbacks | None = None) -> Page:
    """Train and test the systems that have no result yet, write all tables, return the report.

    The tables also contain other systems that an earlier run has measured on the same images. A
    system that fails has a result that says why, and is tried again by the next run. Raises
    WrongUse, MissingInput or UnusableOutput before any training where the options cannot be met.
    """
    callbacks = callbacks or TrainCallbacks()
    systems, folder = systems_named(options.systems), options.output / "systems"
    if not folder.is_dir() and options.output.is_dir() and any(options.output.iterdir()):
        raise UnusableOutput(f"{options.output}: holds other files already; name a new folder")
    config = _train_config(options, systems)
    inputs = find_inputs(config)
    settings = decisive_settings(options, inputs)
    results = _read_results(folder, settings)
    wanted = [results[one.name] for one in systems if _is_measured(one, results)]
    splits = {(one.training, one.held_out) for one in wanted}
    if len(wanted) == len(systems) and len(splits) == 1:
        return _write_tables(options, settings, _of_split(results, splits.pop()))
    split_counts(inputs.labels, held_out_mask(inputs.labels, options))
    with translate_os_errors(options.output):
        folder.mkdir(parents=True, exist_ok=True)
    with _load_images(options, config, inputs, callbacks) as images:
        split = split_counts(images.data.labeled.labels, images.is_held_out)
        results = _of_split(results, split)
        missing = [system for system in systems if not _is_measured(system, results)]
        with callbacks.progress("training systems", len(missing)) as step:
            for system in missing:
                callbacks.log(f"{system.name}: {system.title}")
                empty = _empty_result(options, settings, system, split)
                result = measure_in_own_process(empty, images, options.jobs)
                write_result(result, folder / f"{system.name}.json")
                callbacks.log(result.summary)
                step(bool(result.reason))
                results[system.name] = result
                _write_tables(options, settings, results)
    return _write_tables(options, settings, results)
