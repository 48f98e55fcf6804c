"""What made a model and what it can do: carried inside the model file, as JSON."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from cxrview.errors import UnusableModel
from cxrview.views import Thresholds

CARD_FORMAT = 1
CARD_KEY = "cxrview.card"  # in the model file's metadata


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured share, in [0, 1], with its interval and what was counted."""

    name: str
    value: float
    low: float  # 95 % interval
    high: float
    counted: str  # such as "1586 of 1588"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The model card. Two models with equal cards and weights judge alike."""

    name: str
    purpose: str
    licence: str
    created: str  # ISO date
    software: str  # cxrview's version
    commit: str  # of the source that trained it
    seed: int
    view_preparation: str  # a name of model.prepare.PREPROCESSING
    gate_preparation: str  # "" for a model without a gate
    thresholds: Thresholds
    parameters: int  # of its nets together
    data: dict[str, int] = field(default_factory=dict)  # images by source and view
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def has_gate(self) -> bool:
        """Whether the model can tell what is not a chest film."""
        return bool(self.gate_preparation)

    @property
    def nets(self) -> str:
        """How many nets there are, in words."""
        return "two nets" if self.has_gate else "one net"

    @property
    def gate_text(self) -> str:
        """The gate's threshold, in words."""
        if not self.has_gate:
            return "; no gate: whatever is not blank passes for a chest film"
        return f"; not_chest at P(chest) < {self.thresholds.chest:g}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in the file."""
        return {"format": CARD_FORMAT, **asdict(self)}

    def to_json(self) -> str:
        """The text that the model file carries."""
        return json.dumps(self.as_dict(), indent=1)

    def text(self) -> str:
        """The card for a person to read."""
        about = [
            f"{self.name}: {self.purpose}",
            f"licence     {self.licence}",
            f"made        {self.created} by cxrview {self.software}, commit {self.commit}, "
            f"seed {self.seed}",
            f"nets        {self.parameters:,} parameters in {self.nets}",
            f"thresholds  frontal at P(lateral) <= {self.thresholds.frontal:g}, lateral at "
            f">= {self.thresholds.lateral:g}{self.gate_text}",
        ]
        data = [f"trained on  {count} {name}" for name, count in self.data.items()]
        metrics = [
            f"measured    {m.name}: {m.value:.2%} ({m.counted}; 95 % interval "
            f"{m.low:.2%} - {m.high:.2%})"
            for m in self.metrics
        ]
        return "\n".join([*about, *data, *metrics, *(f"limit       {x}" for x in self.limits)])


def card_from_json(text: str) -> Card:
    """The inverse of `Card.to_json`; raises UnusableModel where it is not a card of ours."""
    try:
        values = json.loads(text)
        found = values.pop("format")
        if found != CARD_FORMAT:
            raise UnusableModel(f"the model card has format {found}, this version reads 1")
        values["thresholds"] = Thresholds(**values["thresholds"])
        values["metrics"] = tuple(Metric(**metric) for metric in values["metrics"])
        values["limits"] = tuple(values["limits"])
        return Card(**values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableModel(f"the model card cannot be read: {error}") from error
