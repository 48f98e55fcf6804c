"""Radiograph -> P(lateral) and P(chest radiograph), by the networks of a model file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime as ort

from cxrview.errors import UnusableModel
from cxrview.images import Radiograph
from cxrview.model.card import CARD_KEY, Card, card_from_json
from cxrview.model.preprocess import PREPROCESSING, Floats, preprocess
from cxrview.views import Thresholds

# The models inside the package and the SHA-256 of each, so that an altered file is noticed.
SHIPPED_SHA256: dict[str, str] = {
    "film": "d37bf56a76497c16bc6985c7bd0c4490e5d8c9af9c72138916c76d79b6d181cf",
    "open": "fa29e637c86a5fab278ef563a8436cdf3312bb046e9e86fd7f0a740478393e2f",
}

VIEW_INPUT, GATE_INPUT = "view_turns", "gate_turns"  # (4, 1, 64, 64) float32 in [0, 1]
VIEW_OUTPUT, GATE_OUTPUT = "p_lateral", "p_chest"  # (1,) float32 in [0, 1]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Two probabilities in [0, 1], and how the image lies, where the model determines that."""

    p_lateral: float
    p_chest: float | None  # None: the model has no gate
    rotation: int | None = None  # degrees clockwise that make it upright: 0, 90, 180 or 270
    inverted: bool | None = None  # whether bone is dark; both are None where it is not sure


def turns_of(image: Floats) -> Floats:
    """(64, 64) -> (4, 1, 64, 64): as it is, then rotated by 90, 180 and 270 degrees."""
    return np.stack([np.rot90(image, quarter) for quarter in range(4)])[:, None]


class Classifier:
    """A loaded model. Cheap to build (tens of milliseconds), one thread, safe to share."""

    def __init__(self, content: bytes) -> None:
        """Build from the bytes of a model file; raises UnusableModel if they are none of ours."""
        self._session = _make_session(content)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if CARD_KEY not in metadata:
            raise UnusableModel("the model file carries no cxrview card")
        self.card: Card = card_from_json(metadata[CARD_KEY])
        self._check_card()
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()

    def __reduce__(self) -> tuple[Callable[..., "Classifier"], tuple[str | bytes, str]]:
        """Pickle a shipped model by its name, any other by its bytes; both with the SHA-256."""
        is_shipped = SHIPPED_SHA256.get(self.card.name) == self.sha256
        return load_pickled, (self.card.name if is_shipped else self.content, self.sha256)

    def _check_card(self) -> None:
        names = {value.name for value in self._session.get_inputs()}
        expected = {VIEW_INPUT, GATE_INPUT} if self.card.has_gate else {VIEW_INPUT}
        if names != expected:
            raise UnusableModel(f"the model file takes {sorted(names)}, not {sorted(expected)}")
        unknown = set(self.card.preprocessing) - set(PREPROCESSING)
        if unknown:
            raise UnusableModel(f"this version does not know the preprocessing {unknown.pop()!r}")

    @property
    def thresholds(self) -> Thresholds:
        """The probabilities that separate the verdicts, from the card."""
        return self.card.thresholds

    @property
    def label(self) -> str:
        """Name and first digits of the SHA-256, as in the column `model`."""
        return f"{self.card.name}@{self.sha256[:8]}"

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Classify one image; a blank one has P(chest) 0, whatever the gate would answer.

        The gate was trained on upright radiographs. It sees all four quarter turns; the highest
        probability counts, and the view network sees the image turned that way.
        """
        card = self.card
        ready = preprocess(radiograph, *card.preprocessing)
        view = turns_of(ready.images[card.view_preprocessing])
        gate = turns_of(ready.images[card.gate_preprocessing]) if card.has_gate else None
        prediction = self.predict_turns(view, gate)
        return replace(prediction, p_chest=0.0) if ready.is_blank else prediction

    def predict_turns(self, view: Floats, gate: Floats | None) -> Prediction:
        """Run the networks alone on preprocessed images, (4, 1, 64, 64) each, in all four turns.

        Without a gate the view network sees the image as it is, the first of the four.
        """
        if gate is None:
            (p_lateral,) = self._session.run([VIEW_OUTPUT], {VIEW_INPUT: view})
            return Prediction(float(p_lateral[0]), None)
        inputs = {VIEW_INPUT: view, GATE_INPUT: gate}
        p_lateral, p_chest = self._session.run([VIEW_OUTPUT, GATE_OUTPUT], inputs)
        return Prediction(float(p_lateral[0]), float(p_chest[0]))


def _make_session(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no narrower class
        raise UnusableModel("the model file is no ONNX model that can be run") from error


def _read_shipped(name: str) -> bytes:
    try:
        content = (resources.files("cxrview.model") / "weights" / f"{name}.onnx").read_bytes()
    except OSError as error:
        raise UnusableModel(f"the shipped model {name!r} is missing: install again") from error
    if hashlib.sha256(content).hexdigest() != SHIPPED_SHA256[name]:
        raise UnusableModel(f"the shipped model {name!r} was altered: its SHA-256 is another")
    return content


def load_pickled(model: str | bytes, sha256: str) -> Classifier:
    """Return the model that was pickled: by the name of a shipped one, or by its bytes.

    Raises UnusableModel if its SHA-256 is not that of the pickled model, as after a change of the
    installed version.
    """
    if isinstance(model, str) and SHIPPED_SHA256.get(model) != sha256:
        raise UnusableModel(f"the model {model!r} that was pickled is not the one installed here")
    classifier = Classifier(_read_shipped(model) if isinstance(model, str) else model)
    if classifier.sha256 != sha256:
        raise UnusableModel("the pickled model was altered: its SHA-256 is another")
    return classifier


def load(model: str | Path = "film") -> Classifier:
    """A shipped model by name ("film", "open"), or a model file by path -> Classifier.

    Raises UnusableModel if there is none, if a shipped one was altered (its SHA-256 stands in the
    code), or if the file is not a model of ours.
    """
    if str(model) in SHIPPED_SHA256:
        return Classifier(_read_shipped(str(model)))
    try:
        return Classifier(Path(model).read_bytes())
    except OSError as error:
        names = ", ".join(SHIPPED_SHA256)
        raise UnusableModel(
            f"no model {str(model)!r}: neither a file nor one of {names}"
        ) from error
