"""The kinds of model that can be made: recipe, purpose, licence and limits of each."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cxrview.errors import WrongUse
from cxrview.labels import read_labels
from cxrview.training.recipe import DEFAULT, FEW, OPEN, PAPER_RECIPE, THOROUGH, Recipe
from cxrview.training.recipe_file import read_recipe

PURPOSE = "frontal or lateral chest radiographs"
AS_ITS_IMAGES = "that of the images it was trained on"
LIMITS = (
    "not a medical device; for sorting collections, not for care",
    "frontal or lateral only: obliques are forced to one of the two or left uncertain",
    "chest tomograms and scouts may pass the gate",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is common to all models of a kind."""

    recipe: Recipe
    purpose: str
    licence: str
    limits: tuple[str, ...]
    only_free: bool  # trained only on images whose licence allows any use


KINDS: dict[str, Kind] = {
    "default": Kind(DEFAULT, PURPOSE, AS_ITS_IMAGES, LIMITS, only_free=False),
    "thorough": Kind(THOROUGH, PURPOSE, AS_ITS_IMAGES, LIMITS, only_free=False),
    "few": Kind(
        FEW,
        PURPOSE,
        AS_ITS_IMAGES,
        (
            *LIMITS[:2],
            "no gate: whatever is not blank passes for a chest film",
            "taught by phantoms and a few labels, or by its own guesses: look at its verdicts",
        ),
        only_free=False,
    ),
    "paper": Kind(
        PAPER_RECIPE,
        f"{PURPOSE}, as in Choe and Jo 2021",
        AS_ITS_IMAGES,
        (
            *LIMITS[:2],
            "no gate: whatever is not blank passes for a chest film",
            "not taught inversion, borders, other curves or turns beyond 45 degrees",
        ),
        only_free=False,
    ),
    "open": Kind(
        OPEN,
        f"{PURPOSE}; for anyone",
        "Apache-2.0; trained on phantoms and on images under CC BY alone",
        (*LIMITS, "it has seen no real lateral: all of its laterals are phantoms"),
        only_free=True,
    ),
}

ENOUGH = 30  # labels of each view; with fewer, phantoms beside them do better


def kind_for(labels: Path | None) -> str:
    """The recipe for a label table, or for none; raises MissingInput, WrongUse if it is no such."""
    if labels is None:
        return "few"
    counted = Counter(label.is_lateral for label in read_labels(labels))
    return "default" if min(counted[False], counted[True]) >= ENOUGH else "few"


def resolve(name: str) -> tuple[Recipe, str]:
    """A kind's name or a .toml -> the recipe, and the kind that it is or changes.

    Raises WrongUse, MissingInput.
    """
    if name in KINDS:
        return KINDS[name].recipe, name
    if name.endswith(".toml"):
        return read_recipe(Path(name), {name: kind.recipe for name, kind in KINDS.items()})
    raise WrongUse(f"no recipe {name!r}: {', '.join(KINDS)}, or a file that ends in .toml")
