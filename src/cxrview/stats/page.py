"""A survey -> one HTML page that needs nothing from outside and runs nothing."""

from collections.abc import Sequence
from html import escape

from cxrview.report.page import framed
from cxrview.report.sections import section, table
from cxrview.stats.drawing import drawn
from cxrview.stats.folders import FEW, Level
from cxrview.stats.panels import Panel, panels_of
from cxrview.stats.survey import NO_VERDICT, Named, Survey
from cxrview.stats.words import (
    compared_line,
    crossing_cells,
    decided_line,
    folder_cells,
    folders_title,
    share,
    sizes_line,
    source_cells,
    warnings,
)

CONFLICT_NOTE = (
    "Where the header contradicts the picture, one of the two is wrong. The surest verdicts first: "
    "there it is most often the header. In the table: agreement is conflict."
)
UNCERTAIN_NOTE = "Those nearest to one half first. In the table: view is uncertain."


def page_of(survey: Survey) -> str:
    """The whole of it."""
    title = f"Views in {survey.table}"
    said = "".join(f'<p class="warning">{escape(line)}</p>' for line in warnings(survey))
    made = f", written by cxrview {survey.version}" if survey.version else ""
    by = escape(f"{survey.rows:,} rows of {', '.join(survey.models)}{made}.")
    parts = [
        f"<h1>{escape(title)}</h1>{said}<p>{by}</p>",
        _outcomes(survey),
        section("At a glance", _charts(panels_of(survey))),
        _headers(survey),
        _images("Conflicts to look at", CONFLICT_NOTE, survey.conflicts),
        _images("Uncertain ones to look at", UNCERTAIN_NOTE, survey.uncertain),
        _folders(survey.level),
        section("Sizes", escape(sizes_line(survey.sizes))) if survey.sizes.images else "",
    ]
    return framed(title, "\n".join(filter(None, parts)))


def _outcomes(survey: Survey) -> str:
    errors = {f"{NO_VERDICT}: {code}": count for code, count in survey.errors.items()}
    counts = {**survey.outcomes, **errors}
    rows = [(name, f"{count:,}", share(count, survey.rows)) for name, count in counts.items()]
    return section("Verdicts", table(("", "rows", "share"), rows), escape(decided_line(survey)))


def _charts(panels: Sequence[Panel]) -> str:
    figures = (
        f"<figure><figcaption>{escape(panel.title)}</figcaption>{drawn(panel)}</figure>"
        for panel in panels
    )
    return f'<div class="charts">{"".join(figures)}</div>'


def _headers(survey: Survey) -> str:
    line = escape(compared_line(survey))
    if not survey.compared:
        return section("Headers", line)
    crossing, *views = crossing_cells(survey)
    sources, *keywords = source_cells(survey)
    return section("Headers", line, table(crossing, views), table(sources, keywords))


def _images(title: str, note: str, images: Sequence[Named]) -> str:
    rows = [
        (one.file, one.view, f"{one.p_lateral:.6f}", one.header_view, one.header_source)
        for one in images
    ]
    header = ("file", "verdict", "P(lateral)", "header says", "read from")
    return section(title, escape(note), table(header, rows)) if rows else ""


def _folders(level: Level | None) -> str:
    if level is None or len(level.folders) < 2:
        return ""
    header, *rows = folder_cells(level)
    more = len(level.folders) - FEW
    rest = f"... and {more:,} more folders; those with the most conflicts are shown."
    title = folders_title(level).capitalize()
    return section(title, table(header, rows), *([rest] if more > 0 else []))
