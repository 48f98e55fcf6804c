"""`cxrview phantom`: a labelled folder of made-up chest films, or a contact sheet of them."""

from pathlib import Path
from typing import Annotated

import typer


def phantom(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="New folder for films and labels.csv."),
    ] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, metavar="N", help="How many films.")
    ] = 100,
    seed: Annotated[
        int, typer.Option(min=0, metavar="S", help="The same seed gives the same bytes.")
    ] = 0,
    side: Annotated[
        int, typer.Option(min=16, max=4096, metavar="PX", help="Long side of a film in pixels.")
    ] = 512,
    lateral_share: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="Share of lateral views.")
    ] = 0.5,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write a contact sheet of 32 films.")
    ] = None,
) -> None:
    """Draw chest films of people who never were: JPEG, PNG and DICOM, labelled.

    They are made from geometry, so they may be shown, shared and used without asking anyone.
    A tenth of the DICOM headers claim the wrong view, as in the field; labels.csv says which.
    """
    from cxrview.errors import WrongUse
    from cxrview.phantom.folder import conflicts, write_folder
    from cxrview.phantom.sheet import write_sheet

    if output is None and sheet is None:
        raise WrongUse("nothing to write: name a folder with -o, or a picture with --sheet")
    if sheet is not None:
        write_sheet(sheet, seed)
        typer.echo(f"{sheet}: 16 frontal and 16 lateral phantoms")
    if output is not None:
        labels = write_folder(output, number, seed, side, lateral_share)
        laterals = sum(label.view == "lateral" for label in labels)
        typer.echo(
            f"{output}: {len(labels)} films, {laterals} lateral; "
            f"{conflicts(labels)} DICOM headers claim the wrong view (labels.csv)"
        )
