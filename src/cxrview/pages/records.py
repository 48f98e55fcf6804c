"""Values that the store of labels, the formats of label tables and the pages exchange."""

from dataclasses import dataclass
from enum import StrEnum

from cxrview.labels import NOTHING_COPIED, CopiedColumns


class ImageClass(StrEnum):
    """The labels that a person can give an image."""

    FRONTAL = "frontal"
    LATERAL = "lateral"
    NOT_CHEST = "not_chest"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image of the collection. reason: why it was drawn into it."""

    name: str
    patient: str = ""
    source: str = ""
    reason: str = "random"
    copied: CopiedColumns = NOTHING_COPIED


@dataclass(frozen=True, slots=True)
class OpenPage:
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
    """The model's verdict on an image."""

    image: int
    verdict: str
    p_lateral: float | None
    error: str = ""  # why the image cannot be read


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What a model found in an image. vector: of `label_model.describe`."""

    image: int
    p_lateral: float
    p_chest: float
    vector: bytes


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """The label of an image. is_random: the image was drawn at random."""

    image: int
    label: ImageClass
    is_random: bool


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
    copied: CopiedColumns = NOTHING_COPIED


@dataclass(frozen=True, slots=True)
class Progress:
    """counts: labels by class, of everybody. remaining: images that this person can still label."""

    counts: dict[str, int]
    remaining: int
    seconds_per_image: float  # median of this person's latest labels; 0 without any
