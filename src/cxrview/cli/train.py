"""`cxrview train`: a label table -> a model file with its card, history and metrics."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Device, Jobs, Seed, file_path, needs_extra
from cxrview.cli.progress import announce_torch, train_callbacks

RESUMES = "stopped; the same command resumes after the last completed epoch"


def print_recipe(name: str) -> str:
    """Print the recipe of this name, if one is given, and exit."""
    if not name:
        return name
    with needs_extra("train"):
        from cxrview.training.recipe_file import find_recipe, recipe_text
    typer.echo(recipe_text(*find_recipe(name)), nl=False)
    raise typer.Exit


def train(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=file_path, metavar="DIR", help="The run's folder."),
    ],
    labels: Annotated[
        Path | None,
        typer.Argument(
            metavar="LABELS.csv",
            help="CSV: file, view and, if known, patient, source, licence, split, rotation, "
            "inverted.",
        ),
    ] = None,
    unlabeled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled",
            metavar="PATH",
            help="Images without labels to train on with pseudo-labels. Repeatable.",
        ),
    ] = None,
    ct: Annotated[
        list[str] | None,
        typer.Option(
            "--ct",
            metavar="VOLUME",
            help="Chest CT to compute more radiographs from: a folder of a DICOM series, a NIfTI "
            "or an npz file. Repeatable.",
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
    show_recipe: Annotated[  # noqa: ARG001 - `print_recipe` acts on it
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            callback=print_recipe,
            is_eager=True,
            help="Print a recipe as TOML, to change it, and exit.",
        ),
    ] = "",
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Epochs of a recipe that counts epochs, such as paper."
        ),
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="CSV with a column file: images that are no chest radiographs, to test P(chest).",
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(metavar="NAME", help="Of the model, in its card and in classify's table."),
    ] = "own",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Of the model, for its card.")] = "",
    folds: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Cross-validate in 2 or more folds, then train on all images."
        ),
    ] = 0,
    leave_source_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-source-out",
            help="Like --folds, one fold for each value of the column source.",
        ),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="With either: evaluate under perturbations (inverted, rotated, cropped ...) too.",
        ),
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = None,
    device: Device = "auto",
) -> None:
    """Train a model on your own images (extra `train`) and measure it on held-out ones.

    Computed radiographs (phantoms and, with --ct, projections of CT volumes) are trained on beside
    yours, so that few labels suffice, or none but a folder of images: then the network's own most
    confident predictions become pseudo-labels.

    Interrupted, the same command resumes after the last completed epoch.

    Example: cxrview train labels.csv -o RUN
    """
    announce_torch()
    with needs_extra("train"):
        from cxrview.errors import WrongUse
        from cxrview.labels import read_labels
        from cxrview.training.config import TrainConfig, device_of, recommended_recipe
        from cxrview.training.recipe import LICENCE_OF_IMAGES, PRESETS
        from cxrview.training.recipe_file import find_recipe, with_epochs
        from cxrview.training.run import train as run_training
    if labels and labels.is_dir():
        raise WrongUse(f"{labels} is a folder: name a label table, or --unlabelled {labels}")
    table = read_labels(labels) if labels else []
    recipe = recipe or recommended_recipe(table)
    resolved, base = find_recipe(recipe)
    preset = PRESETS[base]
    config = TrainConfig(
        labels=labels,
        output=output,
        recipe=with_epochs(resolved, epochs),
        base=base,
        name=name,
        purpose=preset.purpose,
        licence=licence or LICENCE_OF_IMAGES,
        limits=preset.limits,
        negatives=negatives,
        permissive_only=preset.permissive_only,
        unlabeled=tuple(unlabeled or ()),
        ct_volumes=tuple(ct or ()),
        folds=folds,
        leave_source_out=leave_source_out,
        robustness=robustness,
        seed=seed,
        jobs=jobs,
        device=device_of(device),
    )
    typer.echo(f"recipe {recipe}", err=True)
    try:
        with train_callbacks() as callbacks:
            run_training(config, callbacks, table)
    except (KeyboardInterrupt, SystemExit):
        typer.echo(RESUMES, err=True)
        raise
