"""Films, split -> what one system is taught and tested on, in the pictures that it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrview.comparison.images import Films, Group, Lesson, Pictures, lesson_of, prepared
from cxrview.errors import WrongUse
from cxrview.evaluation.perturbations import PERTURBATIONS, perturb
from cxrview.images import radiograph_of
from cxrview.labels import Label, folds_of
from cxrview.model.preprocess import Floats, Gray, equalise, shrink, stretch, working_image
from cxrview.training.negatives.draw import negatives

FOLDS = 5
HELD = 0  # the fold that is tested on
NEGATIVES = 1600  # drawn for the gate, a hundred of each kind
LATERALS = 0.2  # share of laterals among the chest films that a gate is taught

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Preparation:
    """Films -> (n, side, side)."""

    way: str  # "squash", "thumbnail", "framed"
    side: int

    def of(self, greys: Sequence[Gray]) -> Pictures:
        """Films (h, w) each -> (n, side, side) uint8."""
        return WAYS[self.way](greys, self.side)


def _squashed(side: Floats, cells: int) -> Floats:
    height, width = side.shape
    return shrink(side, (0, 0, width, height), cells, cells)


def squash(greys: Sequence[Gray], side: int) -> Pictures:
    """The paper's picture, at any size: the aspect given up, lowest to highest value."""
    films = (working_image(radiograph_of(grey)) for grey in greys)
    made = [stretch(_squashed(film, side), 0.0) for film in films]
    return np.stack(made) if made else np.zeros((0, side, side), np.uint8)


def thumbnail(greys: Sequence[Gray], side: int) -> Pictures:
    """Equalised, then squashed."""
    films = (equalise(stretch(working_image(radiograph_of(grey)))) for grey in greys)
    made = [np.round(_squashed(film.astype(np.float32), side)) for film in films]
    return np.stack(made).astype(np.uint8) if made else np.zeros((0, side, side), np.uint8)


def framed(greys: Sequence[Gray], side: int) -> Pictures:  # noqa: ARG001  64, always
    """As our gate sees them."""
    return prepared(greys, "framed")


WAYS: dict[str, Callable[[Sequence[Gray], int], Pictures]] = {
    "squash": squash,
    "thumbnail": thumbnail,
    "framed": framed,
}


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """films: all; is_held: (n,), those tested on, of patients that nothing is taught of."""

    films: Films
    is_held: Mask
    others: list[Gray]  # no chest films

    @property
    def taught(self) -> Films:
        """The other folds."""
        return self.films.taken(~self.is_held)

    @property
    def held(self) -> Films:
        """The fold that is tested on."""
        return self.films.taken(self.is_held)


def held_out(labels: Sequence[Label], seed: int) -> Mask:
    """(n,) one fold of five, by patient. Raises WrongUse where a part lacks a view."""
    is_held: Mask = np.equal(folds_of(labels, FOLDS, seed), HELD)
    lateral = np.array([label.is_lateral for label in labels])
    for name, part in (("to learn from", lateral[~is_held]), ("held out", lateral[is_held])):
        if len(set(part.tolist())) < 2:
            raise WrongUse(
                f"the films {name} ({len(part)} of {len(labels)}) show one view only: "
                "a comparison needs frontals and laterals of several patients"
            )
    return is_held


def split_of(films: Films, others: list[Gray], seed: int) -> Split:
    """Films -> the same films, parted by patient."""
    return Split(films, held_out(films.labels, seed), others)


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What crosses to the process that trains.

    lesson: what is taught. held: by alteration, (m, side, side) uint8; lateral: (m,).
    others: (k, side, side).
    """

    lesson: Lesson
    held: dict[str, Pictures]
    lateral: Mask
    others: Pictures


def view_material(split: Split, preparation: Preparation) -> Material:
    """Frontals (False) against laterals (True); the held films under every alteration."""
    taught, held = split.taught, split.held
    pictures = preparation.of(taught.greys)
    lesson = lesson_of(
        Group(pictures[~taught.lateral], False, 1), Group(pictures[taught.lateral], True, 1)
    )
    pairs = list(zip(held.greys, np.flatnonzero(split.is_held).tolist(), strict=True))
    altered = {
        name: preparation.of([perturb(grey, name, number) for grey, number in pairs])
        for name in PERTURBATIONS
    }
    return Material(lesson, altered, held.lateral, pictures[:0])


def gate_material(split: Split, preparation: Preparation, seed: int) -> Material:
    """Chest films (True) against drawn negatives (False), tested on films and the real others."""
    taught, held = split.taught, split.held
    pictures = preparation.of(taught.greys)
    drawn = preparation.of(list(negatives(NEGATIVES, seed, taught.greys)))
    lesson = lesson_of(
        Group(pictures[~taught.lateral], True, 1 - LATERALS),
        Group(pictures[taught.lateral], True, LATERALS),
        Group(drawn, False, 1),
    )
    films = {"unaltered": preparation.of(held.greys)}
    return Material(lesson, films, held.lateral, preparation.of(split.others))
