"""Results and settings -> comparison.md and index.html, the same in two spellings."""

import html
from collections.abc import Sequence
from typing import Any

from cxrview.comparison.result import Result
from cxrview.comparison.systems import BY_NAME
from cxrview.comparison.tables import HEADER, altered_cells, cells, markdown, web

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 100em; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ccc; padding: .25em .6em; text-align: left; vertical-align: top }
thead th { border-bottom: 2px solid #555 }
"""

NOTES = (
    "Parameters as published: with the 1,000 classes of ImageNet; as built: with the one output "
    "that is needed here. Multiply-adds and milliseconds (median, one core, processor time, "
    "float32, without reading and preparing) are for one picture at the side given; MB are those "
    "of the weights in float32.",
    "Errors are forced choices at one half on films of patients that nothing was taught of. "
    "Altered: errors under all alterations together, the unaltered film among them.",
    "AUROC: of chest films against pictures that are none, for the gates.",
    "A training ends with its passes or with its minutes, whichever is first: where a remark says "
    "that it was stopped, the row tells what the budget bought, not what the net can do.",
)


def introduction(settings: dict[str, Any]) -> list[str]:
    """Sentences: the split, the protocol, the machine."""
    taught, held = settings["split"]["taught"], settings["split"]["held_out"]
    protocol = settings["decisive"]
    return [
        f"Taught on {taught['films']:,} films ({taught['laterals']} lateral) of "
        f"{taught['patients']:,} patients, tested on {held['films']:,} ({held['laterals']} "
        f"lateral) of {held['patients']:,} others: one split, the same for all. Always to say "
        f"frontal would be right on {1 - held['laterals'] / held['films']:.1%} of them.",
        f"At most {protocol['passes']} passes and {protocol['minutes']:g} minutes of processor "
        f"time each; balanced batches of {protocol['batch']}, {protocol['optimiser']}; "
        f"seed {protocol['seed']}.",
        f"{settings['date']}; {settings['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in settings["libraries"].items())
        + ".",
    ]


def sources(results: Sequence[Result]) -> list[str]:
    """Where each system comes from."""
    systems = [BY_NAME[result.system] for result in results]
    return [f"{system.title}: {system.source}." for system in systems]


def markdown_report(results: Sequence[Result], settings: dict[str, Any]) -> str:
    """The page as Markdown."""
    header, rows = altered_cells(results)
    parts = [
        "# Comparison\n",
        *(f"{text}\n" for text in introduction(settings)),
        markdown(HEADER, [cells(result) for result in results]),
        *(f"{text}\n" for text in NOTES),
        *(["## Errors by alteration\n", markdown(header, rows)] if rows else []),
        "## Sources\n",
        "".join(f"- {text}\n" for text in sources(results)),
    ]
    return "\n".join(parts)


def web_report(results: Sequence[Result], settings: dict[str, Any]) -> str:
    """The page as one HTML file that needs no other."""
    header, rows = altered_cells(results)
    said = "".join(f"<p>{html.escape(text)}</p>\n" for text in introduction(settings))
    notes = "".join(f"<p>{html.escape(text)}</p>\n" for text in NOTES)
    named = "".join(f"<li>{html.escape(text)}</li>\n" for text in sources(results))
    altered = f"<h2>Errors by alteration</h2>\n{web(header, rows)}" if rows else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>cxrview: comparison</title><style>{STYLE}</style></head><body>\n"
        f"<h1>Comparison</h1>\n{said}{web(HEADER, [cells(result) for result in results])}{notes}"
        f"{altered}<h2>Sources</h2>\n<ul>\n{named}</ul>\n</body></html>\n"
    )
