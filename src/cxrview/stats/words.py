"""A survey -> lines for a terminal. Nothing is counted here."""

from collections.abc import Iterator, Sequence
from math import log10

from cxrview.report.text import NONE, counted
from cxrview.stats.folders import FEW, Folder, Level
from cxrview.stats.survey import NO_VERDICT, OUTCOMES, Named, Sizes, Survey

BAR = 40  # characters of the longest
BANDS = 10  # of P(lateral)
Cells = Sequence[str]


def words(survey: Survey) -> Iterator[str]:
    """A page of text, what matters most first."""
    yield from _head(survey)
    for part in (
        _outcomes(survey),
        _headers(survey),
        _named("conflicts, the surest verdicts first", survey.conflicts),
        _named("uncertain, those nearest to one half first", survey.uncertain),
        _folders(survey.level),
        _probabilities(survey),
        _sizes(survey.sizes),
    ):
        lines = list(part)
        yield from ["", *lines] if lines else []


def _head(survey: Survey) -> Iterator[str]:
    by = ", ".join(survey.models)
    made = f", written by cxrview {survey.version}" if survey.version else ""
    yield f"{survey.table}: {counted(survey.rows, 'row')} of {by}{made}"
    yield from warnings(survey)


def warnings(survey: Survey) -> Iterator[str]:
    """What must be known before any number is read."""
    if len(survey.models) > 1:
        each = ", ".join(f"{name} {count:,}" for name, count in survey.models.items())
        yield f"This table holds rows of several models ({each}): what is counted are rows."
    if survey.repeated:
        yield (
            f"{counted(survey.repeated, 'row')} of a file and model that stood there before: "
            "several runs, or tables joined by hand. They are counted as often as they stand there."
        )


def share(part: int, whole: int) -> str:
    """Of a whole, in percent; a dash where there is none."""
    if not whole:
        return NONE
    return f"{part / whole:.2%}".replace("%", " %")


def decided_line(survey: Survey) -> str:
    """How many have a clear answer."""
    return f"decided (frontal or lateral): {survey.decided:,}, {share(survey.decided, survey.rows)}"


def compared_line(survey: Survey) -> str:
    """How headers and pictures stand to each other."""
    said = survey.agreements
    if not survey.compared:
        return "no header says frontal or lateral: there is nothing to compare with"
    return (
        f"headers: {said['agree']:,} agree, {said['conflict']:,} contradict the picture "
        f"({share(said['conflict'], survey.compared)} of {survey.compared:,}), "
        f"{said['absent']:,} cannot be compared"
    )


def aligned(rows: Sequence[Cells]) -> Iterator[str]:
    """Cells as columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        rest = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *rest]).rstrip()


def _outcomes(survey: Survey) -> Iterator[str]:
    found = survey.outcomes
    rows = [("verdict", "rows", "share")]
    rows += [(name, f"{found[name]:,}", share(found[name], survey.rows)) for name in OUTCOMES]
    rows += [
        (f"  {code}", f"{count:,}", share(count, survey.rows))
        for code, count in survey.errors.items()
    ]
    yield from aligned(rows)
    yield decided_line(survey)


def _headers(survey: Survey) -> Iterator[str]:
    yield compared_line(survey)
    if not survey.compared:
        return
    yield from aligned(crossing_cells(survey))
    yield from aligned(source_cells(survey))


def crossing_cells(survey: Survey) -> list[Cells]:
    """Header's view by verdict."""
    rows = [
        (view, *(f"{counts[verdict]:,}" for verdict in OUTCOMES[:-1]))
        for view, counts in survey.crossing.items()
    ]
    return [("header says", *OUTCOMES[:-1]), *rows]


def source_cells(survey: Survey) -> list[Cells]:
    """Where in the header a view was read, by agreement."""
    said = ("agree", "conflict", "absent")
    rows = [
        (name, *(f"{counts[one]:,}" for one in said)) for name, counts in survey.sources.items()
    ]
    return [("read from", *said), *rows]


def named_line(one: Named) -> str:
    """One image."""
    claim = f"header says {one.header_view} ({one.header_source})" if one.header_view else ""
    parts = (one.view, f"P(lateral) {one.p_lateral:.6f}", claim)
    return f"{one.file}: {', '.join(filter(None, parts))}"


def _named(title: str, images: Sequence[Named]) -> Iterator[str]:
    if images:
        yield title
        yield from (f"  {named_line(one)}" for one in images)


def _folders(level: Level | None) -> Iterator[str]:
    if level is None or len(level.folders) < 2:
        return
    yield folders_title(level)
    yield from aligned(folder_cells(level))
    if len(level.folders) > FEW:
        yield f"... and {len(level.folders) - FEW:,} more folders: --json has them all"


def folders_title(level: Level) -> str:
    """Which folders these are."""
    inside = f" in {level.inside}" if level.inside else ""
    return f"by folder{inside} (--depth {level.depth})"


def shown(level: Level) -> tuple[Folder, ...]:
    """All by name; of many, those with the most conflicts."""
    if len(level.folders) <= FEW:
        return level.folders
    ranked = sorted(level.folders, key=lambda one: (-one.agreements.get("conflict", 0), -one.rows))
    return tuple(ranked[:FEW])


def folder_cells(level: Level) -> list[Cells]:
    """One line a folder."""
    header = ("folder", "rows", *OUTCOMES, "conflicts", "of compared")
    return [header, *map(_folder_cells, shown(level))]


def _folder_cells(one: Folder) -> Cells:
    conflicts = one.agreements.get("conflict", 0)
    counts = (one.verdicts.get("" if name == NO_VERDICT else name, 0) for name in OUTCOMES)
    cells = (f"{one.rows:,}", *(share(count, one.rows) for count in counts))
    return one.name, *cells, f"{conflicts:,}", share(conflicts, one.compared)


def _probabilities(survey: Survey) -> Iterator[str]:
    """Bars grow with the number of digits: nearly all films lie at the two ends."""
    steps = survey.p_lateral
    if not any(steps):
        return
    width = len(steps) // BANDS
    bands = [sum(steps[place * width : (place + 1) * width]) for place in range(BANDS)]
    longest = log10(1 + max(bands))
    yield "P(lateral) of chest films (bars: logarithmic)"
    texts = [f"{count:,}" for count in bands]
    for place, (count, text) in enumerate(zip(bands, texts, strict=True)):
        bar = "#" * round(BAR * log10(1 + count) / longest)
        line = (
            f"{place / BANDS:.1f} - {(place + 1) / BANDS:.1f}  {text.rjust(max(map(len, texts)))}"
        )
        yield f"{line}  {bar}".rstrip()


def _sizes(sizes: Sizes) -> Iterator[str]:
    if not sizes.images:
        return
    yield sizes_line(sizes)
    most = (f"{w:,} x {h:,} ({share(n, sizes.images)})" for w, h, n in sizes.common)
    yield f"most often, width x height: {', '.join(most)}"


def sizes_line(sizes: Sizes) -> str:
    """How large the pictures are."""
    least, low, middle, high, most = sizes.quantiles
    return (
        f"long side: {least:,} to {most:,} pixels, median {middle:,}, nine of ten between {low:,} "
        f"and {high:,}; {share(sizes.portrait, sizes.images)} higher than wide, "
        f"{share(sizes.landscape, sizes.images)} wider than high"
    )
