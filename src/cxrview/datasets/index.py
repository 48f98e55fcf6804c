"""The index file of a collection, CSV or CSV in gzip -> its rows, by lower-case column."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.datasets.entry import Entry
from cxrview.errors import MissingInput, WrongUse

_FOREIGN = (csv.Error, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile)
_LONGEST_FIELD = 1 << 20  # characters: PadChest carries whole reports

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Index:
    """One form in which a collection lists its images.

    patterns: of the files that together are the index, below the root. columns: that are needed,
    lower case. entry: a row -> the image that it names.
    """

    patterns: tuple[str, ...]
    columns: tuple[str, ...]
    entry: Callable[[Values], Entry]
    asks_headers: bool = False  # of the DICOM files, where the index does not say the view


def index_of(root: Path, indices: Sequence[Index]) -> tuple[Index, list[Path]]:
    """The first form of index that is there, and its files; MissingInput names what is not."""
    for index in indices:
        files = [path for pattern in index.patterns for path in sorted(root.glob(pattern))]
        if files:
            return index, _without_twins(files)
    looked = ", ".join(pattern for index in indices for pattern in index.patterns)
    raise MissingInput(f"{root}: no index of the collection; looked for {looked}")


def _without_twins(files: Sequence[Path]) -> list[Path]:
    """Of x.csv and x.csv.gz, one."""
    stems = {str(path).removesuffix(".gz"): path for path in reversed(files)}
    return sorted(stems.values())


def entries_in(path: Path, index: Index) -> Iterator[Entry]:
    """Every row of one index file -> the image that it names. Raises WrongUse, naming the file."""
    try:
        with _opened(path) as text:
            yield from map(index.entry, _rows(text, path, index.columns))
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise MissingInput(f"{path}: {error.strerror}") from error
        raise WrongUse(f"{path}: not a CSV table: {error}") from error
    except _FOREIGN as error:
        raise WrongUse(f"{path}: not a CSV table: {error}") from error


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows(text: io.TextIOBase, path: Path, columns: Sequence[str]) -> Iterator[Values]:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(text)
    names = [name.strip().lower() for name in next(reader, [])]
    absent = [column for column in columns if column not in names]
    if absent:
        raise WrongUse(f"{path}: no column {absent[0]!r}")
    for row in reader:
        if len(row) < len(names):
            row += [""] * (len(names) - len(row))
        yield dict(zip(names, row, strict=False))
