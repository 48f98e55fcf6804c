"""`cxrview classify`: images -> a row with a verdict for each, in a table, a pipe or on screen."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.options import (
    AllowUnreadable,
    Jobs,
    Model,
    OutputFormat,
    Overwrite,
    Quiet,
    file_path,
)
from cxrview.model.card import DEFAULT_MODEL

if TYPE_CHECKING:
    from cxrview.inference.chunks import Shard

STDOUT = "-"


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders, globs, zip or tar archives, s3://..., @list.txt; - reads a "
            "list of paths from stdin.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet; - writes CSV to stdout. Without this "
            "option: stdout, but on a terminal more than 40 rows go into cxrview-views.csv.",
        ),
    ] = None,
    output_format: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            metavar="csv|json|jsonl",
            help="Print the rows in this format. json: an object for a PATH that is one file, else "
            "a list.",
        ),
    ] = None,
    jobs: Jobs = None,
    model: Model = DEFAULT_MODEL,
    link_into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=file_path,
            help="Sort the images by links into DIR/frontal, lateral, uncertain, not_chest. "
            "Unreadable files are not placed: write a table with -o to see them.",
        ),
    ] = None,
    copy_into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", parser=file_path, help="Sort them in the same way by copies."),
    ] = None,
    keep_tree: Annotated[
        bool,
        typer.Option("--keep-tree", help="Keep the folders of the images when they are sorted."),
    ] = False,
    resort: Annotated[
        bool,
        typer.Option("--resort", help="Move the images that another model has sorted there."),
    ] = False,
    upright: Annotated[
        bool,
        typer.Option(
            "--upright",
            help="Turn the copies of --copy-into upright and bone bright, without loss: DICOM "
            "stays DICOM, everything else becomes PNG.",
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            parser=file_path,
            help="Contact sheet of images that need a look: conflicts and uncertain ones first.",
        ),
    ] = None,
    sheet_images: Annotated[
        int, typer.Option(min=1, max=2000, metavar="N", help="Most images on the sheet.")
    ] = 60,
    review_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            parser=file_path,
            help="Table of the images that need a look, and why: conflict, uncertain, not_chest, "
            "error, warning, or a verdict near a threshold.",
        ),
    ] = None,
    ids: Annotated[
        bool,
        typer.Option(
            "--ids",
            help="Add columns that identify a DICOM file: SOP, series and study instance UID, "
            "modality, body part, laterality.",
        ),
    ] = False,
    with_accession: Annotated[
        bool,
        typer.Option("--with-accession", help="With --ids: the accession number as well."),
    ] = False,
    engine: Annotated[
        str,
        typer.Option(metavar="local|ray", help="Work on this machine, or on a Ray cluster."),
    ] = "local",
    ray_address: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of an existing Ray cluster. Default: start a local one.",
        ),
    ] = "",
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Classify all images again; not with --part."),
    ] = False,
    overwrite: Overwrite = False,
    part: Annotated[
        str,
        typer.Option(
            metavar="K/N",
            help="Classify only share K of N, in one of N jobs; `cxrview join` makes the table.",
        ),
    ] = "",
    allow_unreadable: AllowUnreadable = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=file_path,
            help="Append times, counts and versions to this file as JSON lines; no names of files.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Classify chest radiographs as frontal or lateral: one row for each image.

    The verdicts are frontal, lateral, uncertain and not_chest. The row also holds the view that a
    DICOM header claims, and whether the two agree. The header never chooses between frontal and
    lateral; a Modality such as MR makes the verdict not_chest.

    With -o, run the same command again after an interruption: it continues where it stopped. After
    a complete run it classifies only files that are new or have changed. Without a table every run
    starts anew.

    Example: cxrview classify studies/ -o views.csv --review-list review.csv

    Exit status: 0 all images were classified, 1 more than --allow-unreadable could not be read
    (their rows give the reason), 2 wrong use.
    """
    from contextlib import nullcontext

    from cxrview.engines.process import early_worker

    has_workers = jobs != 0 and engine == "local"
    modules = ("cxrview.inference.classification", "cxrview.readers.decode")
    with early_worker(*modules) if has_workers else nullcontext():
        from cxrview.cli.classify_run import Reporting, perform
        from cxrview.errors import WrongUse
        from cxrview.inference.options import ClassifyOptions, EngineKind
        from cxrview.inference.sorting import PlacementMode
        from cxrview.rows import Identity

        if output_format and output not in (None, STDOUT):
            raise WrongUse("--format is for stdout; the ending of -o decides the format of a table")
        if with_accession and not ids:
            raise WrongUse("--with-accession is for --ids")
        if link_into and copy_into:
            raise WrongUse("--link-into and --copy-into exclude each other")
        if engine not in list(EngineKind):
            raise WrongUse(f"no engine {engine!r}: {', '.join(EngineKind)}")
        options = ClassifyOptions(
            paths=tuple(paths),
            table=None if output in (None, STDOUT) else Path(output or ""),
            jobs=jobs,
            model=model,
            sort_into=link_into or copy_into,
            placement=PlacementMode.LINK if link_into else PlacementMode.COPY,
            keeps_tree=keep_tree,
            resort=resort,
            upright=upright,
            sheet=sheet,
            sheet_images=sheet_images,
            review_list=review_list,
            log_file=log,
            identity=Identity(accession_number="" if with_accession else None) if ids else None,
            engine=EngineKind(engine),
            ray_address=ray_address,
            is_fresh=fresh,
            may_overwrite=overwrite,
            shard=shard_of(part) if part else None,
        )
        if output == STDOUT:
            output_format = output_format or OutputFormat.CSV
        reporting = Reporting(output_format=output_format, is_quiet=quiet, allowed=allow_unreadable)
        raise typer.Exit(perform(options, reporting))


def shard_of(text: str) -> "Shard":
    """K/N -> Shard; raises WrongUse unless 1 <= K <= N."""
    from cxrview.errors import WrongUse
    from cxrview.inference.chunks import Shard

    match = re.fullmatch(r"0*([0-9]{1,6})/0*([0-9]{1,6})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise WrongUse(f"--part is K/N, from 1/N to N/N, not {text}")
    return Shard(int(match[1]), int(match[2]))
