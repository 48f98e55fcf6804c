"""The evaluation page and report.json: hostile names stay text; statements; strict JSON."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cxrview.evaluation.results import review_cases_of
from cxrview.evaluation.sections import page_of
from cxrview.evaluation.statements import (
    missed_sentence,
    threshold_statement,
    unknowns_sentence,
)
from cxrview.metrics.tables import group_metrics
from cxrview.report.content import to_plain
from cxrview.report.html import html_page
from cxrview.report.terminal import print_page
from makers_predictions import QUICK, predictions, report_of
from test_report_kit import HOSTILE, ParsedPage

PLAIN = predictions([0.01] * 30 + [0.7], [0.99] * 5 + [0.1])


def printed(report):
    file = StringIO()
    print_page(page_of(report), Console(file=file, width=1000))
    return file.getvalue()


@pytest.fixture(scope="module")
def hostile():
    report = report_of(PLAIN, (HOSTILE, "b.png"), HOSTILE)
    thumbnails = {HOSTILE: "data:image/jpeg;base64,AA==", "b.png": ""}
    return html_page(page_of(report, thumbnails))


def test_a_hostile_name_is_text(hostile):
    page = ParsedPage(hostile)
    assert page.open == []
    assert not page.tags & {"script", "iframe", "link", "object"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "href"]
    assert page.text.count(HOSTILE) > 10


def test_nothing_is_fetched(hostile):
    sources = [value for name, value in ParsedPage(hostile).attributes if name in ("src", "srcset")]
    assert sources[-1] == "data:image/jpeg;base64,AA=="
    assert [source[:19] for source in sources[:-1]] == ["data:image/svg+xml;"] * 3
    assert not re.search(r"url\(|@import|<script|<link|<iframe", hostile)


def test_an_unsupported_threshold_is_stated():
    text = printed(report_of(PLAIN))
    assert "frontal: no threshold is supported for an error of at most 0.1 %" in text
    assert "2,995 patients without an error would be needed" in text
    assert "If these images were used in training, these metrics say nothing" in text
    assert "matched by the end of their paths" in text


def test_a_supported_threshold_states_its_evidence():
    selective = report_of(predictions([0.0] * 3000, [1.0] * 50)).selective
    assert threshold_statement(selective.frontal, selective) == (
        "frontal at P(lateral) <= 0.49: 3,000 images of 3,000 patients are classified as frontal, "
        "0 of them wrongly. At 95 % confidence, at most 0.1 % of the patients classified so have a "
        "wrong image among them."
    )


def test_missed_images_are_stated_with_an_interval():
    metric = report_of(predictions([0.0], [1.0] * 45)).metric("sensitivity at one half")
    assert missed_sentence(metric, "laterals") == (
        "0 of 45 laterals were missed at one half (95 % interval of the miss rate: 0 % to 7.87 %)."
    )


def test_review_cases_start_with_confident_errors():
    cases = review_cases_of(predictions([0.96, 0.999, 0.4, 0.02, 0.01, 0.6, None], [0.98]))
    assert [(index, str(case.reason)) for index, case in cases] == [
        (1, "wrong"),
        (0, "wrong"),
        (5, "uncertain, wrong side of one half"),
        (2, "uncertain"),
        (6, "unreadable"),
        (3, "correct, low confidence"),  # 0.02 and 0.98 are equally confident
        (7, "correct, low confidence"),
        (4, "correct, low confidence"),
    ]


probabilities = st.lists(st.none() | st.floats(0, 1), max_size=12)


@given(probabilities, probabilities.filter(bool), st.text(max_size=8))
@settings(max_examples=10)
def test_a_report_of_any_predictions_is_strict_json_and_printable(frontals, laterals, text):
    report = report_of(predictions(frontals, laterals), text=text)
    assert json.loads(report.to_json()) == {"format": 3, **to_plain(report)}
    assert printed(report)


@pytest.mark.parametrize(("frontals", "laterals"), [([None], [None]), ([], [0.2]), ([0.5], [])])
def test_a_page_of_few_predictions_is_complete(frontals, laterals):
    html = html_page(page_of(report_of(predictions(frontals, laterals)), {}))
    assert ParsedPage(html).open == []


def test_the_groups_are_shown_with_the_worst_first():
    """Refused images count like wrong ones; of equal shares, the smaller group comes first."""
    some = predictions([0.01] * 20 + [0.97] + [0.01] * 4, [0.99] * 5)
    names = ["large"] * 10 + ["small"] * 5 + ["bad"] * 15
    groups = group_metrics(some, names, QUICK)
    assert [(one.name, one.failed.hits) for one in groups] == [
        ("bad", 1), ("small", 0), ("large", 0)
    ]  # fmt: skip
    refused = predictions([0.01] * 4, [0.99] * 2, chest=0.1)
    worst = group_metrics(refused, ["a"] * 6, QUICK)[0]
    assert (worst.failed.value, worst.wrong.value, worst.refused.value) == (1.0, 0.0, 1.0)


def test_what_the_evaluation_does_not_tell():
    some = predictions([0.0] * 40, [1.0] * 45)
    views = group_metrics(some, ["frontal"] * 40 + ["lateral"] * 45, QUICK)
    names = ["a, frontal"] * 20 + ["b, frontal"] * 20 + ["b, lateral"] * 45
    sources = group_metrics(some, names, QUICK)
    report = report_of(some)
    bare = replace(
        report, views=tuple(views), sources=tuple(sources), negatives=None, robustness=()
    )
    text = unknowns_sentence(bare)
    assert "(all laterals are of one source, b)" in text
    names[-1] = "lateral"  # of a label that states no source
    sources = group_metrics(some, names, QUICK)
    assert "all laterals" not in unknowns_sentence(replace(bare, sources=tuple(sources)))
    assert "7.87 % of the laterals" in text
    assert "--negatives" in text
    assert "--robustness" in text
    assert "--negatives" not in unknowns_sentence(report)


def test_sure_wrong_answers_are_counted():
    text = printed(report_of(predictions([0.95, 0.94, 0.0], [0.05, 0.06, 1.0])))
    assert "not refused): 2 of 6 images; 0 of 2 unaltered and perturbed images (0 %)." in text


def test_reliability_is_a_table_of_bins():
    text = printed(report_of(predictions([0.0, 0.04], [0.92, 1.0])))
    assert re.search(r"0\.9 - 1 +2 +0\.9600 +1\.0000", text)
    assert "Expected calibration error 0.0300" in text


def test_accepted_negatives_are_named():
    page = ParsedPage(html_page(page_of(report_of(PLAIN, text="mri"))))
    assert "1 image accepted as chest radiographs, 1 of them with a sure view" in page.text
    assert "mri.png" in page.text
