"""Values that a report is made of: a page of sections with text, tables, charts and images.

Each command builds one `Page`; `report.html`, `report.terminal` and `report.charts` render it:

    loss = LineChart(title="Loss", x_label="epoch", y_label="loss", is_log=True,
                     series=(Series("training", epochs, losses),),
                     markers=((12, "selected: epoch 12"),))
    image = GalleryImage(image_uri(pixels, "jpeg"), ("a.png", "P(lateral) 0.9312"))
    sections = (
        Section("Metrics", (Table(("metric", "value"), (("accuracy", percent_text(0.9981)),)),)),
        Section("Confusion matrix", (confusion_table({"frontal": {"frontal": 9, "lateral": 1}}),)),
        Section("Curves", (Paragraph("The loss of each epoch."), Charts((loss,)))),
        Section("Misclassified images", (Gallery((image,)),)),
    )
    page = Page("Training of a model", sections)
    html_page(page)            # report.html: a complete document; needs the extra `evaluate`
    print_page(page)           # report.terminal: on stdout, without charts and images
    draw_chart(loss)           # report.charts: as SVG; needs the extra `evaluate`
    json.dumps(to_plain(x))    # of the dataclasses that the page is made of

All texts are plain text: the renderers escape them.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

Item = TypeVar("Item")

# Distinguishable without red and green (after Okabe and Ito)
COLOURS: dict[str, str] = {
    "frontal": "#0072b2",
    "lateral": "#e69f00",
    "uncertain": "#999999",
    "not_chest": "#56b4e9",
    "unreadable": "#b34700",
    "conflict": "#b34700",
    "training": "#0072b2",
    "validation": "#b34700",
}

NOT_DEFINED = "\N{EN DASH}"  # stands where a number is not defined


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences; a warning is set off from the rest."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class BulletList:
    """Short texts, one below the other; `are_files` for file names, which may break anywhere."""

    items: tuple[str, ...]
    are_files: bool = False


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Text whose line breaks and spaces count, such as a model card."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """One header cell for each cell of a row; the first cell of a row is its heading.

    Numbers are aligned right unless `is_text` is set.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_text: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"a row of {len(row)} cells under {len(self.header)} headings")


@dataclass(frozen=True, slots=True)
class Series:
    """Points of a line chart; `low` and `high` are the ends of each point's interval.

    A line by default; `is_points` draws points alone. NaN leaves a gap.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    is_points: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Curves over a common axis. Limits of None follow the values."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float | None, float | None] = (None, None)
    is_log: bool = False  # of the y axis
    has_diagonal: bool = False  # a dashed line from (0, 0) to (1, 1)
    markers: tuple[tuple[float, str], ...] = ()  # dotted vertical lines: x, text in the legend


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar of one part or several: (kind, length) each. Kinds decide the colours."""

    name: str
    parts: tuple[tuple[str, float], ...]
    text: str = ""  # its numbers, written behind it where the axis has no fixed end


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Horizontal bars, the first on top."""

    title: str
    axis_label: str
    bars: tuple[Bar, ...]
    limit: float | None = None  # end of the axis; None: beyond the longest bar
    legend: tuple[str, ...] = ()  # kinds that the legend explains


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts in bins of equal width; `edges` has one value more than `counts`."""

    title: str
    axis_label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    is_log: bool = False


Chart = LineChart | BarChart | Histogram


@dataclass(frozen=True, slots=True)
class Charts:
    """Charts side by side, each below its title."""

    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """An image with the lines below it; without a source the page says that there is none."""

    source: str  # data URI, or empty
    caption: tuple[str, ...]  # the first line is printed bold
    is_error: bool = False  # marked in colour


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images in a grid."""

    images: tuple[GalleryImage, ...]


Block = Paragraph | BulletList | Preformatted | Table | Charts | Gallery


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks below a heading. Details are left out on a terminal."""

    title: str
    blocks: tuple[Block, ...]
    is_detail: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    sections: tuple[Section, ...]
    introduction: tuple[Block, ...] = ()


def table_of(items: Iterable[Item], columns: Mapping[str, Callable[[Item], str | int]]) -> Table:
    """One row for each item: heading -> the function that gives the cell of an item."""
    rows = (tuple(cell(item) for cell in columns.values()) for item in items)
    return Table(tuple(columns), tuple(tuple(map(_cell_text, row)) for row in rows))


def _cell_text(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def confusion_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """Label -> predicted class -> number of images, as a table with one row for each label."""
    columns = tuple(dict.fromkeys(name for row in counts.values() for name in row))
    return counts_table("label", columns, counts)


def counts_table(
    heading: str, columns: Sequence[str], counts: Mapping[str, Mapping[str, int]]
) -> Table:
    """Row name -> column name -> count, as a table; 0 where a column is missing."""
    rows = (
        (name, *(_cell_text(row.get(column, 0)) for column in columns))
        for name, row in counts.items()
    )
    return Table((heading, *columns), tuple(rows))


def data_uri(content: bytes, media_type: str) -> str:
    """The bytes of an image as the source of an image in a page."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def percent_text(value: float | None) -> str:
    """0.99811 -> "99.81 %"; a dash for None and NaN."""
    return NOT_DEFINED if value is None or value != value else f"{100 * value:.2f} %"


def share_text(part: int, whole: int) -> str:
    """A part of a whole in percent; a dash where the whole is 0."""
    return percent_text(part / whole if whole else None)


def rate_text(value: float) -> str:
    """An error rate with three significant digits: 0.001 -> "0.1 %"."""
    return f"{100 * value:.3g} %"


def decimal_text(value: float | None) -> str:
    """A probability or an area with four decimals; a dash for None."""
    return NOT_DEFINED if value is None else f"{value:.4f}"


def count_text(number: int, noun: str, plural: str = "") -> str:
    """1, "image" -> "1 image"; 2, "image" -> "2 images"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def to_plain(value: Any) -> Any:
    """Dataclasses, enums, tuples, dicts, text and numbers -> the same as values that JSON holds."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value
