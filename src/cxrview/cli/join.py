"""`cxrview join`: the rows that several processes made -> one table."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import AllowUnreadable, Overwrite, Quiet, file_path


def join(
    table: Annotated[
        Path,
        typer.Argument(
            parser=file_path,
            metavar="TABLE",
            help="The table that -o named in every part.",
            show_default=False,
        ),
    ],
    allow_unreadable: AllowUnreadable = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make the table of a run by `classify --part K/N`, in the order of the inputs.

    Example: cxrview join views.csv

    Exit status: 0 all images were classified, 1 some could not be read (their rows give the
    reason), 2 wrong use, or parts that are not done (which are named).
    """
    from cxrview.cli.messages import (
        error_lines,
        exit_status,
        list_command,
        print_message,
        summary_lines,
    )
    from cxrview.filenames import printable
    from cxrview.inference.journal import join_table

    summary = join_table(table, overwrite)
    names_in = printable(list_command(table))
    for line in error_lines(summary) if quiet else summary_lines(summary, names_in=names_in):
        print_message(line)
    raise typer.Exit(exit_status(summary, allow_unreadable))
