"""Two models on the same images -> what changed, and whether chance alone explains it."""

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Paired:
    """Errors before and after on the same images, and the images that changed sides."""

    images: int
    before: int  # errors
    after: int
    mended: int  # wrong before, right after
    spoilt: int  # right before, wrong after

    @property
    def p_value(self) -> float:
        """McNemar's exact test (McNemar 1947), two-sided: 1 where nothing changed."""
        changed, fewer = self.mended + self.spoilt, min(self.mended, self.spoilt)
        tail: float = sum(comb(changed, k) for k in range(fewer + 1)) / 2**changed
        return min(1.0, 2 * tail)

    def text(self) -> str:
        """For a person."""
        verdict = "a difference" if self.p_value < 0.05 else "no difference that chance excludes"
        return (
            f"{self.images:,} held-out images: {self.before} errors before, {self.after} after; "
            f"{self.mended} mended, {self.spoilt} spoilt; exact McNemar p = {self.p_value:.3g}: "
            f"{verdict}"
        )


def paired(wrong_before: Mask, wrong_after: Mask) -> Paired:
    """(n,) and (n,), of the same images; raises ValueError where they are not as many."""
    if wrong_before.shape != wrong_after.shape:
        raise ValueError("a paired test compares two answers to each image")
    return Paired(
        images=wrong_before.size,
        before=int(wrong_before.sum()),
        after=int(wrong_after.sum()),
        mended=int((wrong_before & ~wrong_after).sum()),
        spoilt=int((wrong_after & ~wrong_before).sum()),
    )
