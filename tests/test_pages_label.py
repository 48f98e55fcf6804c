"""The pages of `cxrview label`: what they answer, and what they refuse."""

import asyncio
import csv
import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.csv_text import csv_table
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference.table_writers import open_table_writer
from cxrview.labels import CopiedColumns, read_labels
from cxrview.pages import access, label_server, suggestions
from cxrview.pages.label_server import Order
from cxrview.pages.records import Answer, ImageClass
from cxrview.pages.server import LOCAL_HOST, Address
from cxrview.rows import LATER_COLUMNS
from makers_film import FILES, dicom, png
from makers_pages import HOST, ORIGIN, images, open_run, pages_of
from makers_row import a_row
from waiting import wait_until

PASSWORD = "correct horse"  # noqa: S105
ADDRESS = "http://127.0.0.1:8000/?token=secret"


@pytest.fixture
def pages(tmp_path):
    with pages_of(open_run(images(tmp_path / "films", 8))) as pages:
        yield pages


def test_labelling_undo_and_export(pages):
    browser = pages.browser()
    state = browser.state()
    first, second = state["upcoming"][:2]
    state = browser.label(first, "frontal")
    assert state["upcoming"][0] == second
    assert state["counts"] == {"frontal": 1}
    assert state["recent"] == [[first, "frontal"]]
    assert (state["remaining"], state["seconds_per_image"]) == (7, 1.5)
    browser.label(second, "not_chest")
    assert browser.post("/api/undo")["upcoming"][0] == second
    rows = list(csv.DictReader(io.StringIO(browser.client.get("/export/labels.csv").text)))
    assert [(row["file"], row["view"], row["labeler"]) for row in rows] == [
        (f"films/{pages.run.candidates[first].item.name[-7:]}", "frontal", "anna")
    ]


def test_a_repeated_request_labels_once(pages):
    browser = pages.browser()
    image = browser.state()["upcoming"][0]
    body = {"tab": "t", "batch": "same", "labels": [[image, "frontal"]], "seconds": 1}
    for _ in range(2):
        assert browser.client.post("/api/label", json=body).status_code == 200
    assert len(pages.run.store.labels()) == 1
    assert browser.post("/api/undo")["counts"] == {}


def test_two_browsers_get_different_images_until_all_are_labelled(pages):
    browsers = [pages.browser("anna", "a"), pages.browser("ben", "b")]
    done = []
    while any(left := [browser.state()["upcoming"] for browser in browsers]):
        for browser, upcoming in zip(browsers, left, strict=True):
            if upcoming:
                browser.label(upcoming[0], "frontal")
                done.append(upcoming[0])
    assert len(done) == len(set(done)) == 8


def test_later_moves_on(pages):
    browser = pages.browser()
    first, second = browser.state()["upcoming"][:2]
    assert browser.post("/api/skip", image=first)["upcoming"][0] == second


def test_suggestions_go_on_after_a_full_disk(pages, monkeypatch):
    monkeypatch.setattr(suggestions, "RETRY_SECONDS", 0.01)
    store, failures = pages.run.store, [UnusableOutput("the disk is full")] * 2

    def suggest(*arguments, real=store.suggest):
        if failures:
            raise failures.pop()
        real(*arguments)

    monkeypatch.setattr(store, "suggest", suggest)
    browser = pages.browser()
    browser.post("/api/suggest")
    wait_until(lambda: len(browser.state(suggest="1")["suggestions"]) > 0)
    assert not failures


def test_suggestions_reach_a_page_only_on_request_and_are_recorded(pages):
    browser = pages.browser()
    image = browser.state()["upcoming"][0]
    assert "suggestions" not in browser.state()
    browser.post("/api/suggest")
    wait_until(lambda: str(image) in browser.state(suggest="1")["suggestions"])
    assert "suggestions" not in browser.state()
    verdict, p_lateral = browser.state(suggest="1")["suggestions"][str(image)]
    assert verdict in ("frontal", "lateral", "uncertain", "not_chest")
    assert 0 <= p_lateral <= 1
    browser.label(image, "frontal", visible=True)
    (record,) = pages.run.store.labels()
    assert (record.suggestion, record.was_visible) == (verdict, True)


