"""Survey -> the page of `cxrview stats`: sentences, tables and charts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from cxrview.report.content import (
    Bar,
    BarChart,
    Block,
    Chart,
    Charts,
    Histogram,
    Page,
    Paragraph,
    Section,
    Table,
    count_text,
    counts_table,
    share_text,
    table_of,
)
from cxrview.rows import ROTATIONS
from cxrview.stats.folders import Folder, FolderLevel
from cxrview.stats.survey import POLARITIES, SIZE_BIN_PIXELS, UNKNOWN, ListedRow, Survey
from cxrview.views import OUTCOMES, UNREADABLE, View

MAX_LISTED_FOLDERS = 20  # that are listed

CONFLICT_NOTE = (
    "Where the header contradicts the image, one of the two is wrong. The verdicts with the "
    "highest confidence come first: there it is most often the header. All conflicts have the "
    "agreement `conflict` in the table."
)
UNCERTAIN_NOTE = "The nearest to P(lateral) = 0.5 come first. All have the view `uncertain`."


def page_of(survey: Survey) -> Page:
    """The whole page."""
    written_by = f", written by cxrview {survey.version}" if survey.version else ""
    models = ", ".join(survey.models)
    sections = [
        _verdict_section(survey),
        Section("Charts", (Charts(charts_of(survey)),)),
        _header_section(survey),
        _pose_section(survey),
        _review_section(survey),
        _list_section("Conflicts to review", CONFLICT_NOTE, survey.conflicts),
        _list_section("Uncertain images to review", UNCERTAIN_NOTE, survey.uncertain),
        _folder_section(survey.level),
        _size_section(survey),
    ]
    return Page(
        title=f"Views in {survey.table}",
        introduction=(
            *(Paragraph(text, is_warning=True) for text in warnings(survey)),
            Paragraph(f"{count_text(survey.rows, 'row')} of {models}{written_by}."),
        ),
        sections=tuple(section for section in sections if section),
    )


def warnings(survey: Survey) -> Iterator[str]:
    """What the reader must know before any number."""
    if len(survey.models) > 1:
        models = ", ".join(f"{name} {count:,}" for name, count in survey.models.items())
        yield f"This table holds rows of several models ({models}); all counts are of rows."
    if survey.repeated:
        yield (
            f"{count_text(survey.repeated, 'row')} repeat the file and model of an earlier row, as "
            "after several runs or in concatenated tables. They are counted each time."
        )


def _verdict_section(survey: Survey) -> Section:
    errors = {f"{UNREADABLE}: {code}": count for code, count in survey.errors.items()}
    rows = tuple(
        (name, f"{count:,}", share_text(count, survey.rows))
        for name, count in {**survey.outcomes, **errors}.items()
    )
    decided = f"{survey.decided:,} ({share_text(survey.decided, survey.rows)})"
    sentence = f"Decided (frontal or lateral): {decided}."
    return Section("Verdicts", (Table(("verdict", "rows", "share"), rows), Paragraph(sentence)))


def _header_section(survey: Survey) -> Section:
    stated = sum(sum(survey.verdicts_by_header[view].values()) for view in View)
    if not stated:
        sentence = "No header names a frontal or lateral view, so there is nothing to compare with."
        return Section("Headers", (Paragraph(sentence),))
    counts = survey.agreements
    sentence = (
        f"{count_text(counts['agree'], 'header agrees', 'headers agree')} with the image, "
        f"{counts['conflict']:,} contradict it "
        f"({share_text(counts['conflict'], survey.compared)} of {survey.compared:,}), "
        f"{counts['absent']:,} cannot be compared."
    )
    if not survey.compared:
        sentence = (
            f"{count_text(stated, 'header names', 'headers name')} a frontal or lateral view, but "
            "no verdict of these images is frontal or lateral, so there is nothing to compare."
        )
    verdicts = counts_table("view in header", OUTCOMES[:-1], survey.verdicts_by_header)
    sources = counts_table("read from", ("agree", "conflict", "absent"), survey.sources)
    return Section("Headers", (Paragraph(sentence), verdicts, sources))


def _pose_section(survey: Survey) -> Section | None:
    """How the chest radiographs lie; None where the model determines neither."""
    poses, known = survey.poses, [name for name in POLARITIES.values() if name != UNKNOWN]
    total = sum(sum(row.values()) for row in poses.values())
    if poses[UNKNOWN][UNKNOWN] == total:
        return None
    rotated = sum(sum(poses[str(degrees)].values()) for degrees in ROTATIONS if degrees)
    dark = sum(row[POLARITIES["true"]] for row in poses.values())
    sentence = (
        f"Of {count_text(total, 'chest radiograph')}, {rotated:,} "
        f"({share_text(rotated, total)}) are rotated and {dark:,} ({share_text(dark, total)}) "
        "inverted (bone dark). The rotation is in degrees clockwise that make the image upright."
    )
    table = counts_table("rotation", (*known, UNKNOWN), poses)
    return Section("Rotation and polarity", (table, Paragraph(sentence)))


def _review_section(survey: Survey) -> Section | None:
    total = sum(survey.reviews.values())
    rows = tuple(
        (name, f"{n:,}", share_text(n, survey.rows)) for name, n in survey.reviews.items() if n
    )
    note = f"{count_text(total, 'image')} to look at: cxrview list {survey.table} --needs-review."
    return (
        Section("To review", (Table(("reason", "rows", "share"), rows), Paragraph(note)))
        if rows
        else None
    )


def _list_section(title: str, note: str, images: Sequence[ListedRow]) -> Section | None:
    table = table_of(
        images,
        {
            "file": lambda one: one.file,
            "verdict": lambda one: one.view,
            "P(lateral)": lambda one: f"{one.p_lateral:.6f}",
            "view in header": lambda one: one.header_view,
            "read from": lambda one: one.header_source,
        },
    )
    return Section(title, (Paragraph(note), table)) if images else None


def _folder_section(level: FolderLevel | None) -> Section | None:
    if level is None or len(level.folders) < 2:
        return None
    table = table_of(
        shown_folders(level),
        {
            "folder": lambda one: one.name,
            "rows": lambda one: one.rows,
            **{name: partial(_outcome_share, name) for name in OUTCOMES},
            "conflicts": lambda one: one.conflicts,
            "of compared": lambda one: share_text(one.conflicts, one.compared),
        },
    )
    blocks: list[Block] = [table]
    more = len(level.folders) - MAX_LISTED_FOLDERS
    if more > 0:
        note = f"--json also has the other {more:,}"
        blocks.append(Paragraph(f"The folders with the most conflicts are listed; {note}."))
    return Section(f"Counts {_level_title(level)}", tuple(blocks))


def _outcome_share(name: str, folder: Folder) -> str:
    return share_text(_outcomes(folder)[name], folder.rows)


def shown_folders(level: FolderLevel) -> tuple[Folder, ...]:
    """All folders by name; of many, those with the most conflicts."""
    if len(level.folders) <= MAX_LISTED_FOLDERS:
        return level.folders
    ranked = sorted(level.folders, key=lambda one: (-one.conflicts, -one.rows))
    return tuple(ranked[:MAX_LISTED_FOLDERS])


def _level_title(level: FolderLevel) -> str:
    inside = f" in {level.inside}" if level.inside else ""
    return f"by folder{inside} (--depth {level.depth})"


def _outcomes(folder: Folder) -> dict[str, int]:
    return {name: folder.verdicts.get("" if name == UNREADABLE else name, 0) for name in OUTCOMES}


def _size_section(survey: Survey) -> Section | None:
    sizes = survey.sizes
    if not sizes.images:
        return None
    smallest, low, median, high, largest = sizes.quantiles
    common = (f"{w:,} x {h:,} ({share_text(count, sizes.images)})" for w, h, count in sizes.common)
    sides = (
        f"Long side: {smallest:,} to {largest:,} pixels, median {median:,}, 90 % between {low:,} "
        f"and {high:,}. {share_text(sizes.portrait, sizes.images)} are higher than wide, "
        f"{share_text(sizes.landscape, sizes.images)} wider than high."
    )
    frequent = f"Most frequent sizes, width x height: {', '.join(common)}."
    return Section("Sizes", (Paragraph(sides), Paragraph(frequent)))


def charts_of(survey: Survey) -> tuple[Chart, ...]:
    """At most seven charts; those without data are left out."""
    level = survey.level if survey.level and len(survey.level.folders) > 1 else None
    bar_charts = [
        _outcome_chart(survey),
        _header_chart(survey),
        *([_folder_chart(level), _conflict_chart(level)] if level else []),
        _error_chart(survey),
    ]
    bins = len(survey.p_lateral)
    sides = survey.sizes.long_sides
    used = max((number + 1 for number, count in enumerate(sides) if count), default=0)
    histograms = (
        Histogram(
            title="Confidence",
            axis_label="P(lateral) of chest radiographs",
            edges=tuple(round(n / bins, 6) for n in range(bins + 1)),
            counts=survey.p_lateral,
            is_log=True,
        ),
        Histogram(
            title="Sizes",
            axis_label="long side in pixels",
            edges=tuple(SIZE_BIN_PIXELS * n for n in range(used + 1)),
            counts=sides[:used],
        ),
    )
    return (
        *(chart for chart in bar_charts if chart.bars),
        *(histogram for histogram in histograms if any(histogram.counts)),
    )


def _outcome_chart(survey: Survey) -> BarChart:
    bars = tuple(
        Bar(name, ((name, count),), f"{count:,} ({share_text(count, survey.rows)})")
        for name, count in survey.outcomes.items()
    )
    return BarChart(title="Verdicts", axis_label="rows", bars=bars)


def _header_chart(survey: Survey) -> BarChart:
    bars = tuple(
        _stacked_bar(f"header: {name}", counts)
        for name, counts in survey.verdicts_by_header.items()
        if any(counts.values())
    )
    return BarChart(
        title="Header and verdict",
        axis_label="share of rows with a verdict",
        bars=bars,
        limit=1.0,
        legend=OUTCOMES[:-1],
    )


def _folder_chart(level: FolderLevel) -> BarChart:
    bars = tuple(_stacked_bar(one.name, _outcomes(one)) for one in shown_folders(level))
    return BarChart(
        title=f"Verdicts {_level_title(level)}",
        axis_label="share of rows",
        bars=bars,
        limit=1.0,
        legend=OUTCOMES,
    )


def _conflict_chart(level: FolderLevel) -> BarChart:
    bars = tuple(
        Bar(
            one.name,
            (("conflict", one.conflicts / one.compared),),
            f"{one.conflicts:,} of {one.compared:,}",
        )
        for one in shown_folders(level)
        if one.compared
    )
    return BarChart(
        title=f"Conflicts {_level_title(level)}",
        axis_label="share of headers that contradict the image",
        bars=bars,
    )


def _error_chart(survey: Survey) -> BarChart:
    bars = tuple(
        Bar(code, ((UNREADABLE, count),), f"{count:,}") for code, count in survey.errors.items()
    )
    return BarChart(title="Unreadable images by error code", axis_label="rows", bars=bars)


def _stacked_bar(name: str, counts: Mapping[str, int]) -> Bar:
    """A bar of shares of a whole, one beside the other."""
    whole = sum(counts.values())
    parts = tuple((kind, count / whole) for kind, count in counts.items())
    return Bar(name, parts, ", ".join(f"{kind} {n:,}" for kind, n in counts.items() if n))
