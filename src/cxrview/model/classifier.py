"""Radiograph -> P(lateral), P(chest radiograph), rotation and polarity, by a model file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from cxrview.errors import UnusableModel
from cxrview.images import Floats, Radiograph
from cxrview.model.card import CARD_KEY, DEFAULT_MODEL, TWO_NETWORKS, Card, card_from_json
from cxrview.model.layers import ARCHITECTURES, CHEST, INVERTED, LATERAL, ROTATION, Shape
from cxrview.model.preprocess import INPUT_SIDES, preprocess
from cxrview.views import SURE_CHEST, SURE_VIEW, Thresholds

# The models inside the package and the SHA-256 of each, so that an altered file is noticed.
SHIPPED_SHA256: dict[str, str] = {
    "open": "766fc0e0466fc7c90199c8379546f5c4b923190e05f07b14c58f31dda44514c5",
    "paper": "69c19f732b39b8a329cb203f283ceaa7d2fffb3171e7d7281d206e368aa2a04f",
}

Shares = npt.NDArray[np.floating]

IMAGE_INPUT = "image"  # (1, 1, side, side) float32 in [0, 1]
OUTPUT_PREFIX = "p_"  # before the name of an output: (1, 1) float32 in [0, 1], (1, 4) for rotation
OUTPUT_TYPE = "tensor(float)"
LOWEST, HIGHEST = -4e-7, 1 + 4e-7  # float32 may exceed [0, 1] by rounding; rows round it away
TURNS, DEGREES_PER_TURN = 4, 90
CERTAINLY_NO_CHEST = 0.05  # P(chest) under which no average over quarter turns is needed

# Of models of TWO_NETWORKS: (4, 1, 64, 64) float32 in [0, 1] each, and (1,) float32 in [0, 1]
VIEW_INPUT, GATE_INPUT = "view_turns", "gate_turns"
VIEW_OUTPUT, GATE_OUTPUT = "p_lateral", "p_chest"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Two probabilities in [0, 1], and how the image lies, where the model determines that."""

    p_lateral: float
    p_chest: float | None  # None: the model does not compute it
    rotation: int | None = None  # degrees clockwise that make it upright: 0, 90, 180 or 270
    inverted: bool | None = None  # whether bone is dark; both are None where it is not sure


def turns_of(image: Floats) -> Floats:
    """(h, h) -> (4, 1, h, h): as it is, then rotated by 90, 180 and 270 degrees."""
    return np.stack([np.rot90(image, quarter) for quarter in range(TURNS)])[:, None]


