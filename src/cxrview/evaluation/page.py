"""A report and thumbnails -> one HTML page that needs nothing from outside and runs nothing."""

from collections.abc import Mapping
from html import escape

from cxrview.evaluation.report import Report
from cxrview.evaluation.sections import (
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
from cxrview.evaluation.style import STYLE
from cxrview.evaluation.words import forewarnings, joining_lines, scope

# Nothing may be fetched and no script runs, should a name or a picture be cleverer than we are
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

FIGURES_NOTE),
        section("Labels and verdicts", _confusion(report.confusion)),
        section("What can be guaranteed", _claims(report), escape(scope(report.bands))),
        section("Curves", _charts(report), CURVES_NOTE),
        section("By source", _groups(report.sources)) if report.sources else "",
        section("By view as the source calls it", _groups(report.original_views))
        if report.original_views
        else "",
        section("Altered films", _robustness(report), ALTERED_NOTE) if report.robustness else "",
        section("To look at", _gallery(report.doubtful, thumbnails), GALLERY_NOTE),
        _not_joined(report),
        section("How this was made", _making(report)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


FIGURES_NOTE = (
    "At one half: every image that could be read is forced to a view at P(lateral) = 0.5. Decided: "
    "called frontal or lateral by the verdict; an unreadable image is not decided. The intervals "
    "are 95 %: by images after Wilson, by patients from drawing whole patients again. Where there "
    "is no error the second cannot see one: read the first."
)
CURVES_NOTE = (
    "Read from these images after looking at them: the curves describe, they do not guarantee."
)
ALTERED_NOTE = (
    "Each film made small (256 pixels), altered, judged again. Wrong: at one half, whatever the "
    "second network says."
)
GALLERY_NOTE = (
    "Pictures of patients: keep this page where you keep the films. Errors first, then the least "
    "sure. errors.csv lists all that was wrong or undecided."
)


def page_of(report: Report, thumbnails: Mapping[str, str]) -> str:
    """thumbnails: data URI of a picture by the file's name, for those of `report.doubtful` shown."""
    title = f"{report.judge.label} on {report.making.labels}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        "".join(f'<p class="warning">{escape(line)}</p>' for line in forewarnings(report)),
        f"<p>{escape('; '.join(joining_lines(report)))}.</p>",
        section("How good", figures(report.figures),
