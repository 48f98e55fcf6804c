"""Answers -> the images that a person should look at, in order, and their thumbnails."""

import base64
import io
from collections.abc import Sequence
from math import isnan
from pathlib import Path

from PIL import Image

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Done
from cxrview.evaluation.options import Task
from cxrview.filenames import escape_name
from cxrview.inference.contact_sheet import make_thumbnails
from cxrview.metrics.predictions import Answers
from cxrview.report.evaluation_report import Doubtful
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Verdict, View

LEAST_SURE = 24  # right, but shown all the same
JPEG_QUALITY = 82
WRONG = "wrong"
SURE = "least sure of those that are right"


def doubtful_of(answers: Answers) -> list[tuple[int, Doubtful]]:
    """(number, image): wrong verdicts and wrong sides, surest first; undecided; the least sure."""
    reasons = reasons_of(answers)
    places = [
        _place(reason, sureness)
        for reason, sureness in zip(reasons, answers.sureness.tolist(), strict=True)
    ]
    order = sorted(range(len(answers)), key=places.__getitem__)
    right = [number for number in order if reasons[number] == SURE][:LEAST_SURE]
    chosen = [number for number in order if reasons[number] != SURE] + right
    return [(number, _doubtful(answers, number, reasons[number])) for number in chosen]


def reasons_of(answers: Answers) -> list[str]:
    """Why to look at each image."""
    return [
        reason(label.view, row.view, is_wrong)
        for label, row, is_wrong in zip(
            answers.labels, answers.rows, answers.wrong.tolist(), strict=True
        )
    ]


def reason(view: View, verdict: Verdict | None, is_wrong: bool) -> str:
    """Label, verdict, whether P(lateral) is on the wrong side of one half -> words."""
    if verdict is None:
        return "unreadable"
    if verdict is Verdict.NOT_CHEST:
        return "wrong side of one half, and refused" if is_wrong else "refused as no chest film"
    if verdict is Verdict.UNCERTAIN:
        return "wrong side of one half, uncertain" if is_wrong else "uncertain"
    return WRONG if verdict.value != view.value else SURE


def _place(words: str, sureness: float) -> tuple[int, float]:
    if words == SURE:
        return 3, sureness
    if words.startswith(WRONG):
        return 0 if words == WRONG else 1, -sureness
    return 2, 1.0 if isnan(sureness) else sureness


def _doubtful(answers: Answers, number: int, words: str) -> Doubtful:
    label, row = answers.labels[number], answers.rows[number]
    return Doubtful(
        file=escape_name(label.file),
        label=label.view,
        verdict=row.view,
        p_lateral=row.p_lateral,
        p_chest=row.p_chest,
        why=words,
    )


def thumbnails_of(
    task: Task, answers: Answers, doubtful: Sequence[tuple[int, Doubtful]]
) -> dict[str, str]:
    """The first `task.gallery` -> data URI by file; empty text where there is no picture."""
    shown = doubtful[: task.gallery]
    items = [Item(one.file, FileSource(_path(task, answers, number))) for number, one in shown]
    pictures = dict.fromkeys((one.file for _, one in shown), "")
    for index, outcome in engine_for(task.jobs).map(make_thumbnails, items):
        if isinstance(outcome, Done):
            pictures[shown[index][1].file] = data_uri(Image.fromarray(outcome.value))
    return pictures


def _path(task: Task, answers: Answers, number: int) -> str:
    """Where the label says, else where the row says."""
    path = task.path_of(answers.labels[number])
    return str(path if path.exists() else Path(answers.rows[number].file))


def data_uri(picture: Image.Image) -> str:
    """A picture inside a page."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
