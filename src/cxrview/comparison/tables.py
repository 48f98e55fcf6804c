"""Results -> tables: CSV for machines, Markdown, HTML and plain text for people."""

import csv
import html
import io
from collections.abc import Iterable, Sequence

from cxrview.comparison.result import Result
from cxrview.comparison.systems import BY_NAME

Rows = Sequence[Sequence[str]]

COLUMNS = (
    "system", "title", "task", "parameters_published_millions", "parameters", "multiply_adds",
    "bytes", "ms_per_picture", "side", "rate", "training_seconds", "passes", "passes_wanted",
    "films", "errors", "accuracy", "accuracy_low", "accuracy_high", "frontals_wrong", "frontals",
    "laterals_wrong", "laterals", "altered_errors", "altered_films", "auroc", "others",
    "others_refused", "remark", "source",
)  # fmt: skip

HEADER = (
    "system", "parameters published", "as built", "multiply-adds", "MB", "ms", "side", "training",
    "errors", "accuracy (95 % interval)", "laterals", "frontals", "altered", "AUROC", "remark",
)  # fmt: skip


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()


def _judgement(result: Result) -> tuple[object, ...]:
    """The columns from films to altered_films; empty for a gate and for what failed."""
    share = result.accuracy
    if share is None:
        return (None,) * 11
    frontals, laterals = result.wrong["unaltered"]
    low, high = share.interval
    return (
        share.total, result.errors, f"{share.value:.5f}", f"{low:.5f}", f"{high:.5f}",
        frontals, result.frontals, laterals, result.laterals,
        result.altered_errors, share.total * len(result.wrong),
    )  # fmt: skip


def _line(result: Result) -> tuple[object, ...]:
    system = BY_NAME[result.system]
    head = (system.name, system.title, system.task, system.published)
    tail = (result.remark, system.source)
    if result.reason:
        return (*head, *(None,) * (len(COLUMNS) - len(head) - len(tail)), *tail)
    auroc = None if result.auroc is None else f"{result.auroc:.4f}"
    return (
        *head, result.parameters, result.multiply_adds, result.stored,
        f"{result.milliseconds:.3f}", result.side, result.rate, f"{result.seconds:.1f}",
        f"{result.passes:.2f}", result.passes_wanted, *_judgement(result), auroc,
        result.others if auroc else None, result.others_refused, *tail,
    )  # fmt: skip


def comparison_csv(results: Sequence[Result]) -> str:
    """One line a system."""
    return _csv(COLUMNS, map(_line, results))


def robustness_csv(results: Sequence[Result]) -> str:
    """One line a system and alteration."""
    header = (
        "system", "alteration", "errors", "share", "frontals_wrong", "laterals_wrong", "films"
    )  # fmt: skip
    lines = []
    for result in results:
        films = result.frontals + result.laterals
        for name, (frontals, laterals) in result.wrong.items():
            errors = frontals + laterals
            share = f"{errors / films:.4f}"
            lines.append((result.system, name, errors, share, frontals, laterals, films))
    return _csv(header, lines)


def amount(number: float) -> str:
    """1234567 -> "1.23 M"."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def cells(result: Result) -> list[str]:
    """One line for people, under HEADER."""
    system = BY_NAME[result.system]
    published = f"{system.published:.3g} M" if system.published else ""
    if result.reason:
        return [system.title, published, *[""] * (len(HEADER) - 3), result.remark]
    line = [
        system.title, published, amount(result.parameters), amount(result.multiply_adds),
        f"{result.stored / 1e6:.3g}", f"{result.milliseconds:.2f}", str(result.side),
        f"{result.seconds:.0f} s",
    ]  # fmt: skip
    share = result.accuracy
    if share is None:
        area = "" if result.auroc is None else f"{result.auroc:.3f}"
        return [*line, *[""] * 5, area, result.remark]
    low, high = share.interval
    frontals, laterals = result.wrong["unaltered"]
    return [
        *line, f"{result.errors}", f"{share.value:.1%} ({low:.1%} - {high:.1%})",
        f"{laterals} of {result.laterals}", f"{frontals} of {result.frontals}",
        f"{result.altered_errors} of {share.total * len(result.wrong)}", "", result.remark,
    ]  # fmt: skip


def altered_cells(results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: errors by alteration, a column for each system that tells views."""
    told = [result for result in results if result.wrong]
    names = list(told[0].wrong) if told else []
    header = ["alteration", *(result.system for result in told)]
    return header, [[n, *(str(sum(result.wrong[n])) for result in told)] for n in names]


def markdown(header: Sequence[str], rows: Rows) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def web(header: Sequence[str], rows: Rows) -> str:
    """An HTML table."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def plain(header: Sequence[str], rows: Rows) -> str:
    """Aligned columns for a terminal; those that are empty throughout are left out."""
    table = [header, *rows]
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    widths = {i: max(len(row[i]) for row in table) for i in kept}
    return "\n".join("  ".join(f"{row[i]:<{widths[i]}}" for i in kept).rstrip() for row in table)
