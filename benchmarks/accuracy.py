"""Models -> the figures of docs/accuracy.md, as JSON and as Markdown tables.

    python benchmarks/accuracy.py MODEL... -o FOLDER [--ct VOLUME...] [--limit N] [--jobs N]

MODEL: a shipped model, a model file, or the folder of a run of `cxrview train`, whose own
cross-validation is then shown as well. The images lie below CXRVIEW_DATA, else ../shared/data:
cxr/labels.csv, not_cxr/contents.csv. Phantoms, and images computed from the CT volumes (by default
ct/ricord*.npz, which no shipped model is trained with), are written into FOLDER. Everything is
classified by `cxrview evaluate`, whose reports stay in FOLDER: a run that was interrupted continues
from them. Writes FOLDER/accuracy.json and FOLDER/accuracy.md, and prints the latter.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy_tables import Measured, Report, headline, markdown
from cxrview.inference.table_reader import read_rows
from cxrview.labels import OTHER, Label, read_labels
from cxrview.metrics.bootstrap import Resampling
from cxrview.metrics.predictions import predictions_of
from cxrview.metrics.tables import group_metrics
from cxrview.model.classifier import SHIPPED_SHA256, load
from cxrview.report.content import to_plain
from cxrview.rows import Row
from cxrview.training.data import is_permissive
from cxrview.views import Thresholds, View, decide

SYNTHETIC_SEED = 1  # training draws with seed 0
PHANTOMS, CT_IMAGES = 500, 400
LARGE_PARTS = ("review_cases", "roc", "risk_coverage")  # of a report, not copied into the JSON


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Labelled images and what is measured on them."""

    name: str
    labels: Path
    options: tuple[str, ...] = ()  # of `cxrview evaluate`


def run(*words: str | Path) -> None:
    """Run a command of cxrview; exit status 1 (some files unreadable) is accepted."""
    command = [sys.executable, "-m", "cxrview", *map(str, words)]
    print("$ cxrview", *command[3:], file=sys.stderr)
    status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    if status not in (0, 1):
        sys.exit(f"cxrview ended with exit status {status}")


def image_sets(data: Path, folder: Path, volumes: Sequence[str], limit: int) -> list[ImageSet]:
    """Write tables and synthetic images that do not exist yet."""
    negatives = data / "not_cxr" / "contents.csv"
    if limit:
        negatives = shortened(negatives, folder / "negatives.csv", limit, lambda row: row["kind"])
    radiographs = data / "cxr" / "labels.csv"
    if limit:
        table = folder / "radiographs.csv"
        radiographs = shortened(radiographs, table, limit, lambda row: row["view"])
    sets = [ImageSet("radiographs", radiographs, ("--negatives", str(negatives)))]
    ct_words = [word for volume in volumes for word in ("--ct", volume)]
    for name, count, words, options in (
        ("phantoms", PHANTOMS, [], ("--no-robustness",)),
        ("ct", CT_IMAGES, ct_words, ()),
    ):
        if name == "ct" and not volumes:
            continue
        images = folder / f"{name}-images"
        if not images.exists():
            number = min(count, 2 * limit or count)
            run("phantom", "-n", str(number), "--seed", str(SYNTHETIC_SEED), "-o", images, *words)
        sets.append(ImageSet(name, images / "labels.csv", options))
    return sets


