"""Recipes: everything that determines a trained model, as values; and the presets by name."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from cxrview.model.layers import ARCHITECTURES, ROTATION, Architecture
from cxrview.model.preprocess import INPUT_SIDES
from cxrview.training.augment import (
    MAX_COUNT,
    MULTI_TASK_AUGMENTATION,
    PAPER_AUGMENTATION,
    Augmentation,
    bounded_field,
    check_bounds,
)


class Precision(StrEnum):
    """In what the convolutions compute while they are trained; AUTO chooses by timed steps."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


OPTIMIZERS = ("rmsprop", "adamw")
STORED_AS_BYTES = ("framed", "framed96", "paper")  # preprocessing that the image cache can store


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a network is trained.

    Either `steps` batches in which each group of images has a fixed share, drawn with replacement;
    or `epochs` over all images in a shuffled order, with `frontals` and `laterals` of them in each
    (fewer images than that are repeated; 0: each once).
    """

    augmentation: Augmentation | None
    steps: int = bounded_field(0, MAX_COUNT)
    epochs: int = bounded_field(0, MAX_COUNT)
    frontals: int = bounded_field(0, MAX_COUNT)
    laterals: int = bounded_field(0, MAX_COUNT)
    batch: int = bounded_field(32, 2**16, 2)
    optimizer: str = "rmsprop"
    peak_learning_rate: float = bounded_field(1e-3, 1e3, 1e-12)
    warmup_steps: int = bounded_field(0, MAX_COUNT)  # in which the learning rate rises to its peak
    cosine_decay: bool = True  # from the peak to zero; else constant
    rms_decay: float = bounded_field(0.9, 0.999999)  # of RMSProp's mean of squares
    weight_decay: float = bounded_field(0.0)  # of AdamW
    keep_best: bool = False  # by validation accuracy, then validation loss; else the last weights
    precision: str = Precision.AUTO
    # Of processor time, then training stops; 0: no limit
    minutes: float = bounded_field(0.0, MAX_COUNT)

    def __post_init__(self) -> None:
        check_bounds(self)
        if (self.steps > 0) == (self.epochs > 0):
            raise ValueError("a schedule has either steps or epochs, at least one")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer is {self.optimizer!r}, expected {' or '.join(OPTIMIZERS)}")
        if self.precision not in tuple(Precision):
            raise ValueError(f"precision is {self.precision!r}, expected {', '.join(Precision)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShares:
    """How many images of each group a batch holds, relative to the sum of all.

    Where a group has no images, the other groups of its view share what it leaves. Pseudo-labeled
    images count together as much as those that a person labeled.
    """

    frontals: float = bounded_field(12, MAX_COUNT)
    phantom_frontals: float = bounded_field(5, MAX_COUNT)
    ct_frontals: float = bounded_field(5, MAX_COUNT)
    laterals: float = bounded_field(3, MAX_COUNT)
    phantom_laterals: float = bounded_field(3, MAX_COUNT)
    ct_laterals: float = bounded_field(6, MAX_COUNT)
    ct_obliques: float = bounded_field(2, MAX_COUNT)  # neither view: the target is 0.5
    negatives: float = bounded_field(22, MAX_COUNT)  # images that are no chest radiographs

    def __post_init__(self) -> None:
        check_bounds(self)
        if not (self.frontals + self.phantom_frontals + self.ct_frontals > 0 and
                self.laterals + self.phantom_laterals + self.ct_laterals > 0):  # fmt: skip
            raise ValueError("a batch needs images of both views")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecipe:
    """How images are split by patient, each view separately; what remains is for testing.

    `frontals` and `laterals` count (training, validation); with (0, 0), or more than the table
    has, the shares apply.
    """

    frontals: tuple[int, int] = (0, 0)
    laterals: tuple[int, int] = (0, 0)
    training: float = 0.8
    validation: float = 0.2

    def __post_init__(self) -> None:
        if min(*self.frontals, *self.laterals) < 0:
            raise ValueError("numbers of images are not negative")
        sums_up = self.training + self.validation <= 1 + 1e-9
        if not (self.training > 0 and self.validation >= 0 and sums_up):
            raise ValueError("shares of training and validation add up to at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoLabelConfig:
    """Which predictions on unlabeled images become pseudo-labels.

    The most confident of those predicted lateral and of those predicted frontal: shares, so that
    it does not matter how rare laterals are; at least `minimum` of either, where there are any.
    """

    laterals: float = bounded_field(0.25, 1.0, 1e-6)
    frontals: float = bounded_field(0.6, 1.0, 1e-6)
    minimum: int = bounded_field(8, MAX_COUNT, 1)

    def __post_init__(self) -> None:
        check_bounds(self)


MULTI_TASK_SCHEDULE = Schedule(
    steps=1600,
    batch=54,
    optimizer="adamw",
    peak_learning_rate=5e-3,
    weight_decay=1e-3,
    warmup_steps=200,
    augmentation=MULTI_TASK_AUGMENTATION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model: its network, the images it is trained on beside the labeled ones, the schedule.

    network: a name of model.layers.ARCHITECTURES. preprocessing: of model.preprocess.PREPROCESSING.
    phantoms, ct_radiographs, negatives: how many are drawn; radiographs computed from CT, and as
    many images from CT that are no chest radiographs, only where volumes are given. The sides are
    the long sides at which images are drawn, in pixels.
    refused_share: of each view of each source that may be refused or wrong on held-out images.
    """

    network: str = "multitask"
    preprocessing: str = "framed96"
    phantoms: int = bounded_field(3000, MAX_COUNT)
    phantom_side: int = bounded_field(160, 4096, 32)
    ct_radiographs: int = bounded_field(600, MAX_COUNT)
    ct_side: int = bounded_field(160, 4096, 32)
    negatives: int = bounded_field(8000, MAX_COUNT)
    shares: BatchShares = field(default_factory=BatchShares)
    main: Schedule = MULTI_TASK_SCHEDULE
    split: SplitRecipe = field(default_factory=SplitRecipe)
    pseudo_labels: PseudoLabelConfig = field(default_factory=PseudoLabelConfig)
    refused_share: float = bounded_field(0.01)

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.network not in ARCHITECTURES:
            raise ValueError(
                f"network is {self.network!r}, expected one of {', '.join(ARCHITECTURES)}"
            )
        fitting = [one for one in STORED_AS_BYTES if INPUT_SIDES[one] == self.architecture.side]
        if self.preprocessing not in fitting:
            raise ValueError(
                f"preprocessing is {self.preprocessing!r}, expected one of {', '.join(fitting)}"
            )
        if self.has_gate and not (self.negatives and self.shares.negatives):
            raise ValueError("a network that computes P(chest) needs negatives with a share")
        if self.has_gate and self.main.epochs:
            raise ValueError("a network that computes P(chest) is trained by steps, not epochs")

    @property
    def architecture(self) -> Architecture:
        """The network's layers, input and outputs."""
        return ARCHITECTURES[self.network]

    @property
    def needs_both_views(self) -> bool:
        """Whether a view without labeled images cannot be trained, since no phantoms are drawn."""
        return not self.phantoms

    @property
    def has_gate(self) -> bool:
        """Whether the network says if an image is a chest radiograph."""
        return self.architecture.has_gate

    @property
    def averages_turns(self) -> bool:
        """Whether images near a threshold are classified in all quarter turns, see Card."""
        augmentation = self.main.augmentation
        trains_turns = augmentation is not None and augmentation.quarter_turns > 0
        return trains_turns and ROTATION in self.architecture.outputs


