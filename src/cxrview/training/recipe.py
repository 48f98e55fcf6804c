"""Everything that decides what comes out of a training; written into the model's card."""

from dataclasses import dataclass, field, replace

from cxrview.training.augment import FULL, Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one net is trained: RMSProp on binary cross-entropy, batches of a fixed class share."""

    steps: int
    share: float  # of True (lateral; chest film) in each batch
    augmentation: Augmentation
    batch: int = 32
    peak_rate: float = 1e-3  # then a cosine to zero
    decay: float = 0.9  # of RMSProp's mean of squares

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("a training has at least one step")
        if not 0 < round(self.batch * self.share) < self.batch:
            raise ValueError("a batch holds pictures of both classes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecipe:
    """The view net: upright frontals against laterals that lie anyhow, begun on phantoms."""

    preparation: str = "film"
    phantoms: int = 2800
    start: Schedule = Schedule(steps=1500, share=0.5, augmentation=replace(FULL, invert=0.0))
    main: Schedule = Schedule(steps=3000, share=0.25, augmentation=FULL)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model: two nets and the share of chest films that its threshold may refuse."""

    view: ViewRecipe = field(default_factory=ViewRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)
    refused: float = 0.009  # of cross-validated chest films, at the gate's threshold


FILM = Recipe()

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