def test_the_model_is_fitted_to_the_labels_in_the_background(tmp_path):
    with pages_of(open_run(images(tmp_path / "films", 12))) as pages:
        browser = pages.browser()
        assert "model" not in browser.post("/api/suggest")
        for image in browser.state()["upcoming"] + browser.state(view="grid")["upcoming"][6:10]:
            browser.label(image, "frontal")
        wait_until(lambda: "model" in browser.state() and browser.state()["model"]["read"] == 12)
        model = browser.state()["model"]
        assert (model["labels"], model["rest"], model["checked"]) == (10, 2, 10)
        assert 0 <= model["low"] <= model["errors"] / 10 <= model["high"] <= 1
        assert "suggestions" not in browser.state()


def test_a_grid_reserves_more_images_and_labels_them_together(pages):
    browser = pages.browser()
    upcoming = browser.state(view="grid")["upcoming"]
    assert len(upcoming) == 8
    labels = [[image, "lateral"] for image in upcoming[:5]]
    state = browser.post("/api/label", labels=labels, seconds=10, visible=True, view="grid")
    assert state["upcoming"] == upcoming[5:]
    assert {one.seconds for one in pages.run.store.labels()} == {2.0}
    assert browser.post("/api/undo", view="grid")["upcoming"] == upcoming


@pytest.mark.parametrize("size", ["thumbnail", "screen", "full"])
def test_images_are_jpeg_in_all_sizes(pages, size):
    browser = pages.browser()
    response = browser.client.get(f"/image/{browser.state()['upcoming'][0]}/{size}")
    assert response.headers["content-type"] == "image/jpeg"
    assert response.content.startswith(b"\xff\xd8\xff")


def test_an_unreadable_image_is_skipped_with_its_reason(tmp_path):
    folder = images(tmp_path / "films", 2)
    (folder / "torn.png").write_bytes(png("frontal")[:100])
    run = open_run(folder)
    with pages_of(run) as pages:
        browser = pages.browser()
        torn = next(key for key, one in run.candidates.items() if "torn" in one.item.name)
        response = browser.client.get(f"/image/{torn}/screen")
        assert (response.status_code, response.json()["error"][:7]) == (422, "damaged")
        assert browser.client.get(f"/api/image/{torn}").json()["error"].startswith("damaged")
        assert torn not in browser.state()["upcoming"]
        run.write()
    assert "torn.png" in (tmp_path / "labels.problems.csv").read_text()


@pytest.mark.parametrize(("path", "fields"), [
    ("/api/label", {"labels": [[1, "sideways"]]}),
    ("/api/label", {"labels": []}),
    ("/api/label", {"labels": [[1]]}),
    ("/api/label", {"labels": [["1", "frontal"]]}),
    ("/api/label", {"labels": [[True, "frontal"]]}),
    ("/api/label", {"labels": [[1, "frontal"]] * 31}),
    ("/api/label", {"labels": [[1, "frontal"]], "seconds": "long"}),
    ("/api/label", {"labels": [[1, "frontal"]], "batch": "<script>"}),
    ("/api/undo", {"batch": ["list"]}),
    ("/api/undo", {"tab": "../x"}),
    ("/api/skip", {"image": None}),
    ("/api/invite", {"name": "a;b"}),
    ("/api/invite", {"name": ""}),
])  # fmt: skip
def test_malformed_requests_are_refused(pages, path, fields):
    assert pages.browser().post(path, status=400, **fields)["error"]
    assert pages.run.store.labels() == []


@pytest.mark.parametrize("image", [2**63, -(2**64), 10**30])
def test_ids_beyond_those_of_the_database_are_of_no_image(pages, image):
    browser = pages.browser()
    browser.post("/api/label", status=404, labels=[[image, "frontal"]])
    browser.post("/api/skip", status=404, image=image)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null"])
