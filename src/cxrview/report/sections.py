"""The parts of a report -> pieces of HTML. Everything that comes from outside is escaped here."""

from collections.abc import Mapping, Sequence
from html import escape

from cxrview.metrics.tables import ANSWERS, Figure, Group
from cxrview.report.evaluation_charts import reliability_chart, risk_chart, roc_chart
from cxrview.report.evaluation_report import Doubtful, Report
from cxrview.report.text import claim, exact, percent, rate, spread, value_of

NAMED = 50  # file names of a list that the page shows; report.json has them all


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it."""
    inside = "".join(part if part.startswith("<") else f"<p>{part}</p>" for part in parts)
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text -> a table; every cell is escaped. The first of a row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{inside}</table></div>'


def figures(found: Sequence[Figure]) -> str:
    """All of them."""
    rows = [
        (
            figure.name,
            value_of(figure),
            "" if figure.all is None else f"{figure.hits:,} of {figure.all:,}",
            spread(figure.wilson),
            spread(figure.bootstrap, figure.all is not None),
        )
        for figure in found
    ]
    return table(("", "value", "counted", "by images", "by patients"), rows)


def confusion(counted: Mapping[str, Mapping[str, int]]) -> str:
    """Label by answer."""
    rows = [
        (label, *(f"{counts[answer]:,}" for answer in ANSWERS)) for label, counts in counted.items()
    ]
    return table(("label", *ANSWERS), rows)


def claims(report: Report) -> str:
    """What holds, and what does not."""
    sides = (report.bands.frontal, report.bands.lateral)
    items = "".join(
        f'<li class="{"held" if side.threshold is not None else "refused"}">'
        f"{escape(claim(side, report.bands))}</li>"
        for side in sides
    )
    return f"<p>Asked for: an error of at most {rate(report.bands.max_error)}.</p><ul>{items}</ul>"


def charts(report: Report) -> str:
    """The three curves, and how much can be decided."""
    calibration = report.calibration
    pairs = [
        (reliability_chart(calibration), f"Reliability in ten bins. Expected calibration error "
         f"{exact(calibration.ece)}, Brier score {exact(calibration.brier)}."),
        (risk_chart(report.risk_coverage), "Risk and coverage, the surest images decided first."),
    ]  # fmt: skip
    if report.roc:
        pairs.append((roc_chart(report.roc), "ROC of P(lateral)."))
    drawn = "".join(
        f"<figure>{chart}<figcaption>{escape(words)}</figcaption></figure>"
        for chart, words in pairs
    )
    rows = [
        (f"{100 * float(risk):g} %", percent(share))
        for risk, share in report.risk_coverage.at.items()
    ]
    decided = table(("error among the decided at most", "share of all images decided"), rows)
    return f'<div class="charts">{drawn}</div>{decided}'


def groups(found: Sequence[Group]) -> str:
    """One line a group."""
    rows = [
        (
            group.name,
            f"{group.frontals:,}",
            f"{group.laterals:,}",
            f"{group.wrong.hits:,} of {group.wrong.all:,}",
            spread(group.wrong.wilson),
            spread(group.wrong.bootstrap),
            *(f"{group.answers[answer]:,}" for answer in ANSWERS[2:]),
        )
        for group in found
    ]
    header = ("", "frontals", "laterals", "wrong at one half", "by images", "by patients")
    return table((*header, *ANSWERS[2:]), rows)


def robustness(report: Report) -> str:
    """One line an alteration."""
    rows = [
        (
            line.name,
            percent(line.wrong),
            spread(line.interval),
            f"{line.wrong_frontals:,} / {line.wrong_laterals:,}",
            f"{line.uncertain:,}",
            f"{line.refused:,}",
            f"{line.films:,}",
        )
        for line in report.robustness
    ]
    header = ("", "wrong", "by images", "frontals / laterals", "uncertain", "refused", "films")
    return table(header, rows)


def gallery(doubtful: Sequence[Doubtful], thumbnails: Mapping[str, str]) -> str:
    """Those that have a thumbnail, or wanted one."""
    shown = [one for one in doubtful if one.file in thumbnails]
    if not shown:
        return "<p>No pictures.</p>"
    return f'<div class="gallery">{"".join(card(one, thumbnails[one.file]) for one in shown)}</div>'


def card(one: Doubtful, picture: str) -> str:
    """One image."""
    name, kind = escape(one.file), "error" if one.why.startswith("wrong") else "doubt"
    seen = f'<img src="{escape(picture)}" alt="{name}">' if picture else "<p>no picture</p>"
    return (
        f'<figure class="{kind}">{seen}<figcaption><strong>{escape(one.why)}</strong><br>'
        f"{one.label}, called {one.verdict or 'unreadable'}<br>"
        f"P(lateral) {exact(one.p_lateral)}, P(chest) {exact(one.p_chest)}<br>"
        f'<span class="file">{name}</span></figcaption></figure>'
    )


def not_joined(report: Report) -> str:
    """What the figures do not rest on, by name."""
    joining = report.joining
    lists = (
        ("Labels without a row", joining.labels_without_row),
        ("Labels that are ambiguous", joining.ambiguous),
        ("Rows without a label", joining.rows_without_label),
        ("Unreadable", joining.unreadable),
    )
    return "".join(section(title, name_list(names)) for title, names in lists if names)


def name_list(names: Sequence[str]) -> str:
    """The first of them."""
    items = "".join(f'<li class="file">{escape(name)}</li>' for name in names[:NAMED])
    more = len(names) - NAMED
    rest = f"<p>... and {more:,} more: report.json names them all.</p>" if more > 0 else ""
    return f"<ul>{items}</ul>{rest}"


def making(report: Report) -> str:
    """Where the numbers come from."""
    making, judge = report.making, report.judge
    rows = [
        ("evaluated", judge.given),
        ("model", judge.label),
        ("SHA-256 of the model", judge.sha256 or "not known: only its table was given"),
        ("labels", making.labels),
        ("SHA-256 of the labels", making.labels_sha256),
        ("made", f"{making.created} by cxrview {making.version}"),
        ("drawn again", f"{making.resamples:,} times, seed {making.seed}"),
    ]
    return table(("", ""), rows)
