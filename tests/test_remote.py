"""Objects in a storage are classified like files: found, read, resumed, refused with a reason."""

import csv
import json
import os
from pathlib import Path
from zipfile import ZipFile

import pytest
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.utils import infer_storage_options
from typer.testing import CliRunner

import cxrview
from cxrview import limits
from cxrview.cli.main import app
from cxrview.errors import MissingExtra, MissingInput, Unreachable, WrongUse
from cxrview.inference.chunks import file_version
from cxrview.sources import remote
from cxrview.sources.find import find, items_named
from cxrview.sources.remote import UNKNOWN_SIZE, RemoteObject
from makers_film import dicom, png
from makers_model import model_bytes

SECRET = "key=AKIA0123"  # noqa: S105 - what a storage may say, and nobody should read


class Other(MemoryFileSystem):
    """Memory under another name."""

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix(f"{cls.protocol[0]}:"))


class Faulty(Other):
    """A storage that fails while it is read, each time as the object's name says."""

    protocol = ("faulty",)
    store: dict = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012

    def cat_file(self, path, start=None, end=None, **more):
        if "denied" in path:
            raise PermissionError(13, "Permission denied", SECRET)
        if "broken" in path:
            raise RuntimeError(SECRET)
        return super().cat_file(path, start, end, **more)

    def info(self, path, **more):
        if "closed" in path:
            raise RuntimeError("Unable to locate credentials")
        return super().info(path, **more)


class Silent(Other):
    """A storage that does not say how large its objects are, nor when they changed."""

    protocol = ("silent",)
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    def info(self, path, **more):
        return {**super().info(path, **more), "size": None, "created": None}


class Stating(Other):
    """A storage that states one attribute for every object: `stated`."""

    protocol = ("stating",)
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    stated: dict = {}  # noqa: RUF012

    def info(self, path, **more):
        return {**super().info(path, **more), "created": None, **self.stated}


class Hosted(MemoryFileSystem):
    """A storage whose URLs name host and user, which its own paths leave out, as that of FTP."""

    protocol = ("hosted",)
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(infer_storage_options(path)["path"])

    @staticmethod
    def _get_kwargs_from_urls(path):
        options = infer_storage_options(path)
        return {name: options[name] for name in options if name not in ("path", "protocol")}

    def cat_file(self, path, start=None, end=None, **more):
        assert (self.storage_options["host"], self.storage_options["username"]) == ("ward", "me")
        return super().cat_file(path, start, end, **more)


register_implementation("stating", Stating, clobber=True)
register_implementation("hosted", Hosted, clobber=True)
register_implementation("faulty", Faulty, clobber=True)
register_implementation("silent", Silent, clobber=True)


@pytest.fixture
def bucket():
    """Objects in memory, which this process alone sees."""
    storage = MemoryFileSystem()
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    for name, data in {
        "p2/b.png": png("lateral"),
        "p1/a.dcm": dicom("frontal", ViewPosition="PA"),
        "p1/torn.png": png("frontal")[:60],
        "p1/labels.csv": b"file\n",
        "p1/.hidden.png": png("frontal"),
        "p3/films.zip": b"PK",
    }.items():
        storage.pipe(f"/films/{name}", data)
    yield storage
    storage.store.clear()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    return tmp_path


