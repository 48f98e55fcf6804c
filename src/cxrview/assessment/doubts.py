"""Answers -> the images that a person should look at, in order, and their thumbnails."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cxrview.assessment.task import Task
from cxrview.engines.engine import Done
from cxrview.evaluation.answers import Answers
from cxrview.evaluation.report import Doubtful
from cxrview.pipeline.bulk import engine_for
from cxrview.pipeline.sheet import make_thumbnails
from cxrview.pipeline.spelling import spell
from cxrview.readers.places import OnDisc
from cxrview.readers.sources import Item
from cxrview.views import Verdict

LEAST_SURE = 24  # right, but shown all the same
JPEG_QUALITY = 82
WRONG = "wrong"
SURE = "least sure of those that are right"


def doubtful_of(answers: Answers) -> list[tuple[int, Doubtful]]:
    """(number, image): wrong verdicts and wrong sides, surest first; undecided; the least sure."""
    order = sorted(range(len(answers)), key=lambda n: _place(answers, n))
    right = [n for n in order if why(answers, n) == SURE][:LEAST_SURE]
    chosen = [n for n in order if why(answers, n) != SURE] + right
    return [(n, _doubtful(answers, n)) for n in chosen]


def why(answers: Answers, number: int) -> str:
    """The reason to look at one image."""
    row, is_wrong = answers.rows[number], bool(answers.wrong[number])
    if row.view is None:
        return "unreadable"
    if row.view is Verdict.NOT_CHEST:
        return "wrong side of one half, and refused" if is_wrong else "refused as no chest film"
    if row.view is Verdict.UNCERTAIN:
        return "wrong side of one half, uncertain" if is_wrong else "uncertain"
    return WRONG if row.view.value != answers.labels[number].view.value else SURE


def _place(answers: Answers, number: int) -> tuple[int, float]:
    reason, sureness = why(answers, number), answers.sureness[number]
    if reason.startswith(WRONG):
        return 0, -float(sureness)
    return (2, 0.0) if np.isnan(sureness) else (1, float(sureness))


def _doubtful(answers: Answers, number: int) -> Doubtful:
    label, row = answers.labels[number], answers.rows[number]
    return Doubtful(
        file=spell(label.file),
        label=label.view,
        verdict=row.view,
        p_lateral=row.p_lateral,
        p_chest=row.p_chest,
        why=why(answers, number),
    )


def thumbnails_of(
    task: Task, answers: Answers, doubtful: Sequence[tuple[int, Doubtful]]
) -> dict[str, str]:
    """The first `task.gallery` -> data URI by file; empty text where there is no picture."""
    shown = doubtful[: task.gallery]
    items = [Item(one.file, OnDisc(_path(task, answers, number))) for number, one in shown]
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
