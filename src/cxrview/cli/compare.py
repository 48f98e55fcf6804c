"""`cxrview compare`: the paper's net beside those it measures itself against, on your films."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import MissingExtra


def compare(
    labels: Annotated[
        Path, typer.Argument(help="CSV with the columns file, view, patient, source, licence.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A folder; what it holds is not done again.")
    ],
    systems: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Which; else all, gates only with --others.",
        ),
    ] = "",
    passes: Annotated[int, typer.Option(min=1, help="Over the films, at most.")] = 10,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="Of processor time to train each system.")
    ] = 10,
    side: Annotated[
        int, typer.Option(min=64, max=1024, metavar="PX", help="Of the large nets' pictures.")
    ] = 64,
    others: Annotated[
        Path | None,
        typer.Option(help="CSV with a column file: pictures that are no chest films, for gates."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of all training.")] = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes that read.")] = 1,
) -> None:
    """Train AlexNet, VGG16, ResNets, DenseNet and others beside the paper's net (extra `compare`).

    One split by patient, one protocol; one core each, one after the other.
    """
    try:
        from cxrview.comparison.learners import Budget
        from cxrview.comparison.run import compare as perform
        from cxrview.comparison.settings import Order
        from cxrview.comparison.systems import SYSTEMS, Task
        from cxrview.comparison.tables import HEADER, cells, plain
    except ModuleNotFoundError as error:
        what = f"comparing needs {error.name}: pip install 'cxrview[compare]'"
        raise MissingExtra(what) from error
    names = [name.strip() for name in systems.split(",") if name.strip()]
    default = [system.name for system in SYSTEMS if others or system.task is Task.VIEW]
    order = Order(
        labels=labels,
        output=output,
        systems=tuple(names if systems else default),
        budget=Budget(passes=passes, minutes=minutes, seed=seed),
        others=others,
        side=side,
        jobs=jobs,
    )
    results = perform(order, lambda text: typer.echo(text, err=True))
    typer.echo(plain(HEADER, [cells(result) for result in results]))
    typer.echo(f"{output / 'comparison.md'}, index.html, comparison.csv, robustness.csv", err=True)
