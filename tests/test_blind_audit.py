"""`cxrview review --audit`: the sample, what its pages do not tell, the report and its numbers."""

import json
from collections import Counter
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.labels import read_labels
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.audit_report import Stratum
from cxrview.pages.blind_audit import draw, open_audit, sample_sizes
from cxrview.pages.label_app import Labeling, label_app
from cxrview.pages.pictures import PictureService
from cxrview.pages.review_table import RowItems, read_review_table
from cxrview.report.html import html_page
from cxrview.rows import Row
from cxrview.views import Verdict
from makers_pages import HOST, Browser
from makers_review import collection, options_for, verdicts, write_table
from makers_row import a_failure

COUNTS = {"frontal": 30, "lateral": 12, "uncertain": 3, "not_chest": 5}
EXCLUDED = Row("mr.dcm", view=Verdict.NOT_CHEST, p_lateral=0.3, p_chest=0.2, reason="modality MR")


@pytest.fixture
def table(tmp_path):
    return collection(tmp_path, [*verdicts(COUNTS), EXCLUDED, a_failure("torn.png")])


@contextmanager
def audit_of(table, count=20, seed=0, **options):
    audit = open_audit(options_for(table, **options), count, seed)
    try:
        yield audit
    finally:
        audit.store.close()


@contextmanager
def browser_of(audit):
    """A browser on the pages of an audit, as `BlindAudit.serve` makes them."""
    items = RowItems(audit.table, audit.folder)
    pictures = PictureService({key: items[row + 1] for key, row in audit.rows.items()}, 1)
    sessions = Sessions()
    app = label_app(
        Labeling(
            title="Audit of verdicts", store=audit.store, suggestions=None,
            pictures=pictures, sessions=sessions, origins=Origins(frozenset([HOST])),
            report=lambda: html_page(audit.report()),
        )
    )  # fmt: skip
    try:
        yield Browser(app, sessions)
    finally:
        pictures.close()


def answer_all(audit, browser, label_of=lambda verdict: verdict, most=1000) -> None:
    """Label the images that are left. label_of: verdict -> label."""
    while most and (upcoming := browser.state()["upcoming"]):
        most -= 1
        browser.label(upcoming[0], label_of(audit.table.view[audit.rows[upcoming[0]]]))


def right(verdict: str) -> str:
    return "unsure" if verdict == "uncertain" else verdict


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 100_000), min_size=1),
    st.integers(20, 500),
)
def test_sample_sizes_add_up_and_fit(sizes, count):
    drawn = sample_sizes(sizes, count)
    assert sum(drawn.values()) == min(count, sum(sizes.values()))
    for name, size in sizes.items():
        assert 1 <= drawn[name] <= size


def test_sizes_follow_the_square_root():
    assert sample_sizes({"a": 90_000, "b": 10_000, "c": 2}, 301) == {"a": 225, "b": 75, "c": 1}


def test_the_sample_follows_from_the_seed_and_leaves_out_what_has_no_verdict_of_the_model(table):
    read = read_review_table(table)
    rows = draw(read, 20, seed=3)
    assert rows == draw(read, 20, seed=3) != draw(read, 20, seed=4)
    assert len(set(rows)) == 20
    verdict_counts = Counter(read.view[row] for row in rows)
    assert verdict_counts == {"frontal": 9, "lateral": 5, "uncertain": 3, "not_chest": 3}
    everything = draw(read, 1000, seed=0)
    assert sorted(everything) == list(range(50))  # neither the MR nor the torn file


def test_every_row_of_a_verdict_is_equally_likely(tmp_path):
    read = read_review_table(write_table(tmp_path / "t.csv", verdicts({"frontal": 40})))
    drawn = Counter(row for seed in range(400) for row in draw(read, 20, seed))
    assert set(drawn) == set(range(40))
    assert min(drawn.values()) > 140  # 200 are expected; 10 standard deviations are 100
    assert max(drawn.values()) < 260


def test_the_pages_tell_no_verdict(table):
    with audit_of(table) as audit, browser_of(audit) as browser:
        text = browser.client.get("/").text
        assert "grid-button" not in text
        assert "suggest-button" not in text
        state = browser.state(suggest="1", view="grid")
        assert "suggestions" not in state
        browser.post("/api/suggest", status=404)
        about = browser.client.get(f"/api/image/{state['upcoming'][0]}").json()
        assert about == {"error": ""}
        answer_all(audit, browser, right, most=3)
        exported = browser.client.get("/export/labels.csv").text
        assert "stratified" in exported
        assert exported.count(",,false\n") == 3  # no suggestion, none visible
        response = browser.client.get("/report")
        assert (response.status_code, response.json()["error"]) == (
            404, "17 images have no label yet",
        )  # fmt: skip


def test_an_interrupted_audit_resumes_with_the_same_sample(table):
    with audit_of(table) as audit, browser_of(audit) as browser:
        sample = set(audit.rows.values())
        answer_all(audit, browser, right, most=7)
        audit.write()
        assert not audit.report_path.exists()
    assert len((table.parent / "corrections.audit.csv").read_text().splitlines()) == 8
    with audit_of(table) as audit, browser_of(audit) as browser:
        assert set(audit.rows.values()) == sample
        assert audit.remaining == 13
        answer_all(audit, browser, right)
        audit.write()
        assert audit.report_path.read_text() == browser.client.get("/report").text
    assert audit.report_path.name == "corrections.audit.html"
    labels = read_labels(table.parent / "corrections.audit.csv")
    assert {label.drawn_as for label in labels} == {"stratified"}


