"""Labels -> which of them train, which watch the training, which test: no patient in two parts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrview.errors import WrongUse
from cxrview.labels import SPLITS, Label
from cxrview.training.recipe import Split

Parts = npt.NDArray[np.intp]  # (n,), 0 training, 1 validation, 2 test
TRAINING, VALIDATION, TEST = range(3)
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose images stand where in the table, and how many of each view they are."""

    places: tuple[int, ...]
    counts: tuple[int, int]  # frontals, laterals


def patients_of(labels: Sequence[Label]) -> list[Patient]:
    """By name of patient."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        places[label.patient].append(place)
    made = []
    for name in sorted(places):
        laterals = sum(labels[place].is_lateral for place in places[name])
        made.append(Patient(tuple(places[name]), (len(places[name]) - laterals, laterals)))
    return made


def _wanted(held: int, counts: tuple[int, int], split: Split) -> list[float]:
    """How many of `held` images of one view go to each part."""
    training, validation = counts
    if not training or training + validation > held:
        training, validation = round(held * split.training), round(held * split.validation)
    validation = min(validation, held - training)
    return [training, validation, held - training - validation]


def part_at_random(labels: Sequence[Label], split: Split, seed: int) -> Parts:
    """Patients are dealt one after another, each to the part that is furthest from full.

    Those with laterals come first, those with many images before those with few, so that the
    last single images make the numbers come out.
    """
    patients = patients_of(labels)
    np.random.default_rng(seed).shuffle(patients)
    held = np.sum([one.counts for one in patients], axis=0)
    per_view = zip(held.tolist(), (split.frontals, split.laterals), strict=True)
    target = np.array([_wanted(count, counts, split) for count, counts in per_view])  # (2, 3)
    left = target.copy()
    parts = np.zeros(len(labels), np.intp)
    for one in sorted(patients, key=lambda one: (not one.counts[1], -len(one.places))):
        counts = np.array(one.counts)
        part = _neediest(left, target, counts)
        parts[list(one.places)] = part
        left[:, part] -= counts
    return parts


def _neediest(left: Counts, target: Counts, counts: npt.NDArray[np.intp]) -> int:
    """The part with most room, as a share of what it is to hold; one with room for all first."""
    need = counts @ (left / np.maximum(target, 1))
    fits = np.all(left >= counts[:, None], axis=0).tolist()
    return max(range(len(need)), key=lambda part: (fits[part], need[part], -part))


def part_as_told(labels: Sequence[Label], path: Path) -> Parts:
    """The table's own column `split`; raises WrongUse where it parts a patient or leaves gaps."""
    told: dict[str, Label] = {}
    for label in labels:
        where = f"{path}, line {label.line}: {label.file}"
        if not label.split:
            raise WrongUse(f"{where}: no split, though other rows have one")
        first = told.setdefault(label.patient, label)
        if first.split != label.split:
            raise WrongUse(
                f"{where}: patient {label.patient} is in {label.split} here and in {first.split} "
                f"in line {first.line}: one patient's images belong in one part"
            )
    return np.array([SPLITS.index(label.split) for label in labels])


def parts_of(labels: Sequence[Label], split: Split, seed: int, path: Path) -> Parts:
    """(n,) part of each label: the table's own where it has one, else dealt by patient.

    Raises WrongUse where the training would lack a view.
    """
    is_told = any(label.split for label in labels)
    parts = part_as_told(labels, path) if is_told else part_at_random(labels, split, seed)
    lateral = np.array([label.is_lateral for label in labels])
    for name, views in (("frontal", ~lateral), ("lateral", lateral)):
        if not (views & (parts == TRAINING)).any():
            raise WrongUse(f"{path}: no {name} image to train on; both views are needed")
    return parts
