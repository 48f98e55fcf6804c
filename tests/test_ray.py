"""On a Ray cluster the rows are those of this machine, whatever nodes and processes are lost."""

import contextlib
import os
import signal
import warnings
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrview.cli.main import app
from cxrview.engines.local import SerialEngine
from cxrview.engines.outcomes import Crashed, Done, Raised, TimedOut, in_order
from cxrview.engines.ray_engine import CHUNK_ITEMS, RayEngine, split_into_chunks
from cxrview.errors import WrongUse
from cxrview.inference.classification import numbered_rows
from cxrview.model.classifier import load
from cxrview.sources.find import find
from makers_engine import bad
from makers_film import png
from makers_model import model_bytes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),  # one cluster for all of them
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one processor each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("PYTHONPATH", here)  # Ray's workers find the makers
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture
def images(tmp_path):
    """Many names of a few images, some of them damaged; and a model."""
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    folder = tmp_path / "images"
    folder.mkdir()
    kinds = (png("frontal"), png("lateral"), png("frontal")[:60])
    for number in range(CHUNK_ITEMS * 14 + 9):
        (folder / f"{number}.png").write_bytes(kinds[number % 3])
    return tmp_path


def doing(what):
    return what


def rows_by(engine, images, deed=lambda _: None):
    """All rows; `deed` is called with the number of each row that comes."""
    rows = in_order(numbered_rows(find([images / "images"]), load(images / "plain.onnx"), engine))
    got = []
    for number, row in enumerate(rows):
        deed(number)
        got.append(row)
    return got


class WorkerKiller:
    """Kills one of Ray's worker processes while it has a task in hand, as soon as one is seen."""

    def __init__(self):
        self.is_done = False

    def __call__(self, number):
        for place in Path("/proc").glob("[0-9]*/cmdline") if number and not self.is_done else ():
            with contextlib.suppress(OSError):
                if place.read_bytes().startswith(b"ray::_process_chunk"):
                    os.kill(int(place.parent.name), signal.SIGKILL)
                    self.is_done = True
                    return


def test_a_lost_worker_of_ray_and_a_lost_node_lose_no_row(cluster, images):
    wanted = rows_by(SerialEngine(), images)
    engine = RayEngine(address=cluster.address)
    killer = WorkerKiller()
    assert rows_by(engine, images, killer) == wanted
    assert killer.is_done
    node = cluster.add_node(num_cpus=1)

    def lose(number):
        if number == CHUNK_ITEMS * 2:
            cluster.remove_node(node, allow_graceful=False)

    assert rows_by(engine, images, lose) == wanted


def test_a_crash_and_a_hang_cost_one_item(cluster):
    items = ["segfault", 1, "hang", 2, "raise", 3]
    engine = RayEngine(address=cluster.address, seconds_per_item=2)
    outcomes = dict(engine.map(partial(doing, bad), items))
    assert [outcomes[i] for i in (1, 3, 5)] == [Done(2), Done(4), Done(6)]
    assert isinstance(outcomes[0], Crashed)
    assert isinstance(outcomes[2], TimedOut)
    assert isinstance(outcomes[4], Raised)


def test_the_command_makes_the_same_table(cluster, images, monkeypatch):
    monkeypatch.chdir(images)
    words = ["classify", "images", "--model", "plain.onnx", "--quiet"]
    for more in (["-o", "a.csv", "--jobs", "0"],
                 ["-o", "b.csv", "--engine", "ray", "--ray-address", cluster.address]):  # fmt: skip
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 1, done.output
    assert (images / "a.csv").read_bytes() == (images / "b.csv").read_bytes()


def test_items_are_drawn_as_they_are_needed(cluster):
    drawn = []

    def endless():
        for number in range(10**9):
            drawn.append(number)
            yield number

    outcomes = RayEngine(2, cluster.address).map(partial(doing, bad), endless())
    assert next(outcomes)[1] in {Done(2 * number) for number in range(4 * CHUNK_ITEMS)}
    outcomes.close()
    assert len(drawn) <= 8 * CHUNK_ITEMS


def test_no_cluster_is_wrong_use():
    with pytest.raises(WrongUse, match="no Ray cluster"):
        list(RayEngine(address="127.0.0.1:1").map(partial(doing, bad), [1]))


@pytest.mark.parametrize("more", [["--engine", "spark"], ["--ray-address", "auto"]])
def test_engines_that_are_not(images, more):
    done = CliRunner().invoke(app, ["classify", str(images), "-o", "t.csv", *more])
    assert (done.exit_code, more[0].removeprefix("--")[:3] in done.output) == (2, True)


def test_chunks_hold_every_item_once():
    chunks = list(split_into_chunks(range(CHUNK_ITEMS * 2 + 1)))
    assert [start for start, _ in chunks] == [0, CHUNK_ITEMS, 2 * CHUNK_ITEMS]
    assert [item for _, chunk in chunks for item in chunk] == list(range(CHUNK_ITEMS * 2 + 1))
