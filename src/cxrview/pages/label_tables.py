"""Labels of the store -> label tables, agreement of people, files for Label Studio and CVAT."""

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from cxrview.datasets.listing import LabelTable, Problem, ProblemKind, write_tables
from cxrview.filenames import is_utf8, unescape_name
from cxrview.labels import COPIED_COLUMNS, OTHER
from cxrview.pages.records import ImageClass, LabelRecord

TABLE_COLUMNS = (
    "file", "view", "patient", "source", *COPIED_COLUMNS, "reason", "label", "labeler", "labels",
    "labelled_at", "seconds", "suggestion", "suggestion_visible",
)  # fmt: skip
AGREEMENT_COLUMNS = ("labeler_a", "labeler_b", "images", "agree", "kappa")
DISAGREEMENT = "disagreement"  # in the column `label`; then the column `view` is empty
RECORD_FILE = "written.json"  # in the history: which tables were written under it
CHOICE, IMAGE = "view", "image"  # names in the labeling configuration of Label Studio
_VIEWS = {ImageClass.NOT_CHEST: OTHER, ImageClass.UNSURE: ""}  # else the name of the class


def history_of(output: Path) -> Path:
    """Return the folder beside a label table that holds what people have answered."""
    return output.with_name(f"{output.name}.history")


def by_image(records: Sequence[LabelRecord]) -> Iterator[list[LabelRecord]]:
    """Yield the records of each image; they must be in the order of the images."""
    for _, group in itertools.groupby(records, key=lambda record: record.image):
        yield list(group)


def label_table(
    records: Sequence[LabelRecord], relative: Callable[[str], str]
) -> list[tuple[str, ...]]:
    """Return a row of TABLE_COLUMNS for each labelled image, for `train` and `evaluate`.

    Where people disagree, the view is empty, so that the image is left out, and `labels` has both.
    relative: absolute file -> file as it stands in the table.
    """
    return [_row(group, relative(_file_of(group[0]))) for group in by_image(records)]


def write_label_table(
    table: LabelTable,
    records: Sequence[LabelRecord],
    relative: Callable[[str], str],
    unreadable: Sequence[tuple[str, str]],
) -> None:
    """Write the label table, and beside it the table of images that are not in it.

    unreadable: (name, error) of images that cannot be shown.
    """
    odd_names = [one.name for one in records if not is_utf8(unescape_name(one.name))]
    writable = [one for one in records if is_utf8(unescape_name(one.name))]
    problems = [Problem(ProblemKind.UNREADABLE, *one) for one in unreadable]
    problems += [
        Problem(ProblemKind.UNREADABLE, name, "its name is not UTF-8") for name in odd_names
    ]
    write_tables(table, TABLE_COLUMNS, label_table(writable, relative), problems)


def _file_of(record: LabelRecord) -> str:
    """Return the file of a record, or its name in the history if that file's name is not UTF-8."""
    file = unescape_name(record.name)
    return file if is_utf8(file) else record.name


def _row(group: Sequence[LabelRecord], file: str) -> tuple[str, ...]:
    labels = list(dict.fromkeys(record.label for record in group))
    is_unanimous = len(labels) == 1
    first, last = group[0], group[-1]
    return (
        file,
        _VIEWS.get(labels[0], labels[0].value) if is_unanimous else "",
        first.patient,
        first.source,
        *astuple(first.copied),
        first.reason,
        labels[0] if is_unanimous else DISAGREEMENT,
        "; ".join(record.labeler for record in group),
        "; ".join(record.label for record in group),
        last.at,
        f"{sum(record.seconds for record in group):.2f}",
        last.suggestion,
        str(any(record.was_visible for record in group)).lower(),
    )


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return the agreement of two people beyond chance (Cohen 1960), at most 1.

    None where it is not defined: without images, or if both gave all images one and the same class.
    """
    count = len(pairs)
    observed = sum(a == b for a, b in pairs)
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    expected = sum(first[name] * second[name] for name in first) / count if count else 0.0
    return (observed - expected) / (count - expected) if count > expected else None


def agreement_table(records: Sequence[LabelRecord]) -> list[tuple[str, ...]]:
    """Return a row of AGREEMENT_COLUMNS for each two people who labelled the same images."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for group in by_image(records):
        ordered = sorted(group, key=lambda record: record.labeler)
        for a, b in itertools.combinations(ordered, 2):
            pairs[a.labeler, b.labeler].append((a.label, b.label))
    rows: list[tuple[str, ...]] = []
    for (a_name, b_name), both in sorted(pairs.items()):
        kappa = cohens_kappa(both)
        agreed = sum(a == b for a, b in both)
        shown = "" if kappa is None else f"{kappa:.4f}"
        rows.append((a_name, b_name, str(len(both)), str(agreed), shown))
    return rows


def label_studio_tasks(records: Sequence[LabelRecord]) -> list[dict[str, Any]]:
    """Return the labels as tasks of Label Studio's JSON, one for each image."""
    return [
        {
            "id": group[0].image,
            "data": {IMAGE: group[0].name},
            "annotations": [_annotation(record, group[0].image) for record in group],
        }
        for group in by_image(records)
    ]


def _annotation(record: LabelRecord, task: int) -> dict[str, Any]:
    choice = {
        "from_name": CHOICE, "to_name": IMAGE, "type": "choices",
        "value": {"choices": [record.label]},
    }  # fmt: skip
    return {
        "result": [choice],
        "was_cancelled": False,
        "created_at": record.at,
        "lead_time": record.seconds,
        "completed_by": {"email": record.labeler},
        "task": task,
    }


def datumaro_dataset(records: Sequence[LabelRecord]) -> dict[str, Any]:
    """Return the labels as a data set of Datumaro 1.0 JSON, which CVAT imports and exports."""
    labels = [{"name": name, "parent": "", "attributes": []} for name in ImageClass]
    items = [
        {
            "id": os.path.splitext(group[0].name)[0].lstrip("/"),  # noqa: PTH122 - not normalized
            "annotations": [
                {
                    "id": number,
                    "type": "label",
                    "label_id": list(ImageClass).index(record.label),
                    "group": 0,
                    "attributes": {"labeler": record.labeler, "labelled_at": record.at},
                }
                for number, record in enumerate(group)
            ],
            "attr": {"frame": frame},
            "image": {"path": group[0].name},
        }
        for frame, group in enumerate(by_image(records))
    ]
    return {"info": {}, "categories": {"label": {"labels": labels}}, "items": items}
