"""A folder -> the files in it and below, in order; companions of images are skipped.

So are links and copies that cxrview has made of other images, or each image would count twice.
"""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Container, Iterator
from functools import lru_cache
from pathlib import Path

from cxrview.atomic import PARTIAL_SUFFIX
from cxrview.csv_text import read_table
from cxrview.errors import CxrviewError
from cxrview.filenames import unescape_name
from cxrview.sources.files import MEMBER_SEPARATOR

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
INDEX_FILE = "index.csv"  # which image is where; also in a folder of corrected copies
MODEL_FILE = ".model"  # in a sorted folder; holds the label of the model that sorted it
JOURNAL_FILE = ".placed.jsonl"  # what a run has placed; until the index states it
NAME_COLUMNS = ("file", "folder", "table")  # of an index, in which names are escaped
SORTED, CORRECTED = "sorted (also read elsewhere)", "corrected by fix"  # copies that are skipped


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
    folder: str,
    skipped: Counter[str],
    real_paths: Callable[[], frozenset[str]] = frozenset,
    *,
    includes_copies: bool = False,
) -> Iterator[tuple[str, OSError | None]]:
    """Yield every file below `folder`, sorted by name; each folder is entered once despite links.

    A folder that cannot be read is yielded with its error. Companions are counted in `skipped`,
    by kind. So are, unless `includes_copies`, links and copies that cxrview has made, as its index
    beside them says: sorted ones of which the original exists in `folder` or in one of `real_paths`
    (files and folders that are read as well), and corrected ones, unless `folder` is theirs.
    """
    entered: set[tuple[int, int]] = set()
    originals: dict[str, str] = {}  # of links and copies; "" for corrected copies
    inputs = lru_cache(lambda: real_paths() | {os.path.realpath(folder)})
    waiting = [(folder, True)]  # no recursion: folders may be nested deeper than Python's stack
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            original = originals.pop(path, None)
            if original == "":
                skipped[CORRECTED] += 1
            elif original is not None and _is_read(original, inputs()):
                skipped[SORTED] += 1
            else:
                yield path, None
            continue
        try:
            inside = _entries(path, entered)
        except OSError as error:
            yield path, error
            continue
        kinds = [companion_kind(name, is_folder=is_inner) for name, is_inner in inside]
        skipped.update(filter(None, kinds))
        if not includes_copies:
            names = {name for name, _ in inside}
            originals.update(_sorted_files(path, names))
            originals.update(_corrected_files(path, names) if path != folder else ())
        for (name, is_inner), kind in reversed(list(zip(inside, kinds, strict=True))):
            if not kind:
                waiting.append((os.path.join(path, name), is_inner))  # noqa: PTH118


def _is_read(original: str, inputs: Container[str]) -> bool:
    """Whether an original exists and is one of the inputs, real paths, or is read with one."""
    folder, name = os.path.split(original)
    path, below = os.path.join(_real_folder(folder), name), ""  # noqa: PTH118 - links stay
    while path not in inputs:
        path, name = os.path.split(path)
        if not name:
            return False
        below = f"{name}/{below}" if below else name
    return os.path.lexists(original) and not (below and companion_kind(below))


@lru_cache(maxsize=1024)
def _real_folder(path: str) -> str:
    return os.path.realpath(path)


def _sorted_files(folder: str, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield links and copies in a sorted folder, and the paths of their originals."""
    if MODEL_FILE not in names:
        return
    for name, read in ((INDEX_FILE, index_lines), (JOURNAL_FILE, journal_lines)):
        path = Path(folder, name)
        with contextlib.suppress(OSError, CxrviewError, TypeError, ValueError):  # no index
            for place, values in read(path) if path.is_file() else ():  # a pipe would wait
                file = os.path.join(values.get("folder", ""), values.get("file", ""))  # noqa: PTH118
                if not os.path.lexists(file):  # perhaps a member of an archive
                    file = file.partition(MEMBER_SEPARATOR)[0]
                yield os.path.join(folder, place), file  # noqa: PTH118


def index_lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the lines of a sorted folder's index: place, and what it says of the image there.

    The values are those of the other columns, by name; earlier versions wrote fewer. Raises
    MissingInput and WrongUse as `read_table`.
    """
    for _, line in read_table(path, ("file", "placed", "view")):
        values = {name: unescape_name(line[name]) if name in NAME_COLUMNS else line[name]
                  for name in line if name != "placed"}  # fmt: skip
        yield unescape_name(line["placed"]), values


def journal_lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what a killed run has placed, as `index_lines`, without a line cut short."""
    with path.open(errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                match json.loads(line):
                    case [str(place), dict(values)]:
                        yield place, values


def _corrected_files(folder: str, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield the copies in a folder of corrected copies, each with ""."""
    for name in (INDEX_FILE, INDEX_FILE + PARTIAL_SUFFIX):
        with contextlib.suppress(OSError, CxrviewError, ValueError):
            if name in names and (path := Path(folder, name)).is_file():
                for _, line in read_table(path, ("file", "copy", "view", "by")):
                    if line["copy"]:
                        yield os.path.join(folder, unescape_name(line["copy"])), ""  # noqa: PTH118


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
