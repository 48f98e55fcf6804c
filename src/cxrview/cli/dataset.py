"""`cxrview dataset`: a public collection -> one label table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cxrview.datasets.findings import Findings

NAMED = 5  # problems of a kind on the screen
SOME_MISSING = 1


def dataset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="mimic-cxr, mimic-cxr-jpg, chexpert, padchest, nih-cxr14, open-i, vindr-cxr, "
            "covid-chestxray; folders (frontal/, lateral/); dicom (any tree, by its headers).",
            show_default=False,
        ),
    ],
    root: Annotated[
        Path,
        typer.Argument(metavar="ROOT", help="The folder of the collection.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.csv", help="The label table to write.")
    ],
    jobs: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            show_default="one per processor",
            help="Processes that read DICOM headers; 0 reads in this one.",
        ),
    ] = None,
) -> None:
    """Turn a public collection, as it is distributed, into one label table.

    Files that the index names and the disc has not stay out of the table; they are counted, and
    named in FILE.problems.csv, as are files that the index does not name.

    Exit status: 0 all is there, 1 something is missing or unreadable, 2 wrong use.
    """
    import secrets

    from cxrview.datasets.catalogue import catalogue
    from cxrview.datasets.table import Table, write_table
    from cxrview.inference.bulk import available_processors, engine_for

    table = Table(output)
    engine = engine_for(available_processors() if jobs is None else jobs)
    # the key of the pseudonyms is kept nowhere: nobody can try all possible patient numbers
    findings = catalogue(name, root, secrets.token_bytes(32), engine)
    write_table(table, findings, root, name)
    for line in report(findings, table.path, table.problems):
        typer.echo(line, err=True)
    raise typer.Exit(0 if findings.is_whole else SOME_MISSING)


def report(findings: "Findings", path: Path, problems: Path) -> list[str]:
    """What a person wants to know of a table just written."""
    from cxrview.cli.printed import printable

    views = findings.views()
    counts = ", ".join(f"{views[view]:,} {view or 'without a view'}" for view in
                       ("frontal", "lateral", "other", "") if views[view])  # fmt: skip
    lines = [f"{path}: {sum(views.values()):,} images: {counts or 'none'}"]
    if others := findings.others().most_common(NAMED):
        lines.append(
            "other: " + ", ".join(f"{count:,} {printable(word)}" for word, count in others)
        )
    for fault, count in sorted(findings.faults().items()):
        lines.append(f"{fault}: {count:,} (all in {problems})")
        first = [problem for problem in findings.problems if problem.fault == fault][:NAMED]
        lines += [f"  {printable(problem.file)}: {printable(problem.reason)}" for problem in first]
    return lines