@pytest.mark.parametrize("change", ["count", "seed", "table"])
def test_another_sample_does_not_mix_with_the_answers_of_an_audit(table, change):
    with audit_of(table):
        pass
    if change == "table":
        table.write_text(table.read_text().replace("0.999", "0.998"))
    numbers = {"count": 21} if change == "count" else {"seed": 1} if change == "seed" else {}
    with pytest.raises(WrongUse, match=r"holds another audit: 20 rows of views.csv with seed 0"):
        open_audit(options_for(table), **{"count": 20, "seed": 0, **numbers})
    (table.parent / "corrections.csv.history" / "audit.json").write_text("{")
    with pytest.raises(WrongUse, match="is not the plan"):
        open_audit(options_for(table), 20, 0)


def test_corrections_and_audits_do_not_touch_each_other(table):
    with audit_of(table) as audit, browser_of(audit) as browser:
        answer_all(audit, browser, right)
        audit.write()
    assert not (table.parent / "corrections.csv").exists()
    (table.parent / "corrections.audit.html").write_text("changed by a person")
    with pytest.raises(UnusableOutput, match="has changed"):
        open_audit(options_for(table), 20, 0)


def test_a_table_without_verdicts_has_nothing_to_audit(tmp_path):
    table = write_table(tmp_path / "t.csv", [a_failure("torn.png")])
    with pytest.raises(MissingInput, match="no verdicts"):
        open_audit(options_for(table), 20, 0)


@pytest.mark.parametrize("text", ["", "[1]", "7", '"audit"'])
def test_a_plan_that_is_none_is_refused(table, text):
    history = options_for(table).history
    history.mkdir()
    (history / "audit.json").write_text(text)
    with pytest.raises(WrongUse, match="not the plan"):
        open_audit(options_for(table), 20, 0)


def test_the_table_is_not_replaced_by_the_labels(tmp_path):
    table = collection(tmp_path, verdicts(COUNTS), "corrections.audit.csv")
    with pytest.raises(WrongUse, match="table to read"):
        open_audit(options_for(table, may_overwrite=True), 20, 0)


@pytest.mark.parametrize(("verdict", "labels", "wrong", "decided"), [
    ("frontal", {"frontal": 5, "lateral": 2, "not_chest": 1, "unsure": 4}, 3, 8),
    ("lateral", {"frontal": 5, "lateral": 2, "not_chest": 1}, 6, 8),
    ("not_chest", {"frontal": 1, "not_chest": 9, "unsure": 1}, 1, 10),
    ("uncertain", {"frontal": 3, "lateral": 3}, 0, 6),
])  # fmt: skip
def test_what_is_wrong(verdict, labels, wrong, decided):
    stratum = Stratum(verdict, 100, 12, labels)
    assert (stratum.share.hits, stratum.share.total) == (wrong, decided)
    unsure = labels.get("unsure", 0)
    assert (stratum.share_with_unsure.hits, stratum.share_with_unsure.total) == (
        wrong + unsure, decided + unsure,
    )  # fmt: skip


def test_the_report_states_rates_sample_and_source(table):
    def wrong_laterals(verdict):
        return "frontal" if verdict == "lateral" else right(verdict)

    with audit_of(table, seed=3, reviewer="Anna") as audit, browser_of(audit) as browser:
        answer_all(audit, browser, wrong_laterals)
        page = browser.client.get("/report")
        tables = {section.title: section.blocks[0] for section in audit.report().sections}
        plan = audit.plan
    rows = {row[0]: row[1:] for row in tables["Error rate by verdict"].rows}
    assert rows["frontal"] == ("30", "9", "0", "0", "0.00 %", "0.00 % to 33.63 %")
    assert rows["lateral"] == ("12", "5", "0", "5", "100.00 %", "47.82 % to 100.00 %")
    assert rows["uncertain"] == ("3", "3", "3", "", "names no view", "")
    assert rows["not_chest"] == ("5", "3", "0", "0", "0.00 %", "0.00 % to 70.76 %")
    assert rows["all but uncertain, weighted"][:5] == ("47", "17", "0", "5", "25.53 %")  # 12 / 47
    assert len(tables["Wrong verdicts (5)"].rows) == 5
    source = dict(tables["Data"].rows)
    assert source["SHA-256 of the table"] == plan.sha256
    assert source["sample"] == "--audit 20 --seed 3"
    assert source["labelled by"] == "anna"
    assert source["model"] == "not stated"
    text = page.text
    assert "an estimated 25.5 % are wrong" in text
    assert "1 row without a verdict, 1 row that the header excludes" in text
    assert ".png" not in text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_images_that_cannot_be_shown_are_counted(table):
    with audit_of(table) as audit, browser_of(audit) as browser:
        gone = browser.state()["upcoming"][0]
        name = audit.table.file[audit.rows[gone]]
        (table.parent / name).unlink()
        assert browser.client.get(f"/image/{gone}/full").status_code == 422
        answer_all(audit, browser, right)
        assert audit.remaining == 0
        assert "1 image of the sample could not be shown" in html_page(audit.report())


def test_unsure_labels_are_counted_apart(table):
    with audit_of(table) as audit, browser_of(audit) as browser:
        answer_all(audit, browser, lambda verdict: "unsure" if verdict != "frontal" else verdict)
        text = html_page(audit.report())
    assert "of some verdicts no label was decided, so no overall rate is given" in text
    assert "images labelled unsure were wrong, the overall rate would be" in text


def test_the_plan_is_stored(table):
    with audit_of(table, count=25, seed=9):
        stored = json.loads((table.parent / "corrections.csv.history" / "audit.json").read_bytes())
    assert (stored["table"], stored["count"], stored["seed"]) == ("views.csv", 25, 9)
