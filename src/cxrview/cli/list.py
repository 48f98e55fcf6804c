"""`cxrview list`: a table of verdicts -> the names of the files that match, for other programs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import file_path
from cxrview.views import Agreement, Verdict

ERROR = "error"


def list_files(
    table: Annotated[
        Path,
        typer.Argument(
            parser=file_path,
            metavar="TABLE",
            help="Written by classify: .csv, .jsonl or .parquet.",
            show_default=False,
        ),
    ],
    view: Annotated[
        list[str] | None,
        typer.Option(
            metavar="frontal|lateral|uncertain|not_chest|error",
            help="Only files with this verdict; error: those that could not be read. Repeatable.",
        ),
    ] = None,
    agreement: Annotated[
        str,
        typer.Option(
            metavar="agree|conflict|absent",
            help="Only files with this agreement of header and image.",
        ),
    ] = "",
    rotated: Annotated[
        bool, typer.Option("--rotated", help="Only files whose image is not upright.")
    ] = False,
    inverted: Annotated[
        bool, typer.Option("--inverted", help="Only files whose image is inverted (bone dark).")
    ] = False,
    needs_review: Annotated[
        bool,
        typer.Option(
            "--needs-review",
            help="Only files that a person should look at: conflict, uncertain, not_chest, error, "
            "warning, or a verdict near a threshold.",
        ),
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="End names with a zero byte, for xargs -0.")
    ] = False,
) -> None:
    """Print the names of the files in a table that match all options, one a line.

    Several --view options mean any of their verdicts.

    Example: cxrview list views.csv --view lateral -0 | xargs -0 ls -l

    Exit status: 0, also if no file matches, or 2 for wrong use.
    """
    from cxrview.errors import WrongUse
    from cxrview.inference.review import review_reason
    from cxrview.inference.table_reader import read_rows

    verdicts = view or []
    for given, known in ((verdicts, [*Verdict, ERROR]), ([agreement], ["", *Agreement])):
        if unknown := [one for one in given if one not in known]:
            raise WrongUse(f"unknown: {unknown[0]!r}; known: {', '.join(filter(None, known))}")
    end = b"\0" if null else b"\n"
    for row in read_rows(table):
        if (
            (not verdicts or (row.view or ERROR) in verdicts)
            and (not agreement or row.agreement == agreement)
            and (not rotated or row.rotation)
            and (not inverted or row.inverted)
            and (not needs_review or review_reason(row))
        ):
            sys.stdout.buffer.write(os.fsencode(row.file) + end)
