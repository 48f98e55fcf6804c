"""What a run works on: films decoded, phantoms drawn, and what a net guesses of the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from cxrview.errors import WrongUse
from cxrview.training.crossval import Mask
from cxrview.training.films import NO_FILMS, Films, draw_films, read_films
from cxrview.training.given import Given
from cxrview.training.loop import Manner
from cxrview.training.net import Net
from cxrview.training.order import Order, is_free
from cxrview.training.parting import TRAINING, Parts
from cxrview.training.run_folder import RunFolder
from cxrview.training.store import kept_films, kept_strangers
from cxrview.training.tables import guessed_table
from cxrview.training.unlabelled import Strangers, guesses, read_strangers
from cxrview.training.view_net import fit_view


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a run works on. parts: (n,); free: (n,), may be trained on."""

    films: Films
    phantoms: Films
    strangers: Strangers
    parts: Parts
    free: Mask

    def part(self, which: int) -> Films:
        """The films of one part that may be used."""
        return self.films.taken((self.parts == which) & self.free)


def gather(order: Order, given: Given, folder: RunFolder, tell: Callable[[str], None]) -> Material:
    """Decode the images and draw the phantoms, or read back what an earlier try decoded."""
    labels, items, view = given.labels, given.items, order.recipe.view
    tell(f"reading {len(labels) + len(items):,} images")
    read = partial(read_films, labels, order.folder, order.jobs)
    films = kept_films(folder.state / "films.npz", read, labels)
    strangers = Strangers([], [])
    if items:
        look = partial(read_strangers, items, order.jobs)
        strangers = kept_strangers(folder.state / "unlabelled.npz", look)
    if view.phantoms:
        tell(f"drawing {view.phantoms:,} phantoms")
    draw = partial(draw_films, view.phantoms, order.seed, order.jobs, view.phantom_side)
    phantoms = kept_films(folder.state / "phantoms.npz", draw)
    free = np.array([is_free(label) or not order.only_free for label in labels], np.bool_)
    return Material(films, phantoms, strangers, given.parts, free)


def guessed(
    order: Order, material: Material, start: Net | None, folder: RunFolder, manner: Manner
) -> Films:
    """What a net that knows phantoms, or the labels as well, is sure of; its table goes beside.

    Raises WrongUse where there is neither.
    """
    view, taught = order.recipe.view, material.part(TRAINING)
    if not material.strangers.names:
        return NO_FILMS
    if len(taught):
        net = fit_view(taught, material.phantoms, start, view, order.seed, manner=manner).net
    elif start is not None:
        net = start
    else:
        raise WrongUse("without labels a training begins on phantoms, and this recipe has none")
    films = guesses(net, material.strangers, view.preparation, order.recipe.pseudo, not len(taught))
    folder.write("guessed.csv", guessed_table(films))
    return films
