"""`cxrview label`: pages on which people label images."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from cxrview.cli.messages import print_message
from cxrview.cli.options import (
    Host,
    Model,
    NoBrowser,
    Overwrite,
    PasswordFile,
    Port,
    Seed,
    file_path,
    fraction,
)
from cxrview.model.card import DEFAULT_MODEL


def label(
    collection: Annotated[
        str,
        typer.Argument(
            metavar="LABELS.csv|DIR",
            help="A folder, a zip or tar archive, a CSV list of files (column file), or a label "
            "table, whose labels count as given.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.csv", parser=file_path, help="Label table to write."
        ),
    ] = Path("labels.csv"),
    labeler: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Your name in the table.", show_default="that of the user account"
        ),
    ] = "",
    order: Annotated[
        str,
        typer.Option(
            metavar="random|typical|active",
            help="Which images come first. random: all are equally likely. typical: 200 images "
            "drawn as by sample --how typical. active: those of which a model "
            "that learns from the labels is uncertain and that differ, and every fifth at random.",
        ),
    ] = "random",
    overlap: Annotated[
        float,
        typer.Option(
            parser=fraction,
            metavar="P",
            help="Share of the images that two people are to label, to measure their agreement.",
        ),
    ] = 0.0,
    imports: Annotated[
        list[Path] | None,
        typer.Option(
            "--import",
            metavar="FILE",
            parser=file_path,
            help="Also take the labels of a label table, or a CSV or JSON file of Label Studio or "
            "CVAT; may be repeated.",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    seed: Seed = 0,
    show_headers: Annotated[
        bool,
        typer.Option(
            "--show-headers",
            help="Also show file names and header fields. They influence labels, and file names "
            "may name patients.",
        ),
    ] = False,
    port: Port = 0,
    host: Host = "127.0.0.1",
    password_file: PasswordFile = None,
    no_browser: NoBrowser = False,
    overwrite: Overwrite = False,
) -> None:
    """Label images by hand on a page in the browser; Ctrl-C ends it and writes the label table.

    Every label is kept in FILE.csv.history before the next image appears. The same command
    continues the work.

    Example: cxrview label studies/ -o labels.csv --labeler lee

    Exit status: 0, or 2 for wrong use.
    """
    from cxrview.errors import WrongUse
    from cxrview.extras import missing_extra

    try:
        from cxrview.pages.access import is_name
        from cxrview.pages.label_server import (
            MAX_LISTED,
            LabelOptions,
            Order,
            open_collection,
        )
        from cxrview.pages.server import Address, open_browser
    except ModuleNotFoundError as error:
        raise missing_extra(error, "pages") from error

    if order not in set(Order):
        raise WrongUse(f"no order {order!r}: {', '.join(Order)}")
    name = labeler.strip() or getpass.getuser()
    if not is_name(name):
        raise WrongUse(f"--labeler {name!r}: use a short name without a semicolon")
    address = Address(host=host, port=port, password_file=password_file)
    address.password()
    run = open_collection(
        LabelOptions(
            collection=collection, output=output, labeler=name, order=Order(order),
            overlap=overlap, imports=tuple(imports or ()), model=model, seed=seed,
            may_overwrite=overwrite,
        )
    )  # fmt: skip
    if run.unmatched:
        files = ", ".join(run.unmatched[:MAX_LISTED])
        print_message(f"{len(run.unmatched):,} imported labels name no image or several: {files}")

    def announce(url: str) -> None:
        print_message(f"{len(run.candidates):,} images. Open this address; it works once:\n{url}")
        print_message("Ctrl-C ends the server and writes the label table.")
        if not no_browser:
            open_browser(url)

    run.serve(address, show_headers=show_headers, announce=announce)
    print_message(f"{output}: {len({one.image for one in run.store.labels()}):,} images labelled")
    for first, second, images, agree, kappa in run.agreement():
        print_message(
            f"{first} and {second}: {agree} of {images} labels agree, Cohen's kappa "
            f"{kappa or 'not defined'}"
        )
