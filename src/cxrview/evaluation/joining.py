"""Labels and the rows of a table -> pairs, and everything that has no counterpart."""

import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.labels import Label
from cxrview.rows import Row


@dataclass(frozen=True, slots=True)
class JoinResult:
    """The pairs of label and row, and the labels and rows without one."""

    pairs: list[tuple[Label, Row]]  # in the order of the labels
    labels_without_row: list[Label]
    ambiguous: list[Label]  # with several rows, or beside another label of the same row
    rows_without_label: list[Row]
    is_by_ending: bool = False  # no path was the same
    of_other_files: int = 0  # labels without a row, but with one of the same name: of another file


def join_labels(
    labels: Sequence[Label], labels_folder: Path, rows: Sequence[Row], table_folder: Path
) -> JoinResult:
    """Join by path; label files are relative to `labels_folder`, row files to the current folder.

    A label belongs to the row of the same path, once both are resolved; else to the row of the same
    path if that is relative to `labels_folder` too. Only where this joins nothing at all, as after
    the files were moved, it belongs to the row whose path ends with the path of the label. Names
    alone join nothing where both files exist, that of the row in the current folder or in
    `table_folder`, and have different contents: they are of two collections.
    """
    paths = [_resolve_path(labels_folder, label.file) for label in labels]
    candidates = _match_paths(labels, labels_folder, rows)
    is_by_ending = not any(candidates)
    if is_by_ending:
        candidates = _match_path_tails(labels, rows)
    folders = (Path.cwd(), table_folder)
    matches = [
        [index for index in indices if not _is_other_file(path, rows[index].file, folders)]
        for path, indices in zip(paths, candidates, strict=True)
    ]
    claims = Counter(indices[0] for indices in matches if len(indices) == 1)
    matched = {index for indices in matches for index in indices}
    without_label = [row for index, row in enumerate(rows) if index not in matched]
    of_other_files = sum(
        bool(before) and not after for before, after in zip(candidates, matches, strict=True)
    )
    joined = JoinResult([], [], [], without_label, is_by_ending, of_other_files)
    for label, indices in zip(labels, matches, strict=True):
        if not indices:
            joined.labels_without_row.append(label)
        elif len(indices) > 1 or claims[indices[0]] > 1:
            joined.ambiguous.append(label)
        else:
            joined.pairs.append((label, rows[indices[0]]))
    return joined


def _match_paths(
    labels: Sequence[Label], labels_folder: Path, rows: Sequence[Row]
) -> list[list[int]]:
    """The row indices of each label, by resolved path."""
    by_path, by_label_path = (
        _positions_by_key([_resolve_path(base, row.file) for row in rows])
        for base in (Path.cwd(), labels_folder)
    )
    keys = [_resolve_path(labels_folder, label.file) for label in labels]
    return [by_path.get(key) or by_label_path.get(key, []) for key in keys]


def _is_other_file(path: str, row_file: str, folders: Sequence[Path]) -> bool:
    """Whether a label's file and the row's both exist, and differ in their bytes."""
    found = (_resolve_path(folder, row_file) for folder in folders)
    row_path = next((one for one in found if os.path.isfile(one)), None)  # noqa: PTH113
    if row_path is None or row_path == path or not os.path.isfile(path):  # noqa: PTH113
        return False
    try:
        return not filecmp.cmp(path, row_path, shallow=False)
    except OSError:  # cannot be read
        return True


def _match_path_tails(labels: Sequence[Label], rows: Sequence[Row]) -> list[list[int]]:
    """The same, by as many of the last parts of a row's path as the label's path has."""
    label_parts = [_path_parts(label.file) for label in labels]
    lengths = {len(parts) for parts in label_parts}
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        parts = _path_parts(row.file)
        for length in lengths:
            if len(parts) >= length:
                index[parts[-length:]].append(number)
    return [index.get(parts, []) for parts in label_parts]


def _positions_by_key(keys: Sequence[str]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        index[key].append(number)
    return dict(index)


def _path_parts(file: str) -> tuple[str, ...]:
    return Path(os.path.normpath(file)).parts


def _resolve_path(folder: Path, file: str) -> str:
    """One path for each file, links followed; a name that no file can have stays as it is."""
    try:
        return os.path.realpath(folder / file)
    except (OSError, ValueError):
        return file
