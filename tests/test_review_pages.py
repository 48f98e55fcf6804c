"""The pages of `cxrview review`: corrections, the files that are written, and what is refused."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.filenames import is_utf8
from cxrview.inference.corrections import Correction, read_corrections
from cxrview.inference.table_reader import read_rows
from cxrview.labels import read_labels
from cxrview.pages import access, review_server
from cxrview.pages.review_server import open_review
from makers_pages import HOST, ORIGIN
from makers_review import (
    ROWS,
    collection,
    options_for,
    review_of,
    verdicts,
    write_images,
    write_table,
)
from makers_row import a_row

PASSWORD = "correct horse"  # noqa: S105
TABLES = ["views.csv", "views.jsonl", "views.parquet"]


@pytest.fixture
def table(tmp_path):
    return collection(tmp_path)


@pytest.fixture
def pages(table):
    with review_of(table) as pages:
        yield pages


def test_a_sheet_shows_verdicts_and_why_to_look_but_no_names(pages):
    answer = pages.browser().rows(show="needs_look", sort="name")
    assert answer["total"] == 5
    by_image = {row["image"]: row for row in answer["rows"]}
    assert sorted(by_image) == [3, 4, 5, 6, 10]
    assert (by_image[3]["header"], by_image[3]["why"]) == ("frontal", "conflict")
    assert by_image[5]["p_chest"] == 0.1
    assert by_image[5]["problem"] == "suspect: noise"
    assert (by_image[10]["view"], by_image[10]["p_lateral"]) == ("", None)
    assert ".png" not in json.dumps(answer)


def test_marks_of_rotated_and_inverted_images(pages):
    rows = pages.browser().rows(show="turned")["rows"]
    assert {row["image"]: row["marks"] for row in rows} == {7: ["90\N{DEGREE SIGN}"],
                                                           8: ["inverted"]}  # fmt: skip


def test_correct_confirm_and_undo(pages):
    browser = pages.browser()
    answer = browser.label(2, "frontal", visible=True)
    assert (answer["rows"][0]["label"], answer["rows"][0]["labeler"]) == ("frontal", "anna")
    assert (answer["checked"], answer["corrected"]) == (1, 1)
    assert browser.label(1, "frontal")["corrected"] == 1  # confirmed
    assert browser.label(4, "unsure")["corrected"] == 1  # the verdict is `uncertain`
    assert browser.images(show="all", checked="corrected") == [2]
    assert browser.images(show="all", checked="done", sort="name") == [1, 2, 4]
    undone = browser.post("/api/undo")
    assert [row["image"] for row in undone["rows"]] == [4]
    assert undone["rows"][0]["label"] == ""
    assert undone["checked"] == 2
    assert [row["image"] for row in browser.post("/api/undo")["rows"]] == [1]


def test_the_latest_label_of_several_people_counts(pages):
    anna, ben = pages.browser("anna", "a"), pages.browser("ben", "b")
    anna.label(3, "frontal")
    assert ben.label(3, "not_chest")["rows"][0]["labeler"] == "ben"
    (record,) = pages.run.corrections.records()
    assert (record.label, record.labeler) == ("not_chest", "ben")
    assert ben.post("/api/undo")["rows"][0]["label"] == "frontal"  # that of anna
    assert [one.label for one in pages.run.corrections.records()] == ["frontal"]


def test_a_repeated_request_corrects_once(pages):
    browser = pages.browser()
    body = {"tab": "t", "batch": "same", "labels": [[2, "frontal"]], "seconds": 1}
    for _ in range(2):
        assert browser.client.post("/api/label", json=body).status_code == 200
    assert browser.post("/api/undo")["checked"] == 0
    assert browser.post("/api/undo")["rows"] == []


def test_a_list_stays_until_it_is_asked_for_anew(tmp_path):
    with review_of(collection(tmp_path, verdicts({"frontal": 90, "lateral": 2}))) as pages:
        browser = pages.browser()
        query = {"show": "frontal", "checked": "open", "sort": "name"}
        first = browser.rows(**query)
        assert (len(first["rows"]), first["total"], first["last"]) == (40, 90, 2)
        browser.label(first["rows"][0]["image"], "frontal")
        assert browser.rows(**query)["total"] == 90
        assert browser.rows(sheet=1, **query)["start"] == 40
        assert browser.rows(sheet=99, **query)["sheet"] == 2
        assert browser.rows(fresh="1", **query)["total"] == 89
        other = pages.browser("anna", "other")
        assert other.rows(**query)["total"] == 89


@pytest.mark.parametrize("name", TABLES)
def test_label_table_and_corrected_copy(tmp_path, name):
    table = collection(tmp_path, name=name)
    before = table.read_bytes()
    with review_of(table) as pages:
        browser = pages.browser()
        browser.label(3, "frontal")
        browser.label(5, "not_chest")
        browser.label(4, "unsure")
        copy = pages.run.options.copy
        assert browser.post("/api/write")["files"] == ["corrections.csv", copy.name]
        shown = browser.client.get("/export/corrections.csv").text
    assert table.read_bytes() == before
    assert shown == (tmp_path / "corrections.csv").read_text()
    (label,) = read_labels(tmp_path / "corrections.csv")  # the others are `other` and unknown
    assert (label.file, label.view, label.source, label.drawn_as) == (
        "a/c.png", "frontal", "a", "reviewed",
    )  # fmt: skip
    assert list(read_rows(copy)) == list(read_rows(table))
    assert read_corrections(copy) == {
        "a/c.png": Correction("frontal", "anna"),
        "b/e.png": Correction("not_chest", "anna"),
        "b/d.png": Correction("uncertain", "anna"),
    }
    assert read_corrections(table) == {}
    with pytest.raises(WrongUse, match="is a corrected copy"):
        open_review(options_for(copy, output=tmp_path / "more.csv"))


def test_further_columns_of_a_table_stay_in_the_copy(tmp_path):
    table = collection(tmp_path)
    lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([f"{lines[0]},site", *(f'{line},"x, y"' for line in lines[1:])]) + "\n"
    )
    with review_of(table) as pages:
        pages.browser().label(1, "lateral")
        pages.run.write()
        rows = list(csv.DictReader(io.StringIO(pages.run.options.copy.read_text())))
    assert {row["site"] for row in rows} == {"x, y"}
    assert [row["view_corrected"] for row in rows] == ["lateral", *[""] * 9]


def test_the_copy_of_a_parquet_table_has_its_types(tmp_path):
    table = collection(tmp_path, name="views.parquet")
    with review_of(table) as pages:
        pages.browser().label(1, "lateral")
        pages.run.write()
        schema, own = pq.read_schema(pages.run.options.copy), pq.read_schema(table)
    assert schema.metadata == own.metadata
    assert [schema.field(name) for name in own.names] == list(own)


def test_corrections_survive_a_restart_and_a_new_table(table):
    with review_of(table) as pages:
        pages.browser().label(3, "frontal")
        pages.run.write()
    write_table(table, [a_row("new.png"), *ROWS[2:]])  # classified again: other rows
    with review_of(table) as pages:
        browser = pages.browser()
        assert browser.images(show="all", checked="done") == [2]
        browser.post("/api/undo")
        pages.run.write()
    assert len((table.parent / "corrections.csv").read_text().splitlines()) == 1


def test_an_undo_takes_back_nothing_of_another_table(table):
    with review_of(table) as pages:
        pages.browser().label(1, "lateral")
    other = write_table(table.parent / "other.csv", ROWS[1:])
    with review_of(other) as pages:
        browser = pages.browser()
        assert browser.post("/api/undo")["rows"] == []
        browser.label(1, "frontal")
        assert [row["image"] for row in browser.post("/api/undo")["rows"]] == [1]
        assert [one.name for one in pages.run.corrections.records()] == ["a/a.png"]


def test_nothing_is_written_while_nothing_was_checked(pages, table):
    assert pages.browser().post("/api/write")["files"] == []
    assert not (table.parent / "corrections.csv").exists()


@pytest.mark.parametrize("name", ["corrections.csv", "corrections.views.csv"])
def test_files_of_somebody_else_are_not_replaced(table, name):
    path = table.parent / name
    path.write_text("precious\n")
    with pytest.raises(UnusableOutput, match="exists already"):
        open_review(options_for(table))
    assert path.read_text() == "precious\n"
    with pytest.raises(WrongUse, match="table to read"):
        open_review(options_for(table, output=table))


def test_the_table_is_not_replaced_under_another_name_of_its_path(table):
    (table.parent / "link.csv").symlink_to(table)
    with pytest.raises(WrongUse, match="table to read"):
        open_review(options_for(table, output=table.parent / "link.csv", may_overwrite=True))


def test_the_table_is_not_replaced_by_the_corrected_copy(tmp_path):
    table = collection(tmp_path, name="corrections.views.csv")
    with pytest.raises(WrongUse, match="table to read"):
        open_review(options_for(table, may_overwrite=True))


def test_the_files_have_the_corrections_of_two_servers_on_one_history(table):
    copy = table.parent / "corrections.views.csv"
    with review_of(table) as first, review_of(table) as second:
        browser = first.browser()
        browser.label(1, "lateral")
        second.browser("kim").label(2, "frontal")
        second.run.write()
        first.run.write()
        assert {name: one.by for name, one in read_corrections(copy).items()} == {
            "a/a.png": "anna", "a/b.png": "kim",
        }  # fmt: skip
        assert browser.images(show="all", checked="done", sort="name") == [1, 2]
        second.browser("kim").post("/api/undo")
        assert browser.images(show="all", checked="done", sort="name", fresh="1") == [1]
        first.run.write()
        assert list(read_corrections(copy)) == ["a/a.png"]


@pytest.mark.parametrize("size", ["thumbnail", "screen", "full"])
def test_images_are_jpeg(pages, size):
    response = pages.browser().client.get(f"/image/1/{size}")
    assert response.headers["content-type"] == "image/jpeg"


def test_an_image_that_is_gone_says_so(table):
    with review_of(table) as pages:
        (table.parent / "a" / "a.png").unlink()
        browser = pages.browser()
        assert browser.client.get("/image/1/screen").status_code == 422
        assert browser.client.get("/api/image/1").json()["error"].startswith("unreachable")


@pytest.mark.parametrize("path", [
    "/image/0/screen", "/image/11/screen", "/image/999999999999/screen", "/image/-1/screen",
    "/image/1/huge", "/image/1/../../etc/passwd", "/image/%2e%2e%2f%2e%2e/screen",
    "/image/a/a.png", "/export/../views.csv", "/export/corrections.sqlite", "/export/views.csv",
    "/static/../store.py", "/static/%2e%2e/store.py", "/api/image/11", "/report", "/none",
])  # fmt: skip
def test_nothing_outside_the_table_can_be_requested(pages, path):
    assert pages.browser().client.get(path).status_code == 404


@pytest.mark.parametrize(("path", "fields", "status"), [
    ("/api/label", {"labels": [[1, "sideways"]]}, 400),
    ("/api/label", {"labels": []}, 400),
    ("/api/label", {"labels": [["1", "frontal"]]}, 400),
    ("/api/label", {"labels": [[0, "frontal"]]}, 404),
    ("/api/label", {"labels": [[11, "frontal"]]}, 404),
    ("/api/label", {"labels": [[1, "frontal"], [-1, "frontal"]]}, 404),
    ("/api/label", {"labels": [[1, "frontal"]], "batch": "<script>"}, 400),
    ("/api/label", {"labels": [[10**30, "frontal"]], "seconds": 10**400}, 404),
    ("/api/undo", {"tab": "../x"}, 400),
    ("/api/invite", {"name": "a;b"}, 400),
])  # fmt: skip
def test_malformed_requests_are_refused(pages, path, fields, status):
    assert pages.browser().post(path, status=status, **fields)["error"]
    assert pages.run.corrections.records() == []


def test_deeply_nested_json_is_refused(pages):
    client = pages.browser().client
    answer = client.post("/api/label", content="[" * 30_000, headers=ORIGIN)
    assert answer.status_code == 400


@pytest.mark.parametrize("fields", [
    {"show": "everything"}, {"sort": "file; DROP TABLE event"}, {"checked": "x"}, {"source": "a"},
    {"sheet": "one"}, {"tab": "<b>"},
])  # fmt: skip
def test_malformed_queries_are_refused(pages, fields):
    browser = pages.browser()
    assert browser.client.get("/api/rows", params={"tab": "t", **fields}).status_code == 400


PROTECTED = ["/", "/api/rows?tab=t", "/image/1/screen", "/export/corrections.csv", "/api/image/1"]


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("cookie", [None, "wrong"])
def test_without_the_cookie_everything_is_refused(pages, path, cookie):
    client = pages.anonymous()
    if cookie is not None:
        client.cookies.set("cxrview_8000", cookie)
    assert client.get(path).status_code == 403
    for posted in ("/api/label", "/api/undo", "/api/write", "/api/invite"):
        assert client.post(posted, json={}, headers=ORIGIN).status_code == 403


def test_a_token_works_once(pages):
    token = pages.sessions.invite("anna")
    assert pages.anonymous().get(f"/?token={token}").status_code == 200
    assert pages.anonymous().get(f"/?token={token}").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:8000"])
def test_foreign_hosts_are_refused(pages, host):
    client = TestClient(
        pages.app, base_url=f"http://{HOST}", cookies=pages.browser().client.cookies
    )
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9"])
def test_foreign_origins_are_refused(pages, origin):
    client = pages.browser().client
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert client.post("/api/write", json={}, headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/rows?tab=t", "/image/1/screen"])
def test_every_answer_has_the_security_headers(pages, path):
    headers = pages.browser().client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


HOSTILE = ["<script>alert(1)<", '"><img src=x onerror=alert(1)>', "a\nb", "{{ 7 * 7 }}",
           "'; DROP TABLE event; --", "\u202egnp", "odd \udce9", "a\rb", r"lit\xe9"]  # fmt: skip


def test_hostile_names_of_files_and_folders_are_only_text(tmp_path):
    rows = [a_row(f"{name}/{name}.png".replace("//", "/")) for name in HOSTILE]
    with review_of(collection(tmp_path, rows), show_headers=True) as pages:
        browser = pages.browser()
        text = browser.client.get("/").text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        for image in range(1, len(rows) + 1):
            assert browser.client.get(f"/image/{image}/thumbnail").status_code == 200
            browser.label(image, "lateral")
        pages.run.write()
        copy = pages.run.options.copy
    writable = {row.file for row in rows if is_utf8(row.file)}
    assert {label.file for label in read_labels(tmp_path / "corrections.csv")} == writable
    assert set(read_corrections(copy)) == {row.file for row in rows}
    assert "not UTF-8" in (tmp_path / "corrections.problems.csv").read_text()


@pytest.mark.parametrize("is_shown", [False, True])
def test_names_and_headers_are_shown_only_if_wanted(tmp_path, is_shown):
    rows = [a_row("Doe_Jane/a.png"), a_row("Roe_Richard/b.png")]
    with review_of(collection(tmp_path, rows), show_headers=is_shown) as pages:
        browser = pages.browser()
        seen = browser.client.get("/").text + json.dumps(browser.rows(show="all"))
        seen += browser.client.get("/api/image/1").text
        assert ("Doe_Jane" in seen) is is_shown


def test_a_password_admits_people_by_name(table, monkeypatch):
    monkeypatch.setattr(access, "FAILED_LOGIN_SECONDS", 0)
    with review_of(table, password=PASSWORD) as pages:
        client = TestClient(pages.app, base_url=f"http://{HOST}", headers=ORIGIN)
        assert "Review verdicts" in client.get("/").text  # the form
        assert client.post("/login", data={"name": "ben", "password": "no"}).status_code == 401
        assert client.post("/login", data={"name": "ben", "password": PASSWORD}).is_success
        assert "<strong>ben</strong>" in client.get("/").text


@pytest.mark.parametrize("options", [
    ["--reviewer", "a;b"],
    ["--host", "192.0.2.1"],
    ["-o", "corrections.txt"],
    ["-o", "views.csv"],
    ["-o", "none/corrections.csv"],
    ["--audit", "5"],
    ["--audit", "20", "--show-headers"],
])  # fmt: skip
def test_wrong_options_end_before_the_server_starts(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    collection(tmp_path)
    result = CliRunner().invoke(app, ["review", "views.csv", "--no-browser", *options])
    assert result.exit_code == 2, result.output
    assert result.output.strip()


def test_each_table_has_files_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(review_server, "serve", lambda *_: None)
    collection(tmp_path)
    tables = [collection(tmp_path / "a"), collection(tmp_path / "b", name="t.jsonl"), "views.csv"]
    for table in tables:
        assert CliRunner().invoke(app, ["review", str(table)]).exit_code == 0
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*.history")) == [
        "a/views.corrections.csv.history", "b/t.corrections.csv.history",
        "views.corrections.csv.history",
    ]  # fmt: skip


def test_a_table_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path)
    for name in ("none.csv", "a", "a/a.png"):
        assert CliRunner().invoke(app, ["review", name, "--no-browser"]).exit_code == 2


def test_images_that_were_sorted_away_are_missed_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "views.csv")
    result = CliRunner().invoke(app, ["review", "views.csv", "--no-browser"])
    assert result.exit_code == 2
    assert "where you ran classify" in result.output
