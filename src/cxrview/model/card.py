"""The model card: what made a model and how good it is; stored in the model file as JSON."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from cxrview.errors import UnusableModel
from cxrview.filenames import printable
from cxrview.views import Thresholds

DEFAULT_MODEL = "open"  # the shipped model that is used where none is named
CARD_FORMAT = 4
READABLE_FORMATS = (1, 2, 3, 4)
FIRST_FORMAT_OF_ONE_NETWORK = 3
TWO_NETWORKS = "view network and gate"  # of models of formats 1 and 2; the gate may be missing
# Keys of formats 1 and 2: the preprocessing of the view network and that of the gate, or ""
OLD_PREPROCESSING_KEYS = (
    ("view_preparation", "gate_preparation"),
    ("view_preprocessing", "gate_preprocessing"),
)
CARD_KEY = "cxrview.card"  # in the model file's metadata


@dataclass(frozen=True, slots=True)
class CardMetric:
    """A measured share, in [0, 1], with its interval and what was counted."""

    name: str
    value: float
    low: float  # 95 % interval
    high: float
    counted: str  # such as "1586 of 1588"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The model card. Two models with equal cards and weights give equal results."""

    name: str
    purpose: str
    licence: str
    created: str  # ISO date
    software: str  # cxrview's version
    commit: str  # of the source that trained it
    seed: int
    network: str  # a name of model.layers.ARCHITECTURES, or TWO_NETWORKS
    # Names of model.preprocess.PREPROCESSING: one; of TWO_NETWORKS one for each
    preprocessing: tuple[str, ...]
    has_gate: bool  # whether it says if an image is a chest radiograph
    thresholds: Thresholds
    parameters: int
    # Whether an image near a threshold is classified in all quarter turns, see Classifier
    averages_turns: bool = False
    temperatures: dict[str, float] = field(default_factory=dict)  # of outputs, for calibration
    data: dict[str, int] = field(default_factory=dict)  # images by source and view
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[CardMetric, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def gate_text(self) -> str:
        """The threshold of P(chest), in words."""
        if not self.has_gate:
            return "; every image that is not blank counts as a chest radiograph"
        return f"; not_chest at P(chest) < {self.thresholds.chest:g}"

    @property
    def turns_text(self) -> str:
        """How images near a threshold are classified, in words."""
        averaged = (
            "; images near a threshold are classified in all four quarter turns and the "
            "probabilities averaged"
        )
        return averaged if self.averages_turns else ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as they are stored in the file."""
        return {"format": CARD_FORMAT, **asdict(self)}

    def to_json(self) -> str:
        """Return the JSON text that the model file carries."""
        return json.dumps(self.as_dict(), indent=1)

    def text(self) -> str:
        """Return the card as lines of printable text: a model file may come from anywhere."""
        about = [
            f"{self.name}: {self.purpose}",
            f"licence     {self.licence}",
            f"made        {self.created} by cxrview {self.software}, commit {self.commit}, "
            f"seed {self.seed}",
            f"network     {self.network}, {self.parameters:,} parameters",
            f"thresholds  frontal at P(lateral) <= {self.thresholds.frontal:g}, lateral at "
            f">= {self.thresholds.lateral:g}{self.gate_text}{self.turns_text}",
        ]
        data = [f"trained on  {count} {name}" for name, count in self.data.items()]
        metrics = [
            f"measured    {m.name}: {m.value:.2%} ({m.counted}; 95 % interval "
            f"{m.low:.2%} - {m.high:.2%})"
            for m in self.metrics
        ]
        lines = [*about, *data, *metrics, *(f"limit       {x}" for x in self.limits)]
        return "\n".join(map(printable, lines))


def _renew(values: dict[str, Any]) -> None:
    """Change the values of a card of format 1 or 2 into those of the present format; in place."""
    for view_key, gate_key in OLD_PREPROCESSING_KEYS:
        if view_key in values:
            view, gate = values.pop(view_key), values.pop(gate_key)
            values["preprocessing"] = (view, gate) if gate else (view,)
            values["has_gate"] = bool(gate)
    values["network"] = TWO_NETWORKS


def _check_fields(value: Any) -> None:
    """Raise ValueError where a field of a dataclass does not have its declared type."""
    for name, hint in get_type_hints(type(value)).items():
        if not _has_type(getattr(value, name), hint):
            raise ValueError(f"{name} has an invalid value")


def _has_type(value: Any, hint: Any) -> bool:
    """Whether a value has a type of those that `Card` and what it holds are made of."""
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and math.isfinite(value)
    if not isinstance(value, get_origin(hint) or hint):
        return False
    match value:
        case dict():
            return all(_has_type(one, get_args(hint)[1]) for one in value.values())
        case tuple():
            return all(_has_type(one, get_args(hint)[0]) for one in value)
        case CardMetric() | Thresholds():
            _check_fields(value)
    return True


def card_from_json(text: str) -> Card:
    """Invert `Card.to_json`, also for cards of older formats; raises UnusableModel otherwise."""
    try:
        values = json.loads(text)
        found = values.pop("format")
        if found not in READABLE_FORMATS:
            raise UnusableModel(
                f"the model card has format {found!r}, this version reads 1 to {CARD_FORMAT}"
            )
        if found < FIRST_FORMAT_OF_ONE_NETWORK:
            _renew(values)
        values["preprocessing"] = tuple(values["preprocessing"])
        values["thresholds"] = Thresholds(**values["thresholds"])
        values["metrics"] = tuple(CardMetric(**metric) for metric in values["metrics"])
        values["limits"] = tuple(values["limits"])
        card = Card(**values)
        _check_fields(card)
        if not card.name.isprintable():  # it stands in tables and messages
            raise ValueError("the name has control characters")
        return card
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError,
            ValueError) as error:  # fmt: skip
        raise UnusableModel(printable(f"the model card cannot be read: {error}")) from error
