"""An order -> a run folder: a model with its card, and what was seen and measured on the way."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from cxrview import __version__
from cxrview.atomic import translate_os_errors
from cxrview.model.card import Card
from cxrview.training.barred import metrics_on_barred, thresholds_on_own
from cxrview.training.check import check_space
from cxrview.training.crossval import Plan, cross_validate, judged
from cxrview.training.curves import draw_curves, figure_text
from cxrview.training.environment import commit, environment
from cxrview.training.films import Films, read_greys
from cxrview.training.findings import Findings, metrics_of, thresholds_of
from cxrview.training.gate_net import start_gate
from cxrview.training.given import given_by
from cxrview.training.heldout import HeldOut, card_of_held
from cxrview.training.history import Pass, chosen_text, history_text
from cxrview.training.loop import Manner
from cxrview.training.material import Material, gather, guessed
from cxrview.training.model_file import VIEW, Nets, Starts, classifier_of, fit_nets, plain_card
from cxrview.training.order import Order, mark_of, others_of
from cxrview.training.parting import TRAINING, VALIDATION
from cxrview.training.recipe_file import recipe_text
from cxrview.training.report import report_page
from cxrview.training.run_folder import RunFolder, open_run
from cxrview.training.tables import (
    films_table,
    others_table,
    robustness_table,
    summary_text,
)
from cxrview.training.view_net import start_view

Tell = Callable[[str], None]
Watch = Callable[[str, Pass, int], None]  # which net, its pass that ended, of how many

START, FIRST = "view net on phantoms", "view net to guess by"
START_GATE = "gate on phantoms"


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears how it goes."""

    tell: Tell
    watch: Watch


def _data(films: Films, phantoms: Films) -> dict[str, int]:
    """What a model was made of, by source and view."""
    counted = Counter(f"{label.source or 'images'}, {label.view}" for label in films.labels)
    frontals = int((~phantoms.lateral).sum())
    made = {"phantoms, frontal": frontals, "phantoms, lateral": len(phantoms) - frontals}
    return {**dict(sorted(counted.items())), **(made if len(phantoms) else {})}


def _card(order: Order, taught: Films, phantoms: Films, created: str) -> Card:
    return replace(
        plain_card(order.recipe, order.seed),
        name=order.name,
        purpose=order.purpose,
        licence=order.licence,
        limits=order.limits,
        created=created,
        software=__version__,
        commit=commit(),
        data=_data(taught, phantoms),
    )


def _find_out(order: Order, material: Material, folder: RunFolder, tell: Tell) -> Findings:
    """Cross-validate and write the tables."""
    paths = others_of(order.others)
    plan = Plan(order.recipe, order.folds, order.seed, order.jobs, order.is_disturbed)
    greys = read_greys(paths, order.jobs)
    films = material.films
    result = cross_validate(films, material.free, greys, material.phantoms, plan)
    thresholds = thresholds_of(result, material.free, order.recipe.refused)
    findings = Findings(films.labels, films.lateral, result, thresholds)
    folder.write("crossval.csv", films_table(findings))
    folder.write("robustness.csv", robustness_table(findings))
    folder.write("others.csv", others_table(findings, [path.name for path in paths]))
    folder.write("summary.txt", summary_text(findings))
    tell(summary_text(findings))
    return findings


def on_barred(order: Order, nets: Nets, card: Card, material: Material) -> Card:
    """Without a cross-validation: threshold by the films taught, metrics on those kept out."""
    classifier, _ = classifier_of(nets, card)
    films, free = material.films, material.free
    own, barred = (judged(classifier, films.taken(part).greys) for part in (free, ~free))
    others = judged(classifier, read_greys(others_of(order.others), order.jobs))
    thresholds = thresholds_on_own(own, order.recipe.refused)
    metrics = metrics_on_barred(barred, films.lateral[~free], others, thresholds)
    return replace(card, thresholds=thresholds, metrics=metrics)


