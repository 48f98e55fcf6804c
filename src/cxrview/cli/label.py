"""`cxrview label`: pages on which people label images."""

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
    needs_extra,
)
from cxrview.cli.review import announcer, person_name
from cxrview.model.card import DEFAULT_MODEL
from cxrview.report.content import count_text


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
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.csv",
            parser=file_path,
            help="Label table to write.",
            show_default="in the current folder: studies/ -> studies.labels.csv",
        ),
    ] = None,
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

    Every label is stored in FILE.csv.history before the next image appears. The same command
    continues the work.

    Example: cxrview label studies/ -o labels.csv --labeler lee

    Exit status: 0, or 2 for wrong use.
    """
    from cxrview.errors import WrongUse

    with needs_extra("pages"):
        from cxrview.pages.label_server import MAX_LISTED, LabelOptions, Order, open_collection
        from cxrview.pages.server import Address

    if order not in set(Order):
        raise WrongUse(f"no order {order!r}: {', '.join(Order)}")
    address = Address(host=host, port=port, password_file=password_file)
    address.password()
    path = Path(collection).resolve()
    options = LabelOptions(
        collection=collection,
        output=output or Path(f"{path.name if path.is_dir() else path.stem}.labels.csv"),
        labeler=person_name(labeler, "--labeler"),
        order=Order(order),
        overlap=overlap,
        imports=tuple(imports or ()),
        model=model,
        seed=seed,
        may_overwrite=overwrite,
    )
    run = open_collection(options)
    if run.unmatched:
        files = ", ".join(run.unmatched[:MAX_LISTED])
        print_message(f"{len(run.unmatched):,} imported labels name no image or several: {files}")

    announce = announcer(count_text(len(run.candidates), "image") + ".", no_browser)
    run.serve(address, show_headers=show_headers, announce=announce)
    labelled = len({one.image for one in run.store.labels()})
    print_message(f"{options.output}: {count_text(labelled, 'image')} labelled")
    for first, second, images, agree, kappa in run.agreement():
        print_message(
            f"{first} and {second}: {agree} of {images} labels agree, Cohen's kappa "
            f"{kappa or 'not defined'}"
        )
