"""Labels -> the error that would otherwise come after hours: files that are not there."""

from collections.abc import Sequence
from pathlib import Path

from cxrview.errors import MissingInput
from cxrview.labels import Label

NAMED = 5


def check_files(labels: Sequence[Label], table: Path) -> None:
    """Raises MissingInput, with lines and names, where labelled files are absent."""
    absent = [label for label in labels if not (table.parent / label.file).is_file()]
    if not absent:
        return
    named = [f"  line {label.line}: {label.file}" for label in absent[:NAMED]]
    more = [f"  ... and {len(absent) - NAMED:,} more"] if len(absent) > NAMED else []
    what = f"{table}: {len(absent):,} of {len(labels):,} files are not there"
    raise MissingInput("\n".join([what, *named, *more]))
