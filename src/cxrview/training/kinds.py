"""The kinds of model that can be made: recipe, purpose, licence and limits of each."""

from dataclasses import dataclass

from cxrview.training.recipe import FILM, OPEN, PAPER_RECIPE, Recipe

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
    "default": Kind(
        FILM,
        "frontal or lateral chest radiographs",
        "that of the images it was trained on",
        LIMITS,
        only_free=False,
    ),
    "paper": Kind(
        PAPER_RECIPE,
        "frontal or lateral chest radiographs, as in Choe and Jo 2021",
        "that of the images it was trained on",
        (
            *LIMITS[:2],
            "no gate: whatever is not blank passes for a chest film",
            "not taught inversion, borders, other curves or turns beyond 45 degrees",
        ),
        only_free=False,
    ),
    "open": Kind(
        OPEN,
        "frontal or lateral chest radiographs; for anyone",
        "Apache-2.0; trained on phantoms and on images under CC BY alone",
        (*LIMITS, "it has seen no real lateral: all of its laterals are phantoms"),
        only_free=True,
    ),
}
