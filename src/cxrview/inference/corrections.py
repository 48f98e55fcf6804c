"""The views that people have put in the place of a model's, in a table that `review` wrote."""

from dataclasses import dataclass
from pathlib import Path

from cxrview.csv_text import read_table
from cxrview.filenames import unescape_name

CORRECTED_COLUMN, PERSON_COLUMN = "view_corrected", "corrected_by"


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person has stated for one image."""

    view: str  # a verdict, or another word for an image that is neither frontal nor lateral
    by: str  # name of the person, "" if unknown


def read_corrections(table: Path) -> dict[str, Correction]:
    """A table of verdicts -> the corrections by file; none unless it is CSV with these columns.

    Raises MissingInput or WrongUse where the file is no table.
    """
    if table.suffix.lower() != ".csv":
        return {}
    return {
        unescape_name(values["file"]): Correction(
            values[CORRECTED_COLUMN].strip(), values.get(PERSON_COLUMN, "").strip()
        )
        for _, values in read_table(table, ("file",))
        if values.get(CORRECTED_COLUMN, "").strip()
    }
