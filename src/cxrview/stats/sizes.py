"""Widths and heights -> what sizes the pictures of a table have."""

from collections import Counter

import numpy as np

from cxrview.inference.table_reader import Floats
from cxrview.stats.survey import Sizes

LONGEST = 65_535  # pixels; a longer side counts as this one
STEP = 250  # pixels, of the histogram
STEPS = 24  # of the histogram, the last without an end
MOST = 10_000  # different sizes that are counted
COMMON = 5
SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)


class SizeCount:
    """Counts; the memory is that of one number for each possible long side."""

    def __init__(self) -> None:
        self._long_sides = np.zeros(LONGEST + 1, np.int64)
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._portrait = self._landscape = 0

    def add(self, width: Floats, height: Floats) -> None:
        """Take some more pictures into account; NaN has no size. ValueError below one pixel."""
        known = ~(np.isnan(width) | np.isnan(height))
        sides = np.stack([width[known], height[known]])
        if (sides < 1).any():
            raise ValueError("a picture of no width or height")
        long_sides = np.clip(sides.max(axis=0, initial=0), 0, LONGEST).astype(np.int64)
        self._long_sides += np.bincount(long_sides, minlength=LONGEST + 1)
        self._portrait += int((sides[1] > sides[0]).sum())
        self._landscape += int((sides[1] < sides[0]).sum())
        pairs, counts = np.unique(sides.astype(np.int64), axis=1, return_counts=True)
        for pair, count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            if len(self._sizes) < MOST or tuple(pair) in self._sizes:
                self._sizes[pair[0], pair[1]] += count

    def sizes(self) -> Sizes:
        """What was counted."""
        images = int(self._long_sides.sum())
        heaped = self._long_sides.cumsum()
        wanted = [max(1, int(np.ceil(share * images))) for share in SHARES]
        quantiles = np.searchsorted(heaped, wanted) if images else np.zeros(0, np.int64)
        steps = np.minimum(np.arange(LONGEST + 1) // STEP, STEPS - 1)
        return Sizes(
            images=images,
            quantiles=tuple(map(int, quantiles)),
            long_sides=tuple(map(int, np.bincount(steps, self._long_sides))),
            common=tuple((*size, count) for size, count in self._sizes.most_common(COMMON)),
            portrait=self._portrait,
            landscape=self._landscape,
        )
