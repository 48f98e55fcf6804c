"""`cxrview classify` with one and two workers, compared with a bare loop and TorchXRayVision.

    python benchmarks/bulk_speed.py [--pictures 6] [--seconds 12] [--rounds 5] [--peer-images 12]

The folders hold files of 2544 x 3056 in four formats, each many times under different names, so
many that the bare loop takes `--seconds`. The start-up time is subtracted: a run over all files
less a run over a twelfth of them. The bare loop classifies the same files in one process, without
journal, workers or table; two such loops at once show what a second processor contributes on this
machine. All variants take turns in each round.
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

from cxrview.engines.process import ONE_THREAD_ENVIRONMENT
from ours import many_links, seconds_of_run
from peers import TorchXRayVision
from pictures import FORMATS, JPEG, make_collection

WANTED = (FORMATS[0], FORMATS[2], FORMATS[3], FORMATS[6])
VARIANTS = ("one worker", "two workers", "bare loop", "two bare loops")
RATIOS = (
    "two workers: one", "two loops: one", "one worker over bare loop",
    "TorchXRayVision: one worker",
)  # fmt: skip
MODEL = "open"
FEWEST = 48  # files in a folder
BATCH = 16  # images per call of TorchXRayVision's model
BARE = """
import sys, time
from pathlib import Path
from cxrview.model.classifier import load
from ours import whole_path
classify, paths = whole_path(load(sys.argv[2])), sorted(Path(sys.argv[1]).iterdir())
classify(paths[0])
start = time.perf_counter()
for path in paths:
    classify(path)
print((time.perf_counter() - start) / len(paths))
"""
Seconds = dict[str, float]  # per image, by variant


def bare(folder: Path) -> float:
    """Return the seconds per image of the bare loop."""
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(folder), MODEL], check=True, text=True,
        stdout=subprocess.PIPE, env={**os.environ, **ONE_THREAD_ENVIRONMENT, "PYTHONPATH": here},
    )  # fmt: skip
    return float(done.stdout)


def a_round(many: Path, few: Path, more: int) -> Seconds:
    """Return the seconds per image of each variant; `many` has `more` files more than `few`."""
    found = {
        variant: (seconds_of_run(many, jobs, MODEL) - seconds_of_run(few, jobs, MODEL)) / more
        for jobs, variant in ((1, VARIANTS[0]), (2, VARIANTS[1]))
    }
    found[VARIANTS[2]] = bare(many)
    with ThreadPoolExecutor(2) as pool:
        found[VARIANTS[3]] = sum(pool.map(bare, [many, many])) / 4
    return found


def batches_of_peer(xrv: TorchXRayVision, paths: list[Path]) -> float:
    """Return the seconds per image of list, load, stack and model."""
    start = time.perf_counter()
    for first in range(0, len(paths), BATCH):
        xrv.batch(paths[first : first + BATCH])
    return (time.perf_counter() - start) / len(paths)


def shown(values: list[float]) -> str:
    return f"{median(values):.2f} [{min(values):.2f} - {max(values):.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-images", type=int, default=12)
    options = parser.parse_args()
    os.environ.update(ONE_THREAD_ENVIRONMENT)
    torch.set_num_threads(1)
    xrv = TorchXRayVision()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} processors, "
          f"{' '.join(sys.argv)}\n")  # fmt: skip
    heads = ["format", "files", *(f"{variant}, ms" for variant in VARIANTS), *RATIOS]
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    with tempfile.TemporaryDirectory() as place:
        collection = make_collection(Path(place, "drawn"), options.pictures, WANTED)
        for number, form in enumerate(WANTED):
            paths = collection.files[form.name]
            first = many_links(paths, FEWEST, Path(place, f"first{number}"))
            count = max(FEWEST, round(options.seconds / bare(first) / 12) * 12)
            many = many_links(paths, count, Path(place, f"many{number}"))
            few = many_links(paths, count // 12, Path(place, f"few{number}"))
            rounds, peer = [], []
            for _ in range(options.rounds):
                rounds.append(a_round(many, few, count - count // 12))
                if form is JPEG:
                    peer.append(batches_of_peer(xrv, sorted(many.iterdir())[: options.peer_images]))
            one, two, alone, both = ([found[variant] for found in rounds] for variant in VARIANTS)
            cells = [f"{1e3 * median(values):.1f}" for values in (one, two, alone, both)]
            for over, under in ((one, two), (alone, both), (one, alone), (peer, one)):
                ratios = [a / b for a, b in zip(over, under, strict=False)]
                cells.append(shown(ratios) if ratios else "")
            print(f"| {form.name} | {count} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
