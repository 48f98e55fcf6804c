"""`cxrview phantom`: computed chest radiographs as a labelled folder or a contact sheet."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.options import Jobs, Seed, file_path, fraction


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
    ct: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VOLUME",
            help="Compute the images from this chest CT instead: a folder with one DICOM series, "
            "a NIfTI file or an npz file. Repeat the option for several CTs.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", parser=file_path, help="Write a contact sheet of 32 images."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="With --sheet: replace an existing image. The folder of -o must be new or empty "
            "in any case.",
        ),
    ] = False,
    jobs: Jobs = None,
) -> None:
    """Compute labelled chest radiographs of synthetic patients: JPEG, PNG and DICOM files.

    The images are computed from geometry, so they can be shown and used without permission;
    for images from a CT, its licence applies. A tenth of the DICOM headers state the wrong view;
    labels.csv lists them.

    Example: cxrview phantom -n 100 -o phantoms/
    """
    from cxrview.atomic import OutputGuard
    from cxrview.cli.progress import progress
    from cxrview.engines.local import engine_for
    from cxrview.errors import WrongUse
    from cxrview.labels import OTHER
    from cxrview.phantom.folder import (
        LABELS_FILE,
        SHEET_IMAGES,
        FolderContents,
        count_conflicts,
        write_folder,
        write_sheet,
    )
    from cxrview.report.content import count_text
    from cxrview.views import View

    if output is None and sheet is None:
        raise WrongUse("nothing to write: name a folder with -o, or an image with --sheet")
    if sheet is not None:
        with progress(SHEET_IMAGES) as step:
            write_sheet(sheet, seed, OutputGuard(overwrite), ct or (), step)
        typer.echo(f"{sheet}: 16 frontal and 16 lateral {'radiographs' if ct else 'phantoms'}")
    if output is not None:
        contents = FolderContents(number, seed, side, lateral_share, tuple(ct or ()))
        with progress(number) as step:
            labels = write_folder(output, contents, engine_for(jobs), step)
        views = Counter(label.view for label in labels)
        wrong = count_text(count_conflicts(labels), "DICOM header states", "DICOM headers state")
        obliques = f", {views[OTHER]} oblique" if ct else ""
        typer.echo(
            f"{output}: {count_text(len(labels), 'radiograph')}, {views[View.LATERAL]:,} lateral"
            f"{obliques}; {wrong} the wrong view ({LABELS_FILE})"
        )
