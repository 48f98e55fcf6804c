"""`cxrview audit`: the view tags of headers, compared with the pixels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.options import (
    AllowUnreadable,
    Jobs,
    Model,
    Overwrite,
    Quiet,
    file_path,
    needs_extra,
)
from cxrview.model.card import DEFAULT_MODEL

if TYPE_CHECKING:
    from cxrview.audit.run import AuditOptions, AuditResult


def audit(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH|TABLE",
            help="Images, a folder or an archive, which are classified first; or a table that "
            "classify wrote (.csv, .jsonl or .parquet) while its images are still there.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            parser=file_path,
            help="Page to write; the table of all findings is FILE.csv beside it.",
        ),
    ] = Path("audit.html"),
    images: Annotated[
        int,
        typer.Option(min=0, max=1000, metavar="N", help="Most findings of each kind on the page."),
    ] = 40,
    metadata: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            parser=file_path,
            help="mimic-cxr-2.0.0-metadata.csv of MIMIC-CXR-JPG, or its .csv.gz: its columns are "
            "the view tags of the images, joined by dicom_id.",
        ),
    ] = None,
    fill: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            parser=file_path,
            help="Copy --metadata and fill blank ViewPositions; the column ViewPosition_source "
            "says by what: header, view code, model or person.",
        ),
    ] = None,
    show_headers: Annotated[
        bool,
        typer.Option(
            "--show-headers",
            help="Also show names of files, and name studies by their Study Instance UID. Both "
            "may lead to patients.",
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    jobs: Jobs = None,
    allow_unreadable: AllowUnreadable = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compare the view tags of headers with the pixels: missing, wrong and contradictory tags.

    Also finds studies whose views are swapped, studies without a frontal, duplicates within a
    study, and inverted and rotated images. Needs the extra `evaluate`. For many images, run
    classify first and audit its table: classify continues after an interruption. To measure how
    often the model itself is wrong, see review --audit.

    Example: cxrview audit studies/ -o audit.html

    Exit status: 0 all images were classified, 1 more than --allow-unreadable could not be read,
    2 wrong use.
    """
    from functools import partial

    from cxrview.cli.messages import exit_status, print_message
    from cxrview.cli.progress import progress
    from cxrview.inference.summary import RunSummary

    with needs_extra("evaluate"):
        from cxrview.audit.run import AuditOptions, run_audit

    options = AuditOptions(
        path=path, page=output, model=model, jobs=jobs, metadata=metadata, filled=fill,
        limit=images, shows_headers=show_headers, may_overwrite=overwrite,
    )  # fmt: skip
    result = run_audit(options, partial(progress, is_quiet=quiet))
    if not quiet:
        for line in report_lines(options, result):
            print_message(line)
    summary = RunSummary()
    for image in result.audit.images:
        summary.add(image.row)
    raise typer.Exit(exit_status(summary, allow_unreadable))


def report_lines(options: "AuditOptions", result: "AuditResult") -> list[str]:
    """What was found, and where it is, line by line."""
    from cxrview.audit.page import TITLES
    from cxrview.report.content import count_text

    audit = result.audit
    images, findings = len(audit.images), len(audit.findings)
    unreadable = sum(image.row.view is None for image in audit.images)
    read = f", {unreadable:,} of them unreadable" if unreadable else ""
    lines = [f"{count_text(images, 'image')}{read}, {count_text(findings, 'finding')}"]
    lines += [f"  {TITLES[kind][0].lower()}: {count:,}" for kind, count in audit.counts.items()]
    if audit.unavailable:
        lines.append(
            f"{count_text(audit.unavailable, 'image')} of the table could not be read again: no "
            "thumbnails, and only the header view of the table counts"
        )
    if audit.missing_rows:
        lines.append(audit.missing_rows)
    lines.append(f"written: {options.page} and {options.table}")
    if options.filled:
        counts = ", ".join(f"{count:,} {by or 'blank'}" for by, count in result.filled.items())
        lines.append(f"written: {options.filled} (ViewPosition by source: {counts})")
    return lines
