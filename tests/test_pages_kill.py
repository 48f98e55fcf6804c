"""`kill -9` of the label server at any moment loses no confirmed label and doubles none."""

import sqlite3
import threading
from collections import Counter
from itertools import count

import httpx2
import pytest

from cxrview.labels import read_labels
from makers_pages import Server, images
from waiting import wait_until

KILLS = 30


class Labeler:
    """Labels until the server is gone; next time it first repeats the request without an answer."""

    def __init__(self):
        self.confirmed: dict[str, int] = {}  # image by batch
        self.pending: dict | None = None
        self._numbers = count()

    def work(self, address: str) -> None:
        base = address.partition("/?")[0]
        try:
            with httpx2.Client(base_url=base, headers={"origin": base}, timeout=60) as client:
                client.get(address).raise_for_status()
                upcoming = client.get("/api/state", params={"tab": "t"}).json()["upcoming"]
                while upcoming or self.pending:
                    self.pending = self.pending or {
                        "tab": "t", "batch": f"b-{next(self._numbers)}", "seconds": 1,
                        "labels": [[upcoming[0], "frontal"]],
                    }  # fmt: skip
                    answer = client.post("/api/label", json=self.pending).raise_for_status().json()
                    self.confirmed[self.pending["batch"]] = self.pending["labels"][0][0]
                    self.pending, upcoming = None, answer["upcoming"]
        except httpx2.TransportError:
            return  # the server was killed


@pytest.mark.slow
def test_kill_9_loses_and_doubles_no_label(tmp_path):
    folder = images(tmp_path / "films", 400)
    labeler = Labeler()
    for number in range(KILLS):
        with Server(folder) as server:
            before = len(labeler.confirmed)
            thread = threading.Thread(target=labeler.work, args=(server.address,))
            thread.start()
            wait_until(lambda: len(labeler.confirmed) > before + number % 3)  # noqa: B023
            server.kill()
            thread.join()
    with Server(folder) as server:
        labeler.work(server.address)
        server.end()
    with sqlite3.connect(tmp_path / "labels.csv.history" / "labels.sqlite") as db:
        stored = db.execute("SELECT batch, image FROM event WHERE label != ''").fetchall()
    assert dict(stored) == labeler.confirmed
    assert set(Counter(image for _, image in stored).values()) == {1}
    assert len(stored) == 400
    assert len(read_labels(tmp_path / "labels.csv")) == 400
