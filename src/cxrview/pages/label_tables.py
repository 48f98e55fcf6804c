"""Labels of the store <-> tables of other programs: label tables, Label Studio, CVAT; agreement.

CVAT exchanges JSON in the format Datumaro 1.0. Its CSV does not exist; Label Studio has both.
"""

import csv
import io
import itertools
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cxrview.csv_text import open_table, read_table
from cxrview.datasets.listing import LabelTable, Problem, ProblemKind, write_tables
from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import escape_name, unescape_name
from cxrview.labels import OTHER, view_of_label
from cxrview.pages.records import ImageClass, LabelRecord

TABLE_COLUMNS = (
    "file", "view", "patient", "source", "reason", "label", "labeler", "labels", "labelled_at",
    "seconds", "suggestion", "suggestion_visible",
)  # fmt: skip
AGREEMENT_COLUMNS = ("labeler_a", "labeler_b", "images", "agree", "kappa")
DISAGREEMENT = "disagreement"  # in the column `label`; then the column `view` is empty
_VIEWS = {ImageClass.NOT_CHEST: OTHER, ImageClass.UNSURE: ""}  # others: the name of the class
_CHOICE, _IMAGE = "view", "image"  # names in the labeling configuration of Label Studio


@dataclass(frozen=True, slots=True)
class ImportedLabel:
    """A label in a file. file: as it stands there."""

    file: str
    label: ImageClass
    labeler: str = ""
    at: str = ""
    seconds: float = 0.0


def class_of(text: str) -> ImageClass | None:
    """A class, a view or a view position (PA, LL ...) -> ImageClass; None for an empty text.

    Raises ValueError for another text.
    """
    name = text.strip().lower().replace(" ", "_")
    if name in set(ImageClass):
        return ImageClass(name)
    if name == OTHER:
        return ImageClass.NOT_CHEST
    if not name:
        return None
    view = view_of_label(text)
    if view is None:
        raise ValueError(f"{text!r} is not one of {', '.join(ImageClass)}")
    return ImageClass(view.value)


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
    return [_row(group, relative(group[0].name)) for group in by_image(records)]


def write_label_table(
    table: LabelTable,
    records: Sequence[LabelRecord],
    relative: Callable[[str], str],
    unreadable: Sequence[tuple[str, str]],
) -> None:
    """Write the label table, and beside it the table of images that are not in it.

    unreadable: (name, error) of images that cannot be shown.
    """
    odd_names = [one.name for one in records if unescape_name(one.name) != one.name]
    writable = [one for one in records if unescape_name(one.name) == one.name]
    problems = [Problem(ProblemKind.UNREADABLE, *one) for one in unreadable]
    problems += [
        Problem(ProblemKind.UNREADABLE, name, "its name is not UTF-8") for name in odd_names
    ]
    write_tables(table, TABLE_COLUMNS, label_table(writable, relative), problems)


