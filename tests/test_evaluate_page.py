"""The page fetches nothing, runs nothing, believes no name; the report reads back."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.errors import WrongUse
from cxrview.report.evaluation_report import report_from_json
from cxrview.report.page import page_of
from cxrview.report.text import claim, percent, summary
from makers_answers import answers, report_of

HOSTILE = "<script>alert(1)</script>\"'&<img src=http://x onerror=a()>.png"
PLAIN = answers([0.01] * 30 + [0.7], [0.99] * 5 + [0.1])
VOID = {"meta", "img", "br", "line", "polyline"}
KNOWN = {"html", "head", "title", "style", "body", "main", "section", "h1", "h2", "p", "div",
         "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "figure", "figcaption", "strong",
         "span", "svg", "text", "circle", *VOID}  # fmt: skip


class Seen(HTMLParser):
    """Tags and attributes, and that whatever opens closes."""

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

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def hostile():
    report = report_of(PLAIN, (HOSTILE, "b.png"), HOSTILE)
    return page_of(report, {HOSTILE: "data:image/jpeg;base64,AA==", "b.png": ""})


def test_a_hostile_name_is_text(hostile):
    seen = Seen(hostile)
    assert seen.open == []
    assert seen.tags <= KNOWN
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "href"]
    assert HOSTILE in seen.text


def test_nothing_is_fetched(hostile):
    sources = [value for name, value in Seen(hostile).attributes if name in ("src", "srcset")]
    assert sources == ["data:image/jpeg;base64,AA=="]
    assert not re.search(r"url\(|@import|<script|<link|<iframe", hostile)


def test_what_cannot_be_claimed_is_refused_in_words():
    lines = "\n".join(summary(report_of(PLAIN)))
    assert "frontal: no threshold can be claimed for an error of 0.1 %" in lines
    assert "2,995 patients without an error would be needed" in lines
    assert "If these images were used in training, these figures say nothing" in lines
    assert "joined by how the paths end" in lines


def test_what_can_be_claimed_says_on_how_many():
    bands = report_of(answers([0.0] * 3000, [1.0] * 50)).bands
    assert claim(bands.frontal, bands) == (
        "frontal at P(lateral) <= 0.49: 3,000 images of 3,000 patients called frontal, 0 of them "
        "wrong. With 95 % confidence, at most 0.1 % of the patients so called have a wrong image "
        "among them."
    )


def test_percentages():
    assert (percent(0.99811), percent(None)) == ("99.81 %", "\N{EN DASH}")


probabilities = st.lists(st.none() | st.floats(0, 1), max_size=12)


@given(probabilities, probabilities.filter(bool), st.text(max_size=8))
@settings(max_examples=10, deadline=None)
def test_a_report_written_and_read_back_is_the_same(frontals, laterals, text):
    report = report_of(answers(frontals, laterals), text=text)
    assert report_from_json(report.to_json()) == report
    assert Seen(page_of(report, {})).open == []
    assert list(summary(report))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "x": 1}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(WrongUse, match="report"):
        report_from_json(text)
