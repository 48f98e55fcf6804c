"""`cxrview extend`: a model and unlabelled images -> the model trained further on them."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Device, Jobs, Seed, file_path, needs_extra
from cxrview.cli.progress import announce_torch, train_callbacks
from cxrview.cli.train import RESUMES


def extend(
    model: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="open, paper, or a model file (.onnx).")
    ],
    unlabeled: Annotated[
        str,
        typer.Argument(
            metavar="DIR|TABLE",
            help="A folder, or the table that classify wrote with this model.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=file_path, metavar="DIR", help="The run's folder."),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS.csv",
            help="CSV with the columns file and view, labelled by a person. Half of the rows, or "
            "those that its column split does not train on, are held out to measure the gain.",
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="Batches, as large as in the model's recipe.")
    ] = 1500,
    seed: Seed = 0,
    jobs: Jobs = None,
    device: Device = "auto",
) -> None:
    """Train a model further on its own confident verdicts (extra `train`); measure the gain.

    Example: cxrview extend open studies/ -o RUN --labels labels.csv
    """
    announce_torch()
    with needs_extra("train"):
        from cxrview.training.config import device_of
        from cxrview.training.extend import ExtendConfig
        from cxrview.training.extend import extend as extend_model
    config = ExtendConfig(
        model=model,
        unlabeled=unlabeled,
        output=output,
        labels=labels,
        steps=steps,
        seed=seed,
        jobs=jobs,
        device=device_of(device),
    )
    try:
        with train_callbacks() as callbacks:
            extend_model(config, callbacks)
    except (KeyboardInterrupt, SystemExit):
        typer.echo(RESUMES, err=True)
        raise