def test_bodies_that_are_no_object_are_refused(pages, body):
    assert pages.browser().client.post("/api/label", content=body).status_code == 400


def test_a_huge_body_is_refused(pages):
    assert pages.browser().client.post("/api/label", content=b" " * 100_000).status_code == 413


@pytest.mark.parametrize("path", [
    "/image/999/screen", "/image/1/huge", "/image/1/../../etc/passwd", "/image/-1/screen",
    "/image/%2e%2e%2f%2e%2e/screen", "/image/films/000.png", "/export/../labels.csv",
    "/export/labels.sqlite", "/static/../store.py", "/static/%2e%2e/store.py",
    "/static//etc/passwd", "/api/image/999", "/none", f"/image/{'9' * 5000}/thumbnail",
    f"/api/image/{'9' * 5000}", f"/image/{2**63}/screen",
])  # fmt: skip
def test_nothing_outside_the_collection_can_be_requested(pages, path):
    assert pages.browser().client.get(path).status_code == 404


PROTECTED = [
    "/",
    "/api/state?tab=t",
    "/image/1/screen",
    "/export/labels.csv",
    "/api/image/1",
    "/none",
]


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("cookie", [None, "wrong", ""])
def test_without_the_cookie_everything_is_refused(pages, path, cookie):
    client = pages.anonymous()
    if cookie is not None:
        client.cookies.set("cxrview_8000", cookie)
    assert client.get(path).status_code == 403
    assert client.post("/api/undo", json={}, headers=ORIGIN).status_code == 403


def test_a_token_works_once(pages):
    token = pages.sessions.invite("anna")
    first, second = pages.anonymous(), pages.anonymous()
    response = first.get(f"/?token={token}")
    assert response.status_code == 200
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert first.get("/").status_code == 200
    assert second.get(f"/?token={token}").status_code == 403
    assert second.get("/?token=").status_code == 403


def test_an_invitation_admits_another_person(pages):
    url = pages.browser().post("/api/invite", name="Ben")["url"]
    assert url.startswith(f"http://{HOST}/?token=")
    client = pages.anonymous()
    assert client.get(url).status_code == 200
    assert "<strong>Ben</strong>" in client.get("/").text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:9", "", "evil.example:8000"]
)
def test_foreign_hosts_are_refused(pages, host):
    cookies = pages.browser().client.cookies
    client = TestClient(pages.app, base_url=f"http://{HOST}", cookies=cookies)
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"host": host}).status_code == 403
    assert client.get("/static/label.js", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8000",
                                    "http://127.0.0.1:9", ""])  # fmt: skip
def test_foreign_origins_are_refused(pages, origin):
    client = pages.browser().client
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert client.post("/api/undo", json={}, headers={"origin": origin}).status_code == 403


