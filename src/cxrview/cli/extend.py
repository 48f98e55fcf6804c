"""`cxrview extend`: a model and unlabelled images -> the model trained on them."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import MissingExtra, WrongUse


def extend(
    model: Annotated[str, typer.Argument(help="film, open, or a model file.")],
    unlabelled: Annotated[
        str, typer.Argument(help="A folder, or the table that classify made with this model.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The run's folder.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV: file, view, what a person says; half of it, or its test rows, measures."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Batches of 32.")] = 1500,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, or as torch names it (cuda).")] = "auto",
) -> None:
    """Train a model on with its own confident verdicts (extra `train`); say whether it helped."""
    try:
        from cxrview.cli.extending import Request, perform
    except ModuleNotFoundError as error:
        what = f"training needs {error.name}: pip install 'cxrview[train]'"
        raise MissingExtra(what) from error
    if labels is not None and labels.is_dir():
        raise WrongUse(f"{labels}: a folder, wanted a table")
    request = Request(model, unlabelled, output, labels, steps, seed, jobs, device)
    try:
        perform(request)
    except (KeyboardInterrupt, SystemExit):
        typer.echo("stopped; the same command goes on from the last pass", err=True)
        raise
