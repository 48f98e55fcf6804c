"""The errors that would otherwise come after hours: files that are not there, a full disc."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from cxrview.atomic import translate_os_errors
from cxrview.errors import MissingInput, UnusableOutput
from cxrview.labels import Label
from cxrview.model.preprocess import WORKING_SIDE

NAMED = 5
BESIDE = 64 << 20  # bytes for the states of the nets, curves, pages and the model, generously


def check_files(labels: Sequence[Label], table: Path) -> None:
    """Raises MissingInput, with lines and names, where labelled files are absent."""
    absent = [label for label in labels if not (table.parent / label.file).is_file()]
    if not absent:
        return
    named = [f"  line {label.line}: {label.file}" for label in absent[:NAMED]]
    more = [f"  ... and {len(absent) - NAMED:,} more"] if len(absent) > NAMED else []
    what = f"{table}: {len(absent):,} of {len(labels):,} files are not there"
    raise MissingInput("\n".join([what, *named, *more]))


def check_space(folder: Path, films: int, phantoms: int, side: int) -> None:
    """Raises UnusableOutput where the decoded films, kept while a run lasts, may not fit."""
    needed = films * WORKING_SIDE**2 + phantoms * side**2 + BESIDE
    with translate_os_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        what = f"{folder}: a run needs up to {needed / 1e9:.2g} GB here, {free / 1e9:.2g} are free"
        raise UnusableOutput(what)
