"""A collection of small images, and a client of its label pages in this process."""

import itertools
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from cxrview.model.classifier import Classifier
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.label_app import Labeling, label_app
from cxrview.pages.label_server import LabelOptions, LabelRun, open_collection
from cxrview.pages.pictures import PictureService
from cxrview.pages.suggestions import SuggestionRun
from makers_film import png
from makers_model import model_bytes

HOST = "127.0.0.1:8000"
ORIGIN = {"origin": f"http://{HOST}"}
BATCHES = itertools.count(1)  # numbers that no two requests share: a repeated one changes nothing


def images(folder: Path, count: int) -> Path:
    """A folder of `count` PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        view = ("frontal", "lateral", "uncertain", "not_chest")[number % 4]
        (folder / f"{number:03}.png").write_bytes(png(view))
    return folder


def open_run(folder: Path, **options) -> LabelRun:
    """The run that labels `folder`, with its table beside it."""
    defaults = {
        "collection": str(folder),
        "output": folder.parent / "labels.csv",
        "labeler": "anna",
    }
    return open_collection(LabelOptions(**{**defaults, **options}))


class Browser:
    """One browser with its cookie; each page (tab) has a name."""

    def __init__(self, app, sessions: Sessions, labeler: str = "anna", tab: str = "tab-1"):
        self.client = TestClient(app, base_url=f"http://{HOST}", headers=ORIGIN)
        assert self.client.get(f"/?token={sessions.invite(labeler)}").status_code == 200
        self.tab = tab

    def state(self, **fields):
        return self.client.get("/api/state", params={"tab": self.tab, **fields}).json()

    def post(self, path, status=200, **fields):
        body = {"tab": self.tab, "batch": f"{self.tab}-{next(BATCHES)}", **fields}
        response = self.client.post(path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    def label(self, image, label, **fields):
        return self.post("/api/label", labels=[[image, label]], seconds=1.5, **fields)


class Pages:
    """An application and what it works with."""

    def __init__(self, run: LabelRun, password: str = "", show_headers: bool = False):
        items = {key: one.item for key, one in run.candidates.items()}
        self.run, self.sessions = run, Sessions(password)
        self.pictures = PictureService(items, 1)
        self.suggestions = SuggestionRun(
            run.store, items, Classifier(model_bytes()), is_active=False
        )
        self.app = label_app(
            Labeling(
                store=run.store,
                pictures=self.pictures, suggestions=self.suggestions, sessions=self.sessions,
                origins=Origins(frozenset([HOST])), relative=run.table.relative,
                show_headers=show_headers,
            )
        )  # fmt: skip

    def browser(self, labeler="anna", tab="tab-1") -> Browser:
        return Browser(self.app, self.sessions, labeler, tab)

    def anonymous(self) -> TestClient:
        return TestClient(self.app, base_url=f"http://{HOST}")


@contextmanager
def pages_of(run: LabelRun, **options):
    """Pages, whose processes end at the end."""
    pages = Pages(run, **options)
    try:
        yield pages
    finally:
        pages.suggestions.stop()
        pages.pictures.close()
        run.store.close()


class Server:
    """`cxrview label` in a process of its own. address: with its one-time token."""

    def __init__(self, folder: Path, *options: str):
        words = ["label", folder, "-o", folder.parent / "labels.csv", "--labeler", "anna"]
        self._start(*words, *options)

    def _start(self, *words: object) -> None:
        command = [sys.executable, "-m", "cxrview", *map(str, words), "--no-browser"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address, lines = "", []
        while not self.address:
            lines.append(self.process.stderr.readline())
            assert lines[-1], "".join(lines)
            self.address = "".join(re.findall(r"http://\S+", lines[-1]))

    def kill(self) -> None:
        self.process.kill()
        if not self.process.stderr.closed:
            self.process.communicate()

    def end(self) -> str:
        """Ctrl-C; what the command prints then."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
