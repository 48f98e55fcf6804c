"""Errors against the number of labels, with and without phantoms and pseudo-labels.

    python benchmarks/few_labels.py LABELS.csv -o FOLDER [--counts 0 2 5 10 20 45] [--draws 5]

Each draw holds out another fold of the patients. Of the remaining images, the given number of each
view are labelled at random, and the others serve as images without labels (0: no labels at all).
Prints a table and draws FOLDER/few-labels.svg. FOLDER/few-labels.csv has one row per draw; a run
that was interrupted continues from it.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from cxrview.labels import folds_of
from cxrview.training.checkpoint import RunFolder, today
from cxrview.training.config import TrainConfig
from cxrview.training.data import ImageList, TrainingData, find_inputs, load_data
from cxrview.training.networks import Weights, network_from, predict, weights_of
from cxrview.training.recipe import FEW_RECIPE
from cxrview.training.train_model import Pretrained, predicted_labels, pretrain, train_networks
from cxrview.training.trainer import TrainContext

HEADER = ("method", "labels", "draw", "errors", "of", "wrong_pseudo_labels", "pseudo_labels")
METHODS = ("from scratch", "from scratch, pseudo-labels", "from phantoms",
           "from phantoms, pseudo-labels")  # fmt: skip
COLORS = dict(zip(METHODS, ("#b2182b", "#ef8a62", "#2166ac", "#67a9cf"), strict=True))
WITHOUT_PHANTOMS = replace(
    FEW_RECIPE,
    view=replace(FEW_RECIPE.view, phantoms=0, phantom_frontals=0.0, phantom_laterals=0.0),
)
FOLDS = 5


def labelled(images: ImageList, count: int, seed: int) -> np.ndarray:
    """(n,) true for `count` random images of each view, or all if there are fewer."""
    rng, chosen = np.random.default_rng(seed), np.zeros(len(images), np.bool_)
    for of_view in (images.lateral, ~images.lateral):
        chosen[rng.permutation(np.flatnonzero(of_view))[:count]] = True
    return chosen


def errors_of(weights: Weights, images: ImageList) -> int:
    """Return the number of images that are on the wrong side of P(lateral) = 0.5."""
    predicted = predict(network_from(weights), images.images(FEW_RECIPE.view.preprocessing)) > 0.5
    return int((predicted != images.lateral).sum())


def trial(
    data: TrainingData, held_out: np.ndarray, start: Weights | None, count: int, seed: int
) -> Iterator[tuple[object, ...]]:
    """Yield errors, wrong pseudo-labels and pseudo-labels, without and with pseudo-labels."""
    recipe = FEW_RECIPE if start is not None else WITHOUT_PHANTOMS
    if start is None:
        data = replace(data, phantoms=data.phantoms.select(np.zeros(len(data.phantoms), np.bool_)))
    training, test = data.labeled.select(~held_out), data.labeled.select(held_out)
    known = labelled(training, count, seed)
    own, rest = training.select(known), training.select(~known)

    def trained(pseudo: ImageList | None) -> Weights:
        pretrained, context = Pretrained(view=start), TrainContext()
        model = train_networks(own, data, pretrained, recipe, seed, context, pseudo=pseudo)
        return weights_of(model.networks.view)

    first = trained(None) if count else start
    assert first is not None, "without labels there must be phantoms"
    yield errors_of(first, test), "", ""
    method, config = recipe.view.preprocessing, recipe.pseudo_labels
    pseudo = predicted_labels(first, rest, method, config, by_symmetry=not count)
    truth = {label.file: label.view for label in rest.labels}
    wrong = sum(truth[label.file] != label.view for label in pseudo.labels)
    yield errors_of(trained(pseudo), test), wrong, len(pseudo)


def draw_figure(rows: list[dict[str, str]], path: Path) -> None:
    """Draw single draws and medians against the number of labels."""
    mpl.rcParams["svg.hashsalt"] = "cxrview"
    figure, axes = plt.subplots(figsize=(7, 4))
    counts = sorted({int(row["labels"]) for row in rows})
    for number, method in enumerate(METHODS):
        shares: dict[int, list[float]] = {}
        for row in rows:
            if row["method"] == method:
                share = 100 * int(row["errors"]) / int(row["of"])
                shares.setdefault(int(row["labels"]), []).append(share)
        shift, color = 1.03**number, COLORS[method]  # methods side by side on the logarithmic axis
        for count, values in shares.items():
            axes.plot([max(count, 1) * shift] * len(values), values, ".", color=color, alpha=0.5)
        places = [max(count, 1) * shift for count in sorted(shares)]
        medians = [median(shares[count]) for count in sorted(shares)]
        axes.plot(places, medians, "-", color=color, label=method)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_xticks([max(count, 1) for count in counts], [str(count) for count in counts])
    axes.minorticks_off()
    axes.axhline(1, color="#999", linewidth=0.8, linestyle=":")
    axes.set_xlabel("labelled images of each view")
    axes.set_ylabel("errors on held-out images, %")
    axes.legend(frameon=False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def table(rows: list[dict[str, str]]) -> str:
    """Return a Markdown table: median (lowest - highest) errors by method and labels."""
    counts = sorted({int(row["labels"]) for row in rows})
    lines = [f"| method | {' | '.join(map(str, counts))} |", "|---" * (len(counts) + 1) + "|"]
    for method in METHODS:
        cells = []
        for count in counts:
            errors = [int(row["errors"]) for row in rows
                      if (row["method"], int(row["labels"])) == (method, count)]  # fmt: skip
            cells.append(f"{median(errors):g} ({min(errors)} - {max(errors)})" if errors else "")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 2, 5, 10, 20, 45])
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output / "few-labels.csv"
    config = TrainConfig(labels=options.labels, output=options.output, recipe=FEW_RECIPE, jobs=None)
    folder = RunFolder(options.output, today())
    data = load_data(config, find_inputs(config), folder, print)
    start = pretrain(data, FEW_RECIPE, 0, TrainContext()).view
    folds = folds_of(data.labeled.labels, FOLDS, 0)
    if not results.exists():
        results.write_text(",".join(HEADER) + "\n")
    done = {(row["method"], row["labels"], row["draw"]) for row in rows_of(results)}
    for draw in range(options.draws):
        held_out = folds == draw % FOLDS
        for count in options.counts:
            for weights, methods in ((None, METHODS[:2]), (start, METHODS[2:])):
                if (weights is None and not count) or (methods[0], str(count), str(draw)) in done:
                    continue
                found = list(trial(data, held_out, weights, count, draw))
                with results.open("a", newline="") as file:
                    for method, (errors, *more) in zip(methods, found, strict=True):
                        row = (method, count, draw, errors, int(held_out.sum()), *more)
                        csv.writer(file, lineterminator="\n").writerow(row)
    rows = rows_of(results)
    draw_figure(rows, options.output / "few-labels.svg")
    print(table(rows))


if __name__ == "__main__":
    main()