def test_a_request_that_changes_something_needs_an_origin(pages):
    browser = pages.browser()
    client = TestClient(pages.app, base_url=f"http://{HOST}", cookies=browser.client.cookies)
    assert client.get("/").status_code == 200
    assert client.post("/api/undo", json={"tab": "t", "batch": "b"}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/none", "/image/1/screen", "/static/label.js"])
def test_every_answer_has_the_security_headers(pages, path):
    headers = pages.browser().client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


HOSTILE = ['<script>alert(1)</script>.png', '"><img src=x onerror=alert(1)>.png', "a\nb.png",
           "{{ 7 * 7 }}.png", "'; DROP TABLE event; --.png", "\u202egnp.png", "a\rb.png",
           r"lit\xe9.png"]  # fmt: skip


def test_hostile_file_names_are_only_text(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for name in HOSTILE:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(png("frontal"))
    (folder / "odd \udce9.png").write_bytes(png("lateral"))
    run = open_run(folder)
    with pages_of(run, show_headers=True) as pages:
        browser = pages.browser()
        assert "<script>alert" not in browser.client.get("/").text
        for image in list(run.candidates):
            about = browser.client.get(f"/api/image/{image}")
            assert about.headers["content-type"] == "application/json"
            browser.label(image, "frontal")
        text = browser.client.get("/export/labels.csv").text
        assert len(list(csv.DictReader(io.StringIO(text)))) == len(HOSTILE) + 1
        run.write()
        json.loads(browser.client.get("/export/label-studio.json").text)
    assert {label.file for label in read_labels(tmp_path / "labels.csv")} == {
        f"films/{name}" for name in HOSTILE
    }
    assert "not UTF-8" in (tmp_path / "labels.problems.csv").read_text()


@pytest.mark.parametrize("is_shown", [False, True])
def test_names_and_headers_are_shown_only_if_wanted(tmp_path, is_shown):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "Doe_Jane.dcm").write_bytes(dicom("frontal", ViewPosition="PA"))
    run = open_run(folder)
    with pages_of(run, show_headers=is_shown) as pages:
        browser = pages.browser()
        (image,) = run.candidates
        seen = browser.client.get("/").text + browser.client.get(f"/api/image/{image}").text
        seen += json.dumps(browser.state())
        assert ("Doe_Jane" in seen) is is_shown
        assert ('"PA"' in seen) is is_shown


def test_a_password_admits_people_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "FAILED_LOGIN_SECONDS", 0)
    with pages_of(open_run(images(tmp_path / "films", 2)), password=PASSWORD) as pages:
        client = TestClient(pages.app, base_url=f"http://{HOST}", headers=ORIGIN)
        assert "Password" in client.get("/").text
        wrong = client.post("/login", data={"name": "ben", "password": "wrong"})
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        for name in ("", "a;b", "=1+1", "+1", "@a"):
            nameless = client.post("/login", data={"name": name, "password": PASSWORD})
            assert nameless.status_code == 401
            assert "a letter or digit first" in nameless.text
        assert client.post("/login", data={"name": "ben", "password": "correct horse"}).is_success
        assert "<strong>ben</strong>" in client.get("/").text


def test_no_command_line_of_a_browser_contains_the_token(tmp_path):
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(
        f"#!/bin/sh\npage=${{1#file://}}\necho $1 > {seen}\ncat $page >> {seen}\n"
        f'stat -c " %a" $page $(dirname $page) >> {seen}\n'
    )
    browser.chmod(0o755)
    code = f"from cxrview.pages.server import open_browser; assert open_browser('{ADDRESS}')"
    environment = os.environ | {"BROWSER": f"{browser} %s", "DISPLAY": ":0"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    argument, content = seen.read_text().split("\n", 1)
    assert argument.startswith("file:///")
    assert "secret" not in argument
    assert f"url={ADDRESS}" in content
    assert content.endswith(" 600\n 700\n")
    assert not Path(argument.removeprefix("file://")).parent.exists()  # removed at exit


def test_wrong_passwords_keep_nobody_else_from_logging_in(monkeypatch):
    async def attack():
        sessions = access.Sessions(PASSWORD)
        wrong = [
            asyncio.create_task(sessions.log_in("wrong", "eve", "192.0.2.9"))
            for _ in range(access.MAX_FAILED_LOGINS)
        ]
        await asyncio.sleep(0)  # all of them wait now
        assert not sessions.may_log_in("192.0.2.9")
        assert sessions.may_log_in("192.0.2.1")
        assert await sessions.log_in(PASSWORD, "anna", "192.0.2.1")
        for task in wrong:
            assert task.cancel()  # it still waited
        await asyncio.gather(*wrong, return_exceptions=True)
        assert sessions.may_log_in("192.0.2.9")

    monkeypatch.setattr(access, "FAILED_LOGIN_SECONDS", 3600)
    with ThreadPoolExecutor(1) as thread:  # a browser's event loop may run in this one
        thread.submit(asyncio.run, attack()).result()


def test_too_many_wrong_passwords_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "MAX_FAILED_LOGINS", 0)
    with pages_of(open_run(images(tmp_path / "films", 2)), password=PASSWORD) as pages:
        client = TestClient(pages.app, base_url=f"http://{HOST}", headers=ORIGIN)
        answer = client.post("/login", data={"name": "ben", "password": PASSWORD})
        assert answer.status_code == 429
        assert "Too many wrong passwords" in answer.text


