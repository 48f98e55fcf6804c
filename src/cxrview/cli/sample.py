"""`cxrview sample`: which images to label first."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.messages import SOME_UNREADABLE
from cxrview.cli.options import Jobs, Model, Overwrite, Seed, file_path
from cxrview.errors import WrongUse
from cxrview.model.card import DEFAULT_MODEL

MAX_SHOWN_PROBLEMS = 5  # unreadable images in the terminal


def sample(
    path: Annotated[
        str,
        typer.Argument(
            metavar="LABELS.csv|DIR",
            help="A label table, a folder, a zip or tar archive.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.csv", parser=file_path, help="Label table to write."
        ),
    ],
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, metavar="N", help="Number of images.")
    ] = 1076,
    seed: Seed = 0,
    how: Annotated[
        str,
        typer.Option(
            metavar="random|typical",
            help="random: all images are equally likely. typical: half typical images, a quarter "
            "that look lateral to --model, a quarter asymmetric; finds the rare view.",
        ),
    ] = "random",
    model: Model = DEFAULT_MODEL,
    pool: Annotated[
        int, typer.Option(min=1, metavar="N", help="For typical: random images to select from.")
    ] = 5000,
    overwrite: Overwrite = False,
    jobs: Jobs = None,
) -> None:
    """Draw images to label by hand: a label table with an empty column `view`.

    Unreadable images are replaced by others and listed in FILE.problems.csv.

    Example: cxrview sample studies/ -n 90 --how typical -o to_label.csv

    Exit status: 0 all images were readable, 1 some were not, 2 wrong use.
    """
    from dataclasses import astuple
    from os.path import abspath

    from cxrview.cli.progress import observed
    from cxrview.datasets.listing import LabelTable, Problem, ProblemKind, write_tables
    from cxrview.engines.local import engine_for
    from cxrview.filenames import is_utf8, printable
    from cxrview.labeling.sampling import SampleOptions, SamplingRule, candidates_in, draw_sample
    from cxrview.labels import COPIED_COLUMNS
    from cxrview.report.content import count_text

    if how not in set(SamplingRule):
        raise WrongUse(f"no rule {how!r}: {', '.join(SamplingRule)}")
    table = LabelTable(output, overwrite)
    options = SampleOptions(count=number, seed=seed, rule=SamplingRule(how), model=model, pool=pool)
    engine = observed(engine_for(jobs))
    drawn = draw_sample(candidates_in(path), options, engine)
    rows = []
    for one, reason in drawn.chosen:
        name = table.relative(abspath(one.item.name))  # noqa: PTH100 - odd bytes
        if is_utf8(name):
            rows.append((name, "", one.patient, one.source, *astuple(one.copied), reason))
        else:
            drawn.problems.append(Problem(ProblemKind.UNREADABLE, name, "its name is not UTF-8"))
    columns = ("file", "view", "patient", "source", *COPIED_COLUMNS, "reason")
    write_tables(table, columns, rows, drawn.problems)
    typer.echo(
        f"{output}: {count_text(len(rows), 'image')} to label (rule {how}, seed {seed})", err=True
    )
    if len(rows) < number:
        typer.echo(f"fewer than {number:,}: there are no more readable images", err=True)
    if drawn.problems:
        typer.echo(f"unreadable: {len(drawn.problems):,} (all in {table.problems})", err=True)
        for problem in drawn.problems[:MAX_SHOWN_PROBLEMS]:
            typer.echo(f"  {printable(problem.file)}: {printable(problem.reason)}", err=True)
    raise typer.Exit(SOME_UNREADABLE if drawn.problems else 0)
