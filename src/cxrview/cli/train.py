"""`cxrview train`: a label table -> a model file with its card and measurements."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import MissingExtra, WrongUse


def train(
    labels: Annotated[
        Path, typer.Argument(help="CSV with the columns file, view, patient, source, licence.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder for the run.")],
    others: Annotated[
        Path | None,
        typer.Option(help="CSV with a column file: pictures that are no chest films, to measure."),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="film: all images; open: phantoms and freely licensed ones.")
    ] = "film",
    name: Annotated[str, typer.Option(help="Goes into the card and the column model.")] = "own",
    folds: Annotated[
        int, typer.Option(min=0, help="Of the cross-validation; 0 leaves it out.")
    ] = 5,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes.")] = 1,
) -> None:
    """Train a model on your own images (extra `train`) and measure it on films it has not seen."""
    try:
        from cxrview.training.kinds import KINDS
        from cxrview.training.run import Order, make_model
    except ModuleNotFoundError as error:
        what = f"training needs {error.name}: pip install 'cxrview[train]'"
        raise MissingExtra(what) from error
    if kind not in KINDS:
        raise WrongUse(f"no kind of model {kind!r}: {', '.join(KINDS)}")
    made = KINDS[kind]
    order = Order(
        labels=labels,
        output=output,
        recipe=made.recipe,
        name=name,
        purpose=made.purpose,
        licence=made.licence,
        limits=made.limits,
        others=others,
        only_free=made.only_free,
        folds=folds,
        seed=seed,
        jobs=jobs,
    )
    make_model(order, lambda text: typer.echo(text, err=True))
