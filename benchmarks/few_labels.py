"""Errors against the number of labels, with and without computed images and pseudo-labels.

    python benchmarks/few_labels.py LABELS.csv -o FOLDER [--ct VOLUME ...] [--counts 0 2 5 10 20]
        [--draws 5] [--jobs 2] [--device auto] [--quick]

Each draw holds out another fold of the patients. Of the remaining images, the given number of each
view are labelled at random, and the others serve as images without labels (0: no labels at all).
The network is that of the recipe `few`; without computed images it is trained on the labelled
images and on drawn negatives alone. Prints two tables and draws FOLDER/few-labels.svg.
FOLDER/few-labels.csv has one row per method and draw; a run that was interrupted continues from it.
--quick: one draw, no labels and five, few steps and computed images: to try the program.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from cxrview.labels import folds_of
from cxrview.training.callbacks import TrainCallbacks, TrainContext
from cxrview.training.checkpoint import RunFolder, today
from cxrview.training.config import TrainConfig, device_of
from cxrview.training.data import Computed, TrainingData, find_inputs, load_data
from cxrview.training.image_list import ImageList
from cxrview.training.networks import Network, weights_of
from cxrview.training.recipe import FEW_RECIPE, Recipe
from cxrview.training.train_model import predict_images, predicted_labels, train_model
from cxrview.views import Thresholds

HEADER = ("method", "labels", "draw", "errors", "refused", "of", "wrong_pseudo_labels",
          "pseudo_labels")  # fmt: skip
ALONE, COMPUTED, PSEUDO = METHODS = (
    "labels alone", "computed images", "computed images, pseudo-labels"
)  # fmt: skip
COLORS = dict(zip(METHODS, ("#b2182b", "#2166ac", "#67a9cf"), strict=True))
QUICK_RECIPE = replace(
    FEW_RECIPE, phantoms=120, ct_radiographs=20, negatives=200,
    main=replace(FEW_RECIPE.main, steps=60, warmup_steps=20),
)  # fmt: skip
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """One draw of labels; with computed images it is trained without and with pseudo-labels."""

    uses_computed: bool
    count: int  # labelled images of each view
    draw: int

    @property
    def methods(self) -> tuple[str, ...]:
        """The rows that it gives."""
        return (COMPUTED, PSEUDO) if self.uses_computed else (ALONE,)


def labelled(images: ImageList, count: int, seed: int) -> np.ndarray:
    """(n,) true for `count` random images of each view, or all if there are fewer."""
    rng, chosen = np.random.default_rng(seed), np.zeros(len(images), np.bool_)
    for of_view in (images.lateral, ~images.lateral):
        chosen[rng.permutation(np.flatnonzero(of_view))[:count]] = True
    return chosen


def without_radiographs(computed: Computed) -> Computed:
    """Return the drawn negatives alone."""
    none = {
        name: images.select(np.zeros(len(images), np.bool_))
        for name, images in (("phantoms", computed.phantoms), ("ct", computed.ct),
                             ("obliques", computed.obliques))
    }  # fmt: skip
    return replace(computed, **none)


def measured(network: Network, images: ImageList, recipe: Recipe) -> tuple[int, int, int]:
    """Return how many have the wrong view at P = 0.5, how many are refused, and of how many."""
    p_lateral, p_chest = predict_images(network, images, recipe).predictions({}).T
    wrong = (p_lateral > 0.5) != images.lateral
    return int(wrong.sum()), int((p_chest < Thresholds().chest).sum()), len(images)


def run_trial(
    trial: Trial, data: TrainingData, recipe: Recipe, device: str
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a trial."""
    held_out = folds_of(data.labeled.labels, FOLDS, 0) == trial.draw % FOLDS
    training, test = data.labeled.select(~held_out), data.labeled.select(held_out)
    known = labelled(training, trial.count, trial.draw)
    own, rest, seed = training.select(known), training.select(~known), trial.draw
    computed = data.computed if trial.uses_computed else without_radiographs(data.computed)
    images, method = [own] if len(own) else [], recipe.preprocessing
    context = TrainContext(device=device)
    first = train_model(images, computed, recipe, seed, context).network
    start, key = weights_of(first), (trial.count, trial.draw)
    yield (trial.methods[0], *key, *measured(first, test, recipe), "", "")
    if not trial.uses_computed:
        return
    pseudo = predicted_labels(
        first, rest, method, recipe.pseudo_labels, by_symmetry=not trial.count
    )
    truth = {label.file: label.view for label in rest.labels}
    wrong = sum(truth[label.file] != label.view for label in pseudo.labels)
    images = [*images, pseudo]
    second = train_model(images, computed, recipe, seed, context, start=start).network
    yield (PSEUDO, *key, *measured(second, test, recipe), wrong, len(pseudo))


