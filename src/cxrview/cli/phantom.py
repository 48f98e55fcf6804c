"""`cxrview phantom`: synthetic chest radiographs as a labelled folder or a contact sheet."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Overwrite, Seed, file_path, fraction


def phantom(
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            parser=file_path,
            help="New folder for the images and labels.csv.",
        ),
    ] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, metavar="N", help="Number of images.")
    ] = 100,
    seed: Seed = 0,
    side: Annotated[
        int, typer.Option(min=16, max=4096, metavar="PX", help="Long side of an image in pixels.")
    ] = 512,
    lateral_share: Annotated[
        float, typer.Option(parser=fraction, metavar="P", help="Share of lateral views, 0 to 1.")
    ] = 0.5,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", parser=file_path, help="Write a contact sheet of 32 images."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Compute labelled chest radiographs of synthetic patients: JPEG, PNG and DICOM files.

    The images are computed from geometry, so they can be shown, shared and used without
    permission. A tenth of the DICOM headers state the wrong view; labels.csv lists them.
    """
    from cxrview.atomic import OutputGuard
    from cxrview.errors import WrongUse
    from cxrview.phantom.folder import count_conflicts, write_folder, write_sheet

    if output is None and sheet is None:
        raise WrongUse("nothing to write: name a folder with -o, or an image with --sheet")
    if sheet is not None:
        write_sheet(sheet, seed, OutputGuard(overwrite))
        typer.echo(f"{sheet}: 16 frontal and 16 lateral phantoms")
    if output is not None:
        labels = write_folder(output, number, seed, side, lateral_share)
        laterals = sum(label.view == "lateral" for label in labels)
        typer.echo(
            f"{output}: {len(labels)} radiographs, {laterals} lateral; "
            f"{count_conflicts(labels)} DICOM headers state the wrong view (labels.csv)"
        )
