"""The folder that `make demo` has made -> how many verdicts are right, and what to look at.

python tools/demo_summary.py FOLDER
"""

import csv
import sys
from pathlib import Path


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a table by the name of their file, without folders."""
    with path.open(newline="", encoding="utf-8") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file)}


def main() -> None:
    """Print the summary."""
    folder = Path(sys.argv[1])
    labels, views = rows_of(folder / "phantoms/labels.csv"), rows_of(folder / "views.csv")
    right = sum(views[name]["view"] == label["view"] for name, label in labels.items())
    unsure = sum(views[name]["view"] == "uncertain" for name in labels)
    wrong = [name for name, label in labels.items() if label["header"] == "wrong"]
    found = sum(views[name]["agreement"] == "conflict" for name in wrong)
    inverted = [name for name, label in labels.items() if label["inverted"] == "true"]
    named = sum(views[name]["inverted"] == "true" for name in inverted)
    unnamed = sum(views[name]["inverted"] == "" for name in inverted)
    sys.stdout.write(f"""
Phantoms: {len(labels)}; with the verdict that their label states: {right}, uncertain: {unsure}.
Headers that state the wrong view: {len(wrong)}; reported as conflicts: {found}.
Images with inverted polarity: {len(inverted)}; recognised: {named}, left open: {unnamed}.
  {folder}/sheet.png      the images that a person should look at
  {folder}/review.csv     their names, and why
  {folder}/sorted/        copies by verdict, upright and with bone bright; index.csv lists them
  {folder}/views.csv      the table
""")


if __name__ == "__main__":
    main()
