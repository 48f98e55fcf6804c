"""Evaluation report -> its folder, which appears complete or not at all."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrview.atomic import translate_os_errors
from cxrview.csv_text import csv_table
from cxrview.errors import UnusableOutput
from cxrview.evaluation.results import CaseReason, EvaluationReport, ReviewCase
from cxrview.evaluation.sections import page_of
from cxrview.evaluation.statements import guarantee_scope, threshold_statement, warnings
from cxrview.report.content import to_plain
from cxrview.report.html import html_page

ERROR_COLUMNS = ("file", "label", "verdict", "p_lateral", "p_chest", "reason")


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which is renamed to it at the end.

    Raises UnusableOutput at once if `folder` is not empty or cannot be written.
    """
    path = folder.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with translate_os_errors(folder):
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise UnusableOutput(f"{folder}: exists and is not an empty folder")
        partial.mkdir(parents=True)
    try:
        yield partial
        with translate_os_errors(folder):
            partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_report(folder: Path, report: EvaluationReport, thumbnails: Mapping[str, str]) -> None:
    """Write index.html, report.json, errors.csv and thresholds.json into an existing folder."""
    texts = {
        "index.html": html_page(page_of(report, thumbnails)),
        "report.json": report.to_json() + "\n",
        "errors.csv": errors_table(report),
        "thresholds.json": thresholds_json(report),
    }
    with translate_os_errors(folder):
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")


def errors_table(report: EvaluationReport) -> str:
    """CSV of all labelled images that are wrong, undecided, unreadable or without a row."""
    lines = [
        _error_line(case) for case in report.review_cases if case.reason is not CaseReason.CORRECT
    ]
    lines += [(file, "", "", "", "", "no row") for file in report.join.labels_without_row]
    lines += [(file, "", "", "", "", "ambiguous") for file in report.join.ambiguous]
    return csv_table(ERROR_COLUMNS, lines)


def _error_line(case: ReviewCase) -> tuple[str | float | None, ...]:
    verdict = case.verdict.value if case.verdict else None
    return case.file, case.label.value, verdict, case.p_lateral, case.p_chest, case.reason.value


def thresholds_json(report: EvaluationReport) -> str:
    """Thresholds, null where none supports the tolerated error; the statements give the reason."""
    selective, model = report.selective, report.model
    views = (selective.frontal, selective.lateral)
    values = {
        "frontal": selective.frontal.threshold,
        "lateral": selective.lateral.threshold,
        "chest": model.thresholds.chest if model.thresholds else None,
        "max_error": selective.max_error,
        "confidence": 1 - selective.delta,
        "model": model.label,
        "sha256": model.sha256,
        "statements": [
            *(threshold_statement(view, selective) for view in views),
            guarantee_scope(selective),
            *warnings(report),
        ],
        "evidence": {view.view.value: to_plain(view) for view in views},
    }
    return json.dumps(values, indent=1) + "\n"
