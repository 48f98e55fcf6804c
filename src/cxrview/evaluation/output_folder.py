"""A report -> its folder, which appears whole or not at all."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrview.atomic import translate_os_errors
from cxrview.errors import UnusableOutput
from cxrview.evaluation.review_cases import SURE
from cxrview.inference.table_writers import csv_field
from cxrview.report.evaluation_report import Doubtful, Report
from cxrview.report.json_values import to_plain
from cxrview.report.page import page_of
from cxrview.report.text import claim, forewarnings, scope

COLUMNS = ("file", "label", "verdict", "p_lateral", "p_chest", "why")


@contextlib.contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A folder beside `place` to write into, which takes its place at the end.

    Raises UnusableOutput at once if `place` holds something or cannot be written.
    """
    path = place.resolve()
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with translate_os_errors(place):
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise UnusableOutput(f"{place}: exists and is not an empty folder")
        aside.mkdir(parents=True)
    try:
        yield aside
        with translate_os_errors(place):
            aside.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_report(folder: Path, report: Report, thumbnails: Mapping[str, str]) -> None:
    """index.html, report.json, errors.csv and thresholds.json into an existing folder."""
    texts = {
        "index.html": page_of(report, thumbnails),
        "report.json": report.to_json() + "\n",
        "errors.csv": errors_table(report),
        "thresholds.json": thresholds_text(report),
    }
    with translate_os_errors(folder):
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")


def errors_table(report: Report) -> str:
    """One line for each labelled image that is wrong, undecided, unreadable or without a row."""
    lines = [_values(one) for one in report.doubtful if one.why != SURE]
    joining = report.joining
    lines += [(file, "", "", "", "", "no row") for file in joining.labels_without_row]
    lines += [(file, "", "", "", "", "ambiguous") for file in joining.ambiguous]
    return "".join(",".join(map(csv_field, line)) + "\n" for line in [COLUMNS, *lines])


def _values(one: Doubtful) -> tuple[str | float | None, ...]:
    return one.file, one.label.value, one.verdict, one.p_lateral, one.p_chest, one.why


def thresholds_text(report: Report) -> str:
    """thresholds.json: null where no threshold carries what was asked for; the words say why."""
    bands, judge = report.bands, report.judge
    values = {
        "frontal": bands.frontal.threshold,
        "lateral": bands.lateral.threshold,
        "chest": judge.thresholds.chest if judge.thresholds else None,
        "max_error": bands.max_error,
        "confidence": 1 - bands.delta,
        "model": judge.label,
        "sha256": judge.sha256,
        "words": [
            *(claim(side, bands) for side in (bands.frontal, bands.lateral)),
            scope(bands),
            *forewarnings(report),
        ],
        "counted": {"frontal": to_plain(bands.frontal), "lateral": to_plain(bands.lateral)},
    }
    return json.dumps(values, indent=1) + "\n"
