"""The metadata table of MIMIC-CXR-JPG: its view tags, and a copy with blank ones filled.

The table has one row for each image, joined by `dicom_id`, which is the name of the image file
without its ending: https://physionet.org/content/mimic-cxr-jpg/2.1.0/.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.audit.findings import AuditedImage
from cxrview.audit.inspection import TagValue, ViewTags
from cxrview.csv_text import csv_line, identifier, open_table, read_table
from cxrview.datasets.public_collections import MIMIC_CODE_MEANINGS, MIMIC_VIEWS
from cxrview.errors import WrongUse
from cxrview.inference.review import is_sure
from cxrview.views import view_of_description

ID, POSITION, MEANING = "dicom_id", "viewposition", "viewcodesequence_codemeaning"
PROCEDURE = "performedprocedurestepdescription"
SOURCE_COLUMN = "ViewPosition_source"
BY_HEADER, BY_CODE, BY_PERSON, BY_MODEL, BY_NOTHING = (
    "header", "view code", "person", "model", ""
)  # fmt: skip
# ViewCodeSequence_CodeMeaning -> ViewPosition
POSITIONS = {
    "POSTERO-ANTERIOR": "PA", "ANTERO-POSTERIOR": "AP", "LATERAL": "LATERAL",
    "LEFT LATERAL": "LL", "RIGHT LATERAL": "RL",
}  # fmt: skip


def dicom_id(name: str) -> str:
    """Name of an item -> the dicom_id that it would have."""
    return PurePath(name.rpartition("::")[2]).stem


def metadata_tags(path: Path) -> dict[str, ViewTags]:
    """Path of the table -> the view tags by dicom_id. Raises MissingInput or WrongUse."""
    tags = {}
    for _, row in read_table(path, (ID, "study_id", POSITION), lower_case=True):
        position, meaning = row[POSITION].strip().upper(), row.get(MEANING, "").strip().upper()
        values = (
            TagValue("ViewPosition", position, MIMIC_VIEWS.get(position)),
            TagValue("ViewCodeSequence", meaning, MIMIC_CODE_MEANINGS.get(meaning)),
        )
        view = view_of_description(row.get(PROCEDURE, ""))
        description = TagValue("PerformedProcedureStepDescription", "", view) if view else None
        study = identifier(row["study_id"])
        tags[row[ID]] = ViewTags(tuple(tag for tag in values if tag.value), description, study)
    return tags


def count_without_row(names: Sequence[str], tags: Mapping[str, ViewTags], path: Path) -> int:
    """How many of these items the table at `path` does not have. Raises WrongUse if it has none."""
    count = sum(dicom_id(name) not in tags for name in names)
    if names and count == len(names):
        raise WrongUse(
            f"{path} has no row for any of the images: their file names must be values of its "
            f"column {ID}, followed by an ending such as .jpg"
        )
    return count


def write_filled(
    path: Path, filled: Path, images: Mapping[str, AuditedImage], guard: OutputGuard
) -> Counter[str]:
    """Copy the table, fill blank ViewPositions, and add a column that says by what.

    images: by dicom_id. A verdict counts where it is sure, see `is_sure`; it knows frontal and
    lateral only, so those are the words that it fills in. Returns the number of rows by source.
    Raises UnusableOutput, MissingInput or WrongUse.
    """
    counts: Counter[str] = Counter()
    with open_table(path) as (names, lines), atomic_write(filled, guard) as file:
        lower = [name.lower() for name in names]
        place = lower.index(POSITION)
        with translate_os_errors(filled):
            file.write(csv_line([*names, SOURCE_COLUMN]).encode())
            for _, values in lines:
                row = dict(zip(lower, values, strict=True))
                values[place], source = filled_position(row, images.get(row[ID]))
                counts[source] += 1
                file.write(csv_line([*values, source]).encode())
    return counts


def filled_position(row: Mapping[str, str], image: AuditedImage | None) -> tuple[str, str]:
    """A row of the table and its image -> ViewPosition, and by what it is known."""
    if row[POSITION].strip():
        return row[POSITION], BY_HEADER
    if image and image.correction:
        return (image.view.upper(), BY_PERSON) if image.is_decided else ("", BY_NOTHING)
    if position := POSITIONS.get(row.get(MEANING, "").strip().upper()):
        return position, BY_CODE
    if image and image.row.view and is_sure(image.row):
        return image.row.view.upper(), BY_MODEL
    return "", BY_NOTHING