def classify(*words):
    done = CliRunner().invoke(app, ["classify", *words, "--model", "plain.onnx"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def names(*urls):
    return [item.name for item in find(urls, storage=True)]


FILMS = ["memory:///films/p1/a.dcm", "memory:///films/p1/torn.png", "memory:///films/p2/b.png",
         "memory:///films/p3/films.zip"]  # fmt: skip


@pytest.mark.parametrize(("url", "expected"), [
    ("memory://films", FILMS),
    ("memory://films/", FILMS),
    ("memory://films/p2/b.png", FILMS[2:3]),
    ("memory://films/p1/labels.csv", ["memory:///films/p1/labels.csv"]),  # named itself
    ("memory://films/*/*.png", ["memory:///films/p1/.hidden.png", *FILMS[1:3]]),
    ("memory://films/p[12]", FILMS[:3]),
])  # fmt: skip
def test_objects_folders_and_globs(bucket, url, expected):
    assert names(url) == expected


def test_what_is_skipped_is_counted(bucket, caplog):
    caplog.set_level("WARNING", logger="cxrview")
    names("memory://films")
    assert "1 .csv, 1 hidden" in caplog.text


def test_urls_in_a_list_and_files_together_keep_their_order(bucket, place):
    Path("one.png").write_bytes(png("frontal"))
    Path("list.txt").write_text(f"{FILMS[2]}\none.png\n{FILMS[0]}\n{FILMS[2]}\n")
    assert names("@list.txt") == [FILMS[2], "one.png", FILMS[0]]


def test_a_file_that_is_called_like_a_url_is_a_file(place):
    Path("s3:/bucket").mkdir(parents=True)
    Path("s3:/bucket/a.png").write_bytes(png("frontal"))
    assert names("s3://bucket/a.png") == ["s3://bucket/a.png"]
    (item,) = find(["s3://bucket/a.png"])
    with item.open() as stream:
        assert stream.read() == png("frontal")


def test_each_object_is_one_row(bucket, place):
    done = classify("memory://films", "-o", "t.csv", "--jobs", "0")
    assert done.exit_code == 1
    found = {row["file"]: (row["view"], row["error"].partition(":")[0]) for row in rows("t.csv")}
    verdicts = [("frontal", ""), ("", "damaged"), ("lateral", ""), ("", "unsupported")]
    assert found == dict(zip(FILMS, verdicts, strict=True))
    header = {row["file"]: row["header_view"] for row in rows("t.csv")}
    assert header[FILMS[0]] == "frontal"


def test_a_run_resumes_with_new_and_changed_objects(bucket, place):
    words = ("memory://films", "-o", "t.csv", "--jobs", "0")
    classify(*words)
    assert "is up to date" in classify(*words).output
    bucket.pipe("/films/p2/c.png", png("frontal"))
    bucket.pipe("/films/p2/b.png", png("uncertain"))
    classify(*words)
    report = json.loads(Path("t.csv.report.json").read_text())
    assert report["classified_in_this_run"] == 2
    assert report["images"] == 5
    assert {row["file"]: row["view"] for row in rows("t.csv")}[FILMS[2]] == "uncertain"


@pytest.mark.parametrize(("before", "after", "classified"), [
    ({"Last-Modified": "Mon"}, {"Last-Modified": "Mon"}, 0),
    ({"Last-Modified": "Mon"}, {"Last-Modified": "Tue"}, 1),  # HTTP
    ({"modify": "20260101"}, {"modify": "20260102"}, 1),  # FTP
    ({"modificationTime": 1}, {"modificationTime": 2}, 1),  # WebHDFS
    ({"sha": "a"}, {"sha": "b"}, 1),  # GitHub
    ({}, {}, 1),  # nothing tells whether it has changed
])  # fmt: skip
def test_a_change_of_the_same_size_is_noticed(place, monkeypatch, before, after, classified):
    Stating().pipe("/films/a.png", png("frontal"))
    words = ("stating://films/a.png", "-o", "t.csv", "--jobs", "0")
    monkeypatch.setattr(Stating, "stated", before)
    classify(*words)
    monkeypatch.setattr(Stating, "stated", after)
    classify(*words)
    report = json.loads(Path("t.csv.report.json").read_text())
    assert (report["images"], report["classified_in_this_run"]) == (1, classified)


def test_copies_of_unknown_version_are_made_again(place):
    Silent().pipe("/films/a.png", png("frontal"))
    words = ("silent://films/a.png", "--copy-into", "sorted", "-o", "t.csv", "--jobs", "0")
    classify(*words)
    Silent().pipe("/films/a.png", png("frontal") + b" ")
    classify(*words)
    assert Path("sorted/frontal/a.png").read_bytes() == png("frontal") + b" "


HOSTED = ["hosted://me@ward/films/p1/a.png", "hosted://me@ward/films/p2/b.png"]


@pytest.mark.parametrize("url", [
    "hosted://me@ward/films", "hosted://me@ward/films/", "hosted://me@ward/", "hosted://me@ward",
    "hosted://me@ward/films/*/*.png", *HOSTED,
])  # fmt: skip
def test_urls_keep_the_host_that_a_file_system_leaves_out(url):
    Hosted.store.clear()
    storage = Hosted(host="ward", username="me")
    for path, view in (("/films/p1/a.png", "frontal"), ("/films/p2/b.png", "lateral")):
        storage.pipe(path, png(view))
    items = find([url], storage=True)
    assert [item.name for item in items] == ([url] if url in HOSTED else HOSTED)
    for item in items:
        with item.open() as stream:
            assert stream.read() in (png("frontal"), png("lateral"))


def test_a_storage_whose_objects_have_no_url_is_refused(bucket):
    with bucket.open("/films/p3/films.zip", "wb") as file, ZipFile(file, "w") as archive:
        archive.writestr("a.png", png("frontal"))
    with pytest.raises(MissingInput, match="no URL leads to single objects"):
        names("zip://*.png::memory://films/p3/films.zip")


@pytest.mark.parametrize("url", [
    "hosted://me:hush@ward/films", "http://me:hush@ward/a.png", "ftp://me:hush/@ward/films",
    "ftp://:hush@ward",
])  # fmt: skip
@pytest.mark.parametrize("storage", [True, False])
def test_a_password_in_a_url_is_refused_and_not_shown(url, storage):
    with pytest.raises(WrongUse, match="a URL with a password") as caught:
        find([url], storage=storage)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["memory://films:80/a@b.png", "github://a:b@main/c.png"])
def test_ports_and_repositories_are_no_passwords(url):
    with pytest.raises(WrongUse, match="only classify reads"):
        find([url])


def test_markers_of_folders_are_no_images(bucket):
    bucket.store["/films/p1/"] = bucket.store["/films/p2/b.png"]
    assert names("memory://films") == FILMS


@pytest.mark.parametrize(("name", "is_read"), [("a::c.png", False), ("a?c", False), ("a#c", True)])
def test_an_object_whose_name_is_no_part_of_a_url_is_not_fetched(place, name, is_read):
    Hosted.store.clear()
    for path in ("/films/a", f"/films/{name}"):
        Hosted(host="ward", username="me").pipe(path, png("lateral"))
    found = {
        Path(row.file).name: row
        for row in cxrview.classify("hosted://me@ward/films", "plain.onnx", jobs=0)
    }
    assert found["a"].view == "lateral"
    assert found[name].error.startswith("" if is_read else "unsupported: an object whose name")
    assert (found[name].view == "lateral") is is_read


def test_workers_fetch_objects_themselves(place):
    folder = place / "films"
    folder.mkdir()
    for number, view in enumerate(("frontal", "lateral", "frontal")):
        (folder / f"{number}.png").write_bytes(png(view))
    classify(f"file://{folder}", "-o", "there.csv", "--jobs", "2")
    classify(str(folder), "-o", "here.csv", "--jobs", "2")
    there, here = rows("there.csv"), rows("here.csv")
    assert [row["file"] for row in there] == [f"file://{row['file']}" for row in here]
    strip = [[{**row, "file": ""} for row in some] for some in (there, here)]
    assert strip[0] == strip[1]


def test_remote_images_are_copied_into_folders(bucket, place):
    classify("memory://films/p2", "--link-into", "sorted", "-o", "t.csv", "--jobs", "0")
    assert Path("sorted/lateral/b.png").read_bytes() == png("lateral")
    assert not Path("sorted/lateral/b.png").is_symlink()


def test_python_reads_urls_as_well(bucket, place):
    (row,) = cxrview.classify("memory://films/p2/b.png", model="plain.onnx", jobs=0)
    assert (row.file, row.view) == (FILMS[2], "lateral")


def test_messages_of_a_storage_are_not_published(place):
    storage = Faulty()
    for name in ("denied.png", "broken.png", "sound.png"):
        storage.pipe(f"/films/{name}", png("frontal"))
    done = classify("faulty://films", "-o", "t.csv", "--jobs", "0")
    found = {row["file"].rpartition("/")[2]: row["error"] for row in rows("t.csv")}
    assert found == {
        "broken.png": "unreachable: cannot be fetched: RuntimeError",
        "denied.png": "unreachable: cannot be fetched: Permission denied",
        "sound.png": "",
    }
    assert SECRET not in done.output + Path("t.csv").read_text()


def test_an_object_that_vanished_gets_a_row(bucket):
    (item,) = find(["memory://films/p2/b.png"], storage=True)
    bucket.rm("/films/p2/b.png")
    with pytest.raises(Unreachable, match="cannot be fetched"):
        item.open()


def test_objects_of_unknown_size_are_read_and_bounded(monkeypatch):
    Silent().pipe("/a.png", png("frontal"))
    (item,) = find(["silent://a.png"], storage=True)
    assert item.source.size == UNKNOWN_SIZE
    assert file_version(item)[0] == UNKNOWN_SIZE
    with item.open() as stream:
        assert stream.read() == png("frontal")
    monkeypatch.setattr(remote, "Limits", lambda: limits.Limits(bytes=50))
    with pytest.raises(Exception, match="more than 50 bytes"):
        item.open()


def test_a_large_object_is_not_fetched(monkeypatch, bucket):
    monkeypatch.setattr(remote, "url_to_fs", None)
    with pytest.raises(Exception, match="bytes in one image"):
        RemoteObject(FILMS[0], 2 << 30).open()


@pytest.mark.parametrize(("url", "error", "words"), [
    ("memory://nothing", MissingInput, "not there: memory://nothing"),
    ("memory://films/*.tiff", MissingInput, "not there"),
    ("nonsense://x", MissingInput, "Protocol not known: nonsense"),
    ("faulty://closed", MissingInput, "Unable to locate credentials"),
    ("dropbox://x", MissingExtra, "dropboxdrivefs"),
])  # fmt: skip
def test_what_cannot_be_listed_is_reported_before_any_image_is_opened(bucket, url, error, words):
    with pytest.raises(error, match=words.replace("*", r"\*")):
        names(url)


def test_only_classify_reads_from_a_storage(bucket, place):
    with pytest.raises(WrongUse, match="only classify"):
        find(["memory://films"])
    done = CliRunner().invoke(app, ["sample", "memory://films", "-n", "1", "-o", "t.csv"])
    assert done.exit_code == 2
    assert "only classify reads from object storage" in " ".join(done.output.split())


@pytest.mark.parametrize("flag", ["-o", "--sheet", "--copy-into"])
def test_a_storage_is_not_written_to(place, flag):
    Path("a.png").write_bytes(png("frontal"))
    done = classify(
        "a.png", flag, "s3://bucket/t.png" if flag == "--sheet" else "s3://bucket/t.csv"
    )
    assert done.exit_code == 2
    assert "write to a disk" in " ".join(done.output.split())
    assert sorted(os.listdir()) == ["a.png", "plain.onnx"]  # noqa: PTH208


def test_without_fsspec_the_message_names_the_extra(place, monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "cxrview.sources.remote")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    done = classify("s3://bucket/films", "-o", "t.csv")
    assert done.exit_code == 2
    assert "fsspec is not installed" in done.output
    assert "[remote]" in done.output


def test_objects_of_a_table_that_are_gone_are_left_out(bucket):
    names = [f"memory:///films/{name}" for name in ("p1/a.dcm", "p1/gone.dcm", "p2/b.png")]
    assert list(items_named(names)) == [names[0], names[2]]
    bucket.rm("/films/p1/a.dcm")
    assert list(items_named(names)) == [names[2]]
    with pytest.raises(MissingInput, match="cannot be listed"):
        items_named([*names, "faulty://films/closed"])
