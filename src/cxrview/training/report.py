"""A finished run -> one page that opens anywhere: figures, curves, recipe, environment."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from cxrview.model.card import Card

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;
color:#222;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse}td,th{padding:.25rem .9rem .25rem 0;text-align:left;
border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right;font-variant-numeric:
tabular-nums}pre{background:#f6f6f6;padding:1rem;white-space:pre-wrap}svg{max-width:100%;height:auto}"""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    lines = (
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def report_page(
    card: Card,
    counts: Sequence[tuple[str, int, int]],
    curves: Mapping[str, tuple[str, str]],
    recipe: str,
    environment: Mapping[str, str],
) -> str:
    """HTML without any outer resource. curves: by net, what was chosen and the figure as SVG."""
    metrics = [
        (m.name, f"{m.value:.2%}", f"{m.low:.2%} - {m.high:.2%}", m.counted) for m in card.metrics
    ]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(card.name)}</title><style>{STYLE}</style>",
        f"<h1>Training of {escape(card.name)}</h1><p>{escape(card.purpose)}</p>",
        "<h2>Measured</h2>",
        _table(("what", "share", "95 % interval", "counted"), metrics)
        if metrics
        else "<p>Nothing: no labelled images were held out.</p>",
        "<h2>Images</h2>",
        _table(("part", "frontal", "lateral"), counts),
    ]
    for name, (chosen, svg) in curves.items():
        parts.append(f"<h2>{escape(name)}</h2><p>{escape(chosen)}</p>{svg[svg.index('<svg') :]}")
    parts += [
        "<h2>Limits</h2><ul>", *(f"<li>{escape(one)}</li>" for one in card.limits), "</ul>",
        "<h2>Model card</h2>", f"<pre>{escape(card.text())}</pre>",
        "<h2>Recipe</h2>", f"<pre>{escape(recipe)}</pre>",
        "<h2>Environment</h2>", _table(("what", "which"), environment.items()), "</html>",
    ]  # fmt: skip
    return "\n".join(parts)
