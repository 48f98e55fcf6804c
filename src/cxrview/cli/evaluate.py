"""`cxrview evaluate`: labels against a model, or against the table that it left."""

from pathlib import Path
from typing import Annotated

import typer

SOME_WITHOUT_VERDICT = 1
NAMED = 5  # of each kind of trouble, on the terminal


def evaluate(
    given: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|TABLE",
            help="film, open, a model file (.onnx), or a table that classify wrote.",
            show_default=False,
        ),
    ],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS.csv",
            help="Columns file and view; patient, source, original_view where known.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="New folder: index.html, report.json, errors.csv."
        ),
    ] = None,
    max_error: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Find thresholds that guarantee at most this error."),
    ] = 0.001,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            show_default="one per processor",
            help="Worker processes; 0 works in this one, unprotected from files that crash.",
        ),
    ] = None,
    robustness: Annotated[
        bool | None,
        typer.Option(
            "--robustness/--no-robustness",
            help="Judge the films inverted, turned, cropped ... as well; needs a model.",
            show_default="with a model",
        ),
    ] = None,
    gallery: Annotated[
        int, typer.Option(min=0, max=2000, metavar="N", help="At most so many pictures.")
    ] = 60,
    resamples: Annotated[
        int, typer.Option(min=100, metavar="N", help="Of the patients, for the intervals.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same report.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """How good is a model on labelled films? Figures with intervals, and what they guarantee.

    Exit status: 0 all labelled files have an answer, 1 some could not be read or have no row (the
    report names them), 2 wrong use.
    """
    from functools import partial

    from cxrview.cli.progress import progress
    from cxrview.engines.local import available_processors
    from cxrview.evaluation.evaluate import assess
    from cxrview.evaluation.options import Task
    from cxrview.filenames import printable
    from cxrview.metrics.bootstrap import Resampling
    from cxrview.report.text import summary

    task = Task(
        given=given,
        labels=labels,
        output=output,
        max_error=max_error,
        jobs=available_processors() if jobs is None else jobs,
        robustness=robustness,
        gallery=gallery,
        resampling=Resampling(resamples, seed),
    )
    report = assess(task, partial(progress, is_quiet=quiet))
    for line in summary(report):
        typer.echo(printable(line))
    if output and not quiet:
        typer.echo(f"the report is {printable(str(output / 'index.html'))}", err=True)
    joining = report.joining
    if joining.unreadable or joining.labels_without_row or joining.ambiguous:
        for names, what in (
            (joining.unreadable, "unreadable"),
            (joining.labels_without_row, "without a row"),
            (joining.ambiguous, "ambiguous"),
        ):
            for name in names[:NAMED]:
                typer.echo(f"{what}: {printable(name)}", err=True)
            if len(names) > NAMED:
                typer.echo(f"... and {len(names) - NAMED:,} more {what}", err=True)
        raise typer.Exit(SOME_WITHOUT_VERDICT)
