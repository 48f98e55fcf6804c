"""Kill `cxrview classify` at random moments, and count what it loses.

    python benchmarks/kill_bulk.py [--trials 300] [--seed 0] [--images 240] [--jobs 2]
    python benchmarks/kill_bulk.py --engine ray --trials 20 --images 1920

The inputs are phantoms, some of them damaged. Each trial runs the command with one to three faults
(SIGKILL of the parent or of a worker; a disk that is full or fails at a random write, flush or
rename), then to its end, and compares its table with that of an uninterrupted run. With Ray, on a
cluster of two nodes on this machine, the driver is killed, or a Ray worker that executes a task.
Exit status 1 if a row was lost or duplicated, or a run ended in a traceback.
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

from cxrview.phantom.folder import FolderContents, write_folder
from fault_injection import RAY_FAULTS, FaultReport, random_faults, trial, uninterrupted


def write_images(folder: Path, count: int) -> None:
    """Write sixty phantoms, linked under `count` names; every twentieth is damaged."""
    write_folder(folder / ".drawn", FolderContents(60, side=256))
    drawn = sorted(path for path in (folder / ".drawn").rglob("*") if path.is_file())
    drawn = [path for path in drawn if path.suffix != ".csv"]
    for number in range(count):
        source = drawn[number % len(drawn)]
        path = folder / f"{number:05}{source.suffix}"
        if number % 20:
            path.symlink_to(source)
        else:
            path.write_bytes(source.read_bytes()[: 200 + number])


@contextlib.contextmanager
def ray_cluster() -> Iterator[str]:
    """Start two nodes of one processor each; yields the address of the cluster."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    options = parser.parse_args()
    start, report = time.monotonic(), FaultReport()
    on_ray = options.engine == "ray"
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        folder = Path(place, "films")
        write_images(folder, options.images)
        arguments = ("--jobs", str(options.jobs))
        if on_ray:
            arguments = ("--engine", "ray", "--ray-address", stack.enter_context(ray_cluster()))
        collection = uninterrupted(folder, "open", Path(place, "expected.csv"), arguments)
        for number in range(options.trials):
            work = Path(place, "work")
            work.mkdir()
            rng = random.Random(options.seed + number)
            faults = random_faults(rng, RAY_FAULTS) if on_ray else ()
            trial(collection, work / "t.csv", rng, report, faults)
            shutil.rmtree(work)
            if sys.stderr.isatty() or not (number + 1) % 20:
                print(f"{number + 1} trials, {report.faults}", file=sys.stderr)
    faults = ", ".join(f"{count} {fault}" for fault, count in report.faults.items())
    seconds = time.monotonic() - start
    print(
        f"{report.trials} trials of {options.images} images, seed {options.seed}, {seconds:.0f} s"
    )
    print(f"{sum(report.faults.values())} faults: {faults}")
    print(
        f"{report.lost} rows lost, {report.duplicated} duplicated, "
        f"{report.incomplete} incomplete tables, {report.differing} that differ, "
        f"{len(report.tracebacks)} tracebacks"
    )
    for messages in report.tracebacks[:3]:
        print(messages, file=sys.stderr)
    raise SystemExit(not report.is_clean)


if __name__ == "__main__":
    main()