def test_without_a_password_there_is_no_login(pages):
    client = TestClient(pages.app, base_url=f"http://{HOST}", headers=ORIGIN)
    assert client.get("/login").status_code == 404
    assert client.post("/login", data={"name": "x", "password": ""}).status_code == 404


@pytest.mark.parametrize(("host", "mode", "text", "message"), [
    ("192.0.2.1", None, "", "needs --password-file"),
    ("192.0.2.1", 0o644, "correct horse", "chmod 600"),
    ("192.0.2.1", 0o622, "correct horse", "chmod 600"),
    ("192.0.2.1", 0o600, "short", "fewer than 8"),
    ("192.0.2.1", 0o000, "", "fewer than 8|denied"),
])  # fmt: skip
def test_other_addresses_need_a_good_password(tmp_path, host, mode, text, message):
    path = None
    if mode is not None:
        path = tmp_path / "password"
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(WrongUse, match=message):
        Address(host=host, password_file=path).password()


@pytest.mark.parametrize("host", ["", "0", "0.0", "0x0", "::", "::0", "no such host.invalid"])
def test_addresses_that_are_no_single_one_are_refused(host):
    with pytest.raises(WrongUse):
        Address(host=host).bind()


def test_browsers_leave_the_port_80_out_of_an_address():
    origins = Address().origins(80)
    assert all(
        origins.allow(Headers({"host": host}), "GET") for host in (LOCAL_HOST, "localhost:80")
    )
    assert not Address().origins(81).allow(Headers({"host": LOCAL_HOST}), "GET")


def test_labels_of_a_table_count_and_only_the_rest_is_asked_for(tmp_path):
    images(tmp_path / "films", 4)
    table = tmp_path / "to_label.csv"
    table.write_text(
        "file,view,patient\nfilms/000.png,PA,p0\nfilms/001.png,,p1\nfilms/002.png,,p2\n"
    )
    run = open_run(tmp_path / "films", collection=str(table))
    with pages_of(run) as pages:
        browser = pages.browser()
        assert browser.state()["remaining"] == 2
        assert browser.state()["counts"] == {"frontal": 1}
        browser.label(browser.state()["upcoming"][0], "lateral")
        run.write()
    labels = {label.file: label for label in read_labels(tmp_path / "labels.csv")}
    assert labels["films/000.png"].view == "frontal"
    assert labels["films/000.png"].patient == "p0"
    assert len(labels) == 2


STATED = "PA,p0,x,CC-BY-4.0,AP,test,90,true,typical"


def test_a_label_table_comes_back_with_all_that_it_stated(tmp_path):
    images(tmp_path / "films", 2)
    table = tmp_path / "given.csv"
    table.write_text(
        "file,view,patient,source,licence,original_view,split,rotation,inverted,reason\n"
        f"films/000.png,{STATED}\nfilms/001.png,{STATED.replace('AP', '')}\n"
    )
    with pages_of(open_run(tmp_path / "films", collection=str(table))) as pages:
        pages.run.write()
        exported = pages.browser().client.get("/export/labels.csv").text
    assert read_labels(tmp_path / "labels.csv") == read_labels(table)
    assert (tmp_path / "labels.csv").read_text() == exported


