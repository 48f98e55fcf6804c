"""A table of verdicts -> corrected DICOM copies in a folder of their own, and an index of them.

The originals are not changed. Which copy is made of what is in `index.csv`, which is called
`index.csv.partial` until all copies are there: it gets its lines as the copies are written.
"""

import contextlib
import csv
import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from cxrview.atomic import PARTIAL_SUFFIX, atomic_write, partial_path, translate_os_errors
from cxrview.csv_text import csv_line
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import TooLarge, UnknownFormat, UnreadableImage, UnusableOutput
from cxrview.filenames import escape_name, unescape_name
from cxrview.inference.chunks import item_version
from cxrview.inference.classification import fault_of
from cxrview.inference.corrected_dicom import CorrectedCopy, corrected_copy
from cxrview.inference.corrections import Correction, read_corrections
from cxrview.inference.known_image import KnownImage, known_images
from cxrview.inference.review import is_sure
from cxrview.inference.run import Progress, no_progress
from cxrview.inference.sorted_names import absolute, names_for, turned_names
from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.rows import Row
from cxrview.sources.files import MEMBER_SEPARATOR
from cxrview.sources.find import Item, items_named
from cxrview.sources.folders import INDEX_FILE
from cxrview.views import View

MAX_NAME_BYTES = 240  # bytes; file systems allow names of 255, `atomic_write` adds to them
INDEX_COLUMNS = ("file", "copy", "view", "by", "view_position_before", "view_position",
                 "view_code_before", "view_code", "patient_orientation_before",
                 "patient_orientation", "version", "error")  # fmt: skip
IndexLine = tuple[str, ...]  # a value for each of INDEX_COLUMNS


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
    """What a worker receives. by: the model, or the person who has corrected it.

    version: of the file before it is read, as text.
    """

    item: Item
    version: str
    known: KnownImage
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
            return corrected_copy(stream, task.known, task.view, by_person=task.by_person)
    except UnreadableImage as error:
        return error.text
    except MemoryError:
        return TooLarge("it needs more memory than there is").text


@dataclass(slots=True)
class _Plan:
    """What is to be done, by row of the table. lines: of the index, for copies that exist."""

    counts: Counter[RowOutcome]
    lines: dict[int, IndexLine]
    tasks: dict[int, CorrectionTask]


def write_corrected_copies(
    table: Path, folder: Path, engine: Engine, progress: Progress = no_progress
) -> Counter[RowOutcome]:
    """Write a copy of each file whose view is sure and whose tags are missing or wrong.

    table: of `classify`, or its copy with corrections by people, which take precedence. folder: is
    new or empty, or has copies of an earlier run on the table, which stay; it is not inside a
    folder of the images. Raises WrongUse, MissingInput or UnusableOutput before anything is
    written.
    """
    plan = _plan(table, folder)
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    index, numbers = folder / INDEX_FILE, list(plan.tasks)
    taken = {line[1] for line in plan.lines.values()}
    with (
        atomic_write(index) as file,
        progress(len(numbers), restarts=lambda: engine.restarts) as step,
    ):
        _write_lines(file, index, (INDEX_COLUMNS, *plan.lines.values()))
        for nth, outcome in engine.map(make_corrector, plan.tasks.values()):
            number = numbers[nth]
            made = outcome.value if isinstance(outcome, Done) else fault_of(outcome).text
            result, line = _store(folder, taken, plan.tasks[number], made)
            plan.counts[result] += 1
            if line:
                plan.lines[number] = line
                taken.add(line[1])
                _write_lines(file, index, (line,))
            step(result is RowOutcome.FAILED)
        file.seek(0)  # the same lines, in the order of the table
        _write_lines(
            file, index, (INDEX_COLUMNS, *(line for _, line in sorted(plan.lines.items())))
        )
    return plan.counts


def _plan(table: Path, folder: Path) -> _Plan:
    """Read the table, and what an earlier run has left in the folder."""
    rows, corrections = list(read_rows(table)), read_corrections(table)
    check_unique(table, [row.file for row in rows])
    _check_place(folder, rows)
    known, items = known_images(table, rows), items_named(row.file for row in rows)
    finished = _finished_copies(folder)
    plan = _Plan(Counter(), {}, {})
    for number, row in enumerate(rows):
        version = item_version(items[row.file]) if row.file in items else ""
        view, by = wanted_view(row, corrections.get(row.file))
        line = finished.get((escape_name(row.file), view or "", by))
        if view is None:
            plan.counts[RowOutcome.UNSURE] += 1
        elif line and (row.file not in items or line[-2] == version != ""):
            plan.counts[RowOutcome.WRITTEN] += 1
            plan.lines[number] = line
        elif row.file not in items:
            plan.counts[RowOutcome.GONE] += 1
        else:
            item, by_person = items[row.file], row.file in corrections
            plan.tasks[number] = CorrectionTask(item, version, known[number], view, by, by_person)
    if len(plan.lines) < len(finished):
        raise UnusableOutput(
            f"{folder} has copies that {table} does not ask for, or whose file has changed or may "
            "have: name a new folder"
        )
    return plan


