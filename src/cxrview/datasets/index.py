"""The index files of a public collection -> entries: where each image may lie and its view."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.csv_text import read_table
from cxrview.errors import MissingInput
from cxrview.labels import OTHER, UNKNOWN
from cxrview.views import View

# What collections write where they do not know the view either
_NO_VIEW_CODES = frozenset(("", "UNK", "UNKNOWN", "NAN", "NONE", "N/A"))

RowValues = Mapping[str, str]  # of a row, by lower-case column
ViewCodes = Mapping[str, View]  # a collection's own words for views, upper case


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of a collection.

    places: where it may lie, relative to the root, the most likely first; the last one also below
    any other folder. view: frontal, lateral, other (the collection states something else), or
    empty (it states nothing).
    """

    places: tuple[str, ...]
    view: str
    patient: str
    original_view: str


@dataclass(frozen=True, slots=True)
class Index:
    """One form in which a collection lists its images.

    patterns: globs below the root for the files that together are the index. columns: those
    needed, lower case. entry: a row -> the image that it names. needs_headers: the view is stated
    in the DICOM headers alone.
    """

    patterns: tuple[str, ...]
    columns: tuple[str, ...]
    entry: Callable[[RowValues], Entry]
    needs_headers: bool = False


def view_of_code(code: str, codes: ViewCodes) -> str:
    """Return frontal, lateral, other or empty for a collection's own word for the view."""
    word = " ".join(code.upper().split())
    return UNKNOWN if word in _NO_VIEW_CODES else str(codes.get(word, OTHER))


def find_index(root: Path, indices: Sequence[Index]) -> tuple[Index, list[Path]]:
    """Return the first form of index that is present, and its files.

    Raises MissingInput, naming the patterns, if there is none.
    """
    for index in indices:
        files = [path for pattern in index.patterns for path in sorted(root.glob(pattern))]
        if files:  # of x.csv and x.csv.gz, one
            stems = {str(path).removesuffix(".gz"): path for path in reversed(files)}
            return index, sorted(stems.values())
    patterns = ", ".join(pattern for index in indices for pattern in index.patterns)
    raise MissingInput(f"{root}: no index of the collection; looked for {patterns}")


def entries_in(path: Path, index: Index) -> Iterator[Entry]:
    """Yield the image of every row of an index file. Raises WrongUse or MissingInput, naming it."""
    for _, row in read_table(path, index.columns, lower_case=True):
        yield index.entry(row)
