"""`cxrview review`: pages on which people check and correct the verdicts of a table."""

import getpass
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.messages import print_message
from cxrview.cli.options import (
    Host,
    NoBrowser,
    Overwrite,
    PasswordFile,
    Port,
    Seed,
    file_path,
    needs_extra,
)
from cxrview.report.content import count_text

if TYPE_CHECKING:
    from cxrview.pages.review_server import ReviewOptions
    from cxrview.pages.server import Address

MIN_AUDIT = 20  # images; fewer say nothing about any verdict


def review(
    table: Annotated[
        Path,
        typer.Argument(
            parser=file_path,
            metavar="TABLE",
            help="Written by classify: .csv, .jsonl or .parquet. It is not changed.",
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
            help="Label table of the corrections to write; the corrected copy of TABLE and the "
            "files of --audit get names that begin alike.",
            show_default="beside TABLE: views.csv -> views.corrections.csv",
        ),
    ] = None,
    reviewer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Your name in the tables.",
            show_default="that of the user account",
        ),
    ] = "",
    audit: Annotated[
        int | None,
        typer.Option(
            min=MIN_AUDIT,
            metavar="N",
            help="Instead of correcting: label N images drawn at random, stratified by verdict, "
            "without seeing their verdicts, to measure how many verdicts are wrong. Needs the "
            "extra `evaluate`. (The command `audit` is something else: it compares headers with "
            "images.)",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    show_headers: Annotated[
        bool,
        typer.Option(
            "--show-headers",
            help="Also show names of files and folders, and header fields. They may name patients.",
        ),
    ] = False,
    port: Port = 0,
    host: Host = "127.0.0.1",
    password_file: PasswordFile = None,
    no_browser: NoBrowser = False,
    overwrite: Overwrite = False,
) -> None:
    """Check the verdicts of a table on contact sheets in the browser, and correct them by keys.

    Every correction is stored in FILE.csv.history at once. Ctrl-C ends the server and writes the
    label table and a corrected copy of TABLE. The same command continues the work.

    Example: cxrview review views.csv -o corrections.csv --reviewer lee

    Exit status: 0, or 2 for wrong use.
    """
    from cxrview.errors import WrongUse

    with needs_extra("pages"):
        from cxrview.pages.review_server import ReviewOptions
        from cxrview.pages.server import Address

    address = Address(host=host, port=port, password_file=password_file)
    address.password()
    options = ReviewOptions(
        table=table,
        output=output or table.with_name(f"{table.stem}.corrections.csv"),
        reviewer=person_name(reviewer, "--reviewer"),
        may_overwrite=overwrite,
    )
    if audit is None:
        correct(options, address, show_headers, no_browser)
    elif show_headers:
        raise WrongUse("--show-headers shows what --audit must hide: leave it out")
    else:
        measure(options, audit, seed, address, no_browser)


def person_name(text: str, option: str) -> str:
    """Return the name of the person, by default that of the user account. Raises WrongUse."""
    from cxrview.errors import WrongUse
    from cxrview.pages.access import RULE_OF_NAMES, is_name

    name = text.strip()
    with suppress(KeyError, OSError):  # in a container the user may have no account
        name = name or getpass.getuser()
    if not name:
        raise WrongUse(f"this user has no account here: state your name with {option}")
    if not is_name(name):
        raise WrongUse(f"{option} {name!r}: use a short name, {RULE_OF_NAMES}")
    return name


def announcer(first_line: str, no_browser: bool) -> Callable[[str], None]:
    """Return the function that prints the address of the pages and opens it."""
    from cxrview.pages.server import open_browser

    def announce(url: str) -> None:
        print_message(f"{first_line} Open this address; it works once:\n{url}")
        print_message("Ctrl-C ends the server and writes the files.")
        if not no_browser:
            open_browser(url)

    return announce


def correct(
    options: "ReviewOptions", address: "Address", show_headers: bool, no_browser: bool
) -> None:
    """Serve the contact sheets until Ctrl-C."""
    from cxrview.pages.review_server import open_review
    from cxrview.pages.review_table import Show

    run = open_review(options)
    needed = run.table.count(Show.NEEDS_LOOK)
    first_line = f"{count_text(len(run.table), 'row')}, {needed:,} of them to look at."
    run.serve(address, show_headers=show_headers, announce=announcer(first_line, no_browser))
    checked = len(run.corrections.views())
    if not checked:
        print_message("Nothing was checked.")
        return
    print_message(
        f"{options.output}: {count_text(checked, 'image')} checked, "
        f"{count_text(run.corrections.changed(), 'verdict')} corrected\n{options.copy}: a copy of "
        f"{options.table} with the columns view_corrected, corrected_by"
    )


def measure(
    options: "ReviewOptions", count: int, seed: int, address: "Address", no_browser: bool
) -> None:
    """Serve the sample of a blind audit until Ctrl-C."""
    with needs_extra("evaluate"):
        from cxrview.pages.blind_audit import open_audit

    run = open_audit(options, count, seed)
    rows = count_text(len(run.table), "row")
    first_line = f"{len(run.rows):,} of {rows}, {run.remaining:,} of them without a label."
    run.serve(address, announcer(first_line, no_browser))
    if run.remaining:
        left = count_text(run.remaining, "image")
        print_message(f"{left} left to label: the same command continues.")
    else:
        print_message(f"{run.report_path}: the report; {run.labels.path}: the labels")
