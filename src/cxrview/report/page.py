"""A report and thumbnails -> one HTML page that needs nothing from outside and runs nothing."""

from collections.abc import Mapping
from html import escape

from cxrview.report.evaluation_report import Report
from cxrview.report.sections import (
    charts,
    claims,
    confusion,
    figures,
    gallery,
    groups,
    making,
    not_joined,
    robustness,
    section,
)
from cxrview.report.style import STYLE
from cxrview.report.text import forewarnings, joining_lines, scope

# Nothing may be fetched and no script runs, should a name or a picture be cleverer than we are
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

FIGURES_NOTE = (
    "At one half: every image that could be read is forced to a view at P(lateral) = 0.5. "
    "Sensitivity: laterals found; specificity: frontals found. Decided: "
    "called frontal or lateral by the verdict; an unreadable image is not decided. The intervals "
    "are 95 %: by images after Wilson, by patients from drawing whole patients again. Where there "
    "is no error the second cannot see one: read the first."
)
CURVES_NOTE = (
    "Read from these images after looking at them: the curves describe, they do not guarantee."
)
ALTERED_NOTE = (
    "Each film made small (256 pixels, whole grey levels; unaltered films can differ by a few from "
    "the figures above), altered, judged again. Wrong: at one half, whatever the second network "
    "says."
)
GALLERY_NOTE = (
    "Pictures of patients: keep this page where you keep the films. Errors first, then the least "
    "sure. errors.csv lists all that was wrong or undecided."
)


def page_of(report: Report, thumbnails: Mapping[str, str]) -> str:
    """thumbnails: data URI by file, of those of `report.doubtful` that are to be shown."""
    title = f"{report.judge.label} on {report.making.labels}"
    warnings = "".join(f'<p class="warning">{escape(line)}</p>' for line in forewarnings(report))
    parts = [
        f"<h1>{escape(title)}</h1>{warnings}",
        f"<p>{escape('; '.join(joining_lines(report)))}.</p>",
        section("How good", figures(report.figures), FIGURES_NOTE),
        section("Labels and verdicts", confusion(report.confusion)),
        section("What can be guaranteed", claims(report), escape(scope(report.bands))),
        section("Curves", charts(report), CURVES_NOTE),
        *(
            section(words, groups(found))
            for words, found in (
                ("By source", report.sources),
                ("By view as the source calls it", report.original_views),
            )
            if found
        ),
        section("Altered films", robustness(report), ALTERED_NOTE) if report.robustness else "",
        section("To look at", GALLERY_NOTE, gallery(report.doubtful, thumbnails)),
        not_joined(report),
        section("How this was made", making(report)),
    ]
    return framed(title, "\n".join(filter(None, parts)))


def framed(title: str, inside: str) -> str:
    """The document around its sections."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{inside}\n</main>\n</body>\n</html>\n"
    )
