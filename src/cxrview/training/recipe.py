"""Everything that decides what comes out of a training; written into the model's card."""

from dataclasses import dataclass, field, replace

from cxrview.training.augment import FULL, PAPER, Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one net is trained: RMSProp on binary cross-entropy.

    Either `steps` batches in which each class has a fixed share, drawn with replacement; or
    `passes` over all pictures in a shuffled order, `frontals` and `laterals` of them in each pass
    (fewer pictures than that are repeated; 0: each once).
    """

    augmentation: Augmentation
    steps: int = 0
    share: float = 0.5  # of True (lateral; chest film) in each batch, where batches are drawn
    passes: int = 0
    frontals: int = 0
    laterals: int = 0
    batch: int = 32
    peak_rate: float = 1e-3
    has_cosine: bool = True  # from the peak rate to zero; else constant
    decay: float = 0.9  # of RMSProp's mean of squares
    keeps_best: bool = False  # by validation accuracy, then validation loss; else the last weights
    bfloat16: bool = True  # in the convolutions; else float32 throughout

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.passes > 0):
            raise ValueError("a training has either steps or passes, at least one")
        if self.batch < 2 or not 0 < round(self.batch * self.share) < self.batch:
            raise ValueError("a batch holds pictures of both classes")
        if min(self.steps, self.passes, self.frontals, self.laterals) < 0:
            raise ValueError("numbers of steps, passes and pictures are not negative")
        if not (self.peak_rate > 0 and 0 <= self.decay < 1):
            raise ValueError("a learning rate is over 0, a decay between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecipe:
    """The view net: upright frontals against laterals that lie anyhow, begun on phantoms."""

    preparation: str = "film"
    phantoms: int = 2800  # 0: begun from random weights
    phantom_side: int = 128  # long side that they are drawn at, pixels
    start: Schedule = Schedule(steps=1500, share=0.5, augmentation=replace(FULL, invert=0.0))
    main: Schedule = Schedule(steps=3000, share=0.25, augmentation=FULL)
    turns_laterals: bool = True  # taught in all four quarter turns
    # share of phantoms among what is drawn in the main part
    phantom_frontals: float = 0.0
    phantom_laterals: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecipe:
    """The gate: upright chest films against made-up pictures of other things."""

    preparation: str = "framed"
    negatives: int = 3200
    laterals: float = 0.2  # share of laterals among the chest films that are drawn
    phantom_frontals: float = 0.0  # share of phantoms among the frontals, and among the laterals
    phantom_laterals: float = 0.0
    main: Schedule = Schedule(steps=2000, share=0.5, augmentation=replace(FULL, invert=0.2))
    start_steps: int = 0  # of the same lesson on phantoms first; 0: begun from random weights

    def __post_init__(self) -> None:
        if min(self.negatives, self.start_steps) < 0:
            raise ValueError("numbers of pictures and steps are not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How images are parted, patients kept whole: in each view apart, what is left is for testing.

    `frontals` and `laterals` count (training, validation); (0, 0), or more than the table holds:
    the shares decide.
    """

    frontals: tuple[int, int] = (0, 0)
    laterals: tuple[int, int] = (0, 0)
    training: float = 0.8
    validation: float = 0.2

    def __post_init__(self) -> None:
        if min(*self.frontals, *self.laterals) < 0:
            raise ValueError("numbers of images are not negative")
        if self.training <= 0 or self.validation < 0 or self.training + self.validation > 1 + 1e-9:
            raise ValueError("shares of training and validation add up to at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTeaching:
    """Which of its own guesses on images without labels a net is taught by.

    Of those that it calls lateral the surest, of those that it calls frontal the surest: shares, so
    that it does not matter how rare laterals are. At least `least` of either, where there are any.
    """

    laterals: float = 0.25
    frontals: float = 0.6
    least: int = 8

    def __post_init__(self) -> None:
        if self.least < 1 or not (0 < self.laterals <= 1 and 0 < self.frontals <= 1):
            raise ValueError("shares of pseudo-labels are over 0, at most 1; at least one of each")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model: the view net, the gate if it has one, and how much is held out to watch them."""

    view: ViewRecipe = field(default_factory=ViewRecipe)
    gate: GateRecipe | None = field(default_factory=GateRecipe)
    split: Split = field(default_factory=Split)
    pseudo: SelfTeaching = field(default_factory=SelfTeaching)  # where images without labels are
    refused: float = 0.009  # of cross-validated chest films, at the gate's threshold


# How the shipped model `film` was made.
THOROUGH = Recipe()

# With less than half of its work: for own films, in minutes. The gate is begun on phantoms, which
# all folds share, and is shown more laterals.
DEFAULT = Recipe(
    view=ViewRecipe(
        phantoms=1600,
        phantom_side=96,
        start=Schedule(steps=600, share=0.5, augmentation=replace(FULL, invert=0.0)),
        main=Schedule(steps=2000, share=0.25, augmentation=FULL),
    ),
    gate=GateRecipe(
        negatives=1600,
        laterals=0.3,
        start_steps=600,
        main=Schedule(steps=700, share=0.5, augmentation=replace(FULL, invert=0.2)),
    ),
)

# A handful of labels, or none: a short lesson from the phantoms on, half of it phantoms still. All
# labels are learnt from. No gate: a few films do not show what films look like.
FEW = Recipe(
    view=replace(
        DEFAULT.view,
        turns_laterals=False,
        phantom_frontals=0.5,
        phantom_laterals=0.5,
        main=Schedule(steps=300, share=0.5, augmentation=FULL, peak_rate=5e-4),
    ),
    gate=None,
    split=Split(training=1.0, validation=0.0),
)

# Phantoms are the only laterals, real films only frontal: a longer lesson or more real films would
# teach the net to tell drawn from photographed.
OPEN = Recipe(
    view=ViewRecipe(
        phantom_frontals=0.8,
        phantom_laterals=1.0,
        main=Schedule(steps=1200, share=0.35, augmentation=FULL, peak_rate=5e-4),
    ),
    gate=GateRecipe(phantom_frontals=0.2, phantom_laterals=1.0),
    refused=0.003,  # of the films that it was trained on: it has no others of its own
)

# Choe and Jo 2021: 451 frontal and 409 lateral images in each of 1,000 passes, 113 and 103 to
# choose the pass by. Learning rate and the ranges but the turn's are Keras' customs of the time.
PAPER_RECIPE = Recipe(
    view=ViewRecipe(
        preparation="paper",
        phantoms=0,
        turns_laterals=False,
        main=Schedule(
            passes=1000,
            frontals=451,
            laterals=409,
            augmentation=PAPER,
            has_cosine=False,
            keeps_best=True,
            bfloat16=False,
        ),
    ),
    gate=None,
    split=Split(frontals=(451, 113), laterals=(409, 103), training=0.6, validation=0.2),
)
