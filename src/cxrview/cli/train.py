"""`cxrview train`: a label table -> a model file with its card, curves and measurements."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import MissingExtra


def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="The run's folder.")],
    labels: Annotated[
        Path | None,
        typer.Argument(help="CSV: file, view and, if known, patient, source, licence, split."),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled",
            "--pseudo",
            metavar="PATH",
            help="Learn from images without labels as well, or from them alone. Repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            show_default="default, or few with under 30 labels of a view",
            help="default, thorough, few, paper, open (freely licensed images only), or a file.",
        ),
    ] = "",
    others: Annotated[
        Path | None,
        typer.Option(help="CSV with a column file: pictures that are no chest films, to measure."),
    ] = None,
    name: Annotated[str, typer.Option(help="Goes into the card and the column model.")] = "own",
    licence: Annotated[str, typer.Option(help="Of the model, for its card.")] = "",
    folds: Annotated[
        int, typer.Option(min=0, help="Cross-validate, then train on all images.")
    ] = 0,
    disturbed: Annotated[
        bool, typer.Option(help="With --folds: judge inverted, turned, cropped ... films too.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, or as torch names it (cuda).")] = "auto",
) -> None:
    """Train a model on your own images (extra `train`) and measure it on films it has not seen.

    With few labels, or none but a folder of images: it begins on drawn phantoms, and learns from
    its own surest guesses.

    Stopped, and run again with the same words, it goes on from the last pass.
    """
    try:
        from cxrview.cli.watching import watching
        from cxrview.training.kinds import KINDS, kind_for, resolve
        from cxrview.training.net import device_of
        from cxrview.training.order import Order
        from cxrview.training.run import Told, make_model
    except ModuleNotFoundError as error:
        what = f"training needs {error.name}: pip install 'cxrview[train]'"
        raise MissingExtra(what) from error
    recipe = recipe or kind_for(labels)
    resolved, base = resolve(recipe)
    typer.echo(f"recipe {recipe}", err=True)
    order = Order(
        labels=labels,
        output=output,
        recipe=resolved,
        base=base,
        name=name,
        purpose=KINDS[base].purpose,
        licence=licence or KINDS[base].licence,
        limits=KINDS[base].limits,
        others=others,
        only_free=KINDS[base].only_free,
        unlabelled=tuple(unlabelled or ()),
        folds=folds,
        is_disturbed=disturbed,
        seed=seed,
        jobs=jobs,
        device=device_of(device),
    )
    try:
        with watching() as watch:
            make_model(order, Told(lambda text: typer.echo(text, err=True), watch))
    except (KeyboardInterrupt, SystemExit):
        typer.echo("stopped; the same command goes on from the last pass", err=True)
        raise
