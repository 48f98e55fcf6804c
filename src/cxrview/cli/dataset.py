"""`cxrview dataset`: a public collection -> a label table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.options import Jobs, Overwrite, file_path

if TYPE_CHECKING:
    from cxrview.datasets.listing import CollectionListing, LabelTable

MAX_SHOWN_PROBLEMS = 5  # problems of each kind in the terminal
INCOMPLETE = 1


def dataset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="mimic-cxr, mimic-cxr-jpg, chexpert, chexpert-valid, padchest, nih-cxr14, open-i, "
            "vindr-cxr, covid-chestxray; folders (frontal/, lateral/); dicom (any tree, by its "
            "headers).",
            show_default=False,
        ),
    ],
    root: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The folder of the collection.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.csv", parser=file_path, help="Label table to write."
        ),
    ],
    overwrite: Overwrite = False,
    jobs: Jobs = None,
) -> None:
    """Convert a public collection, as it is distributed, into one label table.

    Files that are in the index and not on disk, or in the index with different views, are left out
    of the table. They are counted, and listed in FILE.problems.csv, like files that are on disk and
    not in the index.

    Example: cxrview dataset nih-cxr14 /data/nih-cxr14 -o labels.csv

    Exit status: 0 complete, 1 something is missing or unreadable, 2 wrong use.
    """
    import secrets

    from cxrview.cli.progress import observed
    from cxrview.datasets.catalogue import list_collection
    from cxrview.datasets.listing import LabelTable, write_listing
    from cxrview.engines.local import engine_for

    table = LabelTable(output, overwrite)
    engine = observed(engine_for(jobs))
    # The key of the pseudonyms is not stored: nobody can hash all possible patient numbers.
    listing = list_collection(name, root, secrets.token_bytes(32), engine)
    write_listing(table, listing, root, name)
    for line in report(listing, table):
        typer.echo(line, err=True)
    raise typer.Exit(0 if listing.is_complete else INCOMPLETE)


def report(listing: "CollectionListing", table: "LabelTable") -> list[str]:
    """Return the lines of the summary: counts of views and problems, and the first problems."""
    from cxrview.filenames import printable
    from cxrview.report.content import count_text

    views = listing.views()
    counts = ", ".join(f"{views[view]:,} {view or 'without a view'}" for view in
                       ("frontal", "lateral", "other", "") if views[view])  # fmt: skip
    lines = [f"{table.path}: {count_text(sum(views.values()), 'image')}: {counts or 'none'}"]
    if other := listing.other_views().most_common(MAX_SHOWN_PROBLEMS):
        lines.append("other: " + ", ".join(f"{n:,} {printable(word)}" for word, n in other))
    for kind, count in sorted(listing.problem_kinds().items()):
        lines.append(f"{kind}: {count:,} (all in {table.problems})")
        first = [problem for problem in listing.problems if problem.kind == kind][
            :MAX_SHOWN_PROBLEMS
        ]
        lines += [f"  {printable(problem.file)}: {printable(problem.reason)}" for problem in first]
    return lines
