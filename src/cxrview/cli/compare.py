"""`cxrview compare`: the paper's network beside those it is compared with, on your images."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Device, Jobs, Seed, file_path, needs_extra, positive
from cxrview.cli.progress import announce_torch, train_callbacks


def show_systems(names: str) -> str:
    """For `help` instead of names, print all systems and exit."""
    if names != "help":
        return names
    with needs_extra("compare"):
        from cxrview.comparison.systems import SYSTEMS
    for one in SYSTEMS:
        size = f", {one.published:g} million parameters" if one.published else ""
        typer.echo(f"{one.name:<14}{one.title} ({one.task}{size})")
    raise typer.Exit


def compare(
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS.csv",
            parser=file_path,
            help="CSV with the columns file, view, patient, source, licence.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            parser=file_path,
            help="Folder for the results. Systems that it has results of are not trained again.",
        ),
    ],
    systems: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            callback=show_systems,
            is_eager=True,
            show_default="all; those for P(chest) only with --negatives",
            help="The systems to compare; `help` lists them.",
        ),
    ] = "",
    epochs: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Epochs for each network, at most.")
    ] = 10,
    minutes: Annotated[
        float,
        typer.Option(
            parser=positive,
            metavar="X",
            help="Minutes of processor time to train each network, at most.",
        ),
    ] = 10.0,
    side: Annotated[
        int,
        typer.Option(
            min=64, max=1024, metavar="PX", help="Side of the images of the large networks."
        ),
    ] = 64,
    negatives: Annotated[
        Path | None,
        typer.Option(
            parser=file_path,
            metavar="FILE.csv",
            help="CSV with a column file: images that are no chest radiographs, to test P(chest).",
        ),
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    device: Device = "auto",
) -> None:
    """Train AlexNet, VGG16, ResNets, DenseNet and others beside the paper's network.

    All systems have the same split by patient and the same protocol, and are trained one after the
    other on one core each, or on another device. The time of one image is that of one core on any
    device. The same command resumes an interrupted comparison. Needs the extra `compare`.

    Example: cxrview compare labels.csv -o RUN --systems paper,resnet50
    """
    announce_torch()
    with needs_extra("compare"):
        from cxrview.comparison.run import CompareOptions
        from cxrview.comparison.run import compare as run_comparison
        from cxrview.comparison.systems import SYSTEMS, SystemTask
        from cxrview.engines.local import available_processors
        from cxrview.report.terminal import print_page
        from cxrview.training.config import device_of
    names = tuple(name.strip() for name in systems.split(",") if name.strip())
    default = tuple(one.name for one in SYSTEMS if negatives or one.task is SystemTask.VIEW)
    options = CompareOptions(
        labels=labels,
        output=output,
        systems=names if systems else default,
        epochs=epochs,
        minutes=minutes,
        seed=seed,
        negatives=negatives,
        side=side,
        jobs=available_processors() if jobs is None else jobs,
        device=device_of(device),
    )
    with train_callbacks() as callbacks:
        page = run_comparison(options, callbacks)
    print_page(page)
    typer.echo(f"{output / 'comparison.md'}, index.html, comparison.csv, robustness.csv", err=True)
