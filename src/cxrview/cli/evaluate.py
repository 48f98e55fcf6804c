"""`cxrview evaluate`: labels against a model, or against the table that it wrote."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.options import Jobs, OutputFolder, Quiet, Seed, file_path, needs_extra, number
from cxrview.filenames import printable

if TYPE_CHECKING:
    from cxrview.evaluation.results import JoinSummary

SOME_WITHOUT_VERDICT = 1
MAX_LISTED_NAMES = 5  # file names of each problem on the terminal


def evaluate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|TABLE",
            help="open, paper, a model file (.onnx), or a table that classify wrote.",
            show_default=False,
        ),
    ],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS.csv|DIR",
            help="Columns file and view; patient, source, original_view where known. With "
            "--dataset, the folder of the collection.",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Evaluate on a public collection: chexpert, chexpert-valid, open-i, mimic-cxr and "
            "the others of `cxrview dataset`.",
        ),
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            parser=file_path,
            help="Also classify images that are no chest radiographs; columns file and kind.",
        ),
    ] = None,
    output: OutputFolder = None,
    max_error: Annotated[
        float,
        typer.Option(
            parser=number,
            metavar="P",
            help="Find thresholds that guarantee at most this error (0 to 1).",
        ),
    ] = 0.001,
    jobs: Jobs = None,
    robustness: Annotated[
        bool | None,
        typer.Option(
            "--robustness/--no-robustness",
            help="Also classify the images inverted, rotated, cropped and so on; needs a model.",
            show_default="with a model",
        ),
    ] = None,
    gallery: Annotated[
        int, typer.Option(min=0, max=2000, metavar="N", help="Show at most this many images.")
    ] = 60,
    resamples: Annotated[
        int,
        typer.Option(min=100, max=1_000_000, metavar="N", help="Bootstrap resamples of patients."),
    ] = 2000,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Evaluate a model on labelled images: metrics with intervals, and what they guarantee.

    Needs the extra `evaluate`.

    Example: cxrview evaluate open labels.csv -o report/

    Exit status: 0 if every labelled file has a verdict, 1 if some are unreadable, have no row, or
    are missing in the collection (the report counts them), 2 for wrong use.
    """
    from functools import partial

    with needs_extra("evaluate"):
        from cxrview.evaluation.evaluate import EvaluateOptions
        from cxrview.evaluation.evaluate import evaluate as run_evaluation
        from cxrview.evaluation.sections import page_of
    from cxrview.cli.progress import progress
    from cxrview.metrics.bootstrap import Resampling
    from cxrview.report.terminal import print_page

    options = EvaluateOptions(
        source=source,
        labels=labels,
        dataset=dataset,
        negatives=negatives,
        output=output,
        max_error=max_error,
        jobs=jobs,
        robustness=robustness,
        gallery=gallery,
        resampling=Resampling(resamples, seed),
    )
    log = partial(typer.echo, err=True)
    report = run_evaluation(
        options, partial(progress, is_quiet=quiet), (lambda _: None) if quiet else log
    )
    print_page(page_of(report))
    if output and not quiet:
        typer.echo(f"report: {printable(str(output / 'index.html'))}", err=True)
    is_incomplete = report.collection is not None and not report.collection.is_complete
    if _print_problems(report.join) or is_incomplete:
        raise typer.Exit(SOME_WITHOUT_VERDICT)


def _print_problems(join: "JoinSummary") -> bool:
    """Name the files without a verdict on stderr; returns whether there are any."""
    problems = (
        (join.unreadable, "unreadable"),
        (join.labels_without_row, "without a row"),
        (join.ambiguous, "ambiguous"),
    )
    for names, what in problems:
        for name in names[:MAX_LISTED_NAMES]:
            typer.echo(f"{what}: {printable(name)}", err=True)
        if len(names) > MAX_LISTED_NAMES:
            typer.echo(f"... and {len(names) - MAX_LISTED_NAMES:,} more {what}", err=True)
    return any(names for names, _ in problems)
