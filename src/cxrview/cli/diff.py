"""`cxrview diff`: two tables of verdicts -> what differs between them."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrview.cli.options import file_path, fraction
from cxrview.filenames import escape_name, printable

if TYPE_CHECKING:
    from cxrview.inference.table_diff import Change, Result, TableDiff

DIFFERENT = 1
MAX_EXAMPLES = 10  # files named for each kind of difference


class DiffFormat(StrEnum):
    """Format of the differences on stdout."""

    TEXT = "text"
    JSON = "json"


def diff(
    old: Annotated[
        Path, typer.Argument(parser=file_path, metavar="OLD", help="Table that classify wrote.")
    ],
    new: Annotated[
        Path, typer.Argument(parser=file_path, metavar="NEW", help="A later one of these images.")
    ],
    tolerance: Annotated[
        float,
        typer.Option(
            parser=fraction,
            metavar="P",
            help="Differences of probabilities up to this do not count (0 to 1).",
        ),
    ] = 0.01,
    output_format: Annotated[
        DiffFormat,
        typer.Option(
            "--format", metavar="text|json", help="text names the first files, json all of them."
        ),
    ] = DiffFormat.TEXT,
) -> None:
    """Compare two tables: images added and removed, verdicts and other values that changed.

    Images are the same if their names are.

    Example: cxrview diff previous.csv views.csv

    Exit status: 0 nothing differs, 1 something does, 2 wrong use.
    """
    import json

    from cxrview.inference.table_diff import compare_tables

    found = compare_tables(old, new, tolerance)
    if output_format is DiffFormat.JSON:
        typer.echo(json.dumps(to_plain(found)))
    else:
        for line in lines_of(found, tolerance):
            typer.echo(line)
    raise typer.Exit(DIFFERENT if found else 0)


def lines_of(found: "TableDiff", tolerance: float) -> Iterator[str]:
    """The differences for people: a count and the first files of each kind."""
    yield f"rows: {found.old_rows:,} before, {found.new_rows:,} now, {found.unchanged:,} unchanged"
    if found.old_models != found.new_models:
        yield f"model: {', '.join(found.old_models)} -> {', '.join(found.new_models)}"
    for title, rows in (("added", found.added), ("removed", found.removed)):
        counts = Counter(result.verdict for _, result in rows)
        kinds = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.most_common())
        yield from _section(
            f"{title}: {len(rows):,}{f' ({kinds})' if kinds else ''}",
            [f"{printable(file)}: {result.verdict}" for file, result in rows[:MAX_EXAMPLES]],
            len(rows),
        )
    for title, changes in (
        ("verdict changed", found.verdicts),
        (f"probability changed by more than {tolerance:g}", found.probabilities),
        ("header, pose, warning or UID changed", found.details),
    ):
        lines = [_change_text(change) for change in changes[:MAX_EXAMPLES]]
        yield from _section(f"{title}: {len(changes):,}", lines, len(changes))


def _section(title: str, lines: list[str], count: int) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in lines)
    if count > len(lines):
        yield f"  ... and {count - len(lines):,} more (--format json lists all)"


def _change_text(change: "Change") -> str:
    old, new = change.old, change.new
    verdicts = old.verdict if old.verdict == new.verdict else f"{old.verdict} -> {new.verdict}"
    changes = [
        f"{name} {_number(a)} -> {_number(b)}"
        for name, a, b in (
            ("P(lateral)", old.p_lateral, new.p_lateral),
            ("P(chest)", old.p_chest, new.p_chest),
        )
        if a != b
    ]
    changes += [f"{name} {_value(a)} -> {_value(b)}" for name, (a, b) in old.changes(new).items()]
    return ", ".join([f"{printable(change.file)}: {verdicts}", *changes])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _value(value: object) -> str:
    return printable(str(value)) if value not in (None, "") else "-"


def to_plain(found: "TableDiff") -> dict[str, Any]:
    """All differences as JSON has them."""
    return {
        "old": {"rows": found.old_rows, "models": found.old_models},
        "new": {"rows": found.new_rows, "models": found.new_models},
        "unchanged": found.unchanged,
        "added": [_named(file, result) for file, result in found.added],
        "removed": [_named(file, result) for file, result in found.removed],
        "verdicts": [_plain_change(change) for change in found.verdicts],
        "probabilities": [_plain_change(change) for change in found.probabilities],
        "details": [_plain_change(change) for change in found.details],
    }


def _named(file: str, result: "Result") -> dict[str, Any]:
    return {"file": escape_name(file), **_plain(result)}


def _plain(result: "Result") -> dict[str, Any]:
    return {
        "view": result.verdict, "p_lateral": result.p_lateral, "p_chest": result.p_chest,
        **result.other_values(),
    }  # fmt: skip


def _plain_change(change: "Change") -> dict[str, Any]:
    return {
        "file": escape_name(change.file), "old": _plain(change.old), "new": _plain(change.new)
    }  # fmt: skip
