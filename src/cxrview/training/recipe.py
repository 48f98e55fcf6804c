"""Everything that decides what comes out of a training; written into the model's card."""

from dataclasses import dataclass, replace

from cxrview.training.augment import FULL, Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one net is trained: RMSProp on binary cross-entropy, batches of a fixed class share."""

    preparation: str = "film"
    steps: int = 3000
    batch: int = 32
    share: float = 0.25  # of True (lateral, chest film) in each batch
    peak_rate: float = 1e-3  # then a cosine to zero
    decay: float = 0.9  # of RMSProp's mean of squares
    augmentation: Augmentation = FULL
    phantoms: int = 2800  # the pictures that the net is first taught with
    phantom_steps: int = 1500

    def __post_init__(self) -> None:
        if min(self.steps, self.phantom_steps + 1) < 1:
            raise ValueError("a recipe has at least one step")
        if not 0 < round(self.batch * self.share) < self.batch:
            raise ValueError("a batch holds pictures of both classes")


VIEW = Recipe()


def on_phantoms(recipe: Recipe) -> Recipe:
    """The first part of a training: upright phantoms, other curves, frames and letters."""
    upright = replace(recipe.augmentation, invert=0.0, quarter_turns=False)
    return replace(recipe, steps=recipe.phantom_steps, augmentation=upright)