def shortened(
    table: Path, target: Path, limit: int, key: Callable[[Mapping[str, str]], str]
) -> Path:
    """Write a table with at most `limit` rows for each key, spread evenly; paths are absolute."""
    rows = rows_of(table)
    chosen: list[dict[str, str]] = []
    for name in sorted({key(row) for row in rows}):
        own = [row for row in rows if key(row) == name]
        chosen += own[:: max(1, -(-len(own) // limit))]
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {**row, "file": str(table.parent.absolute() / row["file"])} for row in chosen
        )
    return target


def report_of(model: str, images: ImageSet, folder: Path, jobs: int) -> Report:
    """Return the report of an evaluation, which is made unless the folder holds it."""
    path = folder / "report.json"
    sha256 = hashlib.sha256(images.labels.read_bytes()).hexdigest()
    if path.exists():
        report: Report = json.loads(path.read_text())
        found = report["model"]["sha256"], report["provenance"]["labels_sha256"]
        if found == (load(model).sha256, sha256):
            return report
        shutil.rmtree(folder)
    run("evaluate", model, images.labels, *images.options, "-o", folder, "--gallery", "0",
        "--jobs", str(jobs), "--quiet")  # fmt: skip
    return dict(json.loads(path.read_text()))


def rows_of(table: Path) -> list[dict[str, str]]:
    """The rows of a table of a run; none if it was not written."""
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def oblique_rows(model: str, images: ImageSet, table: Path, jobs: int) -> list[Row]:
    """Classify all images of the folder; return the rows of those that are labelled oblique."""
    folder = images.labels.parent
    run("classify", folder, "--model", model, "-o", table, "--jobs", str(jobs), "--overwrite",
        "--quiet")  # fmt: skip
    obliques = {row["file"] for row in rows_of(images.labels) if row["view"] == OTHER}
    return [row for row in read_rows(table) if Path(row.file).name in obliques]


def held_out_groups(run_folder: Path) -> list[dict[str, Any]]:
    """Groups by source and view of crossval.csv: each image by a model that has not seen it."""
    rows = rows_of(run_folder / "crossval.csv")
    if not rows:
        return []
    thresholds = Thresholds(**json.loads((run_folder / "card.json").read_text())["thresholds"])
    pairs = []
    for row in rows:
        p, chest = float(row["p_lateral"]), float(row["p_chest"] or 1)
        label = Label(row["file"], View(row["view"]), row["file"], row["source"])
        verdict = decide(p, chest, thresholds)
        pairs.append((label, Row(row["file"], view=verdict, p_lateral=p, p_chest=chest)))
    names = [group_of(label) for label, _ in pairs]
    return list(to_plain(group_metrics(predictions_of(pairs), names, Resampling(100))))


def measure(model: str, sets: Sequence[ImageSet], folder: Path, jobs: int) -> Measured:
    """Evaluate one model on all image sets."""
    path = Path(model)
    is_run = model not in SHIPPED_SHA256 and path.is_dir()
    measured = Measured(model if model in SHIPPED_SHA256 else path.stem)
    file = str(path / "model.onnx") if is_run else model
    for images in sets:
        target = folder / measured.model / images.name
        measured.reports[images.name] = report_of(file, images, target, jobs)
        if images.name == "ct":
            measured.obliques = oblique_rows(file, images, target.with_suffix(".csv"), jobs)
    radiographs = read_labels(sets[0].labels)
    measured.left_out = left_out(radiographs, load(file).card.data)
    if is_run:
        measured.held_out = held_out_groups(path)
        measured.perturbed = rows_of(path / "robustness.csv")
        measured.refused = rows_of(path / "negatives.csv")
    return measured


def left_out(labels: Sequence[Label], trained: Mapping[str, int]) -> list[Label]:
    """The labelled images that a model was not trained on, by the counts of its card.

    A model that was trained on no more images of any group than there are free ones was trained on
    the free ones.
    """
    groups = Counter(group_of(label) for label in labels if is_permissive(label))
    is_free = all(trained.get(group_of(label), 0) <= groups[group_of(label)] for label in labels)
    return [
        label
        for label in labels
        if not trained.get(group_of(label)) or (is_free and not is_permissive(label))
    ]


def group_of(label: Label) -> str:
    """Source and view, as a card counts its training data."""
    return f"{label.source}, {label.view}"


def main() -> None:
    beside = Path(__file__).parents[2] / "shared" / "data"
    data = Path(os.environ.get("CXRVIEW_DATA", beside))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("models", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--ct", nargs="*", default=[*map(str, sorted(data.glob("ct/ricord*.npz")))])
    parser.add_argument("--limit", type=int, default=0, help="images of each view and kind")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if len({Path(model).stem for model in options.models}) < len(options.models):
        parser.error("two models have the same name")
    options.output.mkdir(parents=True, exist_ok=True)
    sets = image_sets(data, options.output, options.ct, options.limit)
    results = [measure(model, sets, options.output, options.jobs) for model in options.models]
    values = {
        one.model: {
            "comparison": headline(one),
            "cross_validated": one.held_out,
            "cross_validated_perturbations": one.perturbed,
            "reports": {
                name: {key: value for key, value in report.items() if key not in LARGE_PARTS}
                for name, report in one.reports.items()
            },
        }
        for one in results
    }
    (options.output / "accuracy.json").write_text(json.dumps(values, indent=1) + "\n")
    text = markdown(results)
    (options.output / "accuracy.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
