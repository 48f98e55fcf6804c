"""A folder -> the files in it and below, in order; what clearly is no image is passed over."""

import os
from collections import Counter
from collections.abc import Iterator

# In a folder that is read as a whole, labels and papers beside the images are no failed images.
# Whatever is named itself, or has any other ending, gets a row.
COMPANIONS = frozenset(
    (".csv", ".tsv", ".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml",
     ".html", ".htm", ".pdf", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".parquet", ".feather",
     ".arrow", ".sqlite", ".db", ".py", ".r", ".m", ".ipynb", ".sh", ".log", ".ini", ".cfg",
     ".sha256", ".md5", ".part", ".partial", ".onnx", ".pt", ".pkl", ".npy", ".npz", ".h5")
)  # fmt: skip
COMPANION_NAMES = frozenset(
    ("dicomdir", "license", "licence", "readme", "makefile", "thumbs.db", "sha256sums", "md5sums")
)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_companion(path: str) -> bool:
    """Hidden files, tables, texts, DICOMDIR: they stand beside images and are none themselves."""
    *folders, name = path.lower().split("/")
    if name in COMPANION_NAMES or os.path.splitext(name)[1] in COMPANIONS:  # noqa: PTH122 - millions
        return True
    return any(is_hidden(part) for part in (*folders, name))


def is_hidden(name: str) -> bool:
    """A file or folder that its system hides, or that an archiver of macOS added."""
    return (name.startswith(".") and name not in (".", "..")) or name.lower() == "__macosx"


def looks_like_archive(path: str) -> bool:
    """By its ending: in folders of millions, not every file is opened beforehand."""
    return path.lower().endswith(ARCHIVES)


def files_in(folder: str, passed_over: Counter[str]) -> Iterator[tuple[str, OSError | None]]:
    """Every file below `folder`, sorted by name, each folder entered once whatever links say.

    A folder that cannot be read comes with its error. Endings passed over are counted.
    """
    entered: set[tuple[int, int]] = set()
    waiting = [(folder, True)]  # no recursion: folders may lie deeper than Python's stack
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
        for name, is_inner_folder in reversed(inside):
            if is_hidden(name) or (not is_inner_folder and is_companion(name)):
                passed_over[kind_of(name)] += 1
            else:
                waiting.append((os.path.join(path, name), is_inner_folder))  # noqa: PTH118


def _entries(path: str, entered: set[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Sorted names in a folder, and whether each is a folder; none if it was entered before."""
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


def kind_of(name: str) -> str:
    """What is counted of a file passed over: its ending, never its whole name."""
    if is_hidden(name):
        return "hidden"
    return os.path.splitext(name)[1].lower() or "no ending"  # noqa: PTH122
