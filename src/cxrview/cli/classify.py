"""`cxrview classify`: what can be asked for."""

from pathlib import Path
from typing import Annotated

import typer


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders, globs, zip or tar archives, s3://..., @list.txt; - for a list "
            "on stdin.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet; - is CSV on stdout.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            show_default="one per processor",
            help="Worker processes; 0 works in this one, unprotected from files that crash.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="film, open, or a model file (.onnx)."),
    ] = "film",
    link_into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Sort into DIR/frontal, lateral, uncertain, not_chest by links."
        ),
    ] = None,
    copy_into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The same with copies.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Contact sheet, the doubtful images first."),
    ] = None,
    sheet_images: Annotated[
        int, typer.Option(min=1, max=2000, metavar="N", help="At most so many on the sheet.")
    ] = 60,
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="Where: this machine, or a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Of the cluster, as Ray takes it; else one is begun here."
        ),
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Judge every image anew, whatever was done before.")
    ] = False,
    part: Annotated[
        str,
        typer.Option(
            metavar="K/N",
            help="Only the K-th of N shares of the images; `cxrview join` makes the table of all.",
        ),
    ] = "",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, no summary; errors only.")
    ] = False,
) -> None:
    """Frontal or lateral? One row for every image.

    The verdicts are frontal, lateral, uncertain and not_chest. The view that a DICOM header
    claims stands beside them, and whether the two agree; it never decides.

    A run that was broken off, however it was, goes on from there with the same command; one that
    is done looks only at files that are new or have changed.

    Exit status: 0 all were judged, 1 some could not be read (their rows say why), 2 wrong use.
    """
    from cxrview.cli.performing import perform
    from cxrview.cli.request import Request

    request = Request(
        paths=tuple(paths),
        output=output,
        jobs=jobs,
        model=model,
        link_into=link_into,
        copy_into=copy_into,
        sheet=sheet,
        sheet_images=sheet_images,
        is_quiet=quiet,
        is_fresh=fresh,
        engine=engine,
        ray_address=ray_address,
        part=part,
    )
    raise typer.Exit(perform(request))