def wanted_view(row: Row, correction: Correction | None) -> tuple[View | None, str]:
    """The view that the tags must state, and who says so; None where it is not sure."""
    if correction:
        return (View(correction.view) if correction.view in set(View) else None), correction.by
    return (View(str(row.view)) if is_sure(row) else None), row.model


def _store(
    folder: Path, taken: Container[str], task: CorrectionTask, made: CorrectedCopy | str | None
) -> tuple[RowOutcome, IndexLine | None]:
    """Write a copy -> what became of the row, and its line in the index.

    taken: names of the other copies, as in the index.
    """
    if made is None:
        return RowOutcome.RIGHT, None
    if isinstance(made, str) and made.startswith(UnknownFormat.code):
        return RowOutcome.NOT_DICOM, None
    name = escape_name(task.item.name)
    if isinstance(made, str):
        return RowOutcome.FAILED, (name, "", task.view, task.by, *[""] * 7, made)
    path = _free_path(folder, taken, task.item.name, made.content)
    with atomic_write(path) as file, translate_os_errors(path):
        file.write(made.content)
    pairs = zip(made.change.before, made.change.after, strict=True)
    changes = [escape_name(value) for pair in pairs for value in pair]
    line = (name, escape_name(path.name), task.view, task.by, *changes, task.version, "")
    return RowOutcome.WRITTEN, line


def _free_path(folder: Path, taken: Container[str], name: str, content: bytes) -> Path:
    """Where the copy of an item goes: under its own name, or that with a hash of its path.

    A run that was killed may have left this copy there without a line in the index.
    """
    for candidate in turned_names(names_for(name), ""):
        if len(os.fsencode(candidate)) > MAX_NAME_BYTES or candidate == INDEX_FILE:
            continue
        if candidate.endswith(PARTIAL_SUFFIX):  # `atomic_write` would take it for its own
            candidate += ".dcm"
        path = folder / candidate
        is_left = escape_name(candidate) not in taken and path.is_file()
        if not os.path.lexists(path) or (is_left and path.read_bytes() == content):
            return path
    raise UnusableOutput(f"no free name for {name} in {folder}")


def _write_lines(file: BinaryIO, path: Path, lines: Iterable[IndexLine]) -> None:
    with translate_os_errors(path):
        file.writelines(csv_line(line).encode() for line in lines)
        file.flush()


def _finished_copies(folder: Path) -> dict[IndexLine, IndexLine]:
    """(file, view, by) -> the line in the index, of the copies that an earlier run has written.

    Raises UnusableOutput for a folder that is in use for something else.
    """
    with translate_os_errors(folder):
        if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
            return {}
    index = folder / INDEX_FILE
    found = [lines for path in (index, partial_path(index)) if (lines := _read_lines(path))]
    if not found or any(lines[0] != INDEX_COLUMNS for lines in found):
        raise UnusableOutput(
            f"{folder} exists, is not empty, and has no {INDEX_FILE} of copies: name a new folder"
        )
    return {
        (line[0], line[2], line[3]): line
        for lines in found
        for line in lines[1:]
        if len(line) == len(INDEX_COLUMNS) and (folder / unescape_name(line[1])).is_file()
    }


def _read_lines(path: Path) -> list[IndexLine]:
    with (
        contextlib.suppress(OSError, ValueError, csv.Error),
        path.open(encoding="utf-8", newline="") as file,
    ):
        return list(map(tuple, csv.reader(file)))
    return []


def _check_place(folder: Path, rows: Sequence[Row]) -> None:
    """Raise UnusableOutput for a folder that is inside a folder of the images."""
    files = (row.file.partition(MEMBER_SEPARATOR)[0] for row in rows)
    names = {os.path.split(absolute(file))[0] for file in files}
    sources, place = set(map(os.path.realpath, names)), Path(os.path.realpath(folder))
    for source in (place, *place.parents):
        if str(source) in sources:
            raise UnusableOutput(
                f"{folder} is inside the folder {source} of the images: name one apart from them, "
                "so that copies and originals are never mixed up"
            )
