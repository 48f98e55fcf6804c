"""The report kit: every text is escaped, nothing is fetched, every kind of chart is drawn."""

import re
from html import escape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cxrview.report import charts
from cxrview.report.charts import draw_chart, draw_sheet, shorten_text
from cxrview.report.content import (
    Bar,
    BarChart,
    BulletList,
    Charts,
    Gallery,
    GalleryImage,
    Histogram,
    LineChart,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Series,
    Table,
    confusion_table,
    count_text,
    data_uri,
    percent_text,
    share_text,
)
from cxrview.report.html import html_page
from cxrview.report.terminal import print_page

HOSTILE = "<script>alert(1)</script>\"'&<img src=http://x onerror=a()>{{ 7*7 }}$x$.png"
VOID = {"meta", "img", "br"}
SOURCE = Path(__file__).parent.parent / "src"


class ParsedPage(HTMLParser):
    """Tags, attributes and text of a page; fails where a tag is closed in the wrong order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = set(), [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


LINES = LineChart(
    title=HOSTILE, x_label="<x>", y_label="loss", is_log=True, markers=((2, "selected"),),
    series=(Series("training", (1, 2, 3), (0.5, float("nan"), 0.1)),
            Series(HOSTILE, (1, 2), (0.5, 0.2), (0.4, 0.1), (0.6, 0.3), is_points=True)),
)  # fmt: skip
BARS = BarChart(title="b", axis_label="rows", bars=(Bar(HOSTILE, (("frontal", 3.0),), HOSTILE),))
STACKED = BarChart(title="s", axis_label="share", limit=1.0, legend=("frontal", "lateral"),
                   bars=(Bar("a", (("frontal", 0.3), ("lateral", 0.7))),))  # fmt: skip
HISTOGRAM = Histogram(title="h", axis_label="P", edges=(0.0, 0.5, 1.0), counts=(999, 1))
CHARTS = (LINES, BARS, STACKED, HISTOGRAM)
PAGE = Page(
    title=HOSTILE,
    introduction=(Paragraph(HOSTILE, is_warning=True),),
    sections=(
        Section(HOSTILE, (
            Paragraph(HOSTILE), BulletList((HOSTILE,), are_files=True), Preformatted(HOSTILE),
            Table((HOSTILE, "n"), ((HOSTILE, HOSTILE),)), Charts(CHARTS),
        )),
        Section("images", (Gallery((
            GalleryImage(data_uri(b"x", "image/jpeg"), (HOSTILE, HOSTILE), is_error=True),
            GalleryImage("", ("none",)),
        )),), is_detail=True),
    ),
)  # fmt: skip


def test_every_text_is_escaped_and_nothing_is_fetched():
    html = html_page(PAGE)
    page = ParsedPage(html)
    assert page.open == []
    assert not page.tags & {"script", "iframe", "link", "object"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "href"]
    sources = [value for name, value in page.attributes if name in ("src", "srcset")]
    assert len(sources) == len(CHARTS) + 1
    assert all(source.startswith("data:image/") for source in sources)
    assert page.text.count(HOSTILE) == 13
    assert not re.search(r"url\(|@import", html)


def test_the_terminal_shows_texts_tables_and_histograms_but_no_details():
    file = StringIO()
    print_page(PAGE, Console(file=file, width=300))
    text = file.getvalue()
    assert text.count(HOSTILE) == 9
    assert "0 - 0.5  999  ########################################\n0.5 - 1    1  ####\n" in text
    assert "images" not in text


def test_the_terminal_leaves_out_sections_that_hold_only_charts_and_images():
    file = StringIO()
    page = Page(
        "a", (Section("b", (Charts((BARS,)), Gallery(()))), Section("c", (Paragraph("d"),)))
    )
    print_page(page, Console(file=file))
    assert file.getvalue() == "a\n\nc\nd\n"


def test_a_control_character_reaches_no_terminal():
    file = StringIO()
    page = Page("a\x1b[2J", (Section("b\r", (Table(("c\n", "d"), (("\x1b[1m", "[red]x"),)),)),))
    print_page(page, Console(file=file, width=80))
    assert not re.search("[\x1b\r]", file.getvalue())
    assert "[red]x" in file.getvalue()


@pytest.mark.parametrize(("kind", "start"), [
    ("png", b"\x89PNG"), ("pdf", b"%PDF-"), ("svg", b"<?xml"),
])  # fmt: skip
def test_a_sheet_of_charts_has_the_requested_format_and_repeats_its_bytes(kind, start):
    sheet = draw_sheet(CHARTS, HOSTILE, kind)
    assert sheet.startswith(start)
    assert draw_sheet(CHARTS, HOSTILE, kind) == sheet


@pytest.mark.parametrize("name", ["training", HOSTILE])
def test_a_chart_names_its_series(name):
    series = (Series(name, (0, 1), (0, 1)), Series("b", (0, 1), (1, 0)))
    chart = LineChart(title="t", x_label="x", y_label="y", series=series)
    text = draw_chart(chart).decode()
    assert escape(shorten_text(name), quote=False) in text


def test_a_chart_of_one_epoch_has_no_fractions_of_epochs(monkeypatch):
    drawn = []
    monkeypatch.setattr(charts, "_legend_below", lambda axes, _: drawn.append(axes.get_xticks()))
    series = (Series("training", [1], [0.5]), Series("validation", [1], [0.25]))
    draw_chart(LineChart(title="t", x_label="epoch", y_label="y", series=series))
    assert [list(ticks % 1) for ticks in drawn] == [[0.0] * len(drawn[0])]


def test_a_table_has_as_many_cells_in_each_row_as_headings():
    with pytest.raises(ValueError, match="a row of 1 cells under 2 headings"):
        Table(("a", "b"), (("1",),))


def test_a_confusion_table_has_a_column_for_each_prediction():
    table = confusion_table({"frontal": {"frontal": 1543}, "lateral": {"frontal": 2, "lateral": 4}})
    assert table.header == ("label", "frontal", "lateral")
    assert table.rows == (("frontal", "1,543", "0"), ("lateral", "2", "4"))


def test_numbers_as_text():
    dash = "\N{EN DASH}"
    assert percent_text(0.99811) == "99.81 %"
    assert (percent_text(None), percent_text(float("nan"))) == (dash, dash)
    assert (share_text(1, 8), share_text(0, 0)) == ("12.50 %", dash)
    assert (count_text(1, "image"), count_text(2000, "image")) == ("1 image", "2,000 images")


@pytest.mark.parametrize(("pattern", "count"), [("<style", 1), ("<table", 1)])
def test_one_stylesheet_and_one_html_table(pattern, count):
    files = [path for path in SOURCE.rglob("*") if path.suffix in (".py", ".html")]
    files = [path for path in files if "pages" not in path.parts]  # an application, no report
    found = [path.name for path in files for _ in range(path.read_text().count(pattern))]
    assert len(found) == count, found
