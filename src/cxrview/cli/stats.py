"""`cxrview stats`: a table of verdicts -> its summary, and one page of plots."""

from pathlib import Path
from typing import Annotated

import typer

from cxrview.errors import MissingExtra, UnusableOutput

PAGE = ".html"
PLOTS = (".png", ".pdf", ".svg")


def stats(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="What classify wrote: .csv, .jsonl or .parquet.",
            show_default=False,
        ),
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A page of plots: .html, .png, .pdf or .svg; may be given several times.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=32,
            metavar="N",
            help="Count by the first N folders of the paths.",
            show_default="where they part into 2 to 20",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """What is in a table of verdicts: counts, headers that contradict, folders, sizes.

    The figures are of the table alone; no image is opened. Exit status: 0, or 2 wrong use.
    """
    import json

    from cxrview.atomic import atomic_write, translate_os_errors
    from cxrview.filenames import printable
    from cxrview.report.json_values import to_plain
    from cxrview.stats.counting import survey_of
    from cxrview.stats.page import page_of
    from cxrview.stats.panels import panels_of, short
    from cxrview.stats.words import words

    wanted = output or []
    for path in wanted:
        if path.suffix.lower() not in (PAGE, *PLOTS):
            known = ", ".join((PAGE, *PLOTS))
            raise UnusableOutput(f"{path} does not end in one of {known}")
    if any(path.suffix.lower() in PLOTS for path in wanted):
        try:
            from cxrview.stats.figure import drawn_by
        except ModuleNotFoundError as error:
            what = f"plots need {error.name}: pip install 'cxrview[plots]', or write .html"
            raise MissingExtra(what) from error
    survey = survey_of(table, depth)
    for path in wanted:
        kind = path.suffix.lower()
        with atomic_write(path) as file, translate_os_errors(path):
            if kind == PAGE:
                file.write(page_of(survey).encode())
            else:
                title = f"{short(table.name)}: {survey.rows:,} rows"
                file.write(drawn_by(panels_of(survey), title, kind[1:]))
    if as_json:
        typer.echo(json.dumps(to_plain(survey), indent=1))
        return
    for line in words(survey):
        typer.echo(printable(line))
    for path in wanted:
        typer.echo(f"the page is {printable(str(path))}", err=True)