def rows_of_trial(
    trial: Trial, data: TrainingData, recipe: Recipe, device: str
) -> list[tuple[object, ...]]:
    """Return the rows of a trial, from a worker process."""
    torch.set_num_threads(1)
    return list(run_trial(trial, data, recipe, device))


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


def table(rows: list[dict[str, str]], column: str) -> str:
    """Return a Markdown table: median (lowest - highest) of a column by method and labels."""
    counts = sorted({int(row["labels"]) for row in rows})
    lines = [f"| method | {' | '.join(map(str, counts))} |", "|---" * (len(counts) + 1) + "|"]
    for method in METHODS:
        cells = []
        for count in counts:
            values = [int(row[column]) for row in rows
                      if (row["method"], int(row["labels"])) == (method, count)]  # fmt: skip
            cells.append(f"{median(values):g} ({min(values)} - {max(values)})" if values else "")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def missing_trials(counts: list[int], draws: int, rows: list[dict[str, str]]) -> list[Trial]:
    """Return the trials of which a row is missing; without labels there must be computed images."""
    done = {(row["method"], int(row["labels"]), int(row["draw"])) for row in rows}
    return [
        trial
        for draw in range(draws)
        for count in counts
        for trial in (Trial(False, count, draw), Trial(True, count, draw))
        if (trial.uses_computed or count)
        and not {(method, count, draw) for method in trial.methods} <= done
    ]


def check_settings(folder: Path, settings: dict[str, object]) -> None:
    """Write the settings beside the results; ends the program where others are there."""
    path, text = folder / "settings.json", json.dumps(settings, indent=1)
    if path.exists() and path.read_text() != text:
        raise SystemExit(f"{folder} holds results of other settings: name a new folder")
    path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--ct", nargs="+", default=[], help="CT volumes to compute images from")
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 2, 5, 10, 20])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at the same time")
    parser.add_argument("--device", default="auto", help="auto, cpu, or as torch names it (cuda)")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    recipe = QUICK_RECIPE if options.quick else FEW_RECIPE
    counts, draws = ([0, 5], 1) if options.quick else (options.counts, options.draws)
    device = device_of(options.device)
    options.output.mkdir(parents=True, exist_ok=True)
    settings = {"labels": str(options.labels), "ct": options.ct, "device": device,
                "recipe": asdict(recipe)}  # fmt: skip
    check_settings(options.output, settings)
    config = TrainConfig(labels=options.labels, output=options.output, recipe=recipe,
                         ct_volumes=tuple(options.ct), jobs=None)  # fmt: skip
    data = load_data(config, find_inputs(config), RunFolder(options.output, today()),
                     TrainCallbacks(log=print))  # fmt: skip
    results = options.output / "few-labels.csv"
    if not results.exists():
        results.write_text(",".join(HEADER) + "\n")
    trials = missing_trials(counts, draws, rows_of(results))
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(rows_of_trial, trial, data, recipe, device) for trial in trials]
        for number, task in enumerate(as_completed(tasks), start=1):
            with results.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(task.result())
            print(f"{number} of {len(tasks)} trials", flush=True)
    rows = rows_of(results)
    draw_figure(rows, options.output / "few-labels.svg")
    for column in ("errors", "refused"):
        print(f"\n{column}\n\n{table(rows, column)}")


if __name__ == "__main__":
    main()
