"""Values that the store of labels, the formats of label tables and the pages exchange."""

from dataclasses import dataclass
from enum import StrEnum


class ImageClass(StrEnum):
    """What a person can say about an image."""

    FRONTAL = "frontal"
    LATERAL = "lateral"
    NOT_CHEST = "not_chest"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image of the collection."""

    name: str
    patient: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One open page: who labels on it, and the random name of its browser tab."""

    labeler: str
    tab: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A label that a person gives. seconds: from the appearance of the image to the key."""

    image: int
    label: ImageClass
    seconds: float = 0.0
    was_visible: bool = False  # the suggestion
    at: str = ""  # ISO 8601; default: now


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The model's verdict on an image. priority: lowest is shown first, None leaves the order."""

    image: int
    verdict: str
    p_lateral: float | None
    priority: float | None = None
    error: str = ""  # why the image cannot be read


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """The latest label of one person for one image."""

    image: int
    name: str
    patient: str
    source: str
    reason: str
    labeler: str
    label: ImageClass
    at: str
    seconds: float
    suggestion: str
    was_visible: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """counts: labels by class, of everybody. remaining: images that this person can still label."""

    counts: dict[str, int]
    remaining: int
    seconds_per_image: float  # median of this person's latest labels; 0 without any
