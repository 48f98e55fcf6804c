"""The paper's own recipe under the same cross-validation and alterations, for comparison.

    python benchmarks/paper_recipe.py LABELS.csv [--steps 1500] [--folds 5]

Its picture (squashed to 64 x 64), its augmentation (turns within 45 degrees, shifts, shear, zoom,
mirror), its optimiser and batch; no borders cut, no phantoms, no gate. Fewer steps than its 1,000
passes, half of each batch lateral.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import torch

from cxrview.evaluation.perturbations import PERTURBATIONS, perturb
from cxrview.labels import folds_of, read_labels
from cxrview.training.augment import Augmentation
from cxrview.training.films import Films, prepared, read_films
from cxrview.training.groups import Group, lesson_of
from cxrview.training.loop import fit, predict
from cxrview.training.recipe import Schedule


def wrong_in_fold(films: Films, held: np.ndarray, steps: int) -> dict[str, int]:
    """Errors on the held films under each alteration."""
    pictures, taught = prepared(films.greys, "paper"), ~held
    schedule = Schedule(steps=steps, share=0.5, augmentation=Augmentation(black_fill=0))
    lesson = lesson_of(
        Group(pictures[taught & ~films.lateral], False, 1),
        Group(pictures[taught & films.lateral], True, 1),
    )
    net = fit(lesson, schedule, seed=0)
    numbers = np.flatnonzero(held)
    wrong = {}
    for name in PERTURBATIONS:
        altered = [perturb(films.greys[n], name, int(n)) for n in numbers]
        said = predict(net, prepared(altered, "paper")) > 0.5
        wrong[name] = int((said != films.lateral[held]).sum())
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    films = read_films(read_labels(given.labels), given.labels.parent)
    folds = folds_of(films.labels, given.folds, seed=0)
    counts = [wrong_in_fold(films, folds == fold, given.steps) for fold in range(given.folds)]
    writer = csv.writer(sys.stdout)
    writer.writerow(("alteration", "errors", "share", "films"))
    for name in PERTURBATIONS:
        errors = sum(count[name] for count in counts)
        writer.writerow((name, errors, f"{errors / len(films):.2%}", len(films)))


if __name__ == "__main__":
    main()
