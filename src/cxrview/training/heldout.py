"""What a finished model says of the images that it did not learn from."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxrview.labels import SPLITS
from cxrview.metrics.classification import Share
from cxrview.model.card import Card, Metric
from cxrview.training.crossval import Judged
from cxrview.training.films import Films
from cxrview.training.findings import EVEN, metric_of
from cxrview.training.parting import TEST, TRAINING, VALIDATION, Parts
from cxrview.views import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """films and parts: (n,); said: (n, 2) of all of them."""

    films: Films
    parts: Parts
    said: Judged
    chose: bool  # the validation images chose the weights

    @property
    def measured(self) -> int | None:
        """The part that figures are taken on: test images if there are any."""
        return next((one for one in (TEST, VALIDATION) if (self.parts == one).any()), None)

    def thresholds(self, refused: float) -> Thresholds:
        """The gate's threshold leaves this share of the films that were not learnt from below."""
        counted = self.parts != TRAINING
        chest = self.said[counted if counted.any() else ~counted, 1]
        return Thresholds(chest=round(float(np.quantile(chest, refused)), 4))

    def metrics(self, thresholds: Thresholds, has_gate: bool) -> tuple[Metric, ...]:
        """With intervals, and with what was counted."""
        if self.measured is None:
            return ()
        taken = self.parts == self.measured
        lateral = self.films.lateral[taken]
        right = (self.said[taken, 0] > EVEN) == lateral
        what = f"{SPLITS[self.measured]} images"
        if self.measured == VALIDATION and self.chose:
            what += ", which chose the weights: too good"
        counted = {
            f"accuracy, {what}": right,
            f"laterals found, {what}": right[lateral],
            f"frontals found, {what}": right[~lateral],
        }
        if has_gate:
            refused = self.said[taken, 1] < thresholds.chest
            counted[f"chest films refused by the gate, {what}"] = refused
        return tuple(
            metric_of(name, Share(int(hits.sum()), hits.size))
            for name, hits in counted.items()
            if hits.size
        )

    def table(self) -> str:
        """One line an image, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file", "view", "patient", "source", "split", "p_lateral", "p_chest"))
        for label, part, (lateral, chest) in zip(
            self.films.labels, self.parts, self.said, strict=True
        ):
            writer.writerow((label.file, label.view, label.patient, label.source, SPLITS[part],
                             f"{lateral:.6f}", f"{chest:.6f}"))  # fmt: skip
        return text.getvalue()

    def counts(self) -> Sequence[tuple[str, int, int]]:
        """Part, frontals, laterals."""
        lateral = self.films.lateral
        return [
            (name, int((mask & ~lateral).sum()), int((mask & lateral).sum()))
            for name, mask in ((name, self.parts == i) for i, name in enumerate(SPLITS))
        ]


def card_of_held(card: Card, held: HeldOut, refused: float) -> Card:
    """Thresholds and metrics into the card."""
    thresholds = held.thresholds(refused) if card.has_gate else Thresholds()
    return replace(card, thresholds=thresholds, metrics=held.metrics(thresholds, card.has_gate))