DEFAULT_RECIPE = Recipe()

# More steps, on more computed images; how the shipped model `open` was made.
THOROUGH_RECIPE = Recipe(
    phantoms=4000,
    ct_radiographs=2400,
    negatives=16000,
    main=replace(MULTI_TASK_SCHEDULE, steps=5400),
)

# A handful of labels, or none: a shorter training, most of it on computed images. All labels train.
FEW_RECIPE = Recipe(
    phantoms=2000,
    negatives=2000,
    shares=BatchShares(frontals=8, phantom_frontals=7, ct_frontals=7),
    main=replace(MULTI_TASK_SCHEDULE, steps=800),
    split=SplitRecipe(training=1.0, validation=0.0),
)

# Choe and Jo 2021: 451 frontal and 409 lateral images in each of 1,000 epochs, 113 and 103 to
# choose the epoch. Learning rate and the ranges except the rotation are Keras' customs of the time.
PAPER_RECIPE = Recipe(
    network="paper",
    preprocessing="paper",
    phantoms=0,
    ct_radiographs=0,
    negatives=0,
    main=Schedule(
        epochs=1000,
        frontals=451,
        laterals=409,
        augmentation=PAPER_AUGMENTATION,
        cosine_decay=False,
        keep_best=True,
        precision=Precision.FLOAT32,
    ),
    split=SplitRecipe(frontals=(451, 113), laterals=(409, 103), training=0.6, validation=0.2),
)

PURPOSE = "frontal or lateral chest radiographs"
LICENCE_OF_IMAGES = "that of the images it was trained on"
LIMITS = (
    "not a medical device; for sorting collections, not for care",
    "frontal or lateral only: obliques are left uncertain or forced to one of the two",
    "some images of other body parts, and chest tomograms, pass as chest radiographs",
)
NO_REAL_LATERAL = "it has seen no real lateral: its laterals are phantoms or computed from CT"
NO_GATE = "every image that is not blank counts as a chest radiograph"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A recipe by name, and what its models' cards say."""

    recipe: Recipe
    purpose: str = PURPOSE
    limits: tuple[str, ...] = LIMITS
    permissive_only: bool = False  # trained only on images whose licence allows any use


PRESETS: dict[str, Preset] = {
    "default": Preset(recipe=DEFAULT_RECIPE),
    "thorough": Preset(recipe=THOROUGH_RECIPE),
    "few": Preset(
        recipe=FEW_RECIPE,
        limits=(
            *LIMITS,
            "trained on computed images and a few labels, or on pseudo-labels: check its verdicts",
        ),
    ),
    "paper": Preset(
        recipe=PAPER_RECIPE,
        purpose=f"{PURPOSE}, as in Choe and Jo 2021",
        limits=(
            *LIMITS[:2],
            NO_GATE,
            "not trained on inversion, borders, other gammas or rotations beyond 45 degrees",
        ),
    ),
    "open": Preset(
        recipe=THOROUGH_RECIPE,
        purpose=f"{PURPOSE}; for anyone",
        permissive_only=True,
    ),
}  # fmt: skip
