"""Errors against the number of labels, with and without phantoms and the net's own guesses.

    python benchmarks/few_labels.py LABELS.csv -o FOLDER [--counts 2 5 10 20 45] [--draws 5]

For each draw another fold of patients is held out; of the rest so many of each view are drawn as
labelled, and the others are images without labels. 0: no labels at all. Prints a table and draws
FOLDER/few-labels.svg; FOLDER/few-labels.csv holds each draw, and a run goes on from it.
"""

import argparse
import csv
import os
from dataclasses import replace
from pathlib import Path
from statistics import median

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from cxrview.labels import folds_of, read_labels
from cxrview.training.films import NO_FILMS, Films, draw_films, prepared, read_films
from cxrview.training.loop import predict
from cxrview.training.net import Net
from cxrview.training.recipe import FEW
from cxrview.training.unlabelled import Strangers, guesses
from cxrview.training.view_net import fit_view, start_view

SCRATCH = replace(FEW.view, phantoms=0, phantom_frontals=0.0, phantom_laterals=0.0)
HEADER = ("way", "labels", "draw", "errors", "of", "wrong_guesses", "guesses")
WAYS = ("from scratch", "scratch and guesses", "from phantoms", "phantoms and guesses")
COLOURS = dict(zip(WAYS, ("#b2182b", "#ef8a62", "#2166ac", "#67a9cf"), strict=True))


def drawn(films: Films, count: int, seed: int) -> np.ndarray:
    """(n,) true for `count` films of each view, as many as there are at most."""
    rng, chosen = np.random.default_rng(seed), np.zeros(len(films), np.bool_)
    for side in (films.lateral, ~films.lateral):
        places = np.flatnonzero(side)
        chosen[rng.permutation(places)[:count]] = True
    return chosen


def trial(taught: Films, held: Films, phantoms: Films, start: Net | None, count: int, seed: int):
    """Errors on the held films, and on what was guessed: of the two ways that begin at `start`."""
    recipe = FEW.view if start is not None else SCRATCH
    known = drawn(taught, count, seed)
    own, rest = taught.taken(known), taught.taken(~known)
    strangers = Strangers([label.file for label in rest.labels], rest.greys)
    pictures = prepared(held.greys, recipe.preparation)

    def errors(net: Net) -> int:
        return int(((predict(net, pictures) > 0.5) != held.lateral).sum())

    made = phantoms if start is not None else NO_FILMS
    first = fit_view(own, made, start, recipe, seed).net if count else start
    guessed = guesses(first, strangers, recipe.preparation, FEW.pseudo, not count)
    truth = {label.file: label.view for label in rest.labels}
    wrong = sum(truth[label.file] != label.view for label in guessed.labels)
    last = fit_view(own, made, start, recipe, seed, guessed=guessed).net
    return (errors(first), "", ""), (errors(last), wrong, len(guessed))


def figure(rows: list[dict[str, str]], path: Path) -> None:
    """Medians and single draws against the number of labels."""
    mpl.rcParams["svg.hashsalt"] = "cxrview"
    image, axes = plt.subplots(figsize=(7, 4))
    for shift, way in enumerate(WAYS):
        points = [
            (int(r["labels"]), int(r["errors"]) / int(r["of"])) for r in rows if r["way"] == way
        ]
        counts = sorted({count for count, _ in points})
        places = [max(count, 1) * 1.03**shift for count, _ in points]
        axes.plot(places, [100 * share for _, share in points], ".", color=COLOURS[way], alpha=0.5)
        middle = [100 * median(s for c, s in points if c == count) for count in counts]
        axes.plot(
            [max(count, 1) * 1.03**shift for count in counts],
            middle,
            "-",
            color=COLOURS[way],
            label=way,
        )
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    every = sorted({int(row["labels"]) for row in rows})
    axes.set_xticks([max(count, 1) for count in every], [str(count) for count in every])
    axes.minorticks_off()
    axes.axhline(1, color="#999", linewidth=0.8, linestyle=":")
    axes.set_xlabel("labelled images of each view")
    axes.set_ylabel("errors on unseen films, %")
    axes.legend(frameon=False)
    image.savefig(path, bbox_inches="tight", metadata={"Date": None})


def table(rows: list[dict[str, str]]) -> str:
    """Markdown: median (lowest - highest) of errors."""
    counts = sorted({int(row["labels"]) for row in rows})
    lines = ["| way | " + " | ".join(map(str, counts)) + " |", "|---" * (len(counts) + 1) + "|"]
    for way in WAYS:
        cells = []
        for count in counts:
            errors = [
                int(r["errors"]) for r in rows if (r["way"], int(r["labels"])) == (way, count)
            ]
            cells.append(f"{median(errors):g} ({min(errors)} - {max(errors)})" if errors else "")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 2, 5, 10, 20, 45])
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.output.mkdir(parents=True, exist_ok=True)
    done = given.output / "few-labels.csv"
    films = read_films(read_labels(given.labels), given.labels.parent, os.cpu_count() or 1)
    phantoms = draw_films(FEW.view.phantoms, 0, os.cpu_count() or 1, FEW.view.phantom_side)
    start = start_view(phantoms, FEW.view, 0)
    folds = folds_of(films.labels, 5, 0)
    if not done.exists():
        done.write_text(",".join(HEADER) + "\n")
    with done.open() as lines:
        old = {(row["way"], row["labels"], row["draw"]) for row in csv.DictReader(lines)}
    for draw in range(given.draws):
        held = folds == draw % 5  # another fold, another draw: no film is held out twice in five
        taught, unseen = films.taken(~held), films.taken(held)
        for count in given.counts:
            for begun, ways in ((None, WAYS[:2]), (start, WAYS[2:])):
                if (begun is None and not count) or (ways[0], str(count), str(draw)) in old:
                    continue
                results = trial(taught, unseen, phantoms, begun, count, draw)
                with done.open("a") as lines:
                    for way, (errors, *more) in zip(ways, results, strict=True):
                        csv.writer(lines).writerow((way, count, draw, errors, len(unseen), *more))
    with done.open() as lines:
        rows = list(csv.DictReader(lines))
    figure(rows, given.output / "few-labels.svg")
    print(table(rows))


if __name__ == "__main__":
    main()