def _teach(
    order: Order, material: Material, folder: RunFolder, told: Told, starts: Starts | None
) -> tuple[Nets, Films]:
    """starts: those of the cross-validation, if there was one."""

    def manner(name: str) -> Manner:
        return Manner(
            report=lambda one, count: told.watch(name, one, count),
            memory=folder.memory(name),
            device=order.device,
        )

    recipe = order.recipe
    starts = starts or Starts(
        start_view(material.phantoms, recipe.view, order.seed, manner(START)),
        start_gate(material.phantoms, recipe.gate, order.seed, manner(START_GATE)),
    )
    own = guessed(order, material, starts.view, folder, manner(FIRST))
    if len(own):
        laterals = int(own.lateral.sum())
        told.tell(f"guessed: {len(own) - laterals:,} frontal, {laterals:,} lateral of "
                  f"{len(material.strangers.names):,} images without labels")  # fmt: skip
    taught, held = material.part(TRAINING), material.part(VALIDATION)
    told.tell(f"training on {len(taught) + len(own):,} images")
    nets = fit_nets(taught, material.phantoms, starts, recipe, order.seed, held, manner, own)
    return nets, taught.joined(own)


def _record(order: Order, nets: Nets, card: Card, held: HeldOut, folder: RunFolder) -> None:
    """Everything beside the model."""
    pages = {}
    for name, taught in nets.taught:
        suffix = "" if name == VIEW else f"-{name.replace(' ', '-')}"
        folder.write(f"history{suffix}.csv", history_text(taught.history))
        figure = draw_curves(taught.history, taught.chosen)
        for kind in ("png", "svg"):
            folder.write(f"curves{suffix}.{kind}", figure_text(figure, kind))
        pages[name] = (
            chosen_text(taught.history, taught.chosen),
            figure_text(figure, "svg").decode(),
        )
    recipe, around = recipe_text(order.recipe, order.base), environment(order.device)
    folder.write("recipe.toml", recipe)
    folder.write("environment.json", json.dumps(around, indent=1))
    folder.write("images.csv", held.table())
    folder.write("card.json", card.to_json())
    folder.write("report.html", report_page(card, held.counts(), pages, recipe, around))


def make_model(order: Order, told: Told) -> Path:
    """Train, measure, export; returns the model file. Begun again, it goes on from the last pass.

    Raises WrongUse, MissingInput or UnusableOutput before any work where the order cannot be met.
    """
    torch.set_num_threads(1)  # two threads on two busy cores were ten times slower
    given = given_by(order)
    others_of(order.others)
    mark = mark_of(order, given.labels, given.items)
    folder = open_run(order.output, mark, datetime.now(UTC).date().isoformat())
    if folder.is_done:
        told.tell(f"{folder.model} is done already: nothing to do")
        return folder.model
    view = order.recipe.view
    check_space(folder.path, len(given.labels) + len(given.items), view.phantoms, view.phantom_side)
    return _make(order, gather(order, given, folder, told.tell), folder, told)


def _make(order: Order, material: Material, folder: RunFolder, told: Told) -> Path:
    findings = None
    if order.folds:
        told.tell(f"cross-validating in {order.folds} folds")
        findings = _find_out(order, material, folder, told.tell)
    starts = findings.result.starts if findings else None
    nets, taught = _teach(order, material, folder, told, starts)
    card = _card(order, taught, material.phantoms, folder.created)
    classifier, _ = classifier_of(nets, card)
    said = judged(classifier, material.films.greys)
    chose = order.recipe.view.main.keeps_best
    held = HeldOut(material.films, material.parts, said, chose)
    if findings:
        card = replace(card, thresholds=findings.thresholds, metrics=metrics_of(findings))
    elif material.free.all():
        card = card_of_held(card, held, order.recipe.refused)
    else:
        card = on_barred(order, nets, card, material)
    classifier, content = classifier_of(nets, card)
    _record(order, nets, card, held, folder)
    path = folder.write(folder.model.name, content)
    with translate_os_errors(folder.state):
        for one in folder.state.iterdir():
            if one.name != "begun.json":
                one.unlink()
    told.tell(f"{path}  sha256 {classifier.sha256}\n{classifier.card.text()}")
    return path
