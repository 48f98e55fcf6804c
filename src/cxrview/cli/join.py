"""`cxrview join`: the parts that several processes made -> one table."""

from pathlib import Path
from typing import Annotated

import typer

SOME_UNREADABLE = 1


def join(
    table: Annotated[Path, typer.Argument(help="As it was named with -o in every part.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary; errors only.")] = False,
) -> None:
    """Make the table of a run by `classify --part K/N`, in the order of the inputs.

    Exit status: 0 all were judged, 1 some could not be read (their rows say why), 2 wrong use, or
    parts that are not done (which are named).
    """
    from cxrview.cli.printed import summary
    from cxrview.errors import MissingInput
    from cxrview.inference.joining import joined, plan_of
    from cxrview.inference.run_folder import RunFolder, folder_for
    from cxrview.inference.run_summary import RunSummary
    from cxrview.inference.table_writers import rows_into

    path = folder_for(table.resolve())
    if not path.is_dir():
        raise MissingInput(f"no run was begun for {table}: cxrview classify ... -o {table} --part")
    label, maker, parts = plan_of(RunFolder(path, ""))
    folder, tally = RunFolder(path, maker), RunSummary()
    with folder.locked(), rows_into(table, label) as write:
        for row in joined(folder, parts):
            write(row)
            tally.add(row)
    folder.note_table(table, parts)
    folder.tidy(parts)
    if not quiet:
        for line in summary(tally, 0.0, 0):
            typer.echo(line, err=True)
    raise typer.Exit(SOME_UNREADABLE if tally.unreadable else 0)
