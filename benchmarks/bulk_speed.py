"""`cxrview classify` with one worker and with two, beside the bare walk and TorchXRayVision.

    python benchmarks/bulk_speed.py [--pictures 6] [--seconds 12] [--rounds 5] [--peer-images 12]

Files of 2544 x 3056 in four formats, each standing in the folder many times under new names, so
often that the bare walk takes `--seconds`. What starting costs is taken out: a run over all of them
less one over a twelfth. The bare
walk is a loop over the same files in one process, without parts, workers or a table; two such loops
at once show what the machine itself gains by its second processor. In each round all take turns.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import torch

from cxrview.engines.process import ONE_THREAD
from ours import many_links, seconds_of_run
from peers import TorchXRayVision
from pictures import FORMATS, JPEG, make_collection

WANTED = (FORMATS[0], FORMATS[2], FORMATS[3], FORMATS[6])
WAYS = ("one worker", "two workers", "bare walk", "two bare walks")
RATIOS = (
    "two workers: one", "two walks: one", "one worker over bare walk",
    "TorchXRayVision: one worker",
)  # fmt: skip
MODEL = "film"
LEAST = 48  # files in a folder
BATCH = 16  # pictures of TorchXRayVision's model at a time
BARE = """
import sys, time
from pathlib import Path
from cxrview.model.classifier import load
from ours import walk
walked, paths = walk(load(sys.argv[2])), sorted(Path(sys.argv[1]).iterdir())
walked(paths[0])
begun = time.perf_counter()
for path in paths:
    walked(path)
print((time.perf_counter() - begun) / len(paths))
"""
Seconds = dict[str, float]  # an image, by way


def bare(folder: Path) -> float:
    """Seconds an image of the loop."""
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(folder), MODEL], check=True, text=True,
        stdout=subprocess.PIPE, env={**os.environ, **ONE_THREAD, "PYTHONPATH": here},
    )  # fmt: skip
    return float(done.stdout)


def a_round(many: Path, few: Path, more: int) -> Seconds:
    """`more`: how many files `many` has that `few` has not."""
    found = {
        way: (seconds_of_run(many, jobs, MODEL) - seconds_of_run(few, jobs, MODEL)) / more
        for jobs, way in ((1, WAYS[0]), (2, WAYS[1]))
    }
    found[WAYS[2]] = bare(many)
    with ThreadPoolExecutor(2) as pool:
        found[WAYS[3]] = sum(pool.map(bare, [many, many])) / 4
    return found


def peers_batches(xrv: TorchXRayVision, paths: list[Path]) -> float:
    """List, load, stack, model -> seconds an image."""
    begun = time.perf_counter()
    for start in range(0, len(paths), BATCH):
        xrv.batch(paths[start : start + BATCH])
    return (time.perf_counter() - begun) / len(paths)


def shown(values: list[float]) -> str:
    return f"{median(values):.2f} [{min(values):.2f} - {max(values):.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-images", type=int, default=12)
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)
    torch.set_num_threads(1)
    xrv = TorchXRayVision()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} processors, "
          f"{' '.join(sys.argv)}\n")  # fmt: skip
    heads = ["format", "files", *(f"{way}, ms" for way in WAYS), *RATIOS]
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    with tempfile.TemporaryDirectory() as place:
        collection = make_collection(Path(place, "drawn"), given.pictures, WANTED)
        for number, form in enumerate(WANTED):
            paths = collection.files[form.name]
            first = many_links(paths, LEAST, Path(place, f"first{number}"))
            count = max(LEAST, round(given.seconds / bare(first) / 12) * 12)
            many = many_links(paths, count, Path(place, f"many{number}"))
            few = many_links(paths, count // 12, Path(place, f"few{number}"))
            rounds, peer = [], []
            for _ in range(given.rounds):
                rounds.append(a_round(many, few, count - count // 12))
                if form is JPEG:
                    peer.append(peers_batches(xrv, sorted(many.iterdir())[: given.peer_images]))
            one, two, alone, both = ([found[way] for found in rounds] for way in WAYS)
            cells = [f"{1e3 * median(values):.1f}" for values in (one, two, alone, both)]
            for over, under in ((one, two), (alone, both), (one, alone), (peer, one)):
                ratios = [a / b for a, b in zip(over, under, strict=False)]
                cells.append(shown(ratios) if ratios else "")
            print(f"| {form.name} | {count} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
