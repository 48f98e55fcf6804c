"""How many labels the page needs in active and in random order, simulated with known labels.

python benchmarks/active_labels.py LABELS.csv -o FOLDER

A simulated person gives each image that the page's own store hands out the label of the table. The
model is updated by the page's own code after every ten labels. Two starts: the shipped model
`open`, and no model at all: then only the similarity of the images is used. Writes
active-labels.csv and active-labels.svg, and prints the table of docs/labeling.md.
"""

import argparse
import csv
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.labeling.active_learning import features_of
from cxrview.labeling.label_model import VIEWS, Update, UpdateTask, describe, update_model
from cxrview.labeling.sampling import candidates_in
from cxrview.labels import read_labels
from cxrview.model.classifier import load
from cxrview.pages.label_app import UPCOMING
from cxrview.pages.model_updates import LABELS_PER_UPDATE, ModelUpdates
from cxrview.pages.records import Answer, ImageClass, ImageFeatures, NewImage, OpenPage
from cxrview.pages.store import LabelStore

MAX_ERROR, MAX_MISSED = 0.01, 1  # the aim: of the rest, and of the laterals
NO_MODEL = "no model"
PAGE = OpenPage("simulated", "tab")


@dataclasses.dataclass(frozen=True)
class Point:
    """After `labels` labels: what the model gets wrong, and what the page says."""

    start: str
    order: str
    seed: int
    labels: int
    laterals_labelled: int
    rest: int
    errors: int
    laterals_missed: int
    sure: int
    sure_and_wrong: int
    checked: int
    checked_errors: int
    low: float
    high: float
    is_settled: bool

    @property
    def is_aim(self) -> bool:
        """Whether the error on the rest is low enough, and enough laterals are found."""
        return self.errors < MAX_ERROR * self.rest and self.laterals_missed <= MAX_MISSED


class DirectEngine:
    """Fits in this process, and keeps the latest update, to compare it with the true labels."""

    restarts = 0
    task: UpdateTask
    update: Update

    def map(self, _: Callable[[], Any], items: Sequence[UpdateTask]) -> Iterator[tuple[int, Done]]:
        """As `engines.outcomes.Engine.map`."""
        for index, self.task in enumerate(items):
            self.update = update_model(self.task)
            yield index, Done(self.update)


