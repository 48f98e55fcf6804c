"""The kinds of model that can be made: recipe, purpose, licence and limits of each."""

from dataclasses import dataclass

from cxrview.training.recipe import FILM, OPEN, Recipe

LIMITS = (
    "not a medical device; for sorting collections, not for care",
    "frontal or lateral only: obliques are forced to one of the two or left uncertain",
    "trained on films of adults and children from five public collections, few laterals",
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
    "film": Kind(
        FILM,
        "frontal or lateral chest radiographs; research use",
        "CC BY-NC-SA 4.0: research use, for most laterals that it was trained on are CC BY-NC-SA",
        LIMITS,
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
