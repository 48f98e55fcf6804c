"""Label tables, and files of Label Studio and CVAT -> labels in the store.

CVAT exchanges JSON in the format Datumaro 1.0. Its CSV does not exist; Label Studio has both.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cxrview.csv_text import open_table, read_table
from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import escape_name
from cxrview.labeling.sampling import Candidate, candidate_of, holds_verdicts
from cxrview.labels import OTHER, view_of_label
from cxrview.pages.label_tables import CHOICE, IMAGE
from cxrview.pages.records import Answer, ImageClass
from cxrview.pages.store import LabelStore
from cxrview.sources.files import MEMBER_SEPARATOR

IMPORTED = "imported"  # labeler of labels without a name


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


def import_labels(store: LabelStore, ids: dict[str, int], path: Path) -> list[str]:
    """Store the labels of a file; return the files that are not there.

    A label that the person has given this image already is not stored again, so that it does not
    replace a later correction.
    """
    matcher = FileMatcher(ids, path.parent)
    known = store.labels_ever_given()
    answers: dict[str, list[tuple[int, ImportedLabel]]] = {}
    unmatched = []
    for label in read_labels_of(path):
        image, labeler = matcher.find(label.file), label.labeler or IMPORTED
        if image is None:
            unmatched.append(label.file)
        elif (image, labeler, label.label) not in known:
            answers.setdefault(labeler, []).append((image, label))
    for labeler, labels in answers.items():
        store.record(
            labeler,
            f"import:{os.urandom(8).hex()}",
            [Answer(image, one.label, one.seconds, at=one.at) for image, one in labels],
        )
    return unmatched


def complete_candidates(candidates: dict[str, Candidate], path: Path) -> None:
    """Let images of which the collection states nothing have what an imported label table states.

    candidates: by absolute name. Other files than label tables change nothing.
    """
    if path.suffix.lower() == ".json" or holds_verdicts(path):
        return
    names = dict(enumerate(candidates, 1))
    matcher = FileMatcher({name: number for number, name in names.items()}, path.parent)
    for _, row in read_table(path, lower_case=True):
        if number := matcher.find(row.get("file", "")):
            item = candidates[names[number]].item
            if candidates[names[number]] == Candidate(item):
                candidates[names[number]] = candidate_of(item, row)


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
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WrongUse(f"{path}: not labels of Label Studio or CVAT: {error!r}") from error


def _labels_of_csv(path: Path) -> Iterator[ImportedLabel]:
    """Yield the labels of a label table, or of Label Studio's CSV (image, view, annotator ...)."""
    if holds_verdicts(path):
        raise WrongUse(f"{path} has the verdicts of a model, not the labels of a person")
    with open_table(path) as (names, _):
        lower = [name.lower() for name in names]
    is_studio, is_ours = "file" not in lower, "labelled_at" in lower
    file = IMAGE if is_studio else "file"
    columns = ("choice", CHOICE) if is_studio else ("label", "view") if is_ours else ("view",)
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
            if label := class_of(str(task[CHOICE])):
                labeler = str(task.get("annotator", ""))
                yield ImportedLabel(_file_of(task[IMAGE]), label, labeler, task["created_at"])
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
                        _file_of(task["data"][IMAGE]), label, labeler,
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
        exact = escape_name(os.path.abspath(os.path.join(self._folder, file)))  # noqa: PTH100, PTH118
        if exact in self._ids:
            return self._ids[exact]
        member = file.rpartition(MEMBER_SEPARATOR)[2]  # of an archive that has been unpacked since
        return self._find_by_end(file) or self._find_by_end(member)

    def _find_by_end(self, file: str) -> int | None:
        end = "/" + file.lstrip("/")
        names = self._by_end.get(PurePosixPath(file).name, [])
        found = [name for name in names if end in (name[-len(end) :], _stem(name)[-len(end) :])]
        return self._ids[found[0]] if len(found) == 1 else None


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122 - not normalized
