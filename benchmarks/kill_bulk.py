"""Kill `cxrview classify` at random moments, and count what it loses.

    python benchmarks/kill_bulk.py [--trials 300] [--seed 0] [--images 240] [--jobs 2]
    python benchmarks/kill_bulk.py --engine ray --trials 20 --images 1920

Phantoms, some of them damaged. In each trial one to three runs are struck (SIGKILL for the parent
or a worker; a disk that is full or fails at a random write, flush or renaming); then the command
runs to its end, and its table is compared with the undisturbed one. With Ray, on a cluster of two
nodes on this machine, the driver is killed or one of Ray's workers that has a task in hand. Exit
status 1 if anything was lost, doubled, torn or ended in a traceback.
"""

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cxrview.phantom.folder import write_folder
from killing import RAY_WAYS, Findings, blows_by, trial, undisturbed


def films(folder: Path, count: int) -> None:
    """Sixty phantoms, linked under many names; one in twenty damaged."""
    write_folder(folder / ".drawn", 60, 0, 256)
    drawn = sorted(path for path in (folder / ".drawn").rglob("*") if path.is_file())
    drawn = [path for path in drawn if path.suffix != ".csv"]
    for number in range(count):
        source = drawn[number % len(drawn)]
        place = folder / f"{number:05}{source.suffix}"
        if number % 20:
            place.symlink_to(source)
        else:
            place.write_bytes(source.read_bytes()[: 200 + number])


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Two nodes of one processor each -> the address."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    try:
        yield made.address
    finally:
        made.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    given = parser.parse_args()
    begun, findings = time.monotonic(), Findings()
    on_ray = given.engine == "ray"
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        folder = Path(place, "films")
        films(folder, given.images)
        more = ("--jobs", str(given.jobs))
        if on_ray:
            more = ("--engine", "ray", "--ray-address", stack.enter_context(cluster()))
        collection = undisturbed(folder, "film", Path(place, "wanted.csv"), more)
        for number in range(given.trials):
            work = Path(place, "work")
            work.mkdir()
            dice = random.Random(given.seed + number)
            ways = blows_by(dice, RAY_WAYS) if on_ray else ()
            trial(collection, work / "t.csv", dice, findings, ways)
            shutil.rmtree(work)
            if sys.stderr.isatty() or not (number + 1) % 20:
                print(f"{number + 1} trials, {findings.blows}", file=sys.stderr)
    blows = ", ".join(f"{count} {way}" for way, count in findings.blows.items())
    seconds = time.monotonic() - begun
    print(f"{findings.trials} trials of {given.images} images, seed {given.seed}, {seconds:.0f} s")
    print(f"{sum(findings.blows.values())} blows: {blows}")
    print(
        f"{findings.lost} rows lost, {findings.doubled} doubled, {findings.torn} torn tables, "
        f"{findings.differing} tables that differ, {len(findings.untold)} tracebacks"
    )
    for said in findings.untold[:3]:
        print(said, file=sys.stderr)
    raise SystemExit(not findings.is_clean)


if __name__ == "__main__":
    main()