def test_an_imported_table_comes_back_with_all_that_it_stated(tmp_path):
    folder = images(tmp_path / "films", 2)
    (tmp_path / "other").mkdir()
    table = tmp_path / "other/given.csv"
    table.write_text(
        "file,view,patient,source,licence,original_view,split,rotation,inverted,reason\n"
        f"all.zip::films/000.png,{STATED}\n"
    )
    run = open_run(folder, imports=(table,))
    run.write()
    run.store.close()
    (given,), (label,) = read_labels(table), read_labels(tmp_path / "labels.csv")
    assert label == replace(given, file="films/000.png")


def test_what_the_collection_states_is_not_replaced_by_an_import(tmp_path):
    folder = images(tmp_path / "films", 1)
    (tmp_path / "list.csv").write_text("file,patient\nfilms/000.png,p7\n")
    (tmp_path / "given.csv").write_text("file,view,patient\nfilms/000.png,PA,p0\n")
    run = open_run(folder, collection=str(tmp_path / "list.csv"), imports=(tmp_path / "given.csv",))
    assert [(one.label, one.patient) for one in run.store.labels()] == [("frontal", "p7")]
    run.store.close()


def test_images_of_a_selected_sample_are_not_drawn_at_random(tmp_path):
    images(tmp_path / "films", 2)
    (tmp_path / "drawn.csv").write_text(
        "file,view,reason\nfilms/000.png,,asymmetric\nfilms/001.png,,\n"
    )
    with pages_of(open_run(tmp_path / "films", collection=str(tmp_path / "drawn.csv"))) as pages:
        browser = pages.browser()
        for image in pages.run.candidates:
            browser.label(image, "frontal")
        pages.run.write()
        assert sorted(one.is_random for one in pages.run.store.given_labels()) == [False, True]
    labels = read_labels(tmp_path / "labels.csv")
    assert [one.drawn_as for one in labels] == ["asymmetric", "random"]


def test_a_list_of_files_without_views_can_be_labelled(tmp_path):
    images(tmp_path / "films", 3)
    listing = tmp_path / "files.csv"
    listing.write_text("file\nfilms/000.png\nfilms/002.png\n")
    run = open_run(tmp_path / "films", collection=str(listing))
    with pages_of(run) as pages:
        browser = pages.browser()
        assert (browser.state()["remaining"], browser.state()["counts"]) == (2, {})


def test_members_of_archives_in_a_list_can_be_labelled(tmp_path):
    folder = images(tmp_path / "films", 1)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(folder / "000.png", "000.png")
    (tmp_path / "files.csv").write_text("file\nall.zip::000.png\nfilms/000.png\n")
    run = open_run(folder, collection=str(tmp_path / "files.csv"))
    for candidate in run.candidates.values():
        with candidate.item.open() as stream:
            assert stream.read() == (folder / "000.png").read_bytes()
    run.store.close()


def test_imports_are_taken_once_and_unknown_files_are_named(tmp_path):
    folder = images(tmp_path / "films", 3)
    table = tmp_path / "given.csv"
    table.write_text("file,view\nfilms/000.png,LL\nnone.png,PA\n")
    for _ in range(2):
        run = open_run(folder, imports=(table,))
        assert run.unmatched == ["none.png"]
        assert [one.label for one in run.store.labels()] == ["lateral"]
        run.store.close()


def test_a_repeated_import_does_not_replace_a_correction(tmp_path):
    folder = images(tmp_path / "films", 1)
    table = tmp_path / "given.csv"
    table.write_text("file,view,labeler\nfilms/000.png,PA,anna\n")
    with pages_of(open_run(folder, imports=(table,))) as pages:
        (image,) = pages.run.candidates
        pages.browser().label(image, "lateral")
    run = open_run(folder, imports=(table,))
    assert [one.label for one in run.store.labels()] == ["lateral"]
    run.store.close()


