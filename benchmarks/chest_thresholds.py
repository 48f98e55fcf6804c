"""What thresholds of P(chest) refuse, and how models of several seeds differ.

    python benchmarks/chest_thresholds.py MODEL... --ct FOLDER/ct-images [--jobs N]

FOLDER: that of benchmarks/accuracy.py, with images computed from CT volumes that no model was
trained with. Also classifies the real laterals of CXRVIEW_DATA/cxr and the images of
CXRVIEW_DATA/not_cxr (else ../shared/data). Prints a line for each model, with the AUROC of P(chest)
of the real laterals against the images of not_cxr, and how many of the computed obliques get a
confident view at the model's own threshold; then a line for each model and threshold.
"""

import argparse
import csv
import os
from pathlib import Path

import numpy as np

from cxrview.images import Numbers
from cxrview.inference.classification import classify_items
from cxrview.labels import OTHER
from cxrview.metrics.classification import auroc
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Thresholds, View

BESIDE = Path(__file__).parents[2] / "shared" / "data"
CUTOFFS = (0.25, 0.30, 0.35, 0.40, 0.50)


def files_of(table: Path, view: str = "") -> list[Item]:
    """Return the files of a label table, those of one view if it is named."""
    with table.open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if not view or row["view"] == view]
    return [Item(name, FileSource(str(table.parent / name))) for name in names]


def p_chest_of(rows: list[Row]) -> Numbers:
    return np.array([row.p_chest for row in rows if row.p_chest is not None], np.float64)


def counts(rows: list[Row], cutoff: float, is_lateral: bool, limits: Thresholds) -> str:
    """Return how many images of one view are wrong, refused and uncertain."""
    views = [row.p_lateral for row in rows if row.p_lateral is not None]
    refused = sum(row.p_chest is not None and row.p_chest < cutoff for row in rows)
    wrong = sum((p > 0.5) != is_lateral for p in views)
    uncertain = sum(limits.frontal < p < limits.lateral for p in views)
    return f"{wrong} / {refused} / {uncertain} of {len(rows)}"


def main() -> None:
    data = Path(os.environ.get("CXRVIEW_DATA", BESIDE))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--ct", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    sets = {
        "real laterals": files_of(data / "cxr" / "labels.csv", View.LATERAL),
        "CT laterals": files_of(options.ct / "labels.csv", View.LATERAL),
        "CT frontals": files_of(options.ct / "labels.csv", View.FRONTAL),
        "CT obliques": files_of(options.ct / "labels.csv", OTHER),
        "others": files_of(data / "not_cxr" / "contents.csv"),
    }
    rows = {
        model: {name: list(classify_items(items, model, options.jobs))
                for name, items in sets.items()}
        for model in options.models
    }  # fmt: skip
    print("| model | AUROC of P(chest), real laterals | CT obliques with a confident view |")
    print("|---|---|---|")
    for model, of_model in rows.items():
        area = auroc(p_chest_of(of_model["real laterals"]), p_chest_of(of_model["others"]))
        obliques = of_model["CT obliques"]
        confident = sum(row.view in tuple(View) for row in obliques)
        print(f"| {model} | {area:.4f} | {confident} of {len(obliques)} |")
    views = ("real laterals", "CT laterals", "CT frontals")
    print("\nwrong / refused / uncertain, by threshold of P(chest)\n")
    print("|", " | ".join(["model", "threshold", *views, "other images rejected"]), "|")
    print("|---" * (len(views) + 3) + "|")
    for model, of_model in rows.items():
        limits = load(model).thresholds
        for cutoff in CUTOFFS:
            cells = [counts(of_model[name], cutoff, "lateral" in name, limits) for name in views]
            rejected = int((p_chest_of(of_model["others"]) < cutoff).sum())
            cells = [model, f"{cutoff}", *cells, f"{rejected} of {len(sets['others'])}"]
            print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
