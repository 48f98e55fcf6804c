"""`cxrview sample`: which images to label first."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import WrongUse

NAMED = 5  # unreadable images on the screen
SOME_UNREADABLE = 1
COLUMNS = ("file", "view", "patient", "source", "reason")


def sample(
    path: Annotated[
        str,
        typer.Argument(
            metavar="LABELS.csv|FOLDER",
            help="A label table, a folder, a zip or tar archive.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.csv", help="The table to fill in.")
    ],
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, metavar="N", help="How many images.")
    ] = 1076,
    seed: Annotated[
        int, typer.Option(min=0, metavar="S", help="The same seed draws the same images.")
    ] = 0,
    how: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="random: each image is as likely. typical: half typical ones, a quarter that "
            "look lateral, a quarter asymmetric; finds the rare view.",
        ),
    ] = "random",
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="For typical: film, open, or a model file.")
    ] = "film",
    pool: Annotated[
        int, typer.Option(min=1, metavar="N", help="For typical: look at so many, at random.")
    ] = 5000,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", show_default="one per processor", help="Worker processes."
        ),
    ] = None,
) -> None:
    """Draw the images to label by hand: a table with an empty column `view`.

    Exit status: 0 all could be read, 1 some could not (they are named, others were drawn for
    them), 2 wrong use.
    """
    from os.path import abspath

    from cxrview.cli.printed import printable
    from cxrview.datasets.findings import Fault, Problem
    from cxrview.datasets.table import Table, write_both
    from cxrview.filenames import escape_name
    from cxrview.inference.bulk import available_processors, engine_for
    from cxrview.labeling.candidates import candidates_in
    from cxrview.labeling.sampling import Draw, How
    from cxrview.labeling.sampling import sample as draw_from

    if how not in set(How):
        raise WrongUse(f"no rule {how!r}: {', '.join(How)}")
    table = Table(output)
    draw = Draw(count=number, seed=seed, how=How(how), model=model, pool=pool)
    engine = engine_for(available_processors() if jobs is None else jobs)
    found = draw_from(candidates_in(path), draw, engine)
    rows = []
    for candidate, reason in found.chosen:
        name = table.named(abspath(candidate.item.name))  # noqa: PTH100 - odd bytes
        if escape_name(name) == name:
            rows.append((name, "", candidate.patient, candidate.source, reason))
        else:
            found.problems.append(Problem(Fault.UNREADABLE, name, "its name is no UTF-8"))
    write_both(table, COLUMNS, rows, found.problems)
    typer.echo(f"{output}: {len(rows):,} images to label, drawn by {how}, seed {seed}", err=True)
    if len(rows) < number:
        typer.echo(f"fewer than the {number:,} asked for: there are no more", err=True)
    if found.problems:
        typer.echo(f"unreadable: {len(found.problems):,} (all in {table.problems})", err=True)
        for problem in found.problems[:NAMED]:
            typer.echo(f"  {printable(problem.file)}: {printable(problem.reason)}", err=True)
    raise typer.Exit(SOME_UNREADABLE if found.problems else 0)
