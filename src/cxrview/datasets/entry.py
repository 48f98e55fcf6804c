"""One row of a label table that comes from a collection, and the words for its view."""

from collections.abc import Mapping
from dataclasses import dataclass

from cxrview.labels import OTHER, UNSAID
from cxrview.views import View

# What collections write where they do not know the view either
_SILENT = frozenset(("", "UNK", "UNKNOWN", "NAN", "NONE", "N/A"))

Codes = Mapping[str, View]  # a collection's own words, upper case


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of a collection.

    places: where it may lie, relative to the root, the likeliest first; a bare name is looked for
    in all folders. view: frontal, lateral, other (the collection says something else), or empty
    (it says nothing).
    """

    places: tuple[str, ...]
    view: str
    patient: str
    original_view: str


def view_word(code: str, codes: Codes) -> str:
    """A collection's own word for the view -> frontal, lateral, other or empty."""
    word = " ".join(code.upper().split())
    if word in _SILENT:
        return UNSAID
    return codes.get(word, OTHER)
