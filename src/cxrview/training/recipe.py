"""Recipes: everything that determines a trained model, as values; and the presets by name."""

from dataclasses import dataclass, field, replace

from cxrview.model.preprocess import PREPROCESSING
from cxrview.training.augment import (
    FULL_AUGMENTATION,
    MAX_COUNT,
    PAPER_AUGMENTATION,
    Augmentation,
    bounded_field,
    check_bounds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one network is trained: RMSProp on binary cross-entropy.

    Either `steps` batches in which each class has a fixed share, drawn with replacement; or
    `epochs` over all images in a shuffled order, with `frontals` and `laterals` of them in each
    (fewer images than that are repeated; 0: each once).
    """

    augmentation: Augmentation | None
    steps: int = bounded_field(0, MAX_COUNT)
    # Of a batch: laterals; chest radiographs for the gate
    positive_share: float = bounded_field(0.5)
    epochs: int = bounded_field(0, MAX_COUNT)
    frontals: int = bounded_field(0, MAX_COUNT)
    laterals: int = bounded_field(0, MAX_COUNT)
    batch: int = bounded_field(32, 2**16, 2)
    peak_learning_rate: float = bounded_field(1e-3, 1e3, 1e-12)
    cosine_decay: bool = True  # from the peak to zero; else constant
    rms_decay: float = bounded_field(0.9, 0.999999)  # of RMSProp's mean of squares
    keep_best: bool = False  # by validation accuracy, then validation loss; else the last weights
    bfloat16: bool = True  # in the convolutions; else float32 throughout
    # Of processor time, then training stops; 0: no limit
    minutes: float = bounded_field(0.0, MAX_COUNT)

    def __post_init__(self) -> None:
        check_bounds(self)
        if (self.steps > 0) == (self.epochs > 0):
            raise ValueError("a schedule has either steps or epochs, at least one")


def _check_method(method: str) -> None:
    """Raise ValueError for an unknown preprocessing."""
    if method not in PREPROCESSING:
        raise ValueError(f"preprocessing is {method!r}, expected one of {', '.join(PREPROCESSING)}")


def _check_both_classes(*schedules: Schedule) -> None:
    """Raise ValueError for batches without images of one class."""
    for one in schedules:
        if one.steps and not 0 < round(one.batch * one.positive_share) < one.batch:
            raise ValueError(f"positive_share is {one.positive_share}: a batch needs both classes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecipe:
    """The view network: upright frontals against laterals in any quarter turn.

    The gate turns each image upright before the view network sees it. It is reliable on frontals
    but not on all laterals, so laterals are trained in all four turns.
    """

    preprocessing: str = "film"
    phantoms: int = bounded_field(2800, MAX_COUNT)  # 0: no pretraining, random initial weights
    phantom_side: int = bounded_field(128, 4096, 32)  # long side at which they are drawn, pixels
    pretraining: Schedule = Schedule(
        steps=1500, positive_share=0.5, augmentation=replace(FULL_AUGMENTATION, invert=0.0)
    )
    main: Schedule = Schedule(steps=3000, positive_share=0.25, augmentation=FULL_AUGMENTATION)
    rotate_laterals: bool = True  # train each in all four quarter turns
    # share of phantoms among the images of a view that are drawn in the main part
    phantom_frontals: float = bounded_field(0.0)
    phantom_laterals: float = bounded_field(0.0)

    def __post_init__(self) -> None:
        check_bounds(self)
        _check_method(self.preprocessing)
        _check_both_classes(self.pretraining, self.main)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecipe:
    """The out-of-distribution gate: upright chest radiographs against synthetic negatives."""

    preprocessing: str = "framed"
    negatives: int = bounded_field(3200, MAX_COUNT)
    laterals: float = bounded_field(0.2)  # share of laterals among the chest radiographs of a batch
    phantom_frontals: float = bounded_field(
        0.0
    )  # share of phantoms among the frontals, and among the laterals
    phantom_laterals: float = bounded_field(0.0)
    main: Schedule = Schedule(
        steps=2000, positive_share=0.5, augmentation=replace(FULL_AUGMENTATION, invert=0.2)
    )
    # On phantoms alone; 0: random initial weights
    pretraining_steps: int = bounded_field(0, MAX_COUNT)

    def __post_init__(self) -> None:
        check_bounds(self)
        _check_method(self.preprocessing)
        _check_both_classes(self.main)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model: the view network, the gate if it has one, and how many images are held out."""

    view: ViewRecipe = field(default_factory=ViewRecipe)
    gate: GateRecipe | None = field(default_factory=GateRecipe)
    split: SplitRecipe = field(default_factory=SplitRecipe)
    pseudo_labels: PseudoLabelConfig = field(default_factory=PseudoLabelConfig)
    refused_share: float = bounded_field(
        0.02
    )  # of either view that the gate may refuse on held-out images

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def preprocessing(self) -> tuple[str, ...]:
        """The methods that its networks need, each once."""
        gate = (self.gate.preprocessing,) if self.gate else ()
        return tuple(dict.fromkeys((self.view.preprocessing, *gate)))


# How the shipped model `film` was made.
THOROUGH_RECIPE = Recipe()

# Less than half of that work, for own images, in minutes. The gate is pretrained on phantoms, and
# sees more laterals.
DEFAULT_RECIPE = Recipe(
    view=ViewRecipe(
        phantoms=1600,
        phantom_side=96,
        pretraining=Schedule(
            steps=600, positive_share=0.5, augmentation=replace(FULL_AUGMENTATION, invert=0.0)
        ),
        main=Schedule(steps=2000, positive_share=0.25, augmentation=FULL_AUGMENTATION),
    ),
    gate=GateRecipe(
        negatives=1600,
        laterals=0.3,
        pretraining_steps=600,
        main=Schedule(
            steps=700, positive_share=0.5, augmentation=replace(FULL_AUGMENTATION, invert=0.2)
        ),
    ),
)

# A handful of labels, or none: a short training from the phantoms on, half of it phantoms still.
# All labels train. No gate: a few radiographs do not show what radiographs look like.
FEW_RECIPE = Recipe(
    view=replace(
        DEFAULT_RECIPE.view,
        rotate_laterals=False,
        phantom_frontals=0.5,
        phantom_laterals=0.5,
        main=Schedule(
            steps=300, positive_share=0.5, augmentation=FULL_AUGMENTATION, peak_learning_rate=5e-4
        ),
    ),
    gate=None,
    split=SplitRecipe(training=1.0, validation=0.0),
)

# All laterals are phantoms, all real images are frontal: longer training or more real images would
# train the network to separate drawn from photographed images.
OPEN_RECIPE = Recipe(
    view=ViewRecipe(
        phantom_frontals=0.8,
        phantom_laterals=1.0,
        main=Schedule(
            steps=1200, positive_share=0.35, augmentation=FULL_AUGMENTATION, peak_learning_rate=5e-4
        ),
    ),
    gate=GateRecipe(phantom_frontals=0.2, phantom_laterals=1.0),
    refused_share=0.003,  # of the images that it was trained on, where there are no others
)

# Choe and Jo 2021: 451 frontal and 409 lateral images in each of 1,000 epochs, 113 and 103 to
# choose the epoch. Learning rate and the ranges except the rotation are Keras' customs of the time.
PAPER_RECIPE = Recipe(
    view=ViewRecipe(
        preprocessing="paper",
        phantoms=0,
        rotate_laterals=False,
        main=Schedule(
            epochs=1000,
            frontals=451,
            laterals=409,
            augmentation=PAPER_AUGMENTATION,
            cosine_decay=False,
            keep_best=True,
            bfloat16=False,
        ),
    ),
    gate=None,
    split=SplitRecipe(frontals=(451, 113), laterals=(409, 103), training=0.6, validation=0.2),
)

PURPOSE = "frontal or lateral chest radiographs"
LICENCE_OF_IMAGES = "that of the images it was trained on"
LIMITS = (
    "not a medical device; for sorting collections, not for care",
    "frontal or lateral only: obliques are forced to one of the two or left uncertain",
    "chest tomograms and scouts may pass the gate",
)
NO_GATE = "no gate: every image that is not blank counts as a chest radiograph"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A recipe by name, and what its models' cards say."""

    recipe: Recipe
    purpose: str = PURPOSE
    licence: str = LICENCE_OF_IMAGES
    limits: tuple[str, ...] = LIMITS
    permissive_only: bool = False  # trained only on images whose licence allows any use


PRESETS: dict[str, Preset] = {
    "default": Preset(recipe=DEFAULT_RECIPE),
    "thorough": Preset(recipe=THOROUGH_RECIPE),
    "few": Preset(
        recipe=FEW_RECIPE,
        limits=(
            *LIMITS[:2],
            NO_GATE,
            "trained on phantoms and a few labels, or on pseudo-labels: check its verdicts",
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
        recipe=OPEN_RECIPE,
        purpose=f"{PURPOSE}; for anyone",
        licence="Apache-2.0; trained on phantoms and on images under CC BY alone",
        limits=(*LIMITS, "it has seen no real lateral: all of its laterals are phantoms"),
        permissive_only=True,
    ),
}
