"""A folder -> the files in it and below, in order; companions of images are skipped.

So are links and copies that cxrview has made of other images, or each image would count twice.
"""

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path

from cxrview.atomic import PARTIAL_SUFFIX
from cxrview.filenames import printable
from cxrview.views import Verdict

# In a folder that is read as a whole, tables and texts beside the images are no failed images. What
# is named itself, or has any other ending, gets a row. Each of them may be packed (.csv.gz).
COMPANION_SUFFIXES = frozenset(
    (".csv", ".tsv", ".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml",
     ".html", ".htm", ".pdf", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".parquet", ".feather",
     ".arrow", ".sqlite", ".db", ".py", ".r", ".m", ".ipynb", ".sh", ".log", ".ini", ".cfg",
     ".sha256", ".md5", ".part", ".partial", ".onnx", ".pt", ".pkl", ".npy", ".npz", ".h5")
)  # fmt: skip
COMPANION_NAMES = frozenset(
    ("dicomdir", "license", "licence", "readme", "makefile", "thumbs.db", "sha256sums", "md5sums")
)
# Folders of operating systems and storage devices: thumbnails, deleted files, snapshots. Those
# whose names start with a dot (.@__thumb, .Trash-1000, .snapshot) count as hidden.
SYSTEM_FOLDERS = frozenset(
    ("@eadir", "#recycle", "#snapshot",  # Synology
     "@recycle", "@recently-snapshot",  # QNAP
     "lost+found", "$recycle.bin", "recycler", "system volume information",
     "__macosx", "network trash folder", "temporary items")
)  # fmt: skip
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# What shows that cxrview has filled a folder. A sorted folder has the model file, and the index or,
# during the first run, the journal. Its links and copies are in the folders of the verdicts.
INDEX_FILE = "index.csv"  # which image is where; also in a folder of corrected copies
MODEL_FILE = ".model"  # holds the label of the model that sorted the folder
JOURNAL_FILE = ".placed.jsonl"  # what a run has placed; until the index states it
COPIES_HEAD = b"file,copy,view,by,"  # begins the index of corrected copies
SORTED_FOLDER, FOLDER_OF_COPIES = "sorted folder", "folder of corrected copies"

_log = logging.getLogger(__name__)


def companion_kind(path: str, *, is_folder: bool = False) -> str:
    """Return the kind of a companion: hidden, system folder, or an ending such as .csv.

    path: relative, with slashes, so that a hidden or system folder that contains the file counts.
    The result is empty for what may be an image or contain images.
    """
    *folders, name = path.lower().split("/")
    for part in (*folders, name) if is_folder else folders:
        if part in SYSTEM_FOLDERS:
            return "system folder"
    if any(part.startswith(".") and part not in (".", "..") for part in (*folders, name)):
        return "hidden"
    unpacked = name.removesuffix(".gz")
    suffix = os.path.splitext(unpacked)[1]  # noqa: PTH122 - millions
    if not is_folder and (name in COMPANION_NAMES or suffix in COMPANION_SUFFIXES):
        return suffix + name[len(unpacked) :] or "without an ending"
    return ""


def looks_like_archive(path: str) -> bool:
    """Whether a file is named like an archive: in folders of millions, not every file is opened."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def files_in(
    folder: str, passed_over: Counter[str], *, reads_sorted: bool = False
) -> Iterator[tuple[str, OSError | None]]:
    """Yield every file below `folder`, sorted by name; each folder is entered once despite links.

    A folder that cannot be read is yielded with its error. Companions, and folders that cxrview has
    filled, are counted in `passed_over`, by kind. `folder` itself is read although cxrview has
    filled it, with a warning; only sorted images with other images beside them are passed over,
    unless `reads_sorted`.
    """
    entered: set[tuple[int, int]] = set()
    waiting = [(folder, True)]  # no recursion: folders may be nested deeper than Python's stack
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield path, None
            continue
        try:
            inside = _entries(path, entered)
        except OSError as error:
            yield path, error
            continue
        kinds = [companion_kind(name, is_folder=is_inner) for name, is_inner in inside]
        passed_over.update(filter(None, kinds))
        wanted = [one for one, kind in zip(inside, kinds, strict=True) if not kind]
        if output := output_kind(path, {name for name, _ in inside}):
            others = [one for one in wanted if output == SORTED_FOLDER and not _is_of_verdict(*one)]
            if path == folder and (reads_sorted or not others):
                _log.warning("%s is a %s, and read because it is named", printable(path), output)
            else:
                passed_over[output] += 1
                wanted = others
        for name, is_inner in reversed(wanted):
            waiting.append((os.path.join(path, name), is_inner))  # noqa: PTH118


def output_kind(folder: str, names: Container[str]) -> str:
    """Return what cxrview has made of a folder with these names in it; empty for another folder."""
    if MODEL_FILE in names and (INDEX_FILE in names or JOURNAL_FILE in names):
        return SORTED_FOLDER
    indices = (Path(folder, INDEX_FILE + suffix) for suffix in ("", PARTIAL_SUFFIX))
    if any(path.name in names and _is_index_of_copies(path) for path in indices):
        return FOLDER_OF_COPIES
    return ""


def _is_index_of_copies(path: Path) -> bool:
    with contextlib.suppress(OSError):
        if path.is_file():  # a pipe would wait for a writer
            with path.open("rb") as file:
                return file.read(len(COPIES_HEAD)) == COPIES_HEAD
    return False


def _is_of_verdict(name: str, is_folder: bool) -> bool:
    """Whether this is one of the folders with the links and copies in a sorted folder."""
    return is_folder and name in set(Verdict)


def _entries(path: str, entered: set[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Return sorted names in a folder with whether each is a folder; [] if entered before."""
    status = os.stat(path)  # noqa: PTH116
    if (status.st_dev, status.st_ino) in entered:
        return []
    entered.add((status.st_dev, status.st_ino))
    with os.scandir(path) as entries:
        return sorted((entry.name, _is_folder(entry)) for entry in entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