def is_near_threshold(p_lateral: Shares, p_chest: Shares) -> npt.NDArray[np.bool_]:
    """Whether a person would have to review the verdict; arrays of equal shapes in [0, 1].

    Such an image is classified in all quarter turns, and the means of P(lateral) and P(chest)
    count, if the network was trained on every turn (`Card.averages_turns`).
    """
    is_sure = (np.maximum(p_lateral, 1 - p_lateral) >= SURE_VIEW) & (p_chest >= SURE_CHEST)
    return np.asarray(~is_sure & (p_chest >= CERTAINLY_NO_CHEST))


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
        """Raise UnusableModel where the card does not describe what the file computes."""
        card, is_old = self.card, self.card.network == TWO_NETWORKS
        names = (VIEW_INPUT, GATE_INPUT)[: 1 + card.has_gate] if is_old else (IMAGE_INPUT,)
        if unknown := set(card.preprocessing) - set(INPUT_SIDES):
            raise UnusableModel(f"this version does not know the preprocessing {unknown.pop()!r}")
        if len(card.preprocessing) != len(names):
            raise UnusableModel(f"the model card names {len(card.preprocessing)} methods of "
                                f"preprocessing for {len(names)} inputs")  # fmt: skip
        sides = [INPUT_SIDES[method] for method in card.preprocessing]
        batch = TURNS if is_old else 1
        shapes = {name: (batch, 1, n, n) for name, n in zip(names, sides, strict=True)}
        found = {value.name: tuple(value.shape) for value in self._session.get_inputs()}
        if found != shapes:
            raise UnusableModel(f"the model file takes {found}, expected {shapes}")
        outputs = self._session.get_outputs()
        self._outputs = [value.name for value in outputs]
        if other := {value.type for value in outputs} - {OUTPUT_TYPE}:
            raise UnusableModel(f"the model file computes {other.pop()}, expected {OUTPUT_TYPE}")
        expected = {f"{OUTPUT_PREFIX}{name}" for name in _outputs_of(card)}
        if not expected <= set(self._outputs) or card.has_gate != (GATE_OUTPUT in self._outputs):
            raise UnusableModel(
                f"the model file computes {sorted(self._outputs)}, expected {sorted(expected)}"
            )
        self._check_outputs(shapes)

    def _check_outputs(self, inputs: Mapping[str, Shape]) -> None:
        """Raise UnusableModel where the outputs for black images are no probabilities."""
        black = {name: np.zeros(shape, np.float32) for name, shape in inputs.items()}
        try:
            self._run(black)
        except UnusableModel:
            raise
        except Exception as error:  # ONNX Runtime's errors share no narrower class
            raise UnusableModel("the model file cannot be run") from error

    def _run(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        """Inputs by name -> probabilities by output: (1,) or (4,).

        Raises UnusableModel for what is no probability, since a verdict would follow from it.
        """
        outputs = self._session.run(self._outputs, inputs)
        names = (name.removeprefix(OUTPUT_PREFIX) for name in self._outputs)
        probabilities = {name: np.ravel(out) for name, out in zip(names, outputs, strict=True)}
        for name, values in probabilities.items():
            wrong = [one for one in values.tolist() if not LOWEST <= one <= HIGHEST]  # also NaN
            if wrong or len(values) != (TURNS if name == ROTATION else 1):
                raise UnusableModel(
                    f"the model file computes no probabilities: {OUTPUT_PREFIX}{name} of an image "
                    f"is {np.array2string(values, threshold=4)}"
                )
        return probabilities

    @property
    def thresholds(self) -> Thresholds:
        """The probabilities that separate the verdicts, from the card."""
        return self.card.thresholds

    @property
    def label(self) -> str:
        """Name and first digits of the SHA-256, as in the column `model`."""
        return f"{self.card.name}@{self.sha256[:8]}"

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Classify one image; a blank one has P(chest) 0, no rotation and no polarity."""
        ready = preprocess(radiograph, *dict.fromkeys(self.card.preprocessing))
        images = [ready.images[method] for method in self.card.preprocessing]
        prediction = self.predict_images(images)
        return Prediction(prediction.p_lateral, 0.0) if ready.is_blank else prediction

    def predict_images(self, images: Sequence[Floats]) -> Prediction:
        """Classify one radiograph by its images under each method of the card's preprocessing."""
        if self.card.network == TWO_NETWORKS:
            return self._predict_turns(*(turns_of(image) for image in images))
        outputs = self.run(images[0])
        if self.card.averages_turns:
            outputs |= self._mean_of_turns(images[0], outputs)
        return self._prediction_from(outputs)

    def _mean_of_turns(self, image: Floats, outputs: dict[str, Floats]) -> dict[str, Floats]:
        """Means of P(lateral) and P(chest) over the quarter turns; {} where none is needed.

        outputs: of the image as it is, from which rotation and polarity are taken.
        """
        averaged = {name: values for name, values in outputs.items() if name in (LATERAL, CHEST)}
        if not is_near_threshold(averaged[LATERAL], averaged.get(CHEST, np.ones(1))).all():
            return {}
        turned = [self.run(one) for one in turns_of(image)[1:, 0]]
        return {name: np.mean([outputs[name], *(one[name] for one in turned)], axis=0)
                for name in averaged}  # fmt: skip

    def run(self, image: Floats) -> dict[str, Floats]:
        """(side, side) float32 in [0, 1], preprocessed -> probabilities by output: (1,) or (4,).

        Raises UnusableModel.
        """
        return self._run({IMAGE_INPUT: image[None, None]})

    def _prediction_from(self, outputs: dict[str, Floats]) -> Prediction:
        chest, lateral = outputs.get(CHEST), outputs[LATERAL]
        rotation, inverted, sure = None, None, self.thresholds.pose
        if ROTATION in outputs and outputs[ROTATION].max() >= sure:
            rotation = DEGREES_PER_TURN * int(outputs[ROTATION].argmax())
        if INVERTED in outputs:
            probability = float(outputs[INVERTED][0])
            is_sure = max(probability, 1 - probability) >= sure
            inverted = probability > 0.5 if is_sure else None
        return Prediction(
            float(lateral[0]), None if chest is None else float(chest[0]), rotation, inverted
        )

    def _predict_turns(self, view: Floats, gate: Floats | None = None) -> Prediction:
        """Run the networks of TWO_NETWORKS on preprocessed images in all four turns.

        The gate was trained on upright radiographs. The highest of its four probabilities counts,
        and the view network sees the image turned that way; without a gate as it is, the first.
        """
        inputs = {VIEW_INPUT: view} if gate is None else {VIEW_INPUT: view, GATE_INPUT: gate}
        found = self._run(inputs)
        p_chest = None if gate is None else float(found[CHEST][0])
        return Prediction(float(found[LATERAL][0]), p_chest)


def _outputs_of(card: Card) -> tuple[str, ...]:
    """Return the outputs that a model needs: those of its network, or those that the card names."""
    if card.network in ARCHITECTURES:
        return ARCHITECTURES[card.network].outputs
    return (LATERAL, CHEST) if card.has_gate else (LATERAL,)


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


def load(model: str | Path = DEFAULT_MODEL) -> Classifier:
    """A shipped model by name ("open", "paper"), or a model file by path -> Classifier.

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