@pytest.mark.parametrize("missing", [(), LATER_COLUMNS])
def test_the_verdicts_of_a_model_are_no_labels(tmp_path, missing):
    folder, table = images(tmp_path / "films", 1), tmp_path / "views.csv"
    with open_table_writer(tmp_path / "all.csv", "m") as write:
        write(a_row("films/000.png", "lateral", rotation=90, inverted=True, reason="modality MR"))
    with (tmp_path / "all.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    kept = {name: value for name, value in row.items() if name not in missing}
    table.write_text(csv_table(tuple(kept), [tuple(kept.values())]))
    run = open_run(folder, collection=str(table))
    assert (len(run.candidates), run.store.labels()) == (1, [])
    run.store.record("anna", "b", [Answer(image, ImageClass.FRONTAL) for image in run.candidates])
    (label,) = run.store.labels()
    assert (label.reason, label.copied) == ("random", CopiedColumns())
    run.store.close()
    with pytest.raises(WrongUse, match=r"views\.csv has the verdicts of a model"):
        open_run(folder, imports=(table,))


def test_a_table_of_somebody_else_is_not_replaced(tmp_path):
    folder = images(tmp_path / "films", 1)
    (tmp_path / "labels.csv").write_text("file,view\nprecious.png,PA\n")
    with pytest.raises(UnusableOutput, match="exists already"):
        open_run(folder)
    with pytest.raises(WrongUse, match="table to read"):
        open_run(folder, collection=str(tmp_path / "labels.csv"))


def test_the_own_table_is_written_again_unless_a_person_changed_it(tmp_path):
    folder = images(tmp_path / "films", 1)
    for _ in range(2):
        run = open_run(folder)
        run.write()
        run.store.close()
    with (tmp_path / "labels.csv").open("a") as file:
        file.write("more.png,frontal\n")
    with pytest.raises(UnusableOutput, match="has changed"):
        open_run(folder)


def test_a_label_table_that_does_not_fit_is_named(tmp_path):
    run = open_run(images(tmp_path / "films", 2))
    run.store.record(
        "a" * 60, "batch", [Answer(image, ImageClass.FRONTAL, 1.0) for image in run.candidates]
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(UnusableOutput, match=r"labels\.csv cannot be written"):
            run.write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        run.store.close()


def test_typical_images_come_first(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run = open_run(tmp_path / "films", order=Order.TYPICAL)
    with pages_of(run) as pages:
        browser = pages.browser()
        while upcoming := browser.state()["upcoming"]:
            browser.label(upcoming[0], "frontal")
        assert "typical" in {record.reason for record in run.store.labels()}


def test_a_user_without_an_account_is_asked_for_a_name(tmp_path, monkeypatch):
    def getuser():
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", getuser)
    folder = images(tmp_path / "films", 1)
    result = CliRunner().invoke(app, ["label", str(folder), "-o", str(tmp_path / "labels.csv")])
    assert result.exit_code == 2
    assert "state your name with --labeler" in result.output


@pytest.mark.parametrize("options", [
    ["--order", "sideways"],
    ["--labeler", "a;b"],
    ["--host", "192.0.2.1"],
    ["--overlap", "2"],
    ["--import", "none.csv"],
    ["-o", "labels.txt"],
    ["--model", "none"],
])  # fmt: skip
def test_wrong_options_end_before_the_server_starts(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "films", 1)
    result = CliRunner().invoke(app, ["label", "films", "--no-browser", *options])
    assert result.exit_code == 2, result.output
    assert result.output.strip()


@pytest.mark.parametrize(("collection", "table"), [
    ("films", "films.labels.csv"), ("films/", "films.labels.csv"), ("v1.2", "v1.2.labels.csv"),
    ("v1.2/../films", "films.labels.csv"), ("list.csv", "list.labels.csv"),
])  # fmt: skip
def test_each_collection_has_files_of_its_own(tmp_path, monkeypatch, collection, table):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(label_server, "serve", lambda *_: None)
    for folder in ("films", "v1.2"):
        images(tmp_path / folder, 1)
    (tmp_path / "list.csv").write_text("file\nfilms/000.png\n")
    assert CliRunner().invoke(app, ["label", collection]).exit_code == 0
    assert [one.name for one in tmp_path.glob("*.history")] == [f"{table}.history"]
