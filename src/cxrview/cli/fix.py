"""`cxrview fix`: a table of verdicts -> DICOM copies with corrected view tags."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Jobs, Quiet, file_path


def fix(
    table: Annotated[
        Path,
        typer.Argument(
            parser=file_path,
            metavar="TABLE",
            help="Written by classify: .csv, .jsonl or .parquet. In the copy that review writes, "
            "the corrections by people take precedence over the verdicts.",
            show_default=False,
        ),
    ],
    write_to: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=file_path,
            help="New folder for the copies and index.csv, apart from the folders of the images.",
        ),
    ],
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Write copies of DICOM files whose view tags are missing or wrong, with corrected ones.

    A copy is made where a person has corrected the view, or where the verdict is frontal or lateral
    with P(view) >= 0.98 and P(chest) >= 0.9 and no warning, and the tags of the file state no view
    or the other one. It has a new SOP Instance UID, refers to its source, and keeps the bytes of
    the pixel data. Originals are never changed. AP, PA, LL and RL are written only where another
    tag states them. After an interruption the same command continues.

    Example: cxrview fix views.csv --write-to corrected

    Exit status: 0, 1 some copies could not be made (index.csv says why) or images are no longer
    there (their number is printed), 2 wrong use.
    """
    from functools import partial

    from cxrview.cli.messages import print_message
    from cxrview.cli.progress import progress
    from cxrview.engines.local import engine_for
    from cxrview.inference.corrected_copies import RowOutcome, write_corrected_copies
    from cxrview.report.content import count_text
    from cxrview.sources.folders import INDEX_FILE

    show = partial(progress, is_quiet=quiet)
    counts = write_corrected_copies(table, write_to, engine_for(jobs), show)
    if not quiet:
        for outcome in RowOutcome:
            if outcome is RowOutcome.WRITTEN or counts[outcome]:
                print_message(f"{count_text(counts[outcome], 'image')} {outcome}")
        print_message(f"{write_to / INDEX_FILE} says which copy came from which file")
    raise typer.Exit(1 if counts[RowOutcome.FAILED] or counts[RowOutcome.GONE] else 0)
