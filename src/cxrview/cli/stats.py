"""`cxrview stats`: a table of verdicts -> its summary, and a page of charts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrview.cli.options import AsJson, Overwrite, needs_extra
from cxrview.errors import UnusableOutput
from cxrview.filenames import printable

if TYPE_CHECKING:
    from cxrview.atomic import OutputGuard
    from cxrview.stats.survey import Survey

PAGE_SUFFIX = ".html"
CHART_SUFFIXES = (".png", ".pdf", ".svg")


def stats(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="Written by classify: .csv, .jsonl or .parquet.",
            show_default=False,
        ),
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Charts and tables as .html, or the charts as .png, .pdf or .svg; may be repeated."
            " Needs the extra `evaluate`.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=32,
            metavar="N",
            help="Count by the first N folders of the paths.",
            show_default="where they differ",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Summarise a table of verdicts: counts, conflicts with headers, folders, image sizes.

    Reads the table alone and opens no image.

    Example: cxrview stats views.csv -o views.html

    Exit status: 0, or 2 for wrong use.
    """
    import json

    from cxrview.atomic import OutputGuard
    from cxrview.report.content import to_plain
    from cxrview.report.terminal import print_page
    from cxrview.stats.sections import page_of
    from cxrview.stats.survey import survey_of

    outputs, guard = output or [], OutputGuard(overwrite)
    for path in outputs:
        guard.check(path)
        if path.suffix.lower() not in (PAGE_SUFFIX, *CHART_SUFFIXES):
            known = ", ".join((PAGE_SUFFIX, *CHART_SUFFIXES))
            raise UnusableOutput(f"{path} does not end in one of {known}")
    if outputs:
        with needs_extra("evaluate"):
            import cxrview.report.html  # noqa: F401 - before any work
    survey = survey_of(table, depth)
    for path in outputs:
        write_charts(path, survey, guard)
    if as_json:
        typer.echo(json.dumps(to_plain(survey), indent=1))
        return
    print_page(page_of(survey))
    for path in outputs:
        typer.echo(f"written: {printable(str(path))}", err=True)


def write_charts(path: Path, survey: "Survey", guard: "OutputGuard") -> None:
    """Write the page, or the charts as an image, in the format that the ending names."""
    from cxrview.atomic import atomic_write, translate_os_errors
    from cxrview.report.charts import draw_sheet
    from cxrview.report.content import count_text
    from cxrview.report.html import html_page
    from cxrview.stats.sections import charts_of, page_of

    kind = path.suffix.lower()
    with atomic_write(path, guard) as file, translate_os_errors(path):
        if kind == PAGE_SUFFIX:
            file.write(html_page(page_of(survey)).encode())
        else:
            title = f"{Path(survey.table).name}: {count_text(survey.rows, 'row')}"
            file.write(draw_sheet(charts_of(survey), title, kind[1:]))
