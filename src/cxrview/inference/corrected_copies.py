"""A table of verdicts -> corrected DICOM copies in a folder of their own, and an index of them.

The originals are not changed. Which copy is made of what is in `index.csv`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import TooLarge, UnknownFormat, UnreadableImage, UnusableOutput
from cxrview.filenames import escape_name
from cxrview.inference.classification import error_text, fault_of
from cxrview.inference.corrected_dicom import CorrectedCopy, corrected_copy
from cxrview.inference.corrections import Correction, read_corrections
from cxrview.inference.review import is_sure
from cxrview.inference.run import Progress, no_progress
from cxrview.inference.sorted_names import absolute, names_for, turned_names
from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.inference.table_writers import csv_field
from cxrview.rows import Row
from cxrview.sources.find import MEMBER_SEPARATOR, Item, items_named
from cxrview.views import View

INDEX_FILE = "index.csv"
MAX_NAME_BYTES = 240  # bytes; file systems allow names of 255, `atomic_write` adds to them
INDEX_COLUMNS = ("file", "copy", "view", "by", "view_position_before", "view_position",
                 "view_code_before", "view_code", "patient_orientation_before",
                 "patient_orientation", "error")  # fmt: skip


class RowOutcome(StrEnum):
    """What became of a row of the table, in words that follow the number of images."""

    WRITTEN = "with a corrected copy"
    RIGHT = "whose tags state the view already"
    FAILED = "of which no copy could be made"
    NOT_DICOM = "in other formats than DICOM"
    UNSURE = "without a sure view"
    GONE = "no longer there"


@dataclass(frozen=True, slots=True)
class CorrectionTask:
    """What a worker receives. by: the model, or the person who has corrected it."""

    item: Item
    view: View
    by: str
    by_person: bool


def make_corrector() -> Callable[[CorrectionTask], CorrectedCopy | str | None]:
    """The function that workers apply."""
    return correct_item


def correct_item(task: CorrectionTask) -> CorrectedCopy | str | None:
    """Task -> the copy; None if the tags are right; or why there is none, as `code: message`."""
    try:
        with task.item.open() as stream:
            return corrected_copy(stream, task.view, by_person=task.by_person)
    except UnreadableImage as error:
        return error_text(error)
    except MemoryError:
        return error_text(TooLarge("it needs more memory than there is"))


def write_corrected_copies(
    table: Path, folder: Path, engine: Engine, progress: Progress = no_progress
) -> Counter[RowOutcome]:
    """Write a copy of each file whose view is sure and whose tags are missing or wrong.

    table: of `classify`, or its copy with corrections by people, which take precedence. folder: is
    new or empty, and not inside a folder of the images. Raises WrongUse, MissingInput or
    UnusableOutput before anything is written.
    """
    rows, corrections = list(read_rows(table)), read_corrections(table)
    check_unique(table, [row.file for row in rows])
    _check_folder(folder, rows)
    items = items_named(row.file for row in rows)
    counts: Counter[RowOutcome] = Counter()
    tasks = []
    for row in rows:
        view, by = wanted_view(row, corrections.get(row.file))
        if view is None:
            counts[RowOutcome.UNSURE] += 1
        elif row.file not in items:
            counts[RowOutcome.GONE] += 1
        else:
            tasks.append(CorrectionTask(items[row.file], view, by, row.file in corrections))
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lines = {}
    try:
        with progress(len(tasks), restarts=lambda: engine.restarts) as step:
            for index, outcome in engine.map(make_corrector, tasks):
                made = outcome.value if isinstance(outcome, Done) else error_text(fault_of(outcome))
                result, line = _store(folder, tasks[index], made)
                counts[result] += 1
                if line:
                    lines[index] = line
                step(result is RowOutcome.FAILED)
    finally:  # also of the copies before a full disk or Ctrl-C
        _write_index(folder, [lines[index] for index in sorted(lines)])
    return counts


def wanted_view(row: Row, correction: Correction | None) -> tuple[View | None, str]:
    """The view that the tags must state, and who says so; None where it is not sure."""
    if correction:
        return (View(correction.view) if correction.view in set(View) else None), correction.by
    return (View(str(row.view)) if is_sure(row) else None), row.model


def _store(
    folder: Path, task: CorrectionTask, made: CorrectedCopy | str | None
) -> tuple[RowOutcome, tuple[str, ...] | None]:
    """Write a copy -> what became of the row, and its line in the index."""
    if made is None:
        return RowOutcome.RIGHT, None
    if isinstance(made, str) and made.startswith(UnknownFormat.code):
        return RowOutcome.NOT_DICOM, None
    name = escape_name(task.item.name)
    if isinstance(made, str):
        return RowOutcome.FAILED, (name, "", task.view, task.by, *[""] * 6, made)
    path = _free_path(folder, task.item.name)
    with atomic_write(path) as file, translate_os_errors(path):
        file.write(made.content)
    pairs = zip(made.change.before, made.change.after, strict=True)
    changes = [escape_name(value) for pair in pairs for value in pair]
    return RowOutcome.WRITTEN, (name, escape_name(path.name), task.view, task.by, *changes, "")


def _free_path(folder: Path, name: str) -> Path:
    """Where the copy of an item goes: under its own name, or that with a hash of its path."""
    for candidate in turned_names(names_for(name), ""):
        if len(os.fsencode(candidate)) > MAX_NAME_BYTES:
            continue
        if not os.path.lexists(folder / candidate) and candidate != INDEX_FILE:
            return folder / candidate
    raise UnusableOutput(f"no free name for {name} in {folder}")


def _write_index(folder: Path, lines: Sequence[Sequence[str]]) -> None:
    path = folder / INDEX_FILE
    with atomic_write(path) as file, translate_os_errors(path):
        for line in (INDEX_COLUMNS, *lines):
            file.write((",".join(map(csv_field, line)) + "\n").encode())


def _check_folder(folder: Path, rows: Sequence[Row]) -> None:
    """Raise UnusableOutput for a folder that is in use, or that is mixed up with the images."""
    with translate_os_errors(folder):
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise UnusableOutput(f"{folder} exists and is not an empty folder: name a new one")
    place = os.path.realpath(folder)
    for source in _source_folders(rows):
        if place == source or place.startswith(source.rstrip(os.sep) + os.sep):
            raise UnusableOutput(
                f"{folder} is inside the folder {source} of the images: name one apart from them, "
                "so that copies and originals are never mixed up"
            )


def _source_folders(rows: Sequence[Row]) -> Iterator[str]:
    """The folders of the images, each once."""
    files = (row.file.partition(MEMBER_SEPARATOR)[0] for row in rows)
    folders = dict.fromkeys(os.path.split(absolute(file))[0] for file in files)
    yield from dict.fromkeys(map(os.path.realpath, folders))
