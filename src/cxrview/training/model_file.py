"""Films, phantoms, recipe, seed -> the two nets of a model, and a model file with its card."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch

from cxrview.model.card import Card
from cxrview.model.classifier import Classifier
from cxrview.model.layers import PAPER_NETWORK, parameter_count
from cxrview.model.preprocess import Floats
from cxrview.training.export import export, rounded
from cxrview.training.films import NO_FILMS, Films
from cxrview.training.gate_net import fit_gate
from cxrview.training.loop import QUIETLY, Manner, Taught
from cxrview.training.net import Net
from cxrview.training.recipe import Recipe
from cxrview.training.view_net import fit_view
from cxrview.views import Thresholds

VIEW, GATE = "view net", "gate"


def quietly(_: str) -> Manner:
    """Neither watched nor kept."""
    return QUIETLY


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """Nets that know phantoms only, where the nets of a model begin; None: at random weights."""

    view: Net | None = None
    gate: Net | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Nets:
    """What a training makes, rounded to what the file stores."""

    view: Net
    gate: Net | None
    taught: tuple[tuple[str, Taught], ...] = ()  # by name of the net


def fit_nets(
    films: Films,
    phantoms: Films,
    starts: Starts,
    recipe: Recipe,
    seed: int,
    held: Films | None = None,
    manner_of: Callable[[str], Manner] = quietly,
    guessed: Films = NO_FILMS,
) -> Nets:
    """The recipe's nets on the same films; `manner_of` a net's name says how each is taught."""
    view = fit_view(films, phantoms, starts.view, recipe.view, seed, held, manner_of(VIEW), guessed)
    if recipe.gate is None:
        return Nets(rounded(view.net), None, ((VIEW, view),))
    everyone, manner = films.joined(guessed), manner_of(GATE)
    gate = fit_gate(everyone, phantoms, recipe.gate, seed, manner, starts.gate)
    return Nets(rounded(view.net), rounded(gate.net), ((VIEW, view), (GATE, gate)))


def plain_card(recipe: Recipe, seed: int) -> Card:
    """A card that says how to run a model and nothing of how good it is."""
    return Card(
        name="unnamed",
        purpose="frontal or lateral chest radiographs",
        licence="",
        created="",
        software="",
        commit="",
        seed=seed,
        view_preprocessing=recipe.view.preparation,
        gate_preprocessing=recipe.gate.preparation if recipe.gate else "",
        thresholds=Thresholds(),
        parameters=(2 if recipe.gate else 1) * parameter_count(PAPER_NETWORK),
        recipe=asdict(recipe),
    )


def torch_judges(nets: Nets, turns: Floats) -> tuple[float, ...]:
    """P(lateral), P(chest film) of pictures (4, 1, 64, 64) in four turns, as the file defines."""
    with torch.inference_mode():
        given = torch.from_numpy(turns)
        if nets.gate is None:
            return (float(torch.sigmoid(nets.view(given[:1]))[0]),)
        chest = nets.gate(given)
        best = int(chest.argmax())
        lateral = nets.view(given[best : best + 1])
        return float(torch.sigmoid(lateral)[0]), float(torch.sigmoid(chest[best]))


def classifier_of(nets: Nets, card: Card) -> tuple[Classifier, bytes]:
    """Nets and card -> the classifier that users will load, and the bytes of its file.

    Raises ArithmeticError if ONNX Runtime and torch do not agree on what the nets say.
    """
    content = export(nets.view, nets.gate, card)
    classifier = Classifier(content)
    rng = np.random.default_rng(card.seed)
    pictures = rng.random((4, 1, 64, 64), dtype=np.float32)
    said = classifier.predict_turns(pictures, pictures if nets.gate else None)
    wanted = torch_judges(nets, pictures)
    given = tuple(p for p in (said.p_lateral, said.p_chest) if p is not None)
    if not np.allclose(given, wanted, atol=1e-5):
        raise ArithmeticError(f"ONNX Runtime says {given}, torch {wanted}")
    return classifier, content