def _row(group: Sequence[LabelRecord], file: str) -> tuple[str, ...]:
    labels = list(dict.fromkeys(record.label for record in group))
    is_unanimous = len(labels) == 1
    first, last = group[0], group[-1]
    return (
        file,
        _VIEWS.get(labels[0], labels[0].value) if is_unanimous else "",
        first.patient,
        first.source,
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


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def label_studio_tasks(records: Sequence[LabelRecord]) -> list[dict[str, Any]]:
    """Return the labels as tasks of Label Studio's JSON, one for each image."""
    return [
        {
            "id": group[0].image,
            "data": {_IMAGE: group[0].name},
            "annotations": [_annotation(record, group[0].image) for record in group],
        }
        for group in by_image(records)
    ]


def _annotation(record: LabelRecord, task: int) -> dict[str, Any]:
    choice = {
        "from_name": _CHOICE, "to_name": _IMAGE, "type": "choices",
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


def read_labels_of(path: Path) -> list[ImportedLabel]:
    """Return the labels of a label table, or a CSV or JSON file of Label Studio or CVAT.

    Raises MissingInput or WrongUse, which names the first entry that is wrong.
    """
    if path.suffix.lower() != ".json":
        return list(_labels_of_csv(path))
    try:
        content = json.loads(path.read_bytes())
        read = _labels_of_tasks if isinstance(content, list) else _labels_of_dataset
        return list(read(content))
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise WrongUse(f"{path}: not labels of Label Studio or CVAT: {error!r}") from error


def _labels_of_csv(path: Path) -> Iterator[ImportedLabel]:
    """Yield the labels of a label table, or of Label Studio's CSV (image, view, annotator ...)."""
    with open_table(path) as (names, _):
        lower = [name.lower() for name in names]
    is_studio, is_ours = "file" not in lower, "labelled_at" in lower
    file = _IMAGE if is_studio else "file"
    columns = ("choice", _CHOICE) if is_studio else ("label", "view") if is_ours else ("view",)
    for line, row in read_table(path, (file,), lower_case=True):
        text = next((row[name] for name in columns if row.get(name)), "")
        labeler = row.get("annotator" if is_studio else "labeler", "")
        labels = row.get("labels", "") or text
        try:
            for name, one in _each_labeler(labeler, labels, text):
                if label := class_of(one):
                    at = row.get("created_at" if is_studio else "labelled_at", "")
                    seconds = float(row.get("lead_time" if is_studio else "seconds") or 0)
                    yield ImportedLabel(_file_of(row[file]), label, name, at, seconds)
        except ValueError as error:
            raise WrongUse(f"{path}, line {line}: {error}") from error


def _each_labeler(labelers: str, labels: str, label: str) -> list[tuple[str, str]]:
    """Return (labeler, label) pairs of a row of `label_table`; one pair of any other row."""
    names, given = labelers.split("; "), labels.split("; ")
    if len(names) == len(given):
        return list(zip(names, given, strict=True))
    return [(labelers, label)]


def _labels_of_tasks(tasks: Sequence[Any]) -> Iterator[ImportedLabel]:
    """Yield the labels of Label Studio's JSON, in full or JSON-MIN."""
    for task in tasks:
        if "annotations" not in task:  # JSON-MIN
            if label := class_of(str(task[_CHOICE])):
                labeler = str(task.get("annotator", ""))
                yield ImportedLabel(_file_of(task[_IMAGE]), label, labeler, task["created_at"])
            continue
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            by = annotation.get("completed_by", "")
            labeler = str(by.get("email", by.get("id", "")) if isinstance(by, dict) else by)
            for result in annotation["result"]:
                if result["type"] == "choices" and (
                    label := class_of(result["value"]["choices"][0])
                ):
                    yield ImportedLabel(
                        _file_of(task["data"][_IMAGE]), label, labeler,
                        annotation.get("created_at", ""), annotation.get("lead_time") or 0.0,
                    )  # fmt: skip


def _labels_of_dataset(dataset: Any) -> Iterator[ImportedLabel]:
    """Yield the labels of Datumaro JSON."""
    names = [label["name"] for label in dataset["categories"]["label"]["labels"]]
    for item in dataset["items"]:
        file = (item.get("image") or {}).get("path") or item["id"]
        for annotation in item["annotations"]:
            if annotation["type"] == "label" and (label := class_of(names[annotation["label_id"]])):
                attributes = annotation.get("attributes", {})
                labeler, at = attributes.get("labeler", ""), attributes.get("labelled_at", "")
                yield ImportedLabel(file, label, labeler, at)


def _file_of(text: str) -> str:
    """Return the path in a URL of Label Studio (/data/local-files/?d=a/b.png), or the text."""
    if "?d=" not in text:
        return text
    return parse_qs(urlsplit(text).query).get("d", [text])[0]


class FileMatcher:
    """Finds the image that a file of another program names: the same path, or its unique end."""

    def __init__(self, ids: dict[str, int], folder: Path) -> None:
        """ids: by absolute name. folder: of the imported file."""
        self._ids, self._folder = ids, str(folder.absolute())
        self._by_end: dict[str, list[str]] = defaultdict(
            list
        )  # by last part, with and without ending
        for name in ids:
            base = PurePosixPath(name)
            for end in {base.name, base.stem}:
                self._by_end[end].append(name)

    def find(self, file: str) -> int | None:
        """Return the id, or None where no image or several could be meant."""
        exact = escape_name(os.path.join(self._folder, file))  # noqa: PTH118 - not normalized
        if exact in self._ids:
            return self._ids[exact]
        end = "/" + file.lstrip("/")
        names = self._by_end.get(PurePosixPath(file).name, [])
        found = [name for name in names if end in (name[-len(end) :], _stem(name)[-len(end) :])]
        return self._ids[found[0]] if len(found) == 1 else None


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122 - not normalized
