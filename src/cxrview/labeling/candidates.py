"""A folder, an archive or a label table -> the images that may be drawn."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from cxrview.errors import MissingInput, WrongUse
from cxrview.labels import rows_of
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item, find


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image, and what a label table knows of it."""

    item: Item
    patient: str = ""
    source: str = ""


def candidates_in(path: str) -> list[Candidate]:
    """What a person names -> candidates, each file once; a .csv is a label table.

    Views that stand in a table are not looked at. Raises MissingInput where there is nothing.
    """
    is_table = path.lower().endswith(".csv") and Path(path).is_file()
    found = _listed(Path(path)) if is_table else [Candidate(item) for item in find([path])]
    if not found:
        raise MissingInput(f"no images in {path}")
    return found


def _listed(table: Path) -> list[Candidate]:
    """The rows of a label table; its files lie relative to its folder, or are absolute."""
    folder = str(table.absolute().parent)
    found: dict[str, Candidate] = {}
    try:
        for where, row in rows_of(table):
            name = (row["file"] or "").strip()
            if not name:
                raise WrongUse(f"{where}: no file is named")
            path = os.path.join(folder, name)  # noqa: PTH118 - a path as it stands, not tidied
            patient, source = ((row.get(column) or "") for column in ("patient", "source"))
            found.setdefault(path, Candidate(Item(path, FileSource(path)), patient, source))
    except OSError as error:
        raise MissingInput(f"{table}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongUse(f"{table}: not a CSV table: {error}") from error
    return list(found.values())
