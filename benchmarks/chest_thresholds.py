"""What thresholds of P(chest) refuse, and how models of several seeds differ.

    python benchmarks/chest_thresholds.py MODEL... --ct FOLDER/ct-images [--jobs N]

FOLDER: that of benchmarks/accuracy.py, with images computed from CT volumes that no model was
trained with. Also classifies the real laterals of CXRVIEW_DATA/cxr and the images of
CXRVIEW_DATA/not_cxr (else ../shared/data). Prints one line for each model and threshold.
"""

import argparse
import csv
import os
from pathlib import Path

from cxrview.inference.classification import classify_items
from cxrview.model.classifier import load
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Thresholds

BESIDE = Path(__file__).parents[2] / "shared" / "data"
CUTOFFS = (0.30, 0.35, 0.40, 0.45, 0.50)


def files_of(table: Path, view: str = "") -> list[Item]:
    """Return the files of a label table, those of one view if it is named."""
    with table.open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if not view or row["view"] == view]
    return [Item(name, FileSource(str(table.parent / name))) for name in names]


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
        "real laterals": files_of(data / "cxr" / "labels.csv", "lateral"),
        "CT laterals": files_of(options.ct / "labels.csv", "lateral"),
        "CT frontals": files_of(options.ct / "labels.csv", "frontal"),
        "others": files_of(data / "not_cxr" / "contents.csv"),
    }
    views = [name for name in sets if name != "others"]
    print("|", " | ".join(["model", "threshold", *views, "other images rejected"]), "|")
    print("|---" * (len(views) + 3) + "|")
    for model in options.models:
        limits = load(model).thresholds
        rows = {
            name: list(classify_items(items, model, options.jobs)) for name, items in sets.items()
        }
        for cutoff in CUTOFFS:
            cells = [counts(rows[name], cutoff, "lateral" in name, limits) for name in views]
            rejected = sum((row.p_chest or 0) < cutoff for row in rows["others"])
            print(
                "|",
                " | ".join([model, f"{cutoff}", *cells, f"{rejected} of {len(sets['others'])}"]),
                "|",
            )


if __name__ == "__main__":
    main()