def read_features(table: Path, cache: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The files, and of each image the vector and (p_lateral, p_chest); from the cache if there."""
    candidates = candidates_in(str(table))
    names = [one.item.name for one in candidates]
    if not cache.exists():
        vectors = np.zeros((len(names), 256), np.uint8)
        probabilities = np.zeros((len(names), 2))
        items = [one.item for one in candidates]
        for index, found in features_of(items, load(), engine_for()):
            if found.error:
                raise SystemExit(f"{names[index]}: {found.error}")
            vectors[index] = describe(found.thumbnail)
            probabilities[index] = found.p_lateral, found.p_chest
        np.savez(cache, vectors=vectors, probabilities=probabilities)
    saved = np.load(cache)
    return names, saved["vectors"], saved["probabilities"]


def simulate(
    names: Sequence[str], found: Sequence[ImageFeatures], truth: np.ndarray, order: str, seed: int,
    most: int,
) -> Iterator[tuple[int, ModelUpdates, DirectEngine]]:  # fmt: skip
    """Label until `most` labels; yield after every update."""
    with tempfile.TemporaryDirectory() as folder:
        store = LabelStore(Path(folder) / "labels.sqlite")
        store.add_images([NewImage(name) for name in names], seed=seed)
        ids = store.ids()
        rows = {ids[name]: row for row, name in enumerate(names)}
        engine = DirectEngine()
        updates = ModelUpdates(store, len(names), load(), engine, is_active=order == "active")
        updates.add([dataclasses.replace(one, image=ids[name])
                     for name, one in zip(names, found, strict=True)])  # fmt: skip
        updates.update_if_due()
        for count in range(1, most + 1):
            image = store.upcoming(PAGE, UPCOMING)[0]
            label = ImageClass.LATERAL if truth[rows[image]] else ImageClass.FRONTAL
            store.record(PAGE.labeler, f"batch {count}", [Answer(image, label)])
            updates.update_if_due()
            if count % LABELS_PER_UPDATE == 0:
                yield count, updates, engine
        store.close()


def measure(start: str, order: str, seed: int, arguments: tuple, most: int) -> Iterator[Point]:
    names, found, truth = arguments
    for count, updates, engine in simulate(names, found, truth, order, seed, most):
        update, status = engine.update, updates.status
        is_open = np.ones(len(truth), bool)
        is_open[[label.index for label in engine.task.labels]] = False
        lateral = np.array([VIEWS[code] == "lateral" for code in update.codes])
        wrong = np.array([VIEWS[code] for code in update.codes]) != np.where(
            truth, "lateral", "frontal"
        )
        point = Point(
            start, order, seed, count, int(truth[~is_open].sum()), int(is_open.sum()),
            int((wrong & is_open).sum()), int((truth & is_open & ~lateral).sum()),
            status.sure, int((wrong & is_open & update.is_sure).sum()), status.checked,
            status.errors, status.low, status.high, status.is_settled,
        )  # fmt: skip
        yield point
        if order == "random" and point.is_aim:
            return  # only the number of labels until here is wanted


def report(points: Sequence[Point], starts: Sequence[str]) -> None:
    """Print the numbers of labels, and how often the interval holds the true error rate."""
    print("| start | order | labels needed, by seed | median |\n|---|---|---|---|")
    for start in starts:
        for order in ("active", "random"):
            mine = [one for one in points if (one.start, one.order) == (start, order)]
            needed = []
            for seed in sorted({one.seed for one in mine}):
                own = [one for one in mine if one.seed == seed]
                missed = [one.labels for one in own if not one.is_aim]
                later = [one.labels for one in own if one.labels > max(missed, default=0)]
                needed.append(min(later, default="more"))
            print(f"| {start} | {order} | {', '.join(map(str, needed))} "
                  f"| {statistics.median(needed)} |")  # fmt: skip
    for start in starts:
        both = [one for one in points if one.start == start]
        held = sum(one.low <= one.errors / one.rest <= one.high for one in both)
        print(f"{start}: the interval holds the true error rate at {held} of {len(both)} updates")
        mine = [one for one in both if one.order == "active"]
        wrong = sum(one.sure_and_wrong for one in mine)
        sure = sum(one.sure for one in mine)
        print(f"{start}: {wrong} of {sure} sure verdicts in active order are wrong")
        settled = [min((one.labels for one in mine if one.seed == seed and one.is_settled),
                       default=None) for seed in sorted({one.seed for one in mine})]  # fmt: skip
        print(f"{start}: labels after which more hardly help: {settled}")


def draw(points: Sequence[Point], path: Path) -> None:
    """Wrong verdicts and missed laterals without any model; a line for each seed."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    panels: dict[str, Callable[[Point], float]] = {
        "wrong verdicts on the rest (%)": lambda one: 100 * one.errors / one.rest,
        "laterals missed": lambda one: one.laterals_missed,
    }
    for axis, (title, value) in zip(axes, panels.items(), strict=True):
        for order, colour in (("active", "#0072b2"), ("random", "#d55e00")):
            for seed in sorted({one.seed for one in points}):
                mine = [one for one in points
                        if (one.start, one.order, one.seed) == (NO_MODEL, order, seed)]  # fmt: skip
                axis.plot([one.labels for one in mine], [value(one) for one in mine],
                          color=colour, linewidth=1, label=None if seed else order)  # fmt: skip
        axis.set(title=title, xlabel="labels", xscale="log")
    axes[0].axhline(100 * MAX_ERROR, color="#767676", linewidth=0.8, linestyle=":")
    axes[1].axhline(MAX_MISSED, color="#767676", linewidth=0.8, linestyle=":")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="LABELS.csv")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--active", type=int, default=200, help="labels in active order")
    parser.add_argument("--random", type=int, default=10_000, help="in random order, at most")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    started = time.time()
    names, vectors, probabilities = read_features(options.table, options.output / "features.npz")
    views = {label.file: label.view for label in read_labels(options.table)}
    folder = options.table.absolute().parent
    truth = np.array([views[str(Path(name).relative_to(folder))] == "lateral" for name in names])
    starts = {
        NO_MODEL: [(0.5, 1.0)] * len(names),
        "open": [tuple(row) for row in probabilities],
    }
    points: list[Point] = []
    for start, given in starts.items():
        found = [ImageFeatures(0, lateral, chest, vector.tobytes())
                 for (lateral, chest), vector in zip(given, vectors, strict=True)]  # fmt: skip
        for order, most in (
            ("active", options.active),
            ("random", min(options.random, len(names) - UPCOMING)),
        ):
            for seed in range(options.seeds):
                points += measure(start, order, seed, (names, found, truth), most)
    with (options.output / "active-labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Point)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(point) for point in points)
    report(points, list(starts))
    draw(points, options.output / "active-labels.svg")
    print(f"{len(names)} images, {int(truth.sum())} laterals; {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
