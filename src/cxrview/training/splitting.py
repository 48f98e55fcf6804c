"""Labels -> which of them train, validate and test: no patient in two parts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.labels import SPLITS, Label
from cxrview.training.recipe import Recipe, SplitRecipe

Parts = npt.NDArray[np.intp]  # (n,), 0 training, 1 validation, 2 test
TRAINING, VALIDATION, TEST = range(3)
Counts = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]  # (n,)


@dataclass(frozen=True, slots=True)
class Patient:
    """The rows of one patient's images, and how many of each view they are."""

    rows: tuple[int, ...]
    counts: tuple[int, int]  # frontals, laterals


def patients_of(labels: Sequence[Label]) -> list[Patient]:
    """Group labels by patient, ordered by the patients' names."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows[label.patient].append(row)
    patients = []
    for name in sorted(rows):
        laterals = sum(labels[row].is_lateral for row in rows[name])
        patients.append(Patient(tuple(rows[name]), (len(rows[name]) - laterals, laterals)))
    return patients


def _target_counts(count: int, wanted: tuple[int, int], split: SplitRecipe) -> list[float]:
    """How many of `count` images of one view go to each part."""
    training, validation = wanted
    if not training or training + validation > count:
        training, validation = round(count * split.training), round(count * split.validation)
    validation = min(validation, count - training)
    return [training, validation, count - training - validation]


def split_at_random(labels: Sequence[Label], split: SplitRecipe, seed: int) -> Parts:
    """Assign patients one after another, each to the part that is furthest from its target.

    Patients with laterals come first, those with many images before those with few, so that the
    last single images make the numbers come out.
    """
    patients = patients_of(labels)
    np.random.default_rng(seed).shuffle(patients)
    counts = np.sum([patient.counts for patient in patients], axis=0)
    views = zip(counts.tolist(), (split.frontals, split.laterals), strict=True)
    target = np.array([_target_counts(count, wanted, split) for count, wanted in views])  # (2, 3)
    remaining = target.copy()
    parts = np.zeros(len(labels), np.intp)
    for patient in sorted(patients, key=lambda one: (not one.counts[1], -len(one.rows))):
        images = np.array(patient.counts)
        part = _emptiest_part(remaining, target, images)
        parts[list(patient.rows)] = part
        remaining[:, part] -= images
    return parts


def _emptiest_part(remaining: Counts, target: Counts, images: npt.NDArray[np.intp]) -> int:
    """The part furthest from its target, relative to it; parts that fit all images come first."""
    need = images @ (remaining / np.maximum(target, 1))
    fits = np.all(remaining >= images[:, None], axis=0).tolist()
    return max(range(len(need)), key=lambda part: (fits[part], need[part], -part))


def has_split(labels: Sequence[Label]) -> bool:
    """Whether the table states for any image which part it belongs to."""
    return any(label.split for label in labels)


def check_nothing_held_out(labels: Sequence[Label], path: Path) -> None:
    """Raise WrongUse where the column `split` holds an image out, for a training on all images."""
    for label in labels:
        if label.split not in ("", SPLITS[TRAINING]):
            raise WrongUse(
                f"{path}, line {label.line}: {label.file} is in {label.split}, but --folds and "
                "--leave-one-source-out make their own parts and then train on all images: train "
                "without the option, or remove the column split"
            )


def split_from_column(labels: Sequence[Label], path: Path) -> Parts:
    """Use the table's column `split`; raises WrongUse where it separates a patient or has gaps."""
    first_of: dict[str, Label] = {}
    for label in labels:
        where = f"{path}, line {label.line}: {label.file}"
        if not label.split:
            raise WrongUse(f"{where}: no split, though other rows have one")
        first = first_of.setdefault(label.patient, label)
        if first.split != label.split:
            raise WrongUse(
                f"{where}: patient {label.patient} is in {label.split} here and in {first.split} "
                f"in line {first.line}: one patient's images belong in one part"
            )
    return np.array([SPLITS.index(label.split) for label in labels])


def split_labels(labels: Sequence[Label], recipe: Recipe, seed: int, path: Path) -> Parts:
    """Return the part (n,) of each label: from the table's column, else at random by patient.

    Raises WrongUse where a view has no image to train on, and the recipe draws none.
    """
    if has_split(labels):
        parts = split_from_column(labels, path)
    else:
        parts = split_at_random(labels, recipe.split, seed)
    if recipe.needs_both_views:
        check_views(labels, parts == TRAINING, str(path))
    return parts


def check_views(labels: Sequence[Label], trains: npt.NDArray[np.bool_], where: str) -> None:
    """Raise WrongUse where the labels that train, (n,) true, lack a view."""
    lateral = np.array([label.is_lateral for label in labels], np.bool_)
    for name, view in (("frontal", ~lateral), ("lateral", lateral)):
        if not (view & trains).any():
            raise WrongUse(f"{where}: no {name} image to train on; both views are needed")


def folds_by_source(labels: Sequence[Label]) -> Folds:
    """Return (n,): one fold for each source; raises WrongUse where there is only one."""
    sources = sorted({label.source for label in labels})
    if len(sources) < 2:
        raise WrongUse("--leave-one-source-out needs images of two sources (column source)")
    return np.array([sources.index(label.source) for label in labels])
