"""Labels, recipe, seed -> a run folder: a model with its card, and what was measured on the way."""

import csv
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from cxrview import __version__
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.labels import Label, read_labels
from cxrview.model.card import Card
from cxrview.training.barred import metrics_on_barred, thresholds_on_own
from cxrview.training.crossval import Mask, Plan, cross_validate, judged
from cxrview.training.films import Films, draw_films, read_films, read_greys
from cxrview.training.findings import Findings, metrics_of, thresholds_of
from cxrview.training.model_file import Nets, classifier_of, fit_nets, plain_card
from cxrview.training.recipe import Recipe
from cxrview.training.tables import films_table, others_table, robustness_table, summary_text
from cxrview.training.view_net import start_view

FREE = re.compile(r"(CC0|Public Domain|CC BY)( \d\.\d)?($|[ (])")  # none with NC, ND or SA
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to make, and of what."""

    labels: Path  # files are named relative to its folder
    output: Path
    recipe: Recipe
    name: str = "own"
    purpose: str = "frontal or lateral chest radiographs"
    licence: str = "that of the images it was trained on"
    limits: tuple[str, ...] = ()
    others: Path | None = None  # CSV with a column `file`: pictures that are no chest films
    only_free: bool = False  # train only on images whose licence allows any use
    folds: int = 5
    seed: int = 0
    jobs: int = 1


def is_free(label: Label) -> bool:
    """Whether an image may be used by anyone for anything, with attribution at most."""
    return bool(FREE.match(label.licence))


def _others(path: Path | None) -> list[Path]:
    if path is None:
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as table:
            return [path.parent / row["file"] for row in csv.DictReader(table)]
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise WrongUse(f"{path}: no column 'file'") from error


def _commit() -> str:
    """The commit of the source tree; empty where there is none."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableOutput(f"{path}: {error.strerror}") from error
    if any(path.iterdir()):
        raise UnusableOutput(f"{path}: the folder holds files already; name a new one")
    return path


def _data(films: Films, phantoms: Films) -> dict[str, int]:
    """What a model was made of, by source and view."""
    counted = Counter(f"{label.source or 'images'}, {label.view}" for label in films.labels)
    made = {"phantoms, frontal": int((~phantoms.lateral).sum())}
    return {**dict(sorted(counted.items())), **made, "phantoms, lateral": len(phantoms) -
            made["phantoms, frontal"]}  # fmt: skip


def _card(order: Order, films: Films, phantoms: Films, findings: Findings | None) -> Card:
    card = replace(
        plain_card(order.recipe, order.seed),
        name=order.name,
        purpose=order.purpose,
        licence=order.licence,
        limits=order.limits,
        created=datetime.now(UTC).date().isoformat(),
        software=__version__,
        commit=_commit(),
        data=_data(films, phantoms),
    )
    if findings is None:
        return card
    return replace(card, thresholds=findings.thresholds, metrics=metrics_of(findings))


def _find_out(order: Order, films: Films, free: Mask, phantoms: Films, tell: Tell) -> Findings:
    """Cross-validate and write the tables."""
    paths = _others(order.others)
    plan = Plan(order.recipe, order.folds, order.seed, order.jobs)
    result = cross_validate(films, free, read_greys(paths, order.jobs), phantoms, plan)
    thresholds = thresholds_of(result, free, order.recipe.refused)
    findings = Findings(films.labels, films.lateral, result, thresholds)
    tables = {
        "crossval.csv": films_table(findings),
        "robustness.csv": robustness_table(findings),
        "others.csv": others_table(findings, [path.name for path in paths]),
        "summary.txt": summary_text(findings),
    }
    for name, text in tables.items():
        (order.output / name).write_text(text, encoding="utf-8")
    tell(tables["summary.txt"])
    return findings


def on_barred(order: Order, nets: Nets, card: Card, films: Films, free: Mask) -> Card:
    """Without a cross-validation: threshold by the films taught, metrics on those kept out."""
    classifier, _ = classifier_of(nets, card)
    own, barred = (judged(classifier, films.taken(part).greys) for part in (free, ~free))
    others = judged(classifier, read_greys(_others(order.others), order.jobs))
    thresholds = thresholds_on_own(own, order.recipe.refused)
    metrics = metrics_on_barred(barred, films.lateral[~free], others, thresholds)
    return replace(card, thresholds=thresholds, metrics=metrics)


def make_model(order: Order, tell: Tell) -> Path:
    """Train, measure, export; returns the model file.

    Raises WrongUse, MissingInput or UnusableOutput before any work where the order cannot be met.
    """
    torch.set_num_threads(1)  # two threads on two busy cores were ten times slower
    labels: Sequence[Label] = read_labels(order.labels)
    _others(order.others)
    _folder(order.output)
    tell(f"reading {len(labels)} images")
    films = read_films(labels, order.labels.parent, order.jobs)
    free = np.array([is_free(label) or not order.only_free for label in labels])
    tell(f"drawing {order.recipe.view.phantoms} phantoms")
    phantoms = draw_films(order.recipe.view.phantoms, order.seed, order.jobs)
    findings = None
    if order.folds:
        tell(f"cross-validating in {order.folds} folds")
        findings = _find_out(order, films, free, phantoms, tell)
    tell("training the model on all images")
    used = films.taken(free)
    start = start_view(phantoms, order.recipe.view, order.seed)
    nets = fit_nets(used, phantoms, start, order.recipe, order.seed)
    card = _card(order, used, phantoms, findings)
    if findings is None and not free.all():
        card = on_barred(order, nets, card, films, free)
    classifier, content = classifier_of(nets, card)
    path = order.output / "model.onnx"
    path.write_bytes(content)
    (order.output / "card.json").write_text(classifier.card.to_json(), encoding="utf-8")
    tell(f"{path}  sha256 {classifier.sha256}\n{classifier.card.text()}")
    return path
