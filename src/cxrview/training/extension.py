"""A model, its sure verdicts and a person's labels -> the model trained on, and whether it helped.

The last experiment of Choe and Jo 2021, who saw no large gain.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from cxrview import __version__
from cxrview.labels import Label
from cxrview.metrics.classification import Share
from cxrview.metrics.paired import Paired, paired
from cxrview.model.classifier import Classifier
from cxrview.training.augment import FULL, PAPER
from cxrview.training.crossval import Judged, Mask, judged
from cxrview.training.environment import commit
from cxrview.training.export import rounded
from cxrview.training.films import Films, prepared, read_films
from cxrview.training.findings import EVEN, metric_of
from cxrview.training.groups import Group, Pictures, lesson_of, turned
from cxrview.training.history import history_text
from cxrview.training.loop import Manner, Taught, teach
from cxrview.training.model_file import VIEW, Nets, classifier_of
from cxrview.training.parting import TRAINING, part_as_told, part_at_random
from cxrview.training.recipe import Schedule, Split
from cxrview.training.reload import net_of
from cxrview.training.run import Told
from cxrview.training.run_folder import RunFolder

HALF = Split(training=0.5, validation=0.0)  # of a person's labels: the other half measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What to train on with. Files are absolute."""

    content: bytes  # of the model file
    verdicts: Sequence[Label]  # what the model is sure of
    labels: Sequence[Label]  # what a person says; may be empty
    table: Path  # where those stand
    steps: int
    seed: int
    jobs: int
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Helped:
    """Held-out images before and after; nothing where no person labelled any."""

    paired: Paired | None
    changed: int  # confident verdicts that the new model turns round
    learnt: dict[str, int]

    def text(self) -> str:
        """For a person."""
        learnt = ", ".join(f"{count:,} {name}" for name, count in self.learnt.items())
        held = self.paired.text() if self.paired else (
            "no labels were given: whether it helped was not measured (--labels)"
        )  # fmt: skip
        return f"learnt from {learnt}\n{held}\n{self.changed:,} of the verdicts learnt from are "\
               "now the other view"  # fmt: skip


def schedule_of(has_gate: bool, steps: int) -> Schedule:
    """Half the usual rate, from where the model stands."""
    augmentation = FULL if has_gate else PAPER
    share = 0.25 if has_gate else 0.5
    return Schedule(steps=steps, share=share, augmentation=augmentation, peak_rate=5e-4)


def parts_of_labels(extension: Extension) -> tuple[list[Label], list[Label]]:
    """A person's labels -> those to learn from, those to measure on; no patient in both."""
    labels = list(extension.labels)
    if not labels:
        return [], []
    is_told = any(label.split for label in labels)
    parts = (
        part_as_told(labels, extension.table)
        if is_told
        else part_at_random(labels, HALF, extension.seed)
    )
    pairs = list(zip(labels, parts.tolist(), strict=True))
    return [one for one, p in pairs if p == TRAINING], [one for one, p in pairs if p != TRAINING]


def _lesson_parts(films: Films, preparation: str, turns: bool) -> tuple[Pictures, Pictures]:
    pictures = prepared(films.greys, preparation)
    laterals = pictures[films.lateral]
    return pictures[~films.lateral], turned(laterals) if turns else laterals


def _teach(
    extension: Extension, own: Films, sure: Films, old: Classifier, manner: Manner
) -> Taught:
    """Own labels and sure verdicts are drawn equally often."""
    card = old.card
    parts = [_lesson_parts(films, card.view_preprocessing, card.has_gate) for films in (own, sure)]
    groups = [Group(one[i], bool(i), 1) for one in parts for i in (0, 1)]
    schedule = schedule_of(card.has_gate, extension.steps)
    start = net_of(extension.content, "view")
    return teach(lesson_of(*groups), schedule, extension.seed, start, manner=manner)


def _wrong(said: Judged, films: Films) -> Mask:
    return np.asarray((said[:, 0] > EVEN) != films.lateral)


def extend(extension: Extension, folder: RunFolder, told: Told) -> Helped:
    """Train on, compare on the same held-out images, write the run's files; the model comes last.

    Raises WrongUse where the verdicts and labels lack a view or a file cannot be read.
    """
    torch.set_num_threads(1)
    old = Classifier(extension.content)
    learnt, measured = parts_of_labels(extension)
    spoken_for = {label.file for label in extension.labels}
    verdicts = [label for label in extension.verdicts if label.file not in spoken_for]
    told.tell(f"reading {len(verdicts) + len(extension.labels):,} images")
    own, held, sure = (
        read_films(part, Path("/"), extension.jobs) for part in (learnt, measured, verdicts)
    )
    manner = Manner(
        report=lambda one, count: told.watch(VIEW, one, count),
        memory=folder.memory(VIEW),
        device=extension.device,
    )
    taught = _teach(extension, own, sure, old, manner)
    gate = rounded(net_of(extension.content, "gate")) if old.card.has_gate else None
    nets = Nets(rounded(taught.net), gate, ((VIEW, taught),))
    before, (new, _) = judged(old, held.greys), classifier_of(nets, old.card)
    after = judged(new, held.greys)
    helped = Helped(
        paired(_wrong(before, held), _wrong(after, held)) if len(held) else None,
        int(_wrong(judged(new, sure.greys), sure).sum()),
        counted(own, sure),
    )
    _write(extension, folder, old, nets, helped, ~_wrong(after, held))
    told.tell(helped.text())
    return helped


def counted(own: Films, sure: Films) -> dict[str, int]:
    """Images that were learnt from, by who said what they are."""
    count: Counter[str] = Counter()
    for who, films in (("a person", own), ("the model", sure)):
        for label in films.labels:
            count[f"{label.view} by {who}"] += 1
    return dict(sorted(count.items()))


def _write(
    extension: Extension, folder: RunFolder, old: Classifier, nets: Nets, helped: Helped,
    right: Mask,
) -> None:  # fmt: skip
    data = {**old.card.data, **{f"extended, {name}": n for name, n in helped.learnt.items()}}
    name = "accuracy, held-out labels, after training on"
    share = Share(int(right.sum()), right.size)
    card = replace(
        old.card,
        name=f"{old.card.name}+",
        created=folder.created,
        software=__version__,
        commit=commit(),
        seed=extension.seed,
        data=data,
        recipe={
            "extended": old.label,
            "was": old.card.recipe,
            "extension": asdict(schedule_of(old.card.has_gate, extension.steps)),
        },
        metrics=(metric_of(name, share),) if share.all else (),
    )
    _, content = classifier_of(nets, card)
    folder.write("history.csv", history_text(nets.taught[0][1].history))
    folder.write("card.json", card.to_json())
    changes = asdict(helped.paired) if helped.paired else None
    p_value = helped.paired.p_value if helped.paired else None
    told = {"learnt": helped.learnt, "changed": helped.changed, "paired": changes, "p": p_value}
    folder.write("extension.json", json.dumps(told, indent=1))
    folder.write(folder.model.name, content)


def today() -> str:
    """The date for a card."""
    return datetime.now(UTC).date().isoformat()
